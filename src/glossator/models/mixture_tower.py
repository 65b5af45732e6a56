"""A vision tower of two resolutions: the mixture-of-resolution adaptation of LLaVA-HR (arXiv 2403.03003).

A CLIP vision transformer looks at the picture made small, a convolutional network at the picture as it is. Along the
way, adapters mix the network's features into the transformer's, so that small print is seen while the number of
picture tokens stays that of the small picture. With CLIP ViT-L/14 at 336 pixels and ConvNeXt-L at 768 pixels, as
LLaVA-HR has it, both end in 24 x 24 places.

    L  = F + f_low(F)
    F' = L + g * f_high(H),   g = tanh(W2 gelu(W1 [mean L, mean f_high(H)]))

`F` are the transformer's patches as a map, `H` the last features of the network brought to its size; `f_low` is a
depthwise convolution of 7 x 7 and a layer of one pixel, `f_high` two layers of one pixel, `g` one number a picture.
Adapters stand behind each quarter of the transformer but the last. Before the last layer, where LLaVA reads,
`H` is added once more by a linear layer. What an adapter adds begins at zero, so the tower begins as plain CLIP.

This is the structure of the authors' code. It differs in five places, on purpose:
- The class token goes through the transformer, as CLIP was trained; the authors drop it first. Neither is read.
- LLaVA's projector reads the state before CLIP's last layer, as in LLaVA-1.5; the authors read the last one.
- The last mix adds `H` only; the authors pass `F` through a linear layer too, which the projector's first layer is.
- The small picture is made with antialiasing, and CLIP keeps its size (and its positions) at any `high_size`.
- The network sees pictures normalised as it was trained on (`high_scale`, `high_shift`).
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from huggingface_hub.dataclasses import strict
from torch import nn
from transformers import AutoBackbone, AutoConfig, CLIPVisionModel, PreTrainedConfig, PreTrainedModel
from transformers import initialization as init
from transformers.configuration_utils import SubConfigSpec
from transformers.modeling_outputs import BaseModelOutputWithPooling

_QUARTERS = 4  # of the transformer; adapters stand between them


@strict
class MixtureTowerConfig(PreTrainedConfig):  # type: ignore[misc]
    """Configuration of `MixtureTower`.

    Attributes:
        low_config: of the transformer; CLIP ViT-L/14-336 by default.
        high_config: of the network, any backbone of transformers; ConvNeXt-L by default.
        high_size: side of the picture that the network sees, in pixels.
        high_scale, high_shift: by colour, from CLIP's normalisation of pixels to the network's; None for the same.
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
    high_scale: list[float] | None = None
    high_shift: list[float] | None = None

    def __post_init__(self, **kwargs: Any) -> None:
        super().__post_init__(**kwargs)
        if self.low_config.num_hidden_layers < _QUARTERS:  # type: ignore[union-attr]
            raise ValueError(f"a tower of two resolutions wants a transformer of at least {_QUARTERS} layers")
        if self.high_size // self.patch_size != self.side:
            raise ValueError(f"high_size {self.high_size} can't be cut into {self.side} x {self.side} places")

    @property
    def side(self) -> int:
        """Places in each direction."""
        low: Any = self.low_config
        return int(low.image_size // low.patch_size)

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
        return max(1, self.high_size // self.side)


class MixtureAdapter(nn.Module):  # type: ignore[misc]
    """Mixes the network's features into the transformer's patches (equations above)."""

    def __init__(self, low: int, high: int) -> None:
        super().__init__()
        self.low = nn.Sequential(nn.Conv2d(low, low, 7, padding=3, groups=low), nn.GELU(), nn.Conv2d(low, low, 1))
        self.high = nn.Sequential(nn.Conv2d(high, high, 1), nn.GELU(), nn.Conv2d(high, low, 1))
        self.gate = nn.Sequential(nn.Linear(2 * low, low // 2), nn.GELU(), nn.Linear(low // 2, 1), nn.Tanh())
        self.low[-1].begins_at_zero = self.high[-1].begins_at_zero = True

    def forward(self, patches: torch.Tensor, features: torch.Tensor) -> torch.Tensor:
        """Patches `[batch, low, side, side]`, features `[batch, high, side, side]`; gives new patches."""
        patches = patches + self.low(patches)
        high = self.high(features)
        gate = self.gate(torch.cat([patches.mean((2, 3)), high.mean((2, 3))], dim=1))
        return patches + gate[:, :, None, None] * high


class MixtureAdapters(nn.Module):  # type: ignore[misc]
    """All that is new in the tower, in one module, so that trainers can save and tune it as one."""

    def __init__(self, low: int, high: int, layers: int) -> None:
        super().__init__()
        self.mixes = nn.ModuleList(MixtureAdapter(low, high) for _ in range(_QUARTERS - 1))
        self.last = nn.Conv2d(high, low, 1)
        self.last.begins_at_zero = True
        self._place_of_mix = {layers * (i + 1) // _QUARTERS: i for i in range(_QUARTERS - 1)}
        self._place_of_last = layers - 1

    def forward(self, hidden: torch.Tensor, features: torch.Tensor, layer: int) -> torch.Tensor:
        """What comes out of layer number `layer` (from 1), with `features` mixed in where an adapter stands.

        Args:
            hidden: `[batch, 1 + side * side, low]`; the first place is the class token, which stays as it is.
            features: `[batch, high, side, side]`.
            layer: how many layers `hidden` has gone through.
        """
        mix = self._place_of_mix.get(layer)
        if mix is None and layer != self._place_of_last:
            return hidden
        patches = hidden[:, 1:].transpose(1, 2).unflatten(2, features.shape[-2:])
        if mix is not None:
            patches = self.mixes[mix](patches, features)
        if layer == self._place_of_last:
            patches = patches + self.last(features)
        return torch.cat([hidden[:, :1], patches.flatten(2).transpose(1, 2).to(hidden.dtype)], dim=1)


class MixtureTower(PreTrainedModel):  # type: ignore[misc]
    """See above. Gives the transformer's hidden states, what is mixed in included, as `CLIPVisionModel` does."""

    config_class = MixtureTowerConfig
    config: MixtureTowerConfig
    base_model_prefix = "tower"
    main_input_name = "pixel_values"
    input_modalities = ("image",)
    supports_gradient_checkpointing = True
    _supports_sdpa = True
    _supports_flash_attn = True
    _no_split_modules: ClassVar = ["CLIPEncoderLayer", "ConvNextLayer"]

    def __init__(self, config: MixtureTowerConfig) -> None:
        super().__init__(config)
        low: Any = config.low_config
        high: Any = config.high_config
        high.set_output_features_output_indices(out_features=high.stage_names[-1:], out_indices=None)
        self.low = CLIPVisionModel._from_config(low)
        self.high = AutoBackbone.from_config(high)
        self.adapters = MixtureAdapters(low.hidden_size, self.high.channels[-1], low.num_hidden_layers)
        self.gradient_checkpointing = False
        self.post_init()

    def get_input_embeddings(self) -> nn.Module:
        """What pixels go through first."""
        return self.low.get_input_embeddings()

    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)
        if getattr(module, "begins_at_zero", False):
            init.zeros_(module.weight)
            init.zeros_(module.bias)

    def forward(self, pixel_values: torch.Tensor, **_kwargs: Any) -> BaseModelOutputWithPooling:
        """Pictures `[batch, 3, high_size, high_size]`, normalised as CLIP has them.

        Gives CLIP's layers + 1 hidden states `[batch, 1 + side * side, hidden_size]`; first is the class token.
        """
        pixel_values = pixel_values.to(self.dtype)
        low: Any = self.config.low_config
        features = _resized(self._features(pixel_values), self.config.side)
        hidden = self.low.pre_layrnorm(self.low.embeddings(_resized(pixel_values, low.image_size)))
        states = [hidden]
        for number, layer in enumerate(self.low.encoder.layers, start=1):
            hidden = self.adapters(layer(hidden, attention_mask=None), features, number)
            states.append(hidden)
        pooled = self.low.post_layernorm(hidden[:, 0])
        return BaseModelOutputWithPooling(last_hidden_state=hidden, pooler_output=pooled, hidden_states=tuple(states))

    def _features(self, pixel_values: torch.Tensor) -> torch.Tensor:
        """The network's last features `[batch, channels, any, any]`."""
        if self.config.high_scale is not None and self.config.high_shift is not None:
            scale = pixel_values.new_tensor(self.config.high_scale)[:, None, None]
            pixel_values = pixel_values * scale + pixel_values.new_tensor(self.config.high_shift)[:, None, None]
        if self.gradient_checkpointing and self.training and any(p.requires_grad for p in self.high.parameters()):
            return self._gradient_checkpointing_func(self._last_features, pixel_values)
        return self._last_features(pixel_values)

    def _last_features(self, pixel_values: torch.Tensor) -> torch.Tensor:
        return self.high(pixel_values).feature_maps[-1]


def _resized(maps: torch.Tensor, side: int) -> torch.Tensor:
    """Maps `[batch, channels, any, any]`, brought to `side`; in float32, for bfloat16 would move the weights."""
    if maps.shape[-2:] == (side, side):
        return maps
    resized = nn.functional.interpolate(maps.float(), size=(side, side), mode="bilinear", antialias=True)
    return resized.to(maps.dtype)
