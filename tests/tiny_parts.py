"""Tiny parts with random weights for `glossator assemble`: text models, a CLIP, convolutional networks, as on the Hub.

CLIP has four layers, so that each adapter of a tower of two resolutions has its own place.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import tiny_models

# In the manner of each family's own, for texts only.
PHI3 = (
    "{% for message in messages %}{% if message['role'] == 'user' %}{{'<|user|>\n' + message['content'] + '<|end|>\n'}}"
    "{% elif message['role'] == 'assistant' %}{{'<|assistant|>\n' + message['content'] + '<|end|>\n'}}{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% else %}{{ eos_token }}{% endif %}"
)
LLAMA3 = (
    "{{- bos_token }}{%- if messages[0]['role'] == 'system' %}{%- set system = messages[0]['content'] | trim %}"
    "{%- set messages = messages[1:] %}{%- else %}{%- set system = 'Cutting Knowledge Date: December 2023' %}"
    "{%- endif %}{{- '<|start_header_id|>system<|end_header_id|>\n\n' + system + '<|eot_id|>' }}"
    "{%- for message in messages %}{{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n' "
    "+ message['content'] | trim + '<|eot_id|>' }}{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{%- endif %}"
)
_HEADERS = ["<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "<|begin_of_text|>"]
FAMILIES = ("phi3", "llama3", "vicuna")
CHAT_TEMPLATE = {"phi3": None, "llama3": None, "vicuna": "vicuna"}


def text(family: str, folder: Path, *, rows: int | None = None, **more: Any) -> Path:
    """A text model of the family, with `rows` in its vocabulary; its tokenizer knows no picture yet."""
    import torch
    import transformers

    tokens = _tokenizer(family)
    config = tiny_models.text_config("Phi3" if family == "phi3" else "Llama", rows or len(tokens), **more)
    torch.manual_seed(1)
    getattr(transformers, "Phi3ForCausalLM" if family == "phi3" else "LlamaForCausalLM")(config).save_pretrained(folder)
    tokens.save_pretrained(folder)
    if family == "vicuna":  # its file has these two and not do_sample
        path = folder / "generation_config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"temperature": 0.9, "top_p": 0.6}))
    return folder


def _tokenizer(family: str) -> Any:
    kept = [token for token in tiny_models.SPECIAL if token != "<image>"]
    first = {"phi3": None, "llama3": "<|begin_of_text|>", "vicuna": "<s>"}[family]
    end = {"phi3": "<|im_end|>", "llama3": "<|eot_id|>", "vicuna": "</s>"}[family]
    tokens = tiny_models.tokenizer(words=family == "vicuna", bos=first, special=[*kept, *_HEADERS])
    tokens.eos_token = end
    tokens.pad_token = None if family == "llama3" else end
    tokens.chat_template = {"phi3": PHI3, "llama3": LLAMA3, "vicuna": None}[family]
    return tokens


def clip(folder: Path, *, layers: int = 4, whole: bool = True) -> Path:
    """A CLIP, with its text tower if `whole`, and its pictures' settings."""
    import torch
    from transformers import CLIPConfig, CLIPModel, CLIPTextConfig, CLIPVisionModel
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    vision = tiny_models.clip_config(layers)
    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    torch.manual_seed(2)
    if whole:
        text = CLIPTextConfig(vocab_size=64, **sizes)
        CLIPModel(CLIPConfig(text_config=text, vision_config=vision)).save_pretrained(folder)
    else:
        CLIPVisionModel(vision).save_pretrained(folder)
    CLIPImageProcessorPil(size={"shortest_edge": 56}, crop_size={"height": 56, "width": 56}).save_pretrained(folder)
    return folder


def convnext_config() -> Any:
    from transformers import ConvNextConfig

    return ConvNextConfig(
        hidden_sizes=[8, 16, 24, 32], depths=[1, 1, 2, 1], image_size=64, initializer_range=0.2,
        layer_scale_init_value=0.5,
    )  # fmt: skip


