"""`glossator assemble`: a vision tower, a new two-layer projector and a text model, joined into one LLaVA model.

The parts keep their weights; the projector begins at random, and the adapters of a tower of two resolutions at nothing.
So the model has to be aligned and tuned: training recipes `llava-align` and `llava-tune`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from glossator.engines.loss.weights import model_path, quiet_transformers
from glossator.errors import MissingExtraError, RecipeError, UsageError
from glossator.models import timm_convnext
from glossator.models.templates import FLATTEN, IMAGE_TOKEN, TEMPLATES
from glossator.recipe import SHIPPED, explain

ASSEMBLIES = SHIPPED / "assemble"
RECORD = "assembly.json"
_ROUND_TO = 64  # rows of the embedding, so that its matrix product stays fast
_SAMPLING = ("temperature", "top_p", "top_k")


class Part(BaseModel):
    """A model that gives a part of its weights."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(description="A Hub name, or a folder.")
    revision: str | None = Field(None, description="Revision of a Hub model.")


class HighPart(Part):
    """The network that sees the picture at a high resolution: a ConvNeXt in timm's form, or a transformers backbone."""

    size: int = Field(768, ge=32, description="Side of the picture that it sees, in pixels.")


class Assembly(BaseModel):
    """What is joined."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: Part = Field(description="The text model.")
    vision: Part = Field(description="A CLIP model, of which the vision tower is taken.")
    high: HighPart | None = Field(None, description="A network for a tower of two resolutions (LLaVA-HR); null: none.")
    chat_template: Literal["vicuna"] | None = Field(
        None, description="vicuna, or null for the text model's own; either is taught about pictures."
    )
    fit: Literal["pad", "squeeze"] = Field(
        "pad", description="Pictures are made square by a border, as in LLaVA-1.5, or squeezed. Nothing is cut off."
    )
    dtype: Literal["bfloat16", "float16", "float32"] = Field("bfloat16", description="Of the weights.")
    seed: int = Field(0, ge=0, description="Of the projector's first weights.")
    trust_remote_code: bool = Field(False, description="Run code that comes with the text model.")


@dataclass(frozen=True, slots=True)
class Assembled:
    """What came of it: the folder, numbers of parameters, tokens that a picture takes, and the side it is seen at."""

    folder: str
    parameters: int
    new_parameters: int
    image_tokens: int
    image_size: int


def shipped() -> list[str]:
    """Names of the assemblies that come with the package."""
    return sorted(path.stem for path in ASSEMBLIES.glob("*.yaml"))


def load(name: str | Path, overrides: Mapping[str, Any] | None = None) -> Assembly:
    """A shipped assembly by name or a YAML file by path, with dotted `overrides`. Raises `RecipeError`."""
    path = ASSEMBLIES / f"{name}.yaml" if str(name) in shipped() else Path(name)
    if not path.is_file():
        raise RecipeError(f"no assembly '{name}': it is neither a file nor one of {', '.join(shipped())}")
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path}: not valid YAML: {error}") from error
    if not isinstance(tree, dict):
        raise RecipeError(f"{path}: an assembly is a mapping with the keys {', '.join(Assembly.model_fields)}")
    for key, value in (overrides or {}).items():
        _set(tree, key, value)
    try:
        return Assembly.model_validate(tree)
    except ValidationError as error:
        raise RecipeError(f"{path}: {explain(error)}") from error


def _set(tree: dict[str, Any], key: str, value: Any) -> None:
    *parts, last = key.split(".")
    for part in parts:
        tree[part] = {} if tree.get(part) is None else tree[part]
        tree = tree[part]
        if not isinstance(tree, dict):
            raise RecipeError(f"--set {key}: '{part}' holds no settings")
    tree[last] = value


def assemble(parts: Assembly, out: Path) -> Assembled:
    """Join the parts and write model, processor and what was joined (`assembly.json`) into a folder.

    Raises:
        UsageError: if the folder is not empty, or a part can't be loaded or does not fit.
        MissingExtraError: if a package is missing.
    """
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise UsageError(f"{out} is there already and is not an empty folder; give a new one with -o")
    try:
        with quiet_transformers():
            model, processor = join(parts)
            model.save_pretrained(out)
            processor.save_pretrained(out)
    except ImportError as error:
        raise MissingExtraError(f"assembling ({_first_line(error)})", "train") from error
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise UsageError(f"the parts can't be joined: {_first_line(error)}") from error
    (out / RECORD).write_text(parts.model_dump_json(indent=1), encoding="utf-8")
    new = [model.model.multi_modal_projector, *([model.model.vision_tower.adapters] if parts.high else [])]
    return Assembled(
        folder=str(out),
        parameters=sum(weights.numel() for weights in model.parameters()),
        new_parameters=sum(weights.numel() for part in new for weights in part.parameters()),
        image_tokens=model.config.image_seq_length,
        image_size=model.config.vision_config.image_size,
    )


def summary_text(made: Assembled) -> str:
    """For a person."""
    return "\n".join(
        [
            f"{made.parameters:,} parameters, {made.new_parameters:,} of them new and untrained; "
            f"a picture is seen at {made.image_size} pixels and takes {made.image_tokens} tokens",
            f"model: {made.folder}",
            f"next: glossator train WS -r llava-align --set model.name={made.folder} -o DIR",
        ]
    )


def join(parts: Assembly) -> tuple[Any, Any]:
    """The joined model and its processor. Raises `UsageError` for a part that can't be loaded."""
    import torch

    torch.manual_seed(parts.seed)
    dtype = getattr(torch, parts.dtype)
    with _loading("text", parts.text):
        tokenizer, text = _text(parts, dtype)
    with _loading("vision", parts.vision):
        vision, images = _vision(parts.vision)
    tower = vision
    if parts.high is not None:
        with _loading("high", parts.high):
            tower = _tower(parts.high, vision, images)
    model = _model(text, tower, tokenizer.convert_tokens_to_ids(IMAGE_TOKEN)).to(dtype)
    return model, _processor(parts, model, tokenizer, images)


