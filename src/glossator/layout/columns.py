"""Rows of text torn apart at columns, and put in order: the geometry behind `reading_order`.

Everything here reads left to right and top to bottom; `reading_order` turns other scripts into that view.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

JOINED = 0.8  # a blank up to this many line heights never parts two pieces
PITCH = 1.9  # distance of two lines of one block, in line heights
PROSE_LINES = 3  # fewer lines say nothing about columns
PROSE_WIDTH = 7.0  # median length of a line of running text, in line heights; amounts and labels are shorter
PROSE_EVENNESS = 0.6  # lines of running text are about equally long
PARAGRAPH_GAP = 3.0  # a wider vertical gap, in line heights, ends a group of columns
OVERLAP = 0.35  # lines of one band overlap by this share of their half height
LOOK_BACK = 64  # bounds the work on absurd pages


@dataclass(frozen=True, slots=True)
class Strip:
    """A span in the view: its number, left and right, the height of its middle, and how tall it is.

    A `block` holds a whole paragraph: it shares its height with no other span.
    """

    index: int
    x0: float
    x1: float
    y: float
    h: float
    block: bool = False


@dataclass(frozen=True)
class Part:
    """A line, or the part of one that stands in one column. Strips stand from left to right."""

    strips: tuple[Strip, ...]

    @cached_property
    def x0(self) -> float:
        """Left end."""
        return self.strips[0].x0

    @cached_property
    def x1(self) -> float:
        """Right end."""
        return max(strip.x1 for strip in self.strips)

    @cached_property
    def y(self) -> float:
        """Middle."""
        return sum(strip.y for strip in self.strips) / len(self.strips)

    @cached_property
    def h(self) -> float:
        """Height of the line."""
        return sorted(strip.h for strip in self.strips)[len(self.strips) // 2]

    @property
    def width(self) -> float:
        """From end to end."""
        return self.x1 - self.x0


def split_columns(rows: Sequence[Sequence[Strip]]) -> list[Part]:
    """Rows (strips from left to right) as parts: whole lines, torn apart only between blocks of running text."""
    segments = [list(_segments(row)) for row in rows]
    prose = _prose_blocks([segment for row in segments for segment in row])
    parts: list[Part] = []
    for row in segments:
        current = row[0]
        for left, right in pairwise(row):
            block, other = prose.get(left), prose.get(right)
            if block is not None and other is not None and block != other:
                parts.append(current)
                current = right
            else:
                current = Part(current.strips + right.strips)
        parts.append(current)
    return parts


def _segments(row: Sequence[Strip]) -> Iterable[Part]:
    """Pieces of a row with no wide blank inside."""
    run = [row[0]]
    reach = row[0].x1
    for strip in row[1:]:
        if strip.x0 - reach > JOINED * min(run[-1].h, strip.h):
            yield Part(tuple(run))
            run = []
        run.append(strip)
        reach = max(reach, strip.x1)
    yield Part(tuple(run))


def _prose_blocks(segments: Iterable[Part]) -> dict[Part, int]:
    """The segments that belong to a block of running text, each with its block's number."""
    ordered = sorted(segments, key=lambda part: (part.y, part.x0))
    leader = list(range(len(ordered)))

    def find(i: int) -> int:
        while leader[i] != i:
            leader[i] = leader[leader[i]]
            i = leader[i]
        return i

    for i, part in enumerate(ordered):
        for j in range(i - 1, max(-1, i - LOOK_BACK), -1):
            if part.y - ordered[j].y > PITCH * part.h:
                break
            if _one_block(ordered[j], part):
                leader[find(i)] = find(j)
    blocks: dict[int, list[Part]] = {}
    for i, part in enumerate(ordered):
        blocks.setdefault(find(i), []).append(part)
    return {part: number for number, block in blocks.items() if _is_prose(block) for part in block}


def _one_block(above: Part, below: Part) -> bool:
    """Whether two segments look like consecutive lines of one paragraph."""
    h = min(above.h, below.h)
    if below.y - above.y < 0.5 * h or max(above.h, below.h) > 1.7 * h:
        return False
    overlap = min(above.x1, below.x1) - max(above.x0, below.x0)
    return overlap > 0.5 * max(above.width, below.width) or (overlap > 0 and abs(above.x0 - below.x0) < h)


def _is_prose(block: Sequence[Part]) -> bool:
    if len(block) < PROSE_LINES:
        return False
    lengths = sorted(part.width / part.h for part in block)
    last = len(lengths) - 1
    short, long = lengths[round(last / 3)], lengths[round(last * 3 / 4)]
    return lengths[last // 2] >= PROSE_WIDTH and short >= PROSE_EVENNESS * long


# Order


@dataclass(slots=True)
class _Group:
    """Consecutive bands that belong together; `many` if they stand in columns."""

    parts: list[Part]
    taken: list[tuple[float, float]]
    many: bool
    bottom: float


def in_columns(parts: Sequence[Part]) -> list[Part]:
    """Parts from top to bottom; where columns stand side by side, one column after the other."""
    ordered: list[Part] = []
    for group in _groups(_bands(parts)):
        columns = _columns(group.parts) if group.many else []
        if len(columns) < 2:
            ordered += sorted(group.parts, key=lambda part: (part.y, part.x0))
        for column in columns if len(columns) > 1 else ():
            ordered += in_columns(column)
    return ordered


def _bands(parts: Sequence[Part]) -> list[list[Part]]:
    """Parts that overlap vertically, directly or through others; from top to bottom."""
    bands: list[list[Part]] = []
    reach = 0.0
    for part in sorted(parts, key=lambda part: (part.y - OVERLAP * part.h, part.x0)):
        if not bands or part.y - OVERLAP * part.h > reach:
            bands.append([])
            reach = part.y + OVERLAP * part.h
        bands[-1].append(part)
        reach = max(reach, part.y + OVERLAP * part.h)
    return bands


def _groups(bands: Sequence[list[Part]]) -> list[_Group]:
    """Consecutive bands that share their columns."""
    groups: list[_Group] = []
    for band in bands:
        own = _merged((part.x0, part.x1) for part in band)
        many = len(own) > 1
        last = groups[-1] if groups else None
        both = _merged([*last.taken, *own]) if last else own
        if last and _fits(last, band, many=many, columns=len(both)):
            last.parts += band
            last.taken, last.many = both, last.many or many
        else:
            groups.append(_Group(list(band), own, many, 0.0))
        groups[-1].bottom = max(part.y for part in band)
    return groups


def _fits(group: _Group, band: Sequence[Part], *, many: bool, columns: int) -> bool:
    """Whether a band goes on with the group: the columns of both leave a blank between them, and it is near."""
    if not group.many and not many:
        return True
    gap = min(part.y for part in band) - group.bottom
    near = gap < PARAGRAPH_GAP * min(part.h for part in band)
    return columns > 1 and (near or (group.many and many))


def _columns(parts: Sequence[Part]) -> list[list[Part]]:
    """The parts cut at every vertical strip that none touches, from left to right."""
    columns: list[list[Part]] = []
    reach = 0.0
    for part in sorted(parts, key=lambda part: (part.x0, part.y)):
        if not columns or part.x0 > reach:
            columns.append([])
            reach = part.x1
        columns[-1].append(part)
        reach = max(reach, part.x1)
    return columns


def _merged(intervals: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    """Sorted intervals without overlaps."""
    merged: list[tuple[float, float]] = []
    for left, right in sorted(intervals):
        if merged and left <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(right, merged[-1][1]))
        else:
            merged.append((left, right))
    return merged
