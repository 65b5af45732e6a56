"""Loss engine `hf`: any causal language model or vision-language model that transformers loads.

A vision-language model sees the picture itself (`vision`); a text model reads OCR text in its place (`ocr-proxy`).
Conversations are laid out by the model's own chat template and tokenised as a whole (`conversations`); the conditions of
one image share its prefix (`forward`).
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from pydantic import Field

from glossator.engines.base import LossItem, Runtime, Session, Spec, Step, TurnLoss
from glossator.engines.loss.conversations import (
    Limits,
    PictureConversations,
    Prepared,
    TextConversations,
    Tokenised,
)
from glossator.engines.loss.forward import Group, PrefixScorer, TokenSequence, fast_dtype
from glossator.engines.loss.template import PLAIN, ChatTemplate
from glossator.engines.loss.weights import model_path, quiet_transformers
from glossator.errors import MissingExtraError, UsageError
from glossator.results import Failed, Outcome

_log = logging.getLogger(__name__)
_NOT_HASHED = ("device", "batch_tokens")


class HfSpec(Spec):
    """Spec of the engine `hf`."""

    kind: str = "hf"
    model: str = Field(description="A Hub name, or a folder with a model.")
    revision: str | None = Field(None, description="Revision of a Hub model.")
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto", description="auto takes bfloat16 where this machine is faster at it; results then differ by up to 2 %."
    )
    quantization: Literal["8bit", "4bit"] | None = Field(None, description="Load with bitsandbytes in so many bits.")
    device: str = Field("auto", description="cpu, cuda, cuda:1, mps; auto takes an accelerator if there is one.")
    chat_template: str | None = Field(
        None, description="A Jinja file, or 'plain' (texts joined by newlines); null takes the model's own."
    )
    trust_remote_code: bool = Field(False, description="Run code that comes with the model.")
    max_length: int | None = Field(None, ge=16, description="Longer conversations are not scored; null: the model's.")
    max_turn_tokens: int = Field(1024, ge=8, description="A scored text longer than this is not scored.")
    max_ocr_tokens: int = Field(
        512, ge=16, description="Text models: budget for the OCR text; the most relevant lines are kept."
    )
    share_prefix: bool | None = Field(
        None, description="Compute what conditions share once. null: if a check at start finds equal losses."
    )
    batch_tokens: int | None = Field(None, ge=1, description="Tokens in one forward pass; null: by the device.")


class HfLoss:
    """See `engines.base.LossEngine`."""

    Spec: ClassVar[type[Spec]] = HfSpec
    version: ClassVar[int] = 1
    local_cpu: ClassVar[bool] = True

    def __init__(self, spec: Any, model: Any, conversations: TextConversations) -> None:
        self.spec = spec
        self._model = model
        self._conversations = conversations
        self.instrument = conversations.instrument
        batch = spec.batch_tokens or (1024 if model.device.type == "cpu" else 16384)
        self.scorer = PrefixScorer(model, batch, share=spec.share_prefix is not False)
        if spec.share_prefix is None:
            self.scorer.share = self._sharing_is_exact()

    @classmethod
    def build(cls, spec: Any, runtime: Runtime) -> Self:
        """Load the model.

        Raises:
            UsageError: if there is no such model, or it can't be used for scoring.
            MissingExtraError: if quantised loading needs a package that is not there.
        """
        import torch

        torch.set_num_threads(runtime.threads)
        path = model_path(spec.model)
        try:
            with quiet_transformers():
                return cls(spec, *_load(spec, path))
        except ImportError as error:
            raise MissingExtraError(f"the model {spec.model} ({str(error).strip().splitlines()[0]})", "hf") from error
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            first = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise UsageError(f"the model {spec.model} can't be loaded: {first}") from error

    @classmethod
    def identity(cls, spec: Any, _step: Step) -> dict[str, Any]:
        """See `engines.base.Engine`. `auto` is hashed as such: what it stands for changes losses by rounding only."""
        values = spec.model_dump(mode="json", exclude=set(_NOT_HASHED))
        template = spec.chat_template
        if template not in (None, "plain") and Path(template).is_file():
            values["chat_template"] = Path(template).read_text(encoding="utf-8")
        return {**values, "version": cls.version}

    @classmethod
    def parallelism(cls, cores: int) -> tuple[int, int]:
        """One process: a model may fill the machine, or run on its accelerator."""
        return 1, cores

    @property
    def name(self) -> str:
        """Model, revision and dtype."""
        revision = f"@{self.spec.revision}" if self.spec.revision else ""
        bits = f", {self.spec.quantization}" if self.spec.quantization else ""
        return f"{self.spec.model}{revision} ({str(self._model.dtype).removeprefix('torch.')}{bits})"

    def losses(self, items: Sequence[LossItem], _session: Session) -> list[Outcome[tuple[TurnLoss, ...]]]:
        """See `engines.base.LossEngine`. Not scored: texts without tokens, too long, or changed by the template."""
        results: list[Outcome[tuple[TurnLoss, ...]]] = [Failed("not_scored", "not reached")] * len(items)
        known: dict[str, tuple[int, ...]] = {}
        for indexes in by_image(items):
            prepared = self._conversations.prepare([items[i] for i in indexes])
            rows = [_same_tokens(row, items[i], known) for i, row in zip(indexes, prepared.rows, strict=True)]
            for i, outcome in zip(indexes, self._scored(rows, prepared), strict=True):
                results[i] = outcome
        return results

    def _scored(
        self, rows: Sequence[Tokenised | Failed], prepared: Prepared
    ) -> list[Outcome[tuple[TurnLoss, ...]]]:
        good = [row for row in rows if isinstance(row, Tokenised)]
        if not good:
            return [row for row in rows if isinstance(row, Failed)]
        sequences = [row.sequence for row in good]
        group = Group(sequences, prepared.inputs, prepared.inputs_end, prepared.token_types)
        scored = iter(self.scorer.score(group))
        return [row if isinstance(row, Failed) else _turn_losses(row, next(scored)) for row in rows]

    def _sharing_is_exact(self) -> bool:
        """Whether shared prefixes give this model's losses as whole passes do, tried on a small conversation."""
        group = _trial(self._conversations, self._model)
        whole = PrefixScorer(self._model, 256, share=False).score(group)
        try:
            shared = PrefixScorer(self._model, 256).score(group)
        except Exception as error:  # whatever a model's own cache code raises
            _log.warning("%s: its cache can't be shared (%s); every condition is computed whole", self.name, error)
            return False
        tolerance = 1e-3 if str(self._model.dtype) == "torch.float32" and not self.spec.quantization else 0.05
        pairs = [
            (sum(map(sum, a)), sum(map(sum, b)))
            for a, b in zip(whole, shared, strict=True)
            if not isinstance(a, Failed) and not isinstance(b, Failed)
        ]
        exact = len(pairs) == len(whole) and all(abs(a - b) <= tolerance * abs(a) for a, b in pairs)
        if not exact:
            _log.warning("%s: a shared prefix changes its losses; every condition is computed whole", self.name)
        return exact


