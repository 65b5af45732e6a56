"""Loss engine `hf`: any causal language model or vision-language model that transformers loads.

A vision-language model sees the picture itself (`vision`); a text model reads OCR text in its place (`ocr-proxy`).
Conversations are laid out by the model's own chat template and tokenised as a whole (`conversations`); the
conditions of one image share its prefix (`forward`).
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from pydantic import Field

from glossator.engines.base import LossItem, Runtime, Session, Spec, Step, TurnLoss
from glossator.engines.loss.conversations import (
    Prepared,
    TextConversations,
    Tokenised,
    by_image,
    same_tokens,
    turn_loss,
)
from glossator.engines.loss.forward import Group, PrefixScorer
from glossator.engines.loss.loading import load, read_template
from glossator.errors import UsageError
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
        self.model = model
        self.conversations = conversations
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
        return cls(spec, *load(spec))

    @classmethod
    def identity(cls, spec: Any, _step: Step) -> dict[str, Any]:
        """See `engines.base.Engine`. `auto` is hashed as such: what it stands for changes losses by rounding only."""
        values = spec.model_dump(mode="json", exclude=set(_NOT_HASHED))
        return {**values, "chat_template": read_template(spec.chat_template), "version": cls.version}

    @classmethod
    def parallelism(cls, cores: int) -> tuple[int, int]:
        """One process: a model may fill the machine, or run on its accelerator."""
        return 1, cores

    @property
    def name(self) -> str:
        """Model, revision and dtype."""
        revision = f"@{self.spec.revision}" if self.spec.revision else ""
        bits = f", {self.spec.quantization}" if self.spec.quantization else ""
        model = Path(self.spec.model).name if Path(self.spec.model).is_dir() else self.spec.model
        return f"{model}{revision} ({str(self.model.dtype).removeprefix('torch.')}{bits})"

    def losses(self, items: Sequence[LossItem], _session: Session) -> list[Outcome[tuple[TurnLoss, ...]]]:
        """See `engines.base.LossEngine`. Not scored: texts without tokens, too long, or changed by the template."""
        results: list[Outcome[tuple[TurnLoss, ...]]] = [Failed("not_scored", "not reached")] * len(items)
        known: dict[str, tuple[int, ...]] = {}
        for indexes in by_image(items):
            prepared = self.conversations.prepare([items[i] for i in indexes])
            rows = [same_tokens(row, items[i], known) for i, row in zip(indexes, prepared.rows, strict=True)]
            for i, outcome in zip(indexes, self._scored(rows, prepared), strict=True):
                results[i] = outcome
        return results

    def _scored(self, rows: Sequence[Tokenised | Failed], prepared: Prepared) -> list[Outcome[tuple[TurnLoss, ...]]]:
        good = [row for row in rows if isinstance(row, Tokenised)]
        if not good:
            return [row for row in rows if isinstance(row, Failed)]
        sequences = [row.sequence for row in good]
        group = Group(sequences, prepared.inputs, prepared.inputs_end, prepared.token_types)
        scored = iter(self.scorer.score(group))
        return [row if isinstance(row, Failed) else _outcome(row, next(scored)) for row in rows]

    def _sharing_is_exact(self) -> bool:
        """Whether shared prefixes give this model's losses as whole passes do, tried on a small conversation."""
        prepared = self.conversations.trial()
        rows = [row.sequence for row in prepared.rows if isinstance(row, Tokenised)]
        group = Group(rows, prepared.inputs, prepared.inputs_end, prepared.token_types)
        try:
            whole = PrefixScorer(self.model, 1024, share=False).score(group)
        except Exception as error:  # whatever a model's own code raises
            raise UsageError(f"the model {self.spec.model} can't be used for scoring: {error}") from error
        try:
            shared = PrefixScorer(self.model, 1024).score(group)
        except Exception as error:
            _log.warning("%s: its cache can't be shared (%s); every condition is computed whole", self.name, error)
            return False
        exact_numbers = self.model.dtype.itemsize == 4 and not self.spec.quantization
        if not all(_alike(a, b, 1e-3 if exact_numbers else 0.05) for a, b in zip(whole, shared, strict=True)):
            _log.warning("%s: a shared prefix changes its losses; every condition is computed whole", self.name)
            return False
        return True


def _alike(one: list[list[float]] | Failed, other: list[list[float]] | Failed, tolerance: float) -> bool:
    if isinstance(one, Failed) or isinstance(other, Failed):
        return isinstance(one, Failed) and isinstance(other, Failed)
    wanted = sum(map(sum, one))
    return abs(sum(map(sum, other)) - wanted) <= tolerance * abs(wanted)


def _outcome(row: Tokenised, losses: list[list[float]] | Failed) -> Outcome[tuple[TurnLoss, ...]]:
    if isinstance(losses, Failed):
        return losses
    return tuple(turn_loss(offsets, values) for offsets, values in zip(row.offsets, losses, strict=True))
