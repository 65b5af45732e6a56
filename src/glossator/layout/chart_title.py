"""The title of a chart: the first paragraph above the plot. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Sequence

from glossator.layout.reading_order import lines
from glossator.records import Span

_CLEAR = 0.88
OPEN_END = re.compile(
    r"\b(?:the|a|an|of|and|or|in|on|by|to|for|from|with|among|as|at|who|that|is|are|their|its|will|be|has|have|was|were|than|into|about|over|but|not)$|[,:(-]$",
    re.I,
)
FURNITURE = re.compile(
    r"statista|additional information|show source|collapse|copyright|©|^note|^source|our ?world", re.IGNORECASE
)


def read_title(spans: Sequence[Span], plot_top: float) -> tuple[Span, ...]:
    """The first paragraph of the page, if it stands above the plot, is of one size and made of words."""
    rows = [row for row in lines(spans) if row[-1].box[3] <= plot_top]
    edge = max((row[-1].box[2] for row in rows[:5]), default=0.0)
    chosen: list[Sequence[Span]] = []
    for row in rows[:4]:
        text = _joined(row)
        if FURNITURE.search(text) or "%" in text[:2] or min(span.confidence for span in row) < _CLEAR:
            break
        if any(map(str.isdigit, row[-1].text)) and not any(map(str.isalpha, row[-1].text)):
            break  # a bar's value, or a tick
        if chosen and not _same_paragraph(chosen[-1], row, edge):
            if _may_go_on(chosen[-1], row):
                return ()
            break
        chosen.append(row)
    text = " ".join(map(_joined, chosen))
    words = [word for word in text.split() if any(map(str.isalpha, word))]
    whole = len(chosen) < 4 and not OPEN_END.search(text)
    return tuple(span for row in chosen for span in row) if whole and 3 <= len(words) <= 26 else ()


def _same_paragraph(row: Sequence[Span], following: Sequence[Span], edge: float) -> bool:
    """Whether a line goes on in the next: of one size, close, and broken because its next word had no room."""
    size, other = (max(span.box[3] - span.box[1] for span in line) for line in (row, following))
    close = following[0].box[1] - row[-1].box[3] < 0.8 * size
    text = _joined(following)
    first_word = (following[-1].box[2] - following[0].box[0]) * len(text.split()[0]) / max(1, len(text))
    full = row[-1].box[2] + 1.5 * first_word > edge
    subtitle = _capitalised(_joined(row)) >= 0.75 and _capitalised(text) <= 0.5
    return 0.8 < other / size < 1.25 and close and full and not subtitle


def _may_go_on(row: Sequence[Span], following: Sequence[Span]) -> bool:
    """Whether the next line could still be the title's: as close, a little smaller, short, and no sentence of its own.

    OCR boxes of one font differ in height with the letters that reach down; half a title is worse than none.
    """
    size, other = (max(span.box[3] - span.box[1] for span in line) for line in (row, following))
    close = following[0].box[1] - row[-1].box[3] < 0.3 * size
    return close and 0.7 < other / size <= 0.8 and len(_joined(following).split()) <= 3


def _capitalised(text: str) -> float:
    """The share of longer words that begin with a capital letter: a headline has most, a sentence few."""
    words = [word for word in text.split() if len(word) >= 4 and word[0].isalpha()]
    return sum(word[0].isupper() for word in words) / len(words) if len(words) >= 3 else 0.6


def _joined(row: Sequence[Span]) -> str:
    return " ".join(span.text.strip() for span in row)
