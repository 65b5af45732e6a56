"""Stage `edits`: what people have changed in a pair becomes a new pair that names it. The old one stays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from pydantic import Field

from glossator.derived import DERIVED
from glossator.engines.base import Session
from glossator.grounding import question_similarity
from glossator.records import HumanVerdict, Pair, Sample
from glossator.results import Failed
from glossator.stages.base import MapStage, Settings
from glossator.stages.measured import with_answer_measured, with_explanation_measured
from glossator.text import clean, one_line
from glossator.verdict_log import TEXTS, edited_id, edition_folder

PERSON = "person"  # the writer of an edited pair


class EditsSettings(Settings):
    """Settings of the stage `edits`."""

    digest: str = Field("", description="Which edits; filled in by the build from what people have said so far.")


class EditsStage(MapStage[Pair]):
    """Gives all old pairs and, behind each that a person has changed, the new one, measured as a writer's would be.

    An edit of an edited pair makes a pair behind that one in turn.
    """

    kind = "edits"
    version = 2
    reads = ("images", "ocr", "pairs")
    writes = "pairs"
    Settings = EditsSettings
    family = None
    spawns = False

    @classmethod
    def also_reads(cls, settings: Any) -> dict[str, str]:
        return {"edits": edition_folder(settings.digest)} if settings.digest else {}

    def run(self, samples: Sequence[Sample], session: Session) -> list[list[Pair | Failed]]:
        session.progress(len(samples))
        return [_pairs(sample) for sample in samples]


def _pairs(sample: Sample) -> list[Pair | Failed]:
    edits = {edit.pair_id: edit for edit in sample.edits}
    rows: list[Pair | Failed] = []
    for pair in sample.pairs:
        last: Pair | None = pair
        while last is not None:
            rows.append(last)
            last = _edited(sample, last, edits[last.pair_id]) if last.pair_id in edits else None
    return rows


def _edited(sample: Sample, pair: Pair, edit: HumanVerdict) -> Pair | None:
    """The pair with the person's texts in place of its own; None if that changes nothing."""
    given = {name: (one_line if name.endswith("question") else clean)(getattr(edit, name)) for name in TEXTS}
    new = replace(
        pair,
        question=given["question"] or pair.question,
        answer=given["answer"] or pair.answer,
        explain_question=given["explain_question"] or pair.explain_question,
        explain_answer=given["explain_answer"] or pair.explain_answer,
    )
    if new == pair:
        return None
    new = replace(new, pair_id=edited_id(edit), writer=PERSON, repaired_from=pair.pair_id)
    return _measured(sample, new, pair)


def _measured(sample: Sample, pair: Pair, old: Pair) -> Pair:
    """The pair with everything that `extract` and `explain` measure, for its new texts."""
    quotes = [piece.text for piece in old.evidence] if pair.kind in DERIVED else None
    others = [one.question for one in sample.pairs if one.pair_id != old.pair_id]
    pair = replace(
        pair,
        evidence=old.evidence if pair.answer == old.answer else (),
        question_similarity=question_similarity(pair.question, others),
    )
    return with_explanation_measured(sample, with_answer_measured(sample, pair, quotes))
