"""The printed numbers that a computed answer follows from, where nobody has named them. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import combinations

from glossator.derived import number, operation_of
from glossator.records import Evidence, Span

MAX_NUMBERS = 60  # on a page; with more, some two of them give anything
_ASKED = {
    "difference": re.compile(r"\b(?:difference|how (?:many|much) (?:more|less|fewer)|(?:more|less|fewer) than)\b"),
    "sum": re.compile(r"\b(?:sums?|combined|altogether|add(?:ed)?|together)\b"),
    "mean": re.compile(r"\b(?:averages?|means?)\b"),
    "quotient": re.compile(r"\b(?:ratio|divide[ds]?|how many times|by how many times|times (?:higher|larger|more))\b"),
}


def operands(question: str, answer: str, spans: Sequence[Span]) -> tuple[str, tuple[Evidence, ...]]:
    """The operation that a question asks for, and the two printed numbers that give the answer by it.

    Only where the question names one operation and exactly one pair of values gives the answer: else `("", ())`. It may
    be by chance all the same, so that it shows where to look and proves nothing.
    """
    asked = [name for name, words in _ASKED.items() if words.search(question.lower())]
    if len(asked) != 1 or number(answer) is None:
        return "", ()
    printed: dict[str, Span] = {}
    for span in spans:
        value = number(span.text)
        if value is not None and not any(map(str.isalpha, re.sub(r"\b[a-zA-Z]{1,3}\b", "", span.text))):
            printed.setdefault(str(value.normalize()), span)
    if len(printed) > MAX_NUMBERS:
        return "", ()
    found = [
        (first, second)
        for first, second in combinations(printed.values(), 2)
        if operation_of("arithmetic", answer, (first.text, second.text)) == asked[0]
    ]
    if len(found) != 1:
        return "", ()
    return asked[0], tuple(Evidence(span.text, span.box) for span in found[0])
