"""Where something stands on the page, in words. Pure functions over boxes."""

from __future__ import annotations

from collections.abc import Sequence

from glossator.records import Box

_ROWS = ("top", "middle", "bottom")
_COLUMNS = ("left", "centre", "right")


def union(boxes: Sequence[Box]) -> Box:
    """The smallest box around all `boxes` (at least one)."""
    return (
        min(box[0] for box in boxes),
        min(box[1] for box in boxes),
        max(box[2] for box in boxes),
        max(box[3] for box in boxes),
    )


def place(box: Box, width: int, height: int) -> str:
    """Such as `at the top left`, by thirds of the page; a box over most of the width has no side."""
    row = _ROWS[_third((box[1] + box[3]) / 2, height)]
    column = _COLUMNS[_third((box[0] + box[2]) / 2, width)]
    wide = box[2] - box[0] > 0.6 * width
    if row == "middle":
        return "in the middle" if wide or column == "centre" else f"at the middle {column}"
    if wide or column == "centre":
        return f"near the {row}"
    return f"at the {row} {column}"


def same_line(first: Box, second: Box) -> bool:
    """Whether two boxes stand side by side: their middles differ by less than half of the smaller height."""
    middle = abs((first[1] + first[3]) - (second[1] + second[3])) / 2
    return middle < 0.5 * min(first[3] - first[1], second[3] - second[1])


def overlap_x(first: Box, second: Box) -> float:
    """Share (0..1) of the narrower box's width that lies above or below the other box."""
    shared = min(first[2], second[2]) - max(first[0], second[0])
    return max(0.0, shared) / max(1e-6, min(first[2] - first[0], second[2] - second[0]))


def _third(value: float, size: int) -> int:
    return min(2, max(0, int(3 * value / max(1, size))))
