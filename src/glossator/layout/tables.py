"""Tables without ruling: a row of column headers, and rows that begin with a row header. Pure functions over spans."""

from __future__ import annotations

import re
from collections.abc import Sequence
from statistics import median

from glossator.layout.facts import Fact
from glossator.layout.labels import MIN_CONFIDENCE, is_label, is_value, typed_by_label
from glossator.layout.place import overlap_x
from glossator.layout.reading_order import lines
from glossator.records import Box, Span
from glossator.text import fold

MIN_ROWS = 2
_MAX_GAP = 3.0  # in line heights: further down, a row belongs to something else


def table_cells(spans: Sequence[Span]) -> list[Fact]:
    """Cells whose row and column headers are certain, table by table, row by row.

    A column header counts if it is the only one above the cell; a row header if it is the first span of the row, is
    text and occurs once. Tables of fewer than two such rows are left alone.
    """
    rows = lines(spans)
    found: list[Fact] = []
    used = -1
    for number, row in enumerate(rows):
        if number <= used or not _is_header(row):
            continue
        cells, last = _body(row, rows, number)
        if last > number:
            found += _unique(cells)
            used = last
    return found


def _is_header(row: Sequence[Span]) -> bool:
    """Two or more short pieces of text that name different things."""
    names = {fold(span.text) for span in row}
    sound = all(is_label(span.text) and span.confidence >= MIN_CONFIDENCE and ":" not in span.text for span in row)
    return len(row) >= 2 and sound and len(names) == len(row) and not any(map(_is_form_text, row))


def _is_form_text(span: Span) -> bool:
    """Check boxes, blanks to fill in and numbered items: lines of a form, not headers."""
    return re.search(r"_|^\W*[xX]\W|^\d+[.)]|\[ ?\]", span.text) is not None


def _body(header: Sequence[Span], rows: Sequence[Sequence[Span]], at: int) -> tuple[list[Fact], int]:
    """The cells under a header and the number of the table's last row (`at` if there is no table)."""
    height = median(span.box[3] - span.box[1] for span in header)
    cells: list[Fact] = []
    last, count = at, 0
    for number in range(at + 1, len(rows)):
        if _top(rows[number]) - _bottom(rows[number - 1]) > _MAX_GAP * height:
            break
        facts = _row_cells(header, rows[number])
        if not facts:
            break
        cells += facts
        last, count = number, count + 1
    figures = sum(any(map(str.isdigit, cell.value)) for cell in cells)
    # Columns of running text look like a table too; figures tell the difference.
    return (cells, last) if count >= MIN_ROWS and figures > 0.5 * len(cells) else ([], at)


def _row_cells(header: Sequence[Span], row: Sequence[Span]) -> list[Fact]:
    """The cells of one row, or nothing if a span of it stands under no header or under two."""
    name, values = row[0], row[1:]
    first_is_headed = overlap_x(header[0].box, name.box) > 0.3
    headers = header[1:] if first_is_headed else header
    if not values or not is_label(name.text) or _is_form_text(name) or len(values) > len(headers):
        return []
    facts = []
    taken: set[int] = set()
    for span in values:
        column = _column(headers, span.box)
        if column is None or column in taken or not is_value(span.text):
            return []
        taken.add(column)
        if min(span.confidence, name.confidence) >= MIN_CONFIDENCE:
            facts.append(_cell(name, headers[column], span))
    return facts


def _cell(row: Span, column: Span, value: Span) -> Fact:
    row_name, column_name = row.text.strip(" .:"), column.text.strip(" .:")
    kind = typed_by_label(column_name, value.text)
    confidence = min(row.confidence, column.confidence, value.confidence)
    return Fact(
        column_name, value.text.strip(), kind, "cell", (value,), (row, column), row_name, column_name, confidence
    )


def _column(headers: Sequence[Span], box: Box) -> int | None:
    """The header above a box: the one it overlaps, or the nearest by its middle if that is clear."""
    over = [i for i, header in enumerate(headers) if overlap_x(header.box, box) > 0.25]
    if len(over) == 1:
        return over[0]
    return None


def _unique(cells: Sequence[Fact]) -> list[Fact]:
    places = [(fold(cell.row), fold(cell.column)) for cell in cells]
    return [cell for cell, place in zip(cells, places, strict=True) if places.count(place) == 1]


def _top(row: Sequence[Span]) -> float:
    return min(span.box[1] for span in row)


def _bottom(row: Sequence[Span]) -> float:
    return max(span.box[3] for span in row)
