"""LLaVA-HR (arXiv 2403.03003) as a model of transformers: LLaVA over the tower of two resolutions."""

from __future__ import annotations

from typing import ClassVar

from huggingface_hub.dataclasses import strict
from transformers import AutoConfig, AutoModel, AutoModelForImageTextToText, LlavaConfig, LlavaForConditionalGeneration
from transformers.configuration_utils import SubConfigSpec

from glossator.models.mixture_tower import MixtureTower, MixtureTowerConfig


@strict
class LlavaHrConfig(LlavaConfig):  # type: ignore[misc]
    """As LLaVA's, with `MixtureTowerConfig` as vision configuration."""

    model_type = "llava_hr"
    sub_configs_defaults: ClassVar = {
        "vision_config": SubConfigSpec(config_class=AutoConfig, model_type=MixtureTowerConfig.model_type),
        "text_config": SubConfigSpec(config_class=AutoConfig, model_type="llama"),
    }


class LlavaHrForConditionalGeneration(LlavaForConditionalGeneration):  # type: ignore[misc]
    """LLaVA whose vision tower sees two resolutions. Saves and loads with `from_pretrained`."""

    config_class = LlavaHrConfig
    config: LlavaHrConfig


# Importing this module makes the auto classes of transformers know this model and its tower.
AutoConfig.register(MixtureTowerConfig.model_type, MixtureTowerConfig, exist_ok=True)
AutoModel.register(MixtureTowerConfig, MixtureTower, exist_ok=True)
AutoConfig.register(LlavaHrConfig.model_type, LlavaHrConfig, exist_ok=True)
AutoModelForImageTextToText.register(LlavaHrConfig, LlavaHrForConditionalGeneration, exist_ok=True)
