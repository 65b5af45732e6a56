"""Stage `edits`: what people have changed in a pair becomes a new pair that names it. The old one stays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from pydantic import Field

from glossator.derived import DERIVED, is_derived, rests_on
from glossator.engines.base import Session
from glossator.grounding import claims_grounding, locate, question_similarity, words_found
from glossator.layout.question_fit import question_fit
from glossator.records import HumanVerdict, Pair, Sample
from glossator.results import Failed
from glossator.stages.base import MapStage, Settings
from glossator.text import clean, one_line
from glossator.verdict_log import TEXTS, edited_id, edition_folder

PERSON = "person"  # the writer of an edited pair
_BY_WORDS = 0.95
_SURE = 0.85


class EditsSettings(Settings):
    """Settings of the stage `edits`."""

    digest: str = Field("", description="Which edits; filled in by the build from what people have said so far.")


class EditsStage(MapStage[Pair]):
    """Gives all old pairs and, behind each that a person has changed, the new one, measured as a writer's would be.

    An edit of an edited pair makes a pair behind that one in turn.
    """

    kind = "edits"
    version = 1
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
    return _measured(sample, replace(new, pair_id=edited_id(edit), writer=PERSON, repaired_from=pair.pair_id))


def _measured(sample: Sample, pair: Pair) -> Pair:
    """The pair with everything that `extract` and `explain` measure, for its new texts."""
    spans = sample.page.spans if sample.page else ()
    derived = is_derived(pair.kind, pair.answer, asked_for=pair.kind in DERIVED)
    if derived:
        ratio, found = rests_on(pair.kind, pair.answer, [piece.text for piece in pair.evidence], spans)
    else:
        ratio, found = locate(pair.answer, spans)
    sure = found if ratio >= _SURE else ()
    others = [one.question for one in sample.pairs if one.pair_id != pair.repaired_from]
    kind = f"{sample.image.kind} {pair.kind}"
    known = f"{pair.question}\n{pair.answer}"
    return replace(
        pair,
        evidence=found,
        grounding=(ratio if derived else max(ratio, _BY_WORDS * words_found(pair.answer, spans)))
        if sample.image.path
        else None,
        question_fit=None if derived else question_fit(pair.question, pair.answer, sure, spans, kind),
        question_similarity=question_similarity(pair.question, others),
        explain_grounding=claims_grounding(pair.explain_answer, known, spans),
        explain_places=None,
    )
