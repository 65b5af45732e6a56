"""The order in which a person reads the spans of a page.

Spans of one line stay together however wide the blank between them, because on a receipt or a form the amount
belongs to its label. They are torn apart only between columns: blocks of running text that stand side by side.

The work is done in a *view*: coordinates turned so that reading always goes left to right and top to bottom (mirrored
for right-to-left scripts, turned for vertical writing) and levelled if the photo is a little askew.
"""

from __future__ import annotations

import unicodedata
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from statistics import median

from glossator.layout.columns import Strip, in_columns, split_columns
from glossator.records import Box, Span

SAME_LINE = 0.55  # how far, in heights of the smaller, the middles of two neighbours on one line may differ
OPEN_ROWS = 48  # rows looked back at; bounds the work on absurd pages
SLOPES = [step / 200 for step in range(-24, 25)]  # "slightly askew": up to 7 degrees, in steps of 0.3
MIN_TO_LEVEL = 12  # with fewer spans a slope is guesswork
CLEARLY_BETTER = 1.2  # how much better lines must stand out at a slope than without
SAMPLE = 500
CHAR_WIDTH = 0.4  # of a narrow letter, in line heights
LINES_OF_BLOCK = 2.5  # a text that would be so much wider on one line fills several: some sources give paragraphs
BLOCK_SHAPE = 5.0  # taller ones are single lines that stand upright


def reading_order(spans: Iterable[Span]) -> list[Span]:
    """All `spans` in reading order. The order in which they come in does not matter."""
    return [span for line in lines(spans) for span in line]


def lines_text(spans: Iterable[Span]) -> str:
    """The text of `spans` in reading order: spans of one line joined by a blank, lines by a line break."""
    return "\n".join(" ".join(span.text for span in line) for line in lines(spans))


def lines(spans: Iterable[Span]) -> list[list[Span]]:
    """The spans of each line, in reading order. Each span stands in exactly one line."""
    ordered = sorted(spans, key=lambda span: (span.box, span.text, span.confidence))
    leftwards = _runs_leftwards(ordered)
    result = []
    for part in in_columns(split_columns(_rows(_strips(ordered, leftwards=leftwards)))):
        line = [ordered[strip.index] for strip in part.strips]
        # A line of the other script on this page runs the other way.
        if len(line) > 1 and _runs_leftwards(line, default=leftwards) != leftwards:
            line.reverse()
        result.append(line)
    return result


# The view


def _strips(spans: Sequence[Span], *, leftwards: bool) -> list[Strip]:
    turn: Callable[[Box], Box] = _turned if _is_vertical(spans) else _mirrored if leftwards else _as_it_is
    strips = []
    for index, span in enumerate(spans):
        x0, y0, x1, y1 = turn(span.box)
        width, height = x1 - x0, max(y1 - y0, 1.0)
        block = len(span.text) * CHAR_WIDTH * height > LINES_OF_BLOCK * width and height < BLOCK_SHAPE * width
        strips.append(Strip(index, x0, x1, (y0 + y1) / 2, height, block))
    slope = _slope(strips)
    return [replace(strip, y=strip.y - slope * (strip.x0 + strip.x1) / 2) for strip in strips] if slope else strips


def _as_it_is(box: Box) -> Box:
    return box


def _mirrored(box: Box) -> Box:
    return (-box[2], box[1], -box[0], box[3])


def _turned(box: Box) -> Box:
    """Vertical lines run from top to bottom, the first one at the right."""
    return (box[1], -box[2], box[3], -box[0])


def _runs_leftwards(spans: Iterable[Span], *, default: bool = False) -> bool:
    """Whether most letters belong to a right-to-left script; `default` if there are none."""
    kinds = Counter(unicodedata.bidirectional(char) for span in spans for char in span.text)
    left, right = kinds["R"] + kinds["AL"], kinds["L"]
    return default if left == right else left > right


def _is_vertical(spans: Sequence[Span]) -> bool:
    """Whether most of the text stands in vertical lines, as East Asian books have them."""
    upright = sum(len(span.text) for span in spans if _stands(span) and _is_east_asian(span.text))
    return upright > sum(len(span.text) for span in spans) / 2


def _stands(span: Span) -> bool:
    x0, y0, x1, y1 = span.box
    return len(span.text) > 1 and y1 - y0 > 1.5 * (x1 - x0)


def _is_east_asian(text: str) -> bool:
    return sum(unicodedata.east_asian_width(char) == "W" for char in text) > len(text) / 2


def _slope(strips: Sequence[Strip]) -> float:
    """How much the lines fall per pixel to the right; 0 unless they stand out clearly better at another slope."""
    if len(strips) < MIN_TO_LEVEL:
        return 0.0
    sample = strips[:: max(1, len(strips) // SAMPLE)]
    bin_height = max(median(strip.h for strip in sample) / 3, 1.0)
    score = {slope: _sharpness(sample, slope, bin_height) for slope in SLOPES}
    best = max(SLOPES, key=lambda slope: (score[slope], -abs(slope)))
    return best if score[best] > CLEARLY_BETTER * score[0.0] else 0.0


def _sharpness(strips: Sequence[Strip], slope: float, bin_height: float) -> int:
    """Large if the middles fall into few heights: lines seen along their own direction."""
    counts = Counter(round((strip.y - slope * (strip.x0 + strip.x1) / 2) / bin_height) for strip in strips)
    return sum(count * count for count in counts.values())


# Rows


@dataclass(slots=True)
class _Row:
    """Strips of one line so far, from left to right, with their left ends beside them for searching."""

    strips: list[Strip] = field(default_factory=list)
    lefts: list[float] = field(default_factory=list)

    def distance(self, strip: Strip) -> float:
        """How far, in heights, `strip` is off the neighbour it would have here; infinite if it can't stand here."""
        if self.strips[0].block:
            return float("inf")
        at = bisect_left(self.lefts, strip.x0)
        neighbours = self.strips[max(0, at - 1) : at + 1]
        for other in neighbours:
            overlap = min(strip.x1, other.x1) - max(strip.x0, other.x0)
            if overlap > 0.4 * min(strip.x1 - strip.x0, other.x1 - other.x0) and overlap > 0:
                return float("inf")
        nearest = min(neighbours, key=lambda other: max(strip.x0 - other.x1, other.x0 - strip.x1))
        return abs(strip.y - nearest.y) / min(strip.h, nearest.h)

    def add(self, strip: Strip) -> None:
        """Put `strip` in its place."""
        at = bisect_left(self.lefts, strip.x0)
        self.strips.insert(at, strip)
        self.lefts.insert(at, strip.x0)


def _rows(strips: Sequence[Strip]) -> list[list[Strip]]:
    """Strips of one height as one row, whatever is between them."""
    rows: list[_Row] = []
    for strip in sorted(strips, key=lambda strip: (strip.y, strip.x0)):
        recent = rows[-OPEN_ROWS:]
        best = min(recent, key=lambda row: row.distance(strip), default=None)
        if best is None or strip.block or best.distance(strip) > SAME_LINE:
            best = _Row()
            rows.append(best)
        best.add(strip)
    return [row.strips for row in rows]
