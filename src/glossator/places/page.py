"""A page of spans in which texts are looked up: where does "TOTAL" stand, which line is that? Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import median

from glossator.grounding import locate
from glossator.layout.place import same_line, union
from glossator.layout.reading_order import lines
from glossator.records import Box, Span
from glossator.text import fold

_ALIKE = 0.85  # how much of a longer text must stand there, against slips of OCR
_LONG = 5  # letters from which on a slip is forgiven
_MOST = 24  # places of one text that are looked at


@dataclass(frozen=True)
class PageText:
    """The spans of a page, and its size in pixels."""

    spans: tuple[Span, ...]
    width: int
    height: int

    @cached_property
    def lines(self) -> list[list[Span]]:
        """The lines of the page in reading order."""
        return lines(self.spans)

    @cached_property
    def line_height(self) -> float:
        """The usual height of a line in pixels."""
        return median(span.box[3] - span.box[1] for span in self.spans) if self.spans else 1.0

    @cached_property
    def extent(self) -> Box:
        """The smallest box around all text."""
        return union([span.box for span in self.spans]) if self.spans else (0, 0, self.width, self.height)

    @cached_property
    def line_boxes(self) -> list[Box]:
        """The box of each line."""
        return [union([span.box for span in line]) for line in self.lines]

    def line_of(self, box: Box) -> int | None:
        """The number of the line that holds most of a box; None if none does."""
        best, at = 0.0, None
        for number, line in enumerate(self.lines):
            if not _meet(self.line_boxes[number], box):
                continue
            shared = sum(_shared(span.box, box) for span in line)
            if shared > best:
                best, at = shared, number
        return at

    def on_one_line(self, first: Box, second: Box) -> bool:
        """Whether two boxes stand on one line, as read or by their heights."""
        if same_line(first, second):
            return True
        number = self.line_of(first)
        return number is not None and number == self.line_of(second)

    def find(self, text: str, *, whole_words: bool = False) -> list[Box]:
        """Every place of a text, as a box around it. Parts of words count only where it stands nowhere as a whole."""
        wanted = fold(text)
        if not wanted:
            return []
        places = self._places(wanted)
        whole = [box for box, is_whole in places if is_whole]
        if whole or whole_words:
            return whole[:_MOST]
        if places and len(wanted) > 2:
            return [box for box, _ in places[:_MOST]]
        if len(wanted) > _LONG:
            ratio, pieces = locate(text, self.spans)
            return [union([piece.box for piece in pieces])] if ratio >= _ALIKE else []
        return []

    def _places(self, wanted: str) -> list[tuple[Box, bool]]:
        found: list[tuple[Box, bool]] = []
        folded, at = self._folded
        start = folded.find(wanted)
        while start >= 0 and len(found) < 4 * _MOST:
            end = start + len(wanted)
            whole = not self._glued(start - 1, start) and not self._glued(end - 1, end)
            found.append((self._box(at[start:end]), whole))
            start = folded.find(wanted, start + 1)
        return found

    @cached_property
    def _folded(self) -> tuple[str, list[tuple[Span, int]]]:
        """Letters and digits of the page in reading order, and for each its span and place in it."""
        chars: list[str] = []
        at: list[tuple[Span, int]] = []
        for span in (span for line in self.lines for span in line):
            for index, char in enumerate(span.text):
                for one in char.lower() * char.isalnum() if char.isascii() else fold(char):
                    chars.append(one)
                    at.append((span, index))
        return "".join(chars), at

    def _glued(self, left: int, right: int) -> bool:
        """Whether two neighbouring characters belong to one word or one figure."""
        _, at = self._folded
        if left < 0 or right >= len(at):
            return False
        (span, i), (other, j) = at[left], at[right]
        if span is not other:
            return False
        return j - i <= 1 or (
            j - i == 2 and span.text[i + 1] in ".," and span.text[i].isdigit() and span.text[j].isdigit()
        )

    def _box(self, at: Sequence[tuple[Span, int]]) -> Box:
        ends: dict[int, tuple[Span, int, int]] = {}
        for span, index in at:
            _, first, last = ends.get(id(span), (span, index, index))
            ends[id(span)] = (span, min(first, index), max(last, index))
        return union([part_box(span, first, last + 1) for span, first, last in ends.values()])


def part_box(span: Span, start: int, end: int) -> Box:
    """About where the characters `start:end` of a span stand, as if all were equally wide."""
    x0, y0, x1, y1 = span.box
    length = len(span.text)
    upright = y1 - y0 > 1.5 * (x1 - x0) and length > 1
    if upright or (start, end) == (0, length) or any(unicodedata.bidirectional(c) in ("R", "AL") for c in span.text):
        return span.box
    step = (x1 - x0) / max(1, length)
    return (x0 + start * step, y0, x0 + end * step, y1)


def _meet(first: Box, second: Box) -> bool:
    return first[1] <= second[3] and second[1] <= first[3]


def _shared(first: Box, second: Box) -> float:
    """The common area of two boxes; boxes without area count a little."""
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    return max(width, 0.01) * max(height, 0.01) if width >= 0 and height >= 0 else 0.0
