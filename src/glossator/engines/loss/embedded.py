"""Loss engine `embedded`: SmolLM2-135M-Instruct, with the page's OCR text standing in for the pixels.

How a conversation is laid out, in the model's own ChatML:

    <|im_start|>system\\n...<|im_end|>\\n                     the template's own system message
    <|im_start|>user\\n[OCR text\\n\\n]question<|im_end|>\\n
    <|im_start|>assistant\\nanswer<|im_end|>\\n

Each piece is tokenised by itself and the ids are joined, so a turn's text has the same ids in every condition. Only the
ids of the turn's text are scored: neither the role's header nor the end token.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

from pydantic import Field

from glossator.engines.base import LossItem, Runtime, Session, Spec, Step, TurnLoss
from glossator.engines.loss.context import ocr_context
from glossator.engines.loss.weights import EMBEDDED, model_path, quiet_transformers
from glossator.errors import UsageError
from glossator.results import Failed, Outcome

_SYSTEM = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"


class EmbeddedSpec(Spec):
    """Spec of the engine `embedded`."""

    kind: str = "embedded"
    model: str = Field(EMBEDDED, description="The embedded weights, a folder, or a Hub name of a ChatML causal LM.")
    revision: str | None = Field(None, description="Revision of a Hub model.")
    dtype: Literal["auto", "float32", "bfloat16"] = Field(
        "auto", description="auto takes bfloat16 where this CPU is faster at it; results then differ by up to 2 %."
    )
    max_ocr_tokens: int = Field(512, ge=16, description="Budget for the OCR text; the most relevant lines are kept.")
    max_turn_tokens: int = Field(512, ge=8, description="A scored text longer than this is not scored.")


@dataclass(frozen=True, slots=True)
class _Branch:
    """One item's token ids after the shared prefix, and where its scored texts lie in them."""

    index: int
    ids: list[int]
    scored: tuple[tuple[int, int], ...]


