"""The legend of a chart: names of series that stand side by side below its axis. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Sequence

from glossator.layout.reading_order import lines
from glossator.records import Span

_SURE = 0.88
_ROWS = 3
_NOT_LEGEND = re.compile(
    r"statista|additional information|show source|copyright|©|^note|^source|research", re.IGNORECASE
)


def read_legend(spans: Sequence[Span], categories: Sequence[Span]) -> tuple[Span, ...]:
    """The names of the series, left to right; empty if no line below the categories lists at least two."""
    if not categories:
        return ()
    bottom = max(span.box[3] for span in categories)
    below = [row for row in lines(spans) if row[0].box[1] >= bottom - 2]
    for row in below[:_ROWS]:
        if _lists_names(row):
            return tuple(row)
    return ()


def _lists_names(row: Sequence[Span]) -> bool:
    names = {span.text.strip().casefold() for span in row}
    return len(row) >= 2 and len(names) == len(row) and all(map(_is_name, row))


def _is_name(span: Span) -> bool:
    text = span.text.strip()
    worded = any(map(str.isalpha, text)) and len(text) <= 40 and not text.endswith(".")
    return worded and span.confidence >= _SURE and not _NOT_LEGEND.search(text)
