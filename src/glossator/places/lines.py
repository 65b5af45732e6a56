"""Claims about the lines of a page: which row, which column, which end of it, before or after its colon. Pure."""

from __future__ import annotations

import re

from glossator.layout.place import overlap_x, union
from glossator.places.claims import Axis, Claim
from glossator.places.page import PageText
from glossator.records import Box, Span

_BLANK = 1.6  # line heights of blank that part two blocks
_HAS_FIGURE = re.compile(r"\d")
_COLON = re.compile("[:：]")


def is_counted(box: Box, ordinal: int, axis: Axis, page: PageText) -> bool | None:
    """Whether a box stands in the row or column of that number, counted in any sensible way; None where nothing is
    to be counted.

    Nobody says whether the header counts, or where a table begins: rows are counted over the page, over the block of
    lines without larger blanks, over neighbouring lines of several pieces and over those that hold figures, each with
    and without the first.
    """
    at = page.line_of(box)
    if at is None:
        return None
    counts = _row_counts(at, page) if axis == "rows" else _column_counts(box, at, page)
    return any(ordinal in (place, place - total - 1) for place, total in counts) if counts else None


def _row_counts(at: int, page: PageText) -> set[tuple[int, int]]:
    """Places (from 1) of a line among the lines it may be counted with, and how many those are."""
    kinds = (
        [True] * len(page.lines),
        [len(line) > 1 for line in page.lines],
        [any(_HAS_FIGURE.search(span.text) for span in line) for line in page.lines],
    )
    found = {(at + 1, len(page.lines))}
    for kept in kinds:
        if kept[at]:
            first, last = _block(at, page, kept)
            place, total = at - first + 1, last - first + 1
            found.add((place, total))
            if place > 1 and total > 2:
                found.add((place - 1, total - 1))
    return found


def _block(at: int, page: PageText, kept: list[bool]) -> tuple[int, int]:
    """The run of kept lines around a line without larger blanks between."""

    def joined(upper: int, lower: int) -> bool:
        blank = page.line_boxes[lower][1] - page.line_boxes[upper][3]
        return kept[upper] and kept[lower] and blank <= _BLANK * page.line_height

    first = last = at
    while first > 0 and joined(first - 1, first):
        first -= 1
    while last + 1 < len(page.lines) and joined(last, last + 1):
        last += 1
    return first, last


def _column_counts(box: Box, at: int, page: PageText) -> set[tuple[int, int]]:
    """Places of a box among the pieces of its line, and among the columns of its block."""
    line = sorted(page.lines[at], key=lambda span: span.box[0])
    found = set()
    if len(line) > 1:
        found.add((_place(box, [span.box for span in line]), len(line)))
    first, last = _block(at, page, [True] * len(page.lines))
    columns = _columns([span.box for line in page.lines[first : last + 1] for span in line])
    if len(columns) > 1:
        found.add((_place(box, columns), len(columns)))
    return found


def _place(box: Box, others: list[Box]) -> int:
    middle = (box[0] + box[2]) / 2
    return 1 + min(range(len(others)), key=lambda i: abs((others[i][0] + others[i][2]) / 2 - middle))


def _columns(boxes: list[Box]) -> list[Box]:
    """Boxes joined where they overlap, from left to right."""
    found: list[Box] = []
    for box in sorted(boxes):
        if found and overlap_x(found[-1], box) > 0.3:
            found[-1] = union([found[-1], box])
        else:
            found.append(box)
    return found


def lines_hold(claim: Claim, box: Box, page: PageText) -> bool | None:
    """A claim about the end of a line, or about its colon; None where the line has neither."""
    at = page.line_of(box)
    if at is None:
        return None
    if claim.relation == "row_end":
        return _at_end(box, page.line_boxes[at], claim.zone)
    return _by_colon(box, at, page, after=claim.relation == "colon_after")


def _at_end(box: Box, line: Box, zone: tuple[str, ...]) -> bool | None:
    if box[2] - box[0] > 0.8 * (line[2] - line[0]):
        return None
    right = (box[0] + box[2]) / 2 > (line[0] + line[2]) / 2
    return right if "right" in zone else not right


def _by_colon(box: Box, at: int, page: PageText, *, after: bool) -> bool | None:
    before, behind = _around(box, page.lines[at])
    if at and not before.strip(" :：") and not _COLON.search(before):  # its label may stand on the line above
        above = "".join(span.text for span in page.lines[at - 1]).rstrip()
        before = above if above.endswith((":", "：")) else before
    if not _COLON.search(before) and not _COLON.search(behind):
        return None
    return bool(_COLON.search(before)) if after else behind.lstrip()[:1] in (":", "：")


def _around(box: Box, line: list[Span]) -> tuple[str, str]:
    """The text of a line before and behind a box."""
    before, behind = [], []
    for span in line:
        step = (span.box[2] - span.box[0]) / max(1, len(span.text))
        for i, char in enumerate(span.text):
            middle = span.box[0] + (i + 0.5) * step
            if middle < box[0]:
                before.append(char)
            elif middle > box[2]:
                behind.append(char)
    return "".join(before), "".join(behind)