@contextmanager
def _loading(key: str, part: Part) -> Iterator[None]:
    """Says which part an error is about. A missing package is passed on."""
    try:
        yield
    except (OSError, ValueError, KeyError, RuntimeError, AttributeError) as error:
        raise UsageError(
            f"{part.name} can't be used as {key}: {_first_line(error)}; name another with --set {key}.name=..."
        ) from error


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _text(parts: Assembly, dtype: Any) -> tuple[Any, Any]:
    """Tokenizer and text model, with a row for the token that stands for a picture."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    common = {"revision": parts.text.revision, "trust_remote_code": parts.trust_remote_code}
    path = model_path(parts.text.name)
    try:
        tokenizer = AutoTokenizer.from_pretrained(path, **common)
    except (ImportError, ValueError) as error:
        if "tiktoken" not in str(error):  # what transformers tries when it can't read a SentencePiece file
            raise
        raise ValueError(
            "its tokenizer can't be read; if that is a SentencePiece file: pip install sentencepiece"
        ) from error
    if not parts.chat_template and not tokenizer.chat_template:
        raise ValueError(f"it has no chat template (--set chat_template={next(iter(TEMPLATES))} gives it one)")
    text = AutoModelForCausalLM.from_pretrained(path, dtype=dtype, **common)
    tokenizer.add_tokens([IMAGE_TOKEN], special_tokens=True)
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    if len(tokenizer) > text.config.vocab_size:  # never fewer: some models have rows to spare
        text.resize_token_embeddings(len(tokenizer), pad_to_multiple_of=_ROUND_TO)
    if any(getattr(text.generation_config, name) is not None for name in _SAMPLING):
        text.generation_config.do_sample = True  # Vicuna's file leaves it out, and then it can't be saved
    return tokenizer, text


def _vision(part: Part) -> tuple[Any, Any]:
    """CLIP's vision tower, and what it says of pictures."""
    from transformers import AutoConfig, CLIPVisionModel
    from transformers.models.llava.image_processing_pil_llava import LlavaImageProcessorPil

    kind = AutoConfig.from_pretrained(part.name, revision=part.revision).model_type
    if kind not in ("clip", "clip_vision_model"):
        raise ValueError(f"it is no CLIP model but {kind}")
    vision, report = CLIPVisionModel.from_pretrained(part.name, revision=part.revision, output_loading_info=True)
    if report["missing_keys"]:
        raise ValueError(f"it has no weights for {sorted(report['missing_keys'])[0]}")
    return vision, LlavaImageProcessorPil.from_pretrained(part.name, revision=part.revision)


