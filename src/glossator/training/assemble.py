"""`glossator assemble`: a vision tower, a new two-layer projector and a text model, joined into one LLaVA model.

The parts keep their weights; the projector (and the adapters of a tower of two resolutions) begin at random. So the
model has to be aligned and tuned: training recipes `llava-align` and `llava-tune`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from glossator.engines.loss.weights import model_path, quiet_transformers
from glossator.errors import MissingExtraError, RecipeError, UsageError
from glossator.recipe import SHIPPED, explain

ASSEMBLIES = SHIPPED / "assemble"
IMAGE_TOKEN = "<image>"
_ROUND_TO = 64  # rows of the embedding, so that its matrix product stays fast

# Makes one text of each message's blocks, so that a text model's own template can be used behind it.
_FLATTEN = """{%- set flat = namespace(messages=[]) -%}
{%- for message in messages -%}
{%- if message['content'] is string -%}{%- set text = message['content'] -%}
{%- else -%}{%- set parts = namespace(text='') -%}
{%- for block in message['content'] -%}
{%- if block['type'] == 'image' -%}{%- set parts.text = parts.text + '<image>\\n' -%}
{%- else -%}{%- set parts.text = parts.text + block['text'] -%}{%- endif -%}
{%- endfor -%}{%- set text = parts.text -%}{%- endif -%}
{%- set flat.messages = flat.messages + [{'role': message['role'], 'content': text}] -%}
{%- endfor -%}{%- set messages = flat.messages -%}"""
_VICUNA = (
    '{{ "A chat between a curious user and an artificial intelligence assistant. The assistant gives helpful, '
    "detailed, and polite answers to the user's questions. \" }}"
    "{% for message in messages %}{% if message['role'] == 'user' %}{{ 'USER: ' + message['content'] + ' ' }}"
    "{% else %}{{ 'ASSISTANT: ' + message['content'] + eos_token }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ 'ASSISTANT:' }}{% endif %}"
)
TEMPLATES = {"vicuna": _VICUNA}


class Part(BaseModel):
    """A model that gives a part of its weights."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(description="A Hub name, or a folder.")
    revision: str | None = Field(None, description="Revision of a Hub model.")


class HighPart(Part):
    """The network that sees the picture at a high resolution."""

    size: int = Field(768, ge=32, description="Side of the picture that it sees, in pixels.")


class Assembly(BaseModel):
    """What is joined."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: Part = Field(description="The text model.")
    vision: Part = Field(description="A CLIP model, of which the vision tower is taken.")
    high: HighPart | None = Field(None, description="A backbone for a tower of two resolutions (LLaVA-HR); null: none.")
    chat_template: str | None = Field(
        None, description="vicuna, or null for the text model's own; either is taught about pictures."
    )
    dtype: str = Field("bfloat16", description="Of the weights.")
    trust_remote_code: bool = Field(False, description="Run code that comes with the text model.")


def shipped() -> list[str]:
    """Names of the assemblies that come with the package."""
    return sorted(path.stem for path in ASSEMBLIES.glob("*.yaml"))


def load(name: str | Path) -> Assembly:
    """A shipped assembly by name, or a YAML file by path. Raises `RecipeError`."""
    path = ASSEMBLIES / f"{name}.yaml" if str(name) in shipped() else Path(name)
    if not path.is_file():
        raise RecipeError(f"no assembly '{name}': it is neither a file nor one of {', '.join(shipped())}")
    try:
        return Assembly.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path}: not valid YAML: {error}") from error
    except ValidationError as error:
        raise RecipeError(f"{path}: {explain(error)}") from error


def assemble(parts: Assembly, out: Path) -> Path:
    """Join the parts and write model and processor into a folder.

    Raises:
        UsageError: if the folder is not empty, or a part can't be loaded or does not fit.
        MissingExtraError: if a package is missing.
    """
    if out.exists() and any(out.iterdir()):
        raise UsageError(f"{out} is not empty; give a new folder with -o")
    try:
        with quiet_transformers():
            model, processor = join(parts)
            model.save_pretrained(out)
            processor.save_pretrained(out)
    except ImportError as error:
        raise MissingExtraError(f"assembling ({str(error).splitlines()[0]})", "train") from error
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise UsageError(
            f"the parts can't be joined: {(str(error) or type(error).__name__).splitlines()[0]}"
        ) from error
    return out


def join(parts: Assembly) -> tuple[Any, Any]:
    """The joined model and its processor."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, CLIPVisionModel

    dtype = getattr(torch, parts.dtype)
    common = {"revision": parts.text.revision, "trust_remote_code": parts.trust_remote_code}
    path = model_path(parts.text.name)
    tokenizer = AutoTokenizer.from_pretrained(path, **common)
    text = AutoModelForCausalLM.from_pretrained(path, dtype=dtype, **common)
    vision = CLIPVisionModel.from_pretrained(parts.vision.name, revision=parts.vision.revision, dtype=dtype)
    tokenizer.add_tokens([IMAGE_TOKEN], special_tokens=True)
    text.resize_token_embeddings(len(tokenizer), pad_to_multiple_of=_ROUND_TO)
    model = _model(parts, text, vision, tokenizer.convert_tokens_to_ids(IMAGE_TOKEN)).to(dtype)
    return model, _processor(parts, model, tokenizer)


