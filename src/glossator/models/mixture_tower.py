"""A vision tower of two resolutions: the mixture-of-resolution adaptation of LLaVA-HR (arXiv 2403.03003).

A CLIP vision transformer looks at the picture made small, a convolutional network at the picture as it is. Along the
way, adapters mix the network's features into the transformer's, so that small print is seen while the number of
picture tokens stays that of the small picture. With CLIP ViT-L/14 at 336 pixels and ConvNeXt-L at 768 pixels, as
LLaVA-HR has it, both end in 24 x 24 places.

    F' = F + f_low(F) + g * f_high(H),   g = tanh(W2 gelu(W1 [mean f_low(F), mean f_high(H)]))

`F` are the transformer's patches as a map, `H` the features of one stage of the network brought to its size, `f_low` a
depthwise convolution, `f_high` a layer of one pixel each. The gate begins near zero, so the tower begins as plain CLIP.
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from huggingface_hub.dataclasses import strict
from torch import nn
from transformers import AutoBackbone, AutoConfig, CLIPVisionModel, PreTrainedConfig, PreTrainedModel
from transformers.configuration_utils import SubConfigSpec
from transformers.modeling_outputs import BaseModelOutputWithPooling


@strict
class MixtureTowerConfig(PreTrainedConfig):  # type: ignore[misc]
    """Configuration of `MixtureTower`.

    Attributes:
        low_config: of the transformer; CLIP ViT-L/14-336 by default.
        high_config: of the network, any backbone of transformers; ConvNeXt-L by default.
        high_size: side of the picture that the network sees, in pixels.
    """

    model_type = "mixture_of_resolution_tower"
    sub_configs_defaults: ClassVar = {
        "low_config": SubConfigSpec(
            config_class=AutoConfig,
            model_type="clip_vision_model",
            init_kwargs={
                "hidden_size": 1024,
                "intermediate_size": 4096,
                "num_hidden_layers": 24,
                "num_attention_heads": 16,
                "patch_size": 14,
                "image_size": 336,
            },
        ),
        "high_config": SubConfigSpec(
            config_class=AutoConfig,
            model_type="convnext",
            init_kwargs={"hidden_sizes": [192, 384, 768, 1536], "depths": [3, 3, 27, 3], "image_size": 768},
        ),
    }

    low_config: dict[str, Any] | PreTrainedConfig | None = None
    high_config: dict[str, Any] | PreTrainedConfig | None = None
    high_size: int = 768

    @property
    def hidden_size(self) -> int:
        """Channels of the tower's features."""
        return int(self.low_config.hidden_size)  # type: ignore[union-attr]

    @property
    def image_size(self) -> int:
        """Side of the pictures that the tower is given."""
        return self.high_size

    @property
    def patch_size(self) -> int:
        """Pixels of such a picture to one place, in each direction."""
        low: Any = self.low_config
        return int(self.high_size // (low.image_size // low.patch_size))


class MixtureAdapter(nn.Module):  # type: ignore[misc]
    """Mixes the features of one stage of the network into the transformer's patches (equation above)."""

    def __init__(self, low: int, high: int) -> None:
        super().__init__()
        self.low = nn.Sequential(nn.Conv2d(low, low, 3, padding=1, groups=low), nn.GELU(), nn.Conv2d(low, low, 1))
        self.high = nn.Sequential(nn.Conv2d(high, low, 1), nn.GELU(), nn.Conv2d(low, low, 1))
        self.gate = nn.Sequential(nn.Linear(2 * low, low), nn.GELU(), nn.Linear(low, low), nn.Tanh())
        self.low[-1].begins_at_zero = self.gate[-2].begins_at_zero = True  # so that the tower begins as plain CLIP

    def forward(self, patches: torch.Tensor, features: torch.Tensor) -> torch.Tensor:
        """Patches `[batch, low, side, side]`, features `[batch, high, any, any]`; gives new patches."""
        features = nn.functional.adaptive_avg_pool2d(features, patches.shape[-2:])
        low, high = self.low(patches), self.high(features)
        gate = self.gate(torch.cat([low.mean((2, 3)), high.mean((2, 3))], dim=1))
        return patches + low + gate[:, :, None, None] * high


class MixtureTower(PreTrainedModel):  # type: ignore[misc]
    """See above. Gives the transformer's hidden states, adapters included, as `CLIPVisionModel` does."""

    config_class = MixtureTowerConfig
    config: MixtureTowerConfig
    base_model_prefix = "tower"
    main_input_name = "pixel_values"
    input_modalities = ("image",)
    supports_gradient_checkpointing = True
    _supports_sdpa = True
    _no_split_modules: ClassVar = ["CLIPEncoderLayer", "ConvNextLayer"]

    def __init__(self, config: MixtureTowerConfig) -> None:
        super().__init__(config)
        self.low = CLIPVisionModel(config.low_config)
        stages = config.high_config.stage_names[2:]  # type: ignore[union-attr]
        config.high_config.set_output_features_output_indices(out_features=stages, out_indices=None)  # type: ignore[union-attr]
        self.high = AutoBackbone.from_config(config.high_config)
        self.adapters = nn.ModuleList(MixtureAdapter(config.hidden_size, channels) for channels in self.high.channels)
        self.post_init()

    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)
        if getattr(module, "begins_at_zero", False):
            nn.init.zeros_(module.weight)
            nn.init.zeros_(module.bias)

    def forward(self, pixel_values: torch.Tensor, **_kwargs: Any) -> BaseModelOutputWithPooling:
        """Pictures `[batch, 3, high_size, high_size]`; the first place of the hidden states is CLIP's class token."""
        side = self.config.low_config.image_size  # type: ignore[union-attr]
        small = nn.functional.interpolate(pixel_values, size=(side, side), mode="bilinear", antialias=True)
        features = self.high(pixel_values).feature_maps
        hidden = self.low.pre_layrnorm(self.low.embeddings(small.to(pixel_values.dtype)))
        states = [hidden]
        layers = self.low.encoder.layers
        places = {len(layers) * (i + 1) // (len(self.adapters) + 1): i for i in range(len(self.adapters))}
        for number, layer in enumerate(layers, start=1):
            hidden = layer(hidden, attention_mask=None)
            if number in places:
                hidden = self._mixed(hidden, places[number], features)
            states.append(hidden)
        pooled = self.low.post_layernorm(hidden[:, 0])
        return BaseModelOutputWithPooling(last_hidden_state=hidden, pooler_output=pooled, hidden_states=tuple(states))

    def _mixed(self, hidden: torch.Tensor, number: int, features: Any) -> torch.Tensor:
        """Hidden states with one stage's features mixed into their patches; the class token stays as it is."""
        patches = hidden[:, 1:]
        side = int(patches.shape[1] ** 0.5)
        grid = patches.transpose(1, 2).unflatten(2, (side, side))
        mixed = self.adapters[number](grid, features[number])
        return torch.cat([hidden[:, :1], mixed.flatten(2).transpose(1, 2)], dim=1)