def _tower(part: HighPart, vision: Any, images: Any) -> Any:
    """CLIP and the network, with adapters between them."""
    from glossator.models.mixture_tower import MixtureTower, MixtureTowerConfig

    backbone, mean, std = _backbone(part)
    config = MixtureTowerConfig(low_config=vision.config, high_config=backbone.config, high_size=part.size)
    if mean and std:
        config.high_scale = [one / other for one, other in zip(images.image_std, std, strict=True)]
        config.high_shift = [(a - b) / c for a, b, c in zip(images.image_mean, mean, std, strict=True)]
    tower = MixtureTower(config)
    tower.low, tower.high = vision, backbone
    return tower


def _backbone(part: HighPart) -> tuple[Any, Any, Any]:
    """The network, and mean and deviation of the pixels that it was trained on (None where its files don't say)."""
    from transformers import AutoConfig
    from transformers.image_processing_base import ImageProcessingMixin
    from transformers.models.auto.modeling_auto import MODEL_FOR_BACKBONE_MAPPING

    timm = timm_convnext.picture_settings(timm_convnext.read_config(part.name, part.revision))
    if timm is not None:
        return timm_convnext.load(part.name, part.revision), timm.get("mean"), timm.get("std")
    config = AutoConfig.from_pretrained(part.name, revision=part.revision)
    if type(config) not in MODEL_FOR_BACKBONE_MAPPING:
        raise ValueError("it is no backbone of transformers (a ConvNeXt is one)")
    config.set_output_features_output_indices(out_features=config.stage_names[-1:], out_indices=None)
    cls: Any = MODEL_FOR_BACKBONE_MAPPING[type(config)]
    model, report = cls.from_pretrained(part.name, revision=part.revision, config=config, output_loading_info=True)
    if lost := sorted(key for key in report["missing_keys"] if "hidden_states_norms" not in key):
        raise ValueError(f"it has no weights for {lost[0]}")
    try:
        stored, _ = ImageProcessingMixin.get_image_processor_dict(part.name, revision=part.revision)
    except OSError:
        stored = {}
    return model, stored.get("image_mean"), stored.get("image_std")


def _model(text: Any, tower: Any, image_token: int) -> Any:
    """LLaVA of these parts; only its projector is made here."""
    import torch
    from transformers import LlavaConfig, LlavaForConditionalGeneration
    from transformers.models.llava.modeling_llava import LlavaMultiModalProjector

    from glossator.models.llava_hr import LlavaHrConfig, LlavaHrForConditionalGeneration
    from glossator.models.mixture_tower import MixtureTowerConfig

    high = isinstance(tower.config, MixtureTowerConfig)
    config = (LlavaHrConfig if high else LlavaConfig)(
        vision_config=tower.config,
        text_config=text.config,
        image_token_index=image_token,
        image_seq_length=(tower.config.image_size // tower.config.patch_size) ** 2,
    )
    with torch.device("meta"):  # a second language model would be made otherwise, only to be thrown away
        model: Any = (LlavaHrForConditionalGeneration if high else LlavaForConditionalGeneration)(config)
    model.model.vision_tower = tower
    model.model.multi_modal_projector = LlavaMultiModalProjector(config)
    model.model.language_model = text.base_model
    model.lm_head = text.get_output_embeddings()
    model.generation_config = text.generation_config
    return model


def _processor(parts: Assembly, model: Any, tokenizer: Any, images: Any) -> Any:
    from transformers import LlavaProcessor

    side = model.config.vision_config.image_size
    images.size = images.crop_size = {"height": side, "width": side}
    images.do_center_crop = False  # text stands at the edges of a page too
    images.do_pad = parts.fit == "pad"
    own = TEMPLATES[parts.chat_template] if parts.chat_template else tokenizer.chat_template
    return LlavaProcessor(
        image_processor=images,
        tokenizer=tokenizer,
        patch_size=model.config.vision_config.patch_size,
        vision_feature_select_strategy=model.config.vision_feature_select_strategy,
        chat_template=FLATTEN + own,
        image_token=IMAGE_TOKEN,
        num_additional_image_tokens=1,
    )
