"""Rejected pairs written anew from the page alone: nothing that layout does not lead to is put in their place."""

from __future__ import annotations

from collections.abc import Sequence

from glossator.engines.base import Explanation, Mended, PairDraft, Rejected
from glossator.engines.writer.grounded.answer import Found, find_answer
from glossator.engines.writer.grounded.document import Document, evidence
from glossator.engines.writer.grounded.explain import ask_why, generic, why_printed
from glossator.grounding import locate
from glossator.layout.confusions import printed_for
from glossator.layout.question_fit import question_fit
from glossator.records import Pair
from glossator.text import fold

_STANDS = 0.85  # how literally an answer must stand on the page for an explanation to point at it
_FITS = 0.5
# An explanation of something else may mean that the answer is to something else.
_DOUBTS = frozenset({"explanation_not_grounded"})


def mend(document: Document, rejected: Rejected, own: Sequence[PairDraft]) -> Mended | None:
    """The pair as it should be; None where the page does not say.

    Args:
        document: its page.
        rejected: the pair and what is to be written anew.
        own: what this writer would ask of the page itself.
    """
    pair = rejected.pair
    doubtful = not _DOUBTS.isdisjoint(rejected.reasons)
    if rejected.part == "answer" or (doubtful and find_answer(document, pair.question, own)):
        again = _answered(document, pair, own)
        if again is not None or rejected.part == "answer":
            return again
    if doubtful and pair.question_fit is None:
        return None  # nothing says that the answer belongs to the question
    told = _explained(document, pair, own)
    if told is None or told.answer == pair.explain_answer:
        return None
    return Mended(pair.question, pair.answer, told.question, told.answer, pair.evidence)


def _answered(document: Document, pair: Pair, own: Sequence[PairDraft]) -> Mended | None:
    found = find_answer(document, pair.question, own) or _as_printed(document, pair)
    if found is None or fold(found.answer) == fold(pair.answer):
        return None
    return Mended(pair.question, found.answer, found.explain_question, found.explain_answer, found.evidence)


def _as_printed(document: Document, pair: Pair) -> Found | None:
    """The text that the answer is a misreading of, unless it is no answer to the question."""
    printed = printed_for(pair.answer, document.spans)
    if printed is None:
        return None
    text, spans = printed
    held = evidence(spans)
    fit = question_fit(pair.question, text, held, document.spans, f"{document.sample.image.kind} {pair.kind}")
    if fit is not None and fit < _FITS:
        return None
    return Found(text, pair.kind, held, ask_why(document, "printed", text), why_printed(document, text, held))


def _explained(document: Document, pair: Pair, own: Sequence[PairDraft]) -> Explanation | None:
    """How the answer is found: by this writer's own way to it, or by the text that holds it."""
    found = find_answer(document, pair.question, own)
    if found is not None and fold(found.answer) == fold(pair.answer):
        return Explanation(found.explain_question, found.explain_answer)
    ratio, _ = locate(pair.answer, document.spans)
    return generic(document, pair) if pair.evidence and ratio >= _STANDS else None
