"""Writer `grounded`: proposes by layout, disposes by model. Every answer is printed on the image."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, ClassVar, Literal, Self

from pydantic import Field

from glossator.difficulty import MIN_TOKENS
from glossator.engines.base import (
    Explanation,
    LossItem,
    Mended,
    PairDraft,
    Rejected,
    Runtime,
    Session,
    Spec,
    Step,
    Turn,
)
from glossator.engines.registry import build
from glossator.engines.writer.grounded import charts, fields, receipts
from glossator.engines.writer.grounded.document import Document
from glossator.engines.writer.grounded.enrich import enrich
from glossator.engines.writer.grounded.explain import generic
from glossator.engines.writer.grounded.repair import mend
from glossator.recipe import EngineSpec
from glossator.records import Sample
from glossator.results import Failed, Outcome
from glossator.text import fold


class GroundedSpec(Spec):
    """Spec of the writer `grounded`."""

    kind: str = "grounded"
    lm: Literal["embedded", "fake", "none"] = Field(
        "embedded", description="Loss engine that judges labels which layout alone can't; none leaves it to the rules."
    )
    label_loss_max: float = Field(
        4.3, gt=0, description="Fields whose label costs the model more nats a character are thrown out as misread."
    )


class GroundedWriter:
    """See `engines.base.Writer`."""

    Spec: ClassVar[type[GroundedSpec]] = GroundedSpec
    version: ClassVar[int] = 3
    repair_version: ClassVar[int] = 2  # so that better repairs write no pair anew
    local_cpu: ClassVar[bool] = True
    name = "grounded"

    def __init__(self, spec: GroundedSpec, runtime: Runtime) -> None:
        self.spec = spec
        self._runtime = runtime
        self._engine: Any = None

    @classmethod
    def build(cls, spec: Any, runtime: Runtime) -> Self:
        """See `engines.base.Engine`. The language model is loaded when it is first needed; `enrich` never does."""
        return cls(spec, runtime)

    @classmethod
    def identity(cls, spec: Any, step: Step) -> dict[str, Any]:
        """See `engines.base.Engine`."""
        repairs = {"repair_version": cls.repair_version} if step == "repair" else {}
        return {**spec.model_dump(mode="json"), "version": cls.version, **repairs}

    @classmethod
    def parallelism(cls, cores: int) -> tuple[int, int]:
        """See `engines.base.Engine`."""
        workers = min(cores, 4)
        return workers, max(1, cores // workers)

    def name_for(self, _sample: Sample) -> str:
        """See `engines.base.Writer`."""
        return self.name

    def enrich(self, samples: Sequence[Sample], session: Session) -> list[Outcome[str]]:
        """See `engines.base.Writer`."""
        results: list[Outcome[str]] = []
        for sample in samples:
            results.append(enrich(Document(sample), charts.describe(sample)))
            session.progress(1)
        return results

    def extract(
        self, samples: Sequence[Sample], max_pairs: int, session: Session
    ) -> list[Outcome[Sequence[Outcome[PairDraft]]]]:
        """See `engines.base.Writer`."""
        proposed = []
        for sample in samples:
            proposed.append(propose(Document(sample)))
            session.progress(1)
        misread = self._misread({label for drafts in proposed for draft in drafts if (label := _label(draft))}, session)
        return [varied([draft for draft in drafts if _label(draft) not in misread], max_pairs) for drafts in proposed]

    def explain(self, samples: Sequence[Sample], session: Session) -> list[Outcome[list[Outcome[Explanation]]]]:
        """See `engines.base.Writer`. The proposals are made again and matched: they carry their explanations."""
        results: list[Outcome[list[Outcome[Explanation]]]] = []
        for sample in samples:
            document = Document(sample)
            known = {
                (draft.question, draft.answer): Explanation(draft.explain_question, draft.explain_answer)
                for draft in propose(document)
            }
            results.append([known.get((p.question, p.answer)) or generic(document, p) for p in sample.pairs])
            session.progress(1)
        return results

    def repair(
        self, samples: Sequence[Sample], rejected: Sequence[Sequence[Rejected]], session: Session
    ) -> list[Outcome[list[Outcome[Mended | None]]]]:
        """See `engines.base.Repairer`. By layout alone; what it can't find it leaves."""
        results: list[Outcome[list[Outcome[Mended | None]]]] = []
        for sample, pairs in zip(samples, rejected, strict=True):
            document = Document(sample)
            own = propose(document) if pairs else []
            results.append([mend(document, one, own) for one in pairs])
            session.progress(1)
        return results

    def _misread(self, labels: set[str], session: Session) -> set[str]:
        """The labels that read like no words at all: OCR noise makes questions that nobody understands."""
        if not labels or self.spec.lm == "none":
            return set()
        if self._engine is None:
            self._engine = build("loss", EngineSpec(kind=self.spec.lm), self._runtime)
        ordered = sorted(labels)
        ask = Turn("user", "What does the label say?")
        items = [LossItem(None, (ask, Turn("assistant", label)), (1,)) for label in ordered]
        losses = self._engine.losses(items, session)
        return {
            label
            for label, loss in zip(ordered, losses, strict=True)
            if not isinstance(loss, Failed)
            and loss[0].tokens >= MIN_TOKENS  # abbreviations such as GST cost much and say nothing
            and loss[0].nll / len(label) > self.spec.label_loss_max
        }


def propose(document: Document) -> list[PairDraft]:
    """All sound pairs about a document, best first, each question once."""
    drafts = charts.propose(document.sample)
    if drafts is None:
        receipt = receipts.Receipt(document)
        drafts = receipts.propose(document) if receipt.is_one() else []
        drafts += [draft for draft in fields.propose(document) if not _covered(draft, drafts)]
    return list({draft.question: draft for draft in reversed(drafts)}.values())[::-1]


def _covered(draft: PairDraft, receipt: Sequence[PairDraft]) -> bool:
    """Whether a receipt's own questions ask for this already: by its date, its sums, or the same answer."""
    if not receipt:
        return False
    label = fold(_label(draft))
    money = re.search(r"total|date|cash|change|round|amount|tender|balance|paid|payment", label or fold(draft.question))
    return money is not None or any(fold(other.answer) == fold(draft.answer) for other in receipt)


def varied(drafts: Sequence[PairDraft], most: int) -> list[PairDraft]:
    """At most `most` drafts: the best of each kind first, then the second of each kind, and so on."""
    turn: dict[str, int] = {}
    ranked = []
    for order, draft in enumerate(drafts):
        turn[draft.kind] = turn.get(draft.kind, -1) + 1
        ranked.append((turn[draft.kind], order, draft))
    chosen = sorted(ranked, key=lambda item: item[:2])[:most]
    return [draft for _, _, draft in sorted(chosen, key=lambda item: item[1])]


def _label(draft: PairDraft) -> str:
    """The label that a field's question quotes, or nothing."""
    if draft.kind != "field":
        return ""
    pieces = draft.question.split('"')
    return pieces[1] if len(pieces) >= 3 else ""
