"""Answers to questions that somebody else asked: found by layout, or not given at all.

Four ways, the surest first: a question that this writer would ask itself; a label that the question quotes; what a
receipt says of itself; a name on a chart's axis. Where none of them leads to one value there is no answer.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from glossator.engines.base import PairDraft
from glossator.engines.writer.grounded.chart_answers import chart_answer
from glossator.engines.writer.grounded.document import Document, evidence
from glossator.engines.writer.grounded.explain import ask_why, why_field
from glossator.engines.writer.grounded.receipt_answers import receipt_answer
from glossator.engines.writer.grounded.receipts import Receipt
from glossator.layout.value_at import value_at
from glossator.records import Evidence

_QUOTED = re.compile(r"\"([^\"]+)\"|“([^”]+)”")
_NAMED = re.compile(
    r"^(?:what|which) (?:is|are|was) (?:the |given for the )?(?P<name>[\w .#/-]{2,40}?)"
    r"(?: (?:on|of|in|at|printed|shown|given|listed)\b.*)?\?$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Found:
    """An answer with the place it stands at and the turn that tells how it was found."""

    answer: str
    kind: str
    evidence: tuple[Evidence, ...]
    explain_question: str
    explain_answer: str


def find_answer(document: Document, question: str, own: Sequence[PairDraft] = ()) -> Found | None:
    """The answer to a question; None where layout does not lead to exactly one.

    Args:
        document: the page.
        question: whoever asked it.
        own: what this writer would ask of the page itself, with answers.
    """
    asked = question.strip().casefold()
    for draft in own:
        if draft.question.casefold() == asked:
            return Found(draft.answer, draft.kind, draft.evidence, draft.explain_question, draft.explain_answer)
    quoted = [one or other for one, other in _QUOTED.findall(question)]
    if quoted:
        return _at_label(document, quoted[0]) if len(quoted) == 1 else None
    look = receipt_answer if Receipt(document).is_one() else chart_answer
    found = look(document, question)
    if found is not None:
        return Found(found.answer, found.kind, found.evidence, found.explain_question, found.explain_answer)
    named = _NAMED.match(question.strip())
    return _at_label(document, named["name"], named=True) if named and document.noun != "chart" else None


def _at_label(document: Document, label: str, *, named: bool = False) -> Found | None:
    fact = value_at(label, document.spans, exact=named)
    if fact is None:
        return None
    ask = ask_why(document, "field", label, fact.value)
    return Found(fact.value, "field", evidence(fact.evidence), ask, why_field(document, fact))