def _model(parts: Assembly, text: Any, vision: Any, image_token: int) -> Any:
    from transformers import LlavaConfig, LlavaForConditionalGeneration

    from glossator.models.llava_hr import LlavaHrConfig, LlavaHrForConditionalGeneration

    places = (vision.config.image_size // vision.config.patch_size) ** 2
    shared = {"text_config": text.config, "image_token_index": image_token, "image_seq_length": places}
    if parts.high is None:
        model = LlavaForConditionalGeneration(LlavaConfig(vision_config=vision.config, **shared))
        model.model.vision_tower = vision
    else:
        tower = _tower(parts.high, vision)
        model = LlavaHrForConditionalGeneration(LlavaHrConfig(vision_config=tower.config, **shared))
        model.model.vision_tower = tower
    model.model.language_model = text.base_model
    model.lm_head = text.get_output_embeddings()
    model.generation_config = text.generation_config
    return model


def _tower(high: HighPart, vision: Any) -> Any:
    from transformers import AutoConfig
    from transformers.models.auto.modeling_auto import MODEL_FOR_BACKBONE_MAPPING

    from glossator.models.mixture_tower import MixtureTower, MixtureTowerConfig

    config = AutoConfig.from_pretrained(high.name, revision=high.revision)
    if type(config) not in MODEL_FOR_BACKBONE_MAPPING:
        raise ValueError(f"{high.name} is no backbone; name one such as facebook/convnext-large-384-22k-1k")
    tower = MixtureTower(MixtureTowerConfig(low_config=vision.config, high_config=config, high_size=high.size))
    backbone: Any = MODEL_FOR_BACKBONE_MAPPING[type(config)]
    tower.low = vision
    tower.high = backbone.from_pretrained(high.name, revision=high.revision, config=tower.config.high_config)
    return tower


def _processor(parts: Assembly, model: Any, tokenizer: Any) -> Any:
    from transformers import CLIPImageProcessorPil, LlavaProcessor

    side = model.config.vision_config.image_size
    images = CLIPImageProcessorPil.from_pretrained(parts.vision.name, revision=parts.vision.revision)
    images.size, images.crop_size = {"height": side, "width": side}, {"height": side, "width": side}
    images.do_center_crop = False  # text stands at the edges of a page too: squeezed, never cropped
    own = TEMPLATES[parts.chat_template] if parts.chat_template else tokenizer.chat_template
    if not own:
        raise ValueError("the text model has no chat template; name one in chat_template")
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return LlavaProcessor(
        image_processor=images,
        tokenizer=tokenizer,
        patch_size=model.config.vision_config.patch_size,
        vision_feature_select_strategy=model.config.vision_feature_select_strategy,
        chat_template=_FLATTEN + own,
        image_token=IMAGE_TOKEN,
        num_additional_image_tokens=1,
    )
