"""What a pair's own page says of it: where its answer stands, whether question and explanation fit. For every stage
that makes pairs, so that all are measured alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from glossator.derived import is_derived, operation_of, rests_on
from glossator.gather import gather
from glossator.grounding import claims_grounding, locate
from glossator.layout.question_fit import question_fit
from glossator.operands import operands
from glossator.places.check import Checked, check, share_true
from glossator.places.page import PageText
from glossator.records import Evidence, Pair, Sample

_BY_WORDS = 0.95
_SURE = 0.85  # how literally an answer must stand there for its place to tell a label


def with_answer_measured(sample: Sample, pair: Pair, quotes: Sequence[str] | None = None) -> Pair:
    """The pair with its evidence, grounding and question fit.

    Args:
        sample: its image.
        pair: `evidence` is the writer's own, or empty: then it is looked for.
        quotes: printed texts that the writer says a derived answer rests on; None where it was not asked for them.
    """
    spans = sample.page.spans if sample.page else ()
    derived = is_derived(pair.kind, pair.answer, asked_for=quotes is not None)
    ratio, found = rests_on(pair.kind, pair.answer, quotes or (), spans) if derived else locate(pair.answer, spans)
    sure = pair.evidence or (found if ratio >= _SURE else ())
    if not derived and ratio < 1:
        # A value out of several cells or lines stands there word by word; that counts a little less.
        by_words, pieces = gather(pair.answer, spans)
        if _BY_WORDS * by_words > ratio:
            ratio, found = _BY_WORDS * by_words, pieces
    operation = operation_of(pair.kind, pair.answer, quotes or ()) if derived else ""
    if ratio < _SURE and not derived and not pair.evidence:
        # Shown to whoever looks; two numbers may give the answer by chance, so that it is grounded no better for it.
        operation, worked_from = operands(pair.question, pair.answer, spans)
        found = worked_from or found
    if pair.evidence:
        # A writer's own evidence counts as far as it is really on the page.
        shown = [span for span in spans if Evidence(span.text, span.box) in pair.evidence]
        ratio = max(ratio, locate(pair.answer, shown)[0])
    kind = f"{sample.image.kind} {pair.kind}"
    return replace(
        pair,
        evidence=pair.evidence or found,
        operation=operation,
        grounding=ratio if sample.image.path else None,
        question_fit=None if derived else question_fit(pair.question, pair.answer, sure, spans, kind),
    )


def with_explanation_measured(sample: Sample, pair: Pair) -> Pair:
    """The pair with what holds of its explanation."""
    spans = sample.page.spans if sample.page else ()
    share = claims_grounding(pair.explain_answer, f"{pair.question}\n{pair.answer}", spans)
    page = PageText(spans, sample.image.width, sample.image.height)
    return replace(pair, explain_grounding=share, explain_places=share_true(places_told(pair, page)))


def places_told(pair: Pair, page: PageText) -> list[Checked]:
    """What the explanation says of places, checked. Where the answer itself was not found, nothing tells its place."""
    found = pair.evidence if pair.grounding is None or pair.grounding >= _SURE else ()
    return check(pair.explain_answer, pair.question, pair.answer, found, page)
