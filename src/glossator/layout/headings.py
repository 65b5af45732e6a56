"""The heading of a page: text that is clearly larger than the rest. Pure functions over spans."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from statistics import median

from glossator.layout.facts import Fact
from glossator.layout.place import overlap_x, union
from glossator.layout.reading_order import lines
from glossator.records import Box, Span

LARGER = 1.45
_OPEN_END = re.compile(r"\b(?:the|a|an|of|and|or|in|on|by|to|for|from|with|as|at|is|are)$|[,(-]$", re.IGNORECASE)
_CLEAR = 0.9


def find_heading(spans: Sequence[Span], height: int) -> Fact | None:
    """The page's heading, over one to three lines, or None where no text stands out.

    It must stand in the upper half, be at least 1.45 times as high as the median line, be read with confidence, and
    hold at least two words or eight letters.
    """
    rows = [row for row in lines(spans) if sum(map(_letters, row)) > 0]
    if len(rows) < 3:
        return None
    sizes = [_size(row) for row in rows]
    typical = median(sizes)
    best = max(range(len(rows)), key=lambda i: (round(sizes[i]), -i))
    if sizes[best] < LARGER * typical or _top(rows[best]) > 0.4 * height:
        return None
    chosen = [best]
    while chosen[-1] + 1 < len(rows) and len(chosen) < 3 and _continues(rows, sizes, chosen[-1], chosen[-1] + 1):
        chosen.append(chosen[-1] + 1)
    while chosen[0] > 0 and len(chosen) < 3 and _continues(rows, sizes, chosen[0], chosen[0] - 1):
        chosen.insert(0, chosen[0] - 1)
    if any(_gap(rows[i]) > sizes[best] for i in chosen):
        return None  # pieces that stand apart are no line of one text
    if any(size > 0.85 * sizes[best] for i, size in enumerate(sizes) if i not in chosen):
        return None  # several texts are as large: none is the heading
    evidence = tuple(span for i in chosen for span in rows[i])
    text = " ".join(span.text.strip() for span in evidence)
    sound = all(span.confidence >= _CLEAR for span in evidence)
    if ":" in text or _OPEN_END.search(text) or sum(map(str.isalpha, text)) < 0.75 * len(text.replace(" ", "")):
        return None
    words = [word for word in text.split() if sum(map(str.isalpha, word)) >= 3]
    if not sound or len(text) > 120 or not (len(words) >= 2 or (words and len(words[0]) >= 8)) or len(words) > 14:
        return None
    return Fact("", text, "text", "heading", evidence, confidence=min(1.0, sizes[best] / typical / 3))


def _gap(row: Sequence[Span]) -> float:
    """The widest blank between two neighbours of a line, in pixels."""
    return max((b.box[0] - a.box[2] for a, b in itertools.pairwise(row)), default=0.0)


def _continues(rows: Sequence[Sequence[Span]], sizes: Sequence[float], at: int, other: int) -> bool:
    """Whether the row `other` is a further line of the heading at `at`: as large, close, and above or below it."""
    first, second = _box(rows[at]), _box(rows[other])
    gap = max(first[1], second[1]) - min(first[3], second[3])
    alike = 0.85 <= sizes[other] / sizes[at] <= 1.18
    return alike and gap < 0.9 * sizes[at] and overlap_x(first, second) > 0.4


def _box(row: Sequence[Span]) -> Box:
    return union([span.box for span in row])


def _size(row: Sequence[Span]) -> float:
    return max(span.box[3] - span.box[1] for span in row)


def _top(row: Sequence[Span]) -> float:
    return min(span.box[1] for span in row)


def _letters(span: Span) -> int:
    return sum(map(str.isalpha, span.text))