class EmbeddedLoss:
    """See `engines.base.LossEngine`. Items of one image share its prefix, which is computed once."""

    Spec: ClassVar[type[EmbeddedSpec]] = EmbeddedSpec
    version: ClassVar[int] = 1
    local_cpu: ClassVar[bool] = True
    instrument = "ocr-proxy"
    batch_tokens: ClassVar[int] = 1024
    logit_rows: ClassVar[int] = 256  # bounds the logits to 50 MB

    def __init__(self, spec: EmbeddedSpec, model: Any, tokenizer: Any) -> None:
        self.spec = spec
        self._model = model
        self._tokenizer = tokenizer
        self._system = self._encode(f"<|im_start|>system\n{_SYSTEM}<|im_end|>\n")
        self._user = self._encode("<|im_start|>user\n")
        self._assistant = self._encode("<|im_start|>assistant\n")
        self._end = self._encode("<|im_end|>\n")
        self._gap = self._encode("\n\n")
        self._system_cache: Any = None

    @classmethod
    def build(cls, spec: Any, runtime: Runtime) -> Self:
        """Load the model. Raises `UsageError` if there are no such weights."""
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer

        torch.set_num_threads(runtime.threads)
        path = model_path(spec.model)
        dtype = _fast_dtype() if spec.dtype == "auto" else getattr(torch, spec.dtype)
        try:
            with quiet_transformers():
                tokenizer = AutoTokenizer.from_pretrained(path, revision=spec.revision)
                model = AutoModelForCausalLM.from_pretrained(path, revision=spec.revision, dtype=dtype).eval()
        except (OSError, ValueError) as error:
            raise UsageError(f"the model {spec.model} can't be loaded: {str(error).splitlines()[0]}") from error
        return cls(spec, model, tokenizer)

    @classmethod
    def identity(cls, spec: Any, _step: Step) -> dict[str, Any]:
        """See `engines.base.Engine`. `auto` is hashed as such: what it stands for changes losses by rounding only."""
        return {**spec.model_dump(mode="json"), "version": cls.version}

    @classmethod
    def parallelism(cls, cores: int) -> tuple[int, int]:
        """Processes of one thread up to four: so small a model does not fill two cores with one matrix product."""
        workers = min(cores, 4)
        return workers, max(1, cores // workers)

    @property
    def name(self) -> str:
        """Model, revision and dtype."""
        revision = f"@{self.spec.revision}" if self.spec.revision else ""
        return f"{self.spec.model}{revision} ({str(self._model.dtype).removeprefix('torch.')})"

    def losses(self, items: Sequence[LossItem], _session: Session) -> list[Outcome[tuple[TurnLoss, ...]]]:
        """See `engines.base.LossEngine`. Not scored: texts without tokens, or over `max_turn_tokens`."""
        import torch

        results: list[Outcome[tuple[TurnLoss, ...]]] = [Failed("not_scored", "not reached")] * len(items)
        with torch.inference_mode():
            for indexes in _by_image(items):
                self._group(items, indexes, results)
        return results

    def _group(self, items: Sequence[LossItem], indexes: Sequence[int], results: list[Any]) -> None:
        """Score the items of one image (or of none): prefix once, then the branches in batches of like length."""
        context = self._context([items[i] for i in indexes])
        branches = []
        for i in indexes:
            branch = self._branch(i, items[i], context)
            if isinstance(branch, Failed):
                results[i] = branch
            else:
                branches.append(branch)
        if not branches:
            return
        cache, length = self._prefix(context)
        for batch in _batches(branches, self.batch_tokens):
            for branch, losses in zip(batch, self._forward(batch, cache, length), strict=True):
                results[branch.index] = losses

    def _context(self, items: Sequence[LossItem]) -> list[int] | None:
        """Ids of the user header and the OCR text that the items share; None where no image is shown."""
        sample = items[0].image
        if sample is None:
            return None
        questions = list(dict.fromkeys(turn.text for item in items for turn in item.turns if turn.role == "user"))
        text = sample.page.text if sample.page else ""
        kept = ocr_context(text, questions, self.spec.max_ocr_tokens, lambda line: len(self._text(line)))
        return [*self._user, *self._text(kept)[: self.spec.max_ocr_tokens], *self._gap]

    def _branch(self, index: int, item: LossItem, context: list[int] | None) -> _Branch | Failed:
        ids: list[int] = []
        spans = {}
        for number, turn in enumerate(item.turns):
            header = self._user if turn.role == "user" else self._assistant
            if not (number == 0 and context is not None and turn.role == "user"):
                ids += header
            text = self._text(turn.text)
            spans[number] = (len(ids), len(ids) + len(text))
            ids += [*text, *self._end]
        scored = tuple(spans[number] for number in item.scored)
        for start, end in scored:
            if end == start:
                return Failed("not_scored", "a text without tokens")
            if end - start > self.spec.max_turn_tokens:
                return Failed("not_scored", f"{end - start} tokens; at most {self.spec.max_turn_tokens} are scored")
        last = max(end for _, end in scored)
        return _Branch(index, ids[:last], scored)

    def _prefix(self, context: list[int] | None) -> tuple[Any, int]:
        """Key-value cache of the system message and the context, and its length in tokens."""
        if self._system_cache is None:
            self._system_cache = self._extend(None, self._system)
        if context is None:
            return self._system_cache, len(self._system)
        return self._extend(copy.deepcopy(self._system_cache), context), len(self._system) + len(context)

    def _extend(self, cache: Any, ids: list[int]) -> Any:
        import torch

        output = self._model.model(input_ids=torch.tensor([ids]), past_key_values=cache, use_cache=True)
        return output.past_key_values

    def _forward(self, batch: Sequence[_Branch], prefix: Any, length: int) -> Iterator[Outcome[tuple[TurnLoss, ...]]]:
        """Losses of the branches, right-padded, each behind its own copy of the prefix."""
        import torch

        width = max(len(branch.ids) for branch in batch)
        ids = torch.zeros((len(batch), width), dtype=torch.long)
        mask = torch.zeros((len(batch), length + width), dtype=torch.long)
        mask[:, :length] = 1
        for row, branch in enumerate(batch):
            ids[row, : len(branch.ids)] = torch.tensor(branch.ids)
            mask[row, length : length + len(branch.ids)] = 1
        cache = copy.deepcopy(prefix)
        cache.batch_repeat_interleave(len(batch))
        positions = torch.arange(length, length + width).unsqueeze(0)
        hidden = self._model.model(
            input_ids=ids, attention_mask=mask, position_ids=positions, past_key_values=cache, use_cache=True
        ).last_hidden_state
        yield from self._turn_losses(hidden, batch)

    def _turn_losses(self, hidden: Any, batch: Sequence[_Branch]) -> Iterator[Outcome[tuple[TurnLoss, ...]]]:
        """Logits are computed at the scored positions alone, of all rows at once. `hidden`: (rows, tokens, width)."""
        import torch

        spans = [(row, start, end) for row, branch in enumerate(batch) for start, end in branch.scored]
        before = torch.cat([hidden[row, start - 1 : end - 1] for row, start, end in spans])
        target = torch.tensor([token for row, start, end in spans for token in batch[row].ids[start:end]])
        pieces = zip(before.split(self.logit_rows), target.split(self.logit_rows), strict=True)
        losses = torch.cat([_token_losses(self._model.lm_head(part), ids) for part, ids in pieces])
        sums = iter(piece.sum().item() for piece in losses.split([end - start for _, start, end in spans]))
        for branch in batch:
            found = tuple(TurnLoss(next(sums), end - start) for start, end in branch.scored)
            finite = all(math.isfinite(loss.nll) for loss in found)
            yield found if finite else Failed("not_scored", "the model gave a loss that is no number")

    def _encode(self, text: str) -> list[int]:
        """Ids of the template's own pieces."""
        ids: list[int] = self._tokenizer(text, add_special_tokens=False)["input_ids"]
        return ids

    def _text(self, text: str) -> list[int]:
        """Ids of text from outside: a printed `<|im_end|>` is text there, not the end of a turn."""
        ids: list[int] = self._tokenizer(text, add_special_tokens=False, split_special_tokens=True)["input_ids"]
        return ids


def _by_image(items: Sequence[LossItem]) -> list[list[int]]:
    """Indexes of items that share an image; those without one come together."""
    groups: dict[str, list[int]] = {}
    for i, item in enumerate(items):
        groups.setdefault(item.image.image.image_id if item.image else "", []).append(i)
    return list(groups.values())


def _batches(branches: Sequence[_Branch], budget: int) -> Iterator[list[_Branch]]:
    """Batches of like length (an eighth of padding at most), each of at most `budget` tokens."""
    batch: list[_Branch] = []
    for branch in sorted(branches, key=lambda branch: (len(branch.ids), branch.index)):
        full = batch and len(branch.ids) * (len(batch) + 1) > budget
        if full or (batch and len(branch.ids) > 1.12 * len(batch[0].ids) + 2):
            yield batch
            batch = []
        batch.append(branch)
    if batch:
        yield batch


def _token_losses(logits: Any, target: Any) -> Any:
    """Negative log-likelihood of each target token. `logits`: (tokens, vocabulary)."""
    import torch

    return torch.nn.functional.cross_entropy(logits.float(), target, reduction="none")


def _fast_dtype() -> Any:
    """bfloat16 where this CPU multiplies it clearly faster than float32, else float32."""
    import torch

    def seconds(dtype: torch.dtype) -> float:
        left, right = torch.ones((256, 576), dtype=dtype), torch.ones((576, 1536), dtype=dtype)
        torch.mm(left, right)
        started = time.perf_counter()
        for _ in range(4):
            torch.mm(left, right)
        return time.perf_counter() - started

    return torch.bfloat16 if seconds(torch.bfloat16) * 1.5 < seconds(torch.float32) else torch.float32
