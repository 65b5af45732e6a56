"""Stage `repair`: what the rules reject is written anew by reason, as new pairs that name what they repair."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from pydantic import Field, field_validator

from glossator.engines.base import Mended, Rejected, Session
from glossator.grounding import question_similarity
from glossator.records import Pair, Sample
from glossator.results import Failed, Outcome
from glossator.stages.base import MapStage, Settings
from glossator.stages.elsewhere import Elsewhere
from glossator.stages.filter import FilterSettings
from glossator.stages.measured import with_answer_measured, with_explanation_measured
from glossator.stages.repairable import rejections
from glossator.text import clean, fold, one_line

_OF_WHOLE_SET = ("percentiles", "top_k", "budget", "template_max")


class RepairSettings(Settings):
    """Settings of the stage `repair`."""

    rounds: int = Field(2, ge=1, le=4, description="A chain of repairs is at most so long.")
    move: bool = Field(True, description="Move pairs that belong to another image of the shard there.")
    filter: dict[str, Any] = Field(
        {}, description="Settings of the filter that says what is rejected, where they are not its defaults."
    )

    @field_validator("filter")
    @classmethod
    def _row_by_row(cls, given: dict[str, Any]) -> dict[str, Any]:
        whole = [name for name in _OF_WHOLE_SET if given.get(name)]
        if whole:
            raise ValueError(f"{', '.join(whole)} look at the whole set; a repair knows its own shard only")
        FilterSettings.model_validate(given)
        return given


class RepairStage(MapStage[Pair]):
    """Gives all old pairs and, behind an image's own, its new ones.

    It goes by the filter's rules over pairs and losses. A pair whose answer is rejected is asked again; one whose
    explanation is, is explained again; one that belongs to another image is moved there. Where the writer finds
    nothing better there is no new pair.
    """

    kind = "repair"
    version = 2
    reads = ("images", "ocr", "pairs")
    uses = ("losses",)
    writes = "pairs"
    Settings = RepairSettings
    family = "writer"
    default_engine = "grounded"
    needs = "repair"
    whole_shard = True  # a pair may move from one image to another

    def run(self, samples: Sequence[Sample], session: Session) -> list[list[Pair | Failed]]:
        found = rejections(samples, FilterSettings.model_validate(self.settings.filter), self.settings.rounds)
        results: list[list[Pair | Failed]] = [list(sample.pairs) for sample in samples]
        unmended = self._repair(samples, found, results, session)
        moved = self._moved(samples, [one for one in unmended if one.part == "answer"]) if self.settings.move else []
        if any(moved):
            self._repair(samples, moved, results, replace(session, progress=lambda _done: None))
        return results

    def _repair(
        self,
        samples: Sequence[Sample],
        jobs: Sequence[Sequence[Rejected]],
        results: list[list[Pair | Failed]],
        session: Session,
    ) -> list[Rejected]:
        """Put what the writer makes of the jobs into the results; give back what it could not mend."""
        outcomes = self.engine.repair(samples, jobs, session)
        left: list[Rejected] = []
        for at, (these, outcome) in enumerate(zip(jobs, outcomes, strict=True)):
            rows, unmended = _rows(samples[at], these, outcome, self.engine.name_for(samples[at]), results[at])
            results[at] += rows
            left += unmended
        return left

    def _moved(self, samples: Sequence[Sample], rejected: Sequence[Rejected]) -> list[list[Rejected]]:
        """For each sample the pairs of others that belong to it: their explanation is written there."""
        jobs: list[list[Rejected]] = [[] for _ in samples]
        elsewhere = Elsewhere(samples)
        for one in rejected:
            at = elsewhere.home_of(one.pair)
            if at is not None:
                there = elsewhere.at_home(one.pair, at, len(jobs[at]))
                jobs[at].append(Rejected(there, "explanation", one.reasons))
        return jobs


def _rows(
    sample: Sample,
    asked: Sequence[Rejected],
    outcome: Outcome[list[Outcome[Mended | None]]],
    writer: str,
    known: Sequence[Pair | Failed],
) -> tuple[list[Pair | Failed], list[Rejected]]:
    """The new rows of one image, and what was not mended."""
    if isinstance(outcome, Failed):
        return ([outcome] if asked else []), []
    rows: list[Pair | Failed] = []
    left: list[Rejected] = []
    for one, mended in zip(asked, outcome, strict=True):
        if isinstance(mended, Failed):
            rows.append(replace(mended, id=one.pair.pair_id))
        elif mended is None or not (fold(mended.question) and fold(mended.answer)):
            left.append(one)
        else:
            pair = _pair(sample, one.pair, mended, writer, [*known, *rows])
            rows += [] if pair is None else [pair]
    return rows, left


def _pair(sample: Sample, old: Pair, mended: Mended, writer: str, known: Sequence[Pair | Failed]) -> Pair | None:
    """The new pair, measured; None if it says what one of its chain says already."""
    pairs = [pair for pair in known if isinstance(pair, Pair)]
    chain = [old, *(pair for pair in pairs if pair.pair_id == old.repaired_from)]
    question, answer = one_line(mended.question), clean(mended.answer)
    explanation = clean(mended.explain_answer)
    if (fold(question), fold(answer), fold(explanation)) in map(_said, chain):
        return None
    others = [pair.question for pair in pairs if pair.pair_id not in (old.pair_id, old.repaired_from)]
    alike = old.question_similarity if question == old.question else question_similarity(question, others)
    new = replace(
        old,
        pair_id=_pair_id(sample, old.pair_id, question, answer, explanation),
        question=question,
        answer=answer,
        evidence=mended.evidence,
        explain_question=one_line(mended.explain_question),
        explain_answer=explanation,
        question_similarity=alike,
        writer=writer,
        repaired_from=old.pair_id,
        explain_places=None,
        operation="",
    )
    return with_explanation_measured(sample, with_answer_measured(sample, new, mended.quotes))


def _said(pair: Pair) -> tuple[str, str, str]:
    return fold(pair.question), fold(pair.answer), fold(pair.explain_answer)


def _pair_id(sample: Sample, old: str, question: str, answer: str, explanation: str) -> str:
    text = "\x1f".join((old, question, answer, explanation))
    return f"{sample.image.image_id}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"
