"""Loading what the engine `hf` needs: a model, its tokenizer or processor, its chat template."""

from __future__ import annotations

import logging
import time
from functools import cache
from pathlib import Path
from typing import Any

from glossator.engines.loss.conversations import Limits, PictureConversations, TextConversations
from glossator.engines.loss.processors import load_processor
from glossator.engines.loss.template import PLAIN, ChatTemplate
from glossator.engines.loss.weights import model_path, quiet_transformers
from glossator.errors import MissingExtraError, UsageError


def load(spec: Any) -> tuple[Any, TextConversations]:
    """The model of a `hf.HfSpec`, and what lays out conversations for it.

    Raises:
        UsageError: if there is no such model, or it can't be used for scoring.
        MissingExtraError: if a package is missing.
    """
    try:
        with quiet_transformers():
            return _load(spec, model_path(spec.model))
    except ImportError as error:
        extra = "quantized" if spec.quantization else "hf"
        raise MissingExtraError(f"the model {spec.model} ({_first_line(error)})", extra) from error
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise UsageError(f"the model {spec.model} can't be loaded: {_first_line(error)}") from error


def load_tokenizer(name: str, revision: str | None = None) -> Any:
    """A tokenizer by Hub name or folder. Raises `UsageError` if there is none, or it can't tell characters."""
    try:
        from transformers import AutoTokenizer

        with quiet_transformers():
            return _fast(AutoTokenizer.from_pretrained(model_path(name), revision=revision), name)
    except ImportError as error:
        raise MissingExtraError("a tokenizer", "hf") from error
    except (OSError, ValueError, KeyError) as error:
        raise UsageError(
            f"the tokenizer {name} can't be loaded: {_first_line(error)}; name one with tokenizer"
        ) from error


def read_template(name: str | None) -> str | None:
    """The Jinja text of a recipe's `chat_template`; None for the model's own.

    Raises:
        UsageError: if it can't be read.
    """
    if name is None:
        return None
    if name == "plain":
        return PLAIN
    try:
        return Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"the chat template {name} can't be read: {error}") from error


def reserved(tokenizer: Any) -> list[str]:
    """Texts that the tokenizer takes for special tokens wherever they stand."""
    return [str(token) for token in tokenizer.get_added_vocab()]


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _load(spec: Any, path: str) -> tuple[Any, TextConversations]:
    from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForImageTextToText
    from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING

    from glossator.models import register

    register()
    common = {"revision": spec.revision, "trust_remote_code": spec.trust_remote_code}
    config = AutoConfig.from_pretrained(path, **common)
    sees = type(config) in MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING
    cls: Any = AutoModelForImageTextToText if sees else AutoModelForCausalLM
    device = _device(spec.device)
    options = quantization(spec.quantization)
    if options:
        options["device_map"] = {"": device}
    model = cls.from_pretrained(path, dtype=_dtype(spec.dtype, device), **options, **common)
    model = (model if options else model.to(device)).eval()
    limits = Limits(_max_length(spec, model.config), spec.max_turn_tokens, spec.max_ocr_tokens)
    load = _picture_conversations if sees else _text_conversations
    return model, load(spec, path, common, model, limits)


def _text_conversations(spec: Any, path: str, common: dict[str, Any], _model: Any, limits: Limits) -> TextConversations:
    from transformers import AutoTokenizer

    tokenizer = _fast(AutoTokenizer.from_pretrained(path, **common), spec.model)
    given = read_template(spec.chat_template)
    if given is None and not getattr(tokenizer, "chat_template", None):
        given = PLAIN
    template = ChatTemplate(tokenizer, blocks=False, reserved=reserved(tokenizer), template=given)
    return TextConversations(tokenizer, template, limits)


def _picture_conversations(
    spec: Any, path: str, common: dict[str, Any], model: Any, limits: Limits
) -> PictureConversations:
    processor = load_processor(path, model.config, **common)
    tokenizer = _fast(processor.tokenizer, spec.model)
    given = read_template(spec.chat_template)
    template = ChatTemplate(processor, blocks=True, reserved=reserved(tokenizer), template=given)
    token = getattr(model.config, "image_token_id", None) or getattr(processor, "image_token_id", None)
    if token is None:
        raise ValueError("its configuration names no image token, so a picture's place can't be found")

    def convert(value: Any) -> Any:
        """To the model's device, and pictures to its number type."""
        import torch

        if not isinstance(value, torch.Tensor):
            return value
        return value.to(model.device, model.dtype if value.is_floating_point() else value.dtype)

    return PictureConversations(processor, template, limits, int(token), convert)


def _fast(tokenizer: Any, model: str) -> Any:
    if not getattr(tokenizer, "is_fast", False):
        raise ValueError(f"the tokenizer of {model} can't tell which characters a token covers; a fast one is needed")
    return tokenizer


def _device(name: str) -> str:
    import torch

    if name != "auto":
        return name
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _dtype(name: str, device: str) -> Any:
    import torch

    if name != "auto":
        return getattr(torch, name)
    if device == "cpu":
        return fast_dtype()
    return torch.bfloat16 if not device.startswith("cuda") or torch.cuda.is_bf16_supported() else torch.float16


def quantization(bits: str | None) -> dict[str, Any]:
    """Options of `from_pretrained` that load a model in so few bits."""
    if bits is None:
        return {}
    from transformers import BitsAndBytesConfig

    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)  # it tells of a conversion at every layer
    return {"quantization_config": BitsAndBytesConfig(load_in_4bit=bits == "4bit", load_in_8bit=bits == "8bit")}


def _max_length(spec: Any, config: Any) -> int:
    """The recipe's limit, and never more than the model has positions for."""
    own = getattr(config.get_text_config(), "max_position_embeddings", None) or 1 << 20
    return min(own, spec.max_length or own)


@cache
def fast_dtype() -> Any:
    """bfloat16 where this CPU multiplies it clearly faster than float32, else float32. Asked once a process.

    The quickest of some tries counts: a busy machine makes single ones slow, and the answer must not change with that.
    """
    import torch

    def seconds(dtype: torch.dtype) -> float:
        left, right = torch.ones((256, 576), dtype=dtype), torch.ones((576, 1536), dtype=dtype)
        quickest = float("inf")
        for _ in range(8):
            started = time.perf_counter()
            torch.mm(left, right)
            quickest = min(quickest, time.perf_counter() - started)
        return quickest

    return torch.bfloat16 if seconds(torch.bfloat16) * 1.5 < seconds(torch.float32) else torch.float32
