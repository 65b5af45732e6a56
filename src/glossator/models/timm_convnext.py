"""ConvNeXt from timm's files as transformers' `ConvNextBackbone`.

The network that LLaVA-HR's authors used is published in timm's form only
(`timm/convnext_large_mlp.clip_laion2b_ft_320`). Its layers are transformers' under other names, so timm, which wants
torchvision, is not needed. The head is left behind.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

_RENAMED = (
    (r"^visual\.trunk\.", ""),
    (r"^stem\.0\.", "embeddings.patch_embeddings."),
    (r"^stem\.1\.", "embeddings.layernorm."),
    (r"^stages\.", "encoder.stages."),
    (r"\.downsample\.", ".downsampling_layer."),
    (r"\.blocks\.", ".layers."),
    (r"\.conv_dw\.", ".dwconv."),
    (r"(\.layers\.\d+)\.norm\.", r"\1.layernorm."),
    (r"\.mlp\.fc", ".pwconv"),
    (r"\.gamma$", ".layer_scale_parameter"),
)
_WIDTH = re.compile(r"encoder\.stages\.(\d+)\.layers\.\d+\.layer_scale_parameter")


def read_config(name: str, revision: str | None = None) -> dict[str, Any]:
    """The `config.json` of a Hub model or a folder. Raises `OSError` if there is none, `ValueError` if it is broken."""
    found = json.loads(_file(name, "config.json", revision).read_text(encoding="utf-8"))
    if not isinstance(found, dict):
        raise ValueError("config.json holds no object")
    return found


def picture_settings(config: dict[str, Any]) -> dict[str, Any] | None:
    """What timm's `config.json` says of the pictures (`mean`, `std` and more); None for a file that is not timm's."""
    if "model_type" in config or "architecture" not in config:
        return None
    return dict(config.get("pretrained_cfg") or config)


def load(name: str, revision: str | None = None) -> Any:
    """The backbone of a Hub model or a folder in timm's form; its last stage is what it gives.

    Raises:
        OSError: if there are no such files.
        ValueError: if it is no ConvNeXt.
    """
    from safetensors.torch import load_file
    from transformers import ConvNextBackbone

    stored = load_file(_file(name, "model.safetensors", revision))
    weights = {_renamed(key): value for key, value in stored.items()}
    backbone: Any = ConvNextBackbone(_config(weights))
    missing, _head = backbone.load_state_dict(weights, strict=False)
    if lost := [key for key in missing if not key.startswith("hidden_states_norms")]:  # not in timm: begins at one
        raise ValueError(f"no ConvNeXt of timm that is known here: it has no weights for {lost[0]}")
    return backbone


def _file(name: str, file: str, revision: str | None) -> Path:
    from transformers.utils import cached_file

    return Path(str(cached_file(name, file, revision=revision)))


def _renamed(key: str) -> str:
    for pattern, new in _RENAMED:
        key = re.sub(pattern, new, key)
    return key


def _config(weights: dict[str, Any]) -> Any:
    """Widths and depths, as the weights' names and shapes tell them."""
    from transformers import ConvNextConfig

    stages: dict[int, list[int]] = {}
    for key, value in weights.items():
        if match := _WIDTH.fullmatch(key):
            stages.setdefault(int(match[1]), []).append(int(value.shape[0]))
    if not stages or "embeddings.patch_embeddings.weight" not in weights:
        raise ValueError("no ConvNeXt of timm")
    order = sorted(stages)
    return ConvNextConfig(
        hidden_sizes=[stages[i][0] for i in order],
        depths=[len(stages[i]) for i in order],
        patch_size=int(weights["embeddings.patch_embeddings.weight"].shape[-1]),
        out_features=[f"stage{len(order)}"],
    )