def _trial(conversations: TextConversations, model: Any) -> Group:
    """A small conversation under two conditions, with a picture where the model has eyes."""
    import torch

    generator = torch.Generator().manual_seed(1)
    highest = int(model.get_input_embeddings().weight.shape[0])
    ids = torch.randint(0, min(highest, 1000), (28,), generator=generator).tolist()
    sequences = [
        TokenSequence(tuple(ids[:20]), ((15, 20),)),
        TokenSequence((*ids[:12], *ids[20:]), ((16, 20),)),
        TokenSequence((*ids[:12], *ids[18:20]), ((13, 14),)),
    ]
    beginning = conversations.trial()
    if beginning is None:
        return Group(sequences)
    row = beginning.rows[0]
    assert isinstance(row, Tokenised)
    head = row.sequence.ids[: beginning.inputs_end]
    moved = [
        TokenSequence((*head, *one.ids), tuple((a + len(head), b + len(head)) for a, b in one.scored))
        for one in sequences
    ]
    return Group(moved, beginning.inputs, beginning.inputs_end, beginning.token_types)


def by_image(items: Sequence[LossItem]) -> list[list[int]]:
    """Indexes of items that share an image; those without one come together."""
    groups: dict[str, list[int]] = {}
    for i, item in enumerate(items):
        groups.setdefault(item.image.image.image_id if item.image else "", []).append(i)
    return list(groups.values())


def _same_tokens(row: Tokenised | Failed, item: LossItem, known: dict[str, tuple[int, ...]]) -> Tokenised | Failed:
    """The row, if each of its scored texts has the tokens that it had before."""
    if isinstance(row, Failed):
        return row
    for index, (start, end) in zip(item.scored, row.sequence.scored, strict=True):
        ids = row.sequence.ids[start:end]
        if known.setdefault(item.turns[index].text, ids) != ids:
            return Failed("not_scored", "its tokens are not the same in every condition")
    return row


def _turn_losses(row: Tokenised, losses: list[list[float]] | Failed) -> Outcome[tuple[TurnLoss, ...]]:
    if isinstance(losses, Failed):
        return losses
    return tuple(
        TurnLoss(
            sum(values),
            len(values),
            tuple((start, end, nll) for (start, end), nll in zip(offsets, values, strict=True)),
        )
        for values, offsets in zip(losses, row.offsets, strict=True)
    )


def _load(spec: Any, path: str) -> tuple[Any, TextConversations]:
    from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForImageTextToText
    from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING

    common = {"revision": spec.revision, "trust_remote_code": spec.trust_remote_code}
    config = AutoConfig.from_pretrained(path, **common)
    sees = type(config) in MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING
    cls: Any = AutoModelForImageTextToText if sees else AutoModelForCausalLM
    device = _device(spec.device)
    options = _quantization(spec.quantization)
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
    given = _template(spec.chat_template)
    if given is None and not getattr(tokenizer, "chat_template", None):
        given = PLAIN
    template = ChatTemplate(tokenizer, blocks=False, reserved=_reserved(tokenizer), template=given)
    return TextConversations(tokenizer, template, limits)


def _picture_conversations(
    spec: Any, path: str, common: dict[str, Any], model: Any, limits: Limits
) -> PictureConversations:
    from transformers import AutoProcessor

    processor = AutoProcessor.from_pretrained(path, **common)
    tokenizer = _fast(processor.tokenizer, spec.model)
    given = _template(spec.chat_template)
    template = ChatTemplate(processor, blocks=True, reserved=_reserved(tokenizer), template=given)
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


def _reserved(tokenizer: Any) -> list[str]:
    """Texts that the tokenizer takes for special tokens wherever they stand."""
    return [str(token) for token in tokenizer.get_added_vocab()]


def _template(name: str | None) -> str | None:
    if name is None:
        return None
    if name == "plain":
        return PLAIN
    try:
        return Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"the chat template {name} can't be read: {error}") from error


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


def _quantization(bits: str | None) -> dict[str, Any]:
    if bits is None:
        return {}
    from transformers import BitsAndBytesConfig

    return {"quantization_config": BitsAndBytesConfig(load_in_4bit=bits == "4bit", load_in_8bit=bits == "8bit")}


def _max_length(spec: Any, config: Any) -> int:
    """The recipe's limit, and never more than the model has positions for."""
    own = getattr(config.get_text_config(), "max_position_embeddings", None) or 1 << 20
    return min(own, spec.max_length or own)