def convnext(folder: Path) -> Path:
    """A ConvNeXt as transformers has it: a classifier of ImageNet, with its pictures' settings."""
    import torch
    from transformers import ConvNextForImageClassification
    from transformers.models.convnext.image_processing_pil_convnext import ConvNextImageProcessorPil

    torch.manual_seed(3)
    ConvNextForImageClassification(convnext_config()).save_pretrained(folder)
    ConvNextImageProcessorPil(
        image_mean=[0.485, 0.456, 0.406], image_std=[0.229, 0.224, 0.225], size={"shortest_edge": 64}
    ).save_pretrained(folder)
    return folder


_TIMM = (  # from transformers' names to timm's
    ("embeddings.patch_embeddings.", "stem.0."),
    ("embeddings.layernorm.", "stem.1."),
    ("encoder.stages.", "stages."),
    (".downsampling_layer.", ".downsample."),
    (".layers.", ".blocks."),
    (".dwconv.", ".conv_dw."),
    (".layernorm.", ".norm."),
    (".pwconv", ".mlp.fc"),
    (".layer_scale_parameter", ".gamma"),
)


def timm_convnext(folder: Path) -> Any:
    """A ConvNeXt as timm has it on the Hub; gives the backbone whose weights they are."""
    import torch
    from safetensors.torch import save_file
    from transformers import ConvNextBackbone

    folder.mkdir(parents=True)
    torch.manual_seed(4)
    config = convnext_config()
    config.set_output_features_output_indices(out_features=["stage4"], out_indices=None)
    backbone = ConvNextBackbone(config)
    weights = {}
    for name, value in backbone.state_dict().items():
        if name.startswith("hidden_states_norms"):
            continue
        for ours, theirs in _TIMM:
            name = name.replace(ours, theirs)
        weights[name] = value.clone()
    weights["head.norm.weight"] = torch.ones(32)
    save_file(weights, folder / "model.safetensors")
    mean, std = [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]
    stored = {"architecture": "convnext_large_mlp", "num_classes": 768, "pretrained_cfg": {"mean": mean, "std": std}}
    (folder / "config.json").write_text(json.dumps(stored))
    return backbone


def assembly(folder: Path, family: str, high: str | None = None, **more: Any) -> Any:
    """An assembly of tiny parts in a folder; `high`: convnext or timm, for a tower of two resolutions."""
    from glossator.training.assemble import Assembly

    text_model, vision = folder / family, folder / "clip"
    if not text_model.exists():
        text(family, text_model)
    if not vision.exists():
        clip(vision)
    parts: dict[str, Any] = {"text": {"name": str(text_model)}, "vision": {"name": str(vision)}}
    if high:
        network = folder / high
        if not network.exists():
            {"convnext": convnext, "timm": timm_convnext}[high](network)
        parts["high"] = {"name": str(network), "size": 128}
    return Assembly.model_validate(parts | {"chat_template": CHAT_TEMPLATE[family], "dtype": "float32"} | more)


def seeing(folder: Path, family: str, high: str | None = None) -> None:
    """An assembled model whose picture matters: what begins small, or at nothing, is made wide."""
    import torch

    from glossator.models import register
    from glossator.training.assemble import join

    register()
    model, processor = join(assembly(folder.parent / f"{folder.name}-parts", family, high))
    torch.manual_seed(5)
    with torch.no_grad():
        for name, weights in model.named_parameters():
            if "adapters" in name and weights.dim() > 1:
                weights.copy_(torch.randn_like(weights) * 0.3)
    tiny_models.wide(model).save_pretrained(folder)
    processor.save_pretrained(folder)


ASSEMBLED: dict[str, Callable[[Path], None]] = {
    "assembled-phi3": lambda folder: seeing(folder, "phi3"),
    "assembled-llama3": lambda folder: seeing(folder, "llama3"),
    "assembled-hr-vicuna": lambda folder: seeing(folder, "vicuna", "timm"),
}
