"""The model to tune: loaded, quantised where asked, and made ready to move only in the parts that the recipe names."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from glossator.engines.loss.loading import fast_dtype, read_template, reserved
from glossator.engines.loss.processors import load_processor
from glossator.engines.loss.template import PLAIN, ChatTemplate
from glossator.engines.loss.weights import model_path, quiet_transformers
from glossator.errors import MissingExtraError, UsageError
from glossator.training import processes
from glossator.training.encode import Encoder
from glossator.training.settings import ModelSpec, TuneSettings

# How transformers names the parts of its vision-language models.
_LAYER = re.compile(r"\.layers\.(\d+)\.")
_TOWER = ("vision_tower", "vision_model", "visual", "image_tower")
_PROJECTOR = ("multi_modal_projector", "connector", "merger", "mm_projector", "aligner", "adapters")


@dataclass(slots=True)
class Loaded:
    """A model, its tokenizer or processor, and what lays out conversations for it.

    `sees` tells whether it is shown pixels; `image_token` is the token that stands for a piece of a picture.
    """

    model: Any
    owner: Any
    encoder: Encoder
    sees: bool
    image_token: int | None

    @property
    def tokenizer(self) -> Any:
        """The tokenizer, of the processor where there is one."""
        return self.owner.tokenizer if self.sees else self.owner


def load(spec: ModelSpec, device: str, *, to_tune: bool = False) -> Loaded:
    """The model of a recipe on a device, or a folder that `glossator train` wrote (adapters included).

    Args:
        spec: the model.
        device: where it goes.
        to_tune: merge the adapters that it comes with into its weights, so that it can be given new ones.

    Raises:
        UsageError: if there is no such model, or it can't be used.
        MissingExtraError: if a package is missing.
    """
    try:
        with quiet_transformers():
            return _load(spec, device, to_tune=to_tune)
    except ImportError as error:
        extra = "quantized" if spec.quantization else "train"
        raise MissingExtraError(f"the model {spec.name} ({str(error).splitlines()[0]})", extra) from error
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise UsageError(f"the model {spec.name} can't be loaded: {first}") from error


def adapter_base(name: str) -> str | None:
    """The model that the adapters in a folder belong to; None if it holds no adapters."""
    path = Path(name) / "adapter_config.json"
    if not path.is_file():
        return None
    return str(json.loads(path.read_text(encoding="utf-8"))["base_model_name_or_path"])


def _load(spec: ModelSpec, device: str, *, to_tune: bool) -> Loaded:
    from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForImageTextToText
    from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING

    from glossator.models import register

    register()
    chain = [spec.name]  # adapters may stand on a model that has some itself
    while base := adapter_base(chain[-1]):
        chain.append(base)
    if spec.quantization and to_tune and len(chain) > 1:
        raise ValueError("adapters can't be merged into a quantised model; leave model.quantization out")
    path = model_path(chain.pop())
    common = {"revision": spec.revision, "trust_remote_code": spec.trust_remote_code}
    config = AutoConfig.from_pretrained(path, **common)
    sees = type(config) in MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING
    dtype = _dtype(spec, device)
    options: dict[str, Any] = _quantized(spec.quantization, dtype)
    if options:
        options["device_map"] = {"": device}
    if spec.attention:
        options["attn_implementation"] = spec.attention
    cls: Any = AutoModelForImageTextToText if sees else AutoModelForCausalLM
    model = cls.from_pretrained(path, dtype=dtype, **options, **common)
    model = _with_adapters(model, chain[::-1], merge_last=to_tune)
    model = model if spec.quantization else model.to(device)
    own = [name for name in chain if (Path(name) / "tokenizer_config.json").is_file()]
    return _with_owner(spec, own[0] if own else path, model, sees=sees, common=common)


def _with_adapters(model: Any, folders: Sequence[str], *, merge_last: bool) -> Any:
    """The model with the adapters of each folder, the first ones merged into it."""
    from peft import PeftModel

    for i, folder in enumerate(folders, start=1):
        model = PeftModel.from_pretrained(model, folder)
        if merge_last or i < len(folders):
            model = model.merge_and_unload()
    return model


def _quantized(bits: str | None, dtype: Any) -> dict[str, Any]:
    """Options of `from_pretrained` for QLoRA (arXiv 2305.14314): 4 bit normal floats, doubly quantised, or 8 bit.

    The language model alone is quantised: what joins it to the pictures is small, and moves in full.
    """
    if bits is None:
        return {}
    from transformers import BitsAndBytesConfig

    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)  # it tells of a conversion at every layer
    whole = [rf"(.*\.)?{name}" for name in (*_TOWER, *_PROJECTOR, "lm_head")]
    chosen = BitsAndBytesConfig(
        load_in_4bit=bits == "4bit",
        load_in_8bit=bits == "8bit",
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=dtype,
        llm_int8_skip_modules=whole,
    )
    return {"quantization_config": chosen}


def _with_owner(spec: ModelSpec, path: str, model: Any, *, sees: bool, common: dict[str, Any]) -> Loaded:
    from transformers import AutoTokenizer

    owner = load_processor(path, model.config, **common) if sees else AutoTokenizer.from_pretrained(path, **common)
    tokenizer = owner.tokenizer if sees else owner
    if not getattr(tokenizer, "is_fast", False):
        raise ValueError(f"the tokenizer of {spec.name} can't tell which characters a token covers")
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    given = read_template(spec.chat_template)
    if given is None and not getattr(owner, "chat_template", None):
        given = PLAIN
    if given is not None:
        owner.chat_template = given
    template = ChatTemplate(owner, blocks=sees, reserved=reserved(tokenizer))
    encoder = Encoder(tokenizer, template)
    return Loaded(model, owner, encoder, sees, encoder.image_token_id(owner, model.config) if sees else None)


def _dtype(spec: ModelSpec, device: str) -> Any:
    """bfloat16 where the hardware is fast at it. What moves is made float32 by `freeze`."""
    import torch

    if spec.dtype != "auto":
        return getattr(torch, spec.dtype)
    if device.startswith("cuda"):
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    return fast_dtype() if device == "cpu" else torch.float32


def freeze(model: Any, tune: TuneSettings, *, widen: bool) -> Any:
    """The model with adapters where the recipe wants them, ready to move only in the parts that the recipe names.

    What moves is float32 with `widen`, so that small steps are not rounded away.

    Raises:
        UsageError: if nothing is left that could move, or the adapters have no place.
    """
    wanted = {"vision": tune.vision, "projector": tune.projector, "language": tune.language}
    low = tune.method == "lora" and tune.language
    full = {part for part, moves in wanted.items() if moves and not (part == "language" and low)}
    model.requires_grad_(requires_grad=False)
    if low:
        model = _adapted(model, tune, sorted(full))
    for name, parameter in model.named_parameters():
        if _is_adapter(name):
            continue
        # Of a part that moves in full PEFT tunes a copy, and what it was stays as it is.
        moves = part_of(name) in full and (not low or ".modules_to_save." in name) and parameter.is_floating_point()
        parameter.requires_grad_(requires_grad=moves)
        if moves and widen:
            parameter.data = parameter.data.float()
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise UsageError("the recipe tunes nothing of this model: it has no such part")
    return model


def moving(model: Any) -> dict[str, int]:
    """How many parameters move, by part; adapters by themselves."""
    found: dict[str, int] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            part = "adapters" if _is_adapter(name) else part_of(name)
            found[part] = found.get(part, 0) + parameter.numel()
    return found


def _is_adapter(name: str) -> bool:
    return ".lora_" in name


def part_of(name: str) -> str:
    """Which part of a model a parameter or module belongs to, by its name: vision, projector or language."""
    pieces = name.split(".")
    if any(piece in _PROJECTOR for piece in pieces):
        return "projector"  # the adapters of a tower of two resolutions begin at random too, and move with it
    return "vision" if any(piece in _TOWER for piece in pieces) else "language"


def _adapted(model: Any, tune: TuneSettings, full: list[str]) -> Any:
    from peft import LoraConfig, get_peft_model

    targets = list(tune.lora.targets) or sorted(_last(_linear(model), tune.lora.last_layers))
    if not targets:
        raise UsageError("the model has no linear layers for adapters; name them in tune.lora.targets")
    config = LoraConfig(
        r=tune.lora.rank,
        lora_alpha=tune.lora.alpha,
        lora_dropout=tune.lora.dropout,
        target_modules=targets,
        modules_to_save=sorted(set(_tops(model, full))) or None,
        task_type="CAUSAL_LM",
    )
    try:
        return get_peft_model(model, config)
    except ValueError as error:
        raise UsageError(f"no adapters can be set: {str(error).strip().splitlines()[0][:300]}") from error


def _linear(model: Any) -> Iterator[str]:
    """Full names of the language model's linear layers, its head left out. GPT-2 calls them Conv1D."""
    head = model.get_output_embeddings()
    for name, module in model.named_modules():
        kind = type(module).__name__
        linear = ("Linear" in kind and hasattr(module, "in_features")) or kind == "Conv1D"
        if linear and module is not head and part_of(name) == "language":
            yield name


def _last(names: Iterator[str], layers: int | None) -> list[str]:
    """Those of the last so many layers; all for None."""
    found = list(names)
    if layers is None:
        return found
    number = {name: int(match[1]) for name in found if (match := _LAYER.search(name))}
    return [name for name in number if number[name] > max(number.values()) - layers]


def _tops(model: Any, parts: list[str]) -> Iterator[str]:
    """Names of the modules that hold a whole part, for PEFT to copy and tune in full."""
    seen: set[str] = set()
    for name, _ in model.named_modules():
        last = name.rpartition(".")[2]
        if part_of(name) in parts and last in (*_TOWER, *_PROJECTOR) and not any(name.startswith(top) for top in seen):
            seen.add(f"{name}.")
            yield last


def positions(model: Any) -> int:
    """The longest sequence, in tokens, that a model has positions for."""
    return getattr(model.config.get_text_config(), "max_position_embeddings", None) or 1 << 20


def default_device() -> str:
    """This process's accelerator if there is one, else the CPU."""
    return processes.device()
