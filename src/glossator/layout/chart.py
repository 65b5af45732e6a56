"""Charts, read from their printed text alone: categories, the values printed at them, title, axis, source.

A value is tied to a category only where geometry confirms it: one value stands on each category's line (bars that run
sideways) or in each category's column (upright bars, a single line), and the values grow with their distance along the
axis. Charts that print no values, or several at a category without headers, give their words only. Pure functions.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Literal

from glossator.layout.chart_legend import read_legend
from glossator.layout.chart_title import FURNITURE, OPEN_END, read_title
from glossator.layout.place import overlap_x, same_line
from glossator.layout.reading_order import lines
from glossator.records import Span

Shape = Literal["sideways", "upright", "none"]
MIN_POINTS = 3
_CLEAR = 0.88
_VALUE = re.compile(
    r"[-−+<]?[$€£¥]?\d{1,3}(?:[ ,]\d{3})+(?:\.\d+)?%?|[-−+<]?[$€£¥]?\d+(?:[.,]\d+)?\s?(?:%|[KMBk]|bn|pp)?"
)
_YEAR = re.compile(r"(?:19|20)\d\d(?:[/-]\d{2,4})?\*?|'\d\d")
_RANGE = re.compile(r"\d+\s?[-–/]\s?\d+|\d+\+|[<>≤≥]\s?\d+|[A-Z]|Q[1-4].*")
_SOURCE = re.compile(r"^\s*(?:data )?source[s]?\s*[:：]\s*(?P<text>.+)$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Point:
    """One printed value: the category (and series, where there are several) that it belongs to."""

    category: Span
    value: Span
    series: Span | None = None


@dataclass(frozen=True, slots=True)
class Chart:
    """What a chart prints. `points` holds only values whose category (and series) is certain."""

    shape: Shape
    title: tuple[Span, ...]
    categories: tuple[Span, ...]
    points: tuple[Point, ...]
    axis_label: Span | None
    source: Span | None
    complete: bool
    legend: tuple[Span, ...] = ()

    @property
    def series(self) -> tuple[Span, ...]:
        """The series' names, left to right."""
        return tuple(dict.fromkeys(point.series for point in self.points if point.series is not None))


def read_chart(spans: Sequence[Span], width: int, height: int) -> Chart | None:
    """The page as a chart, or None if it does not look like one."""
    upright, sideways = _upright(spans, height), _sideways(spans, width)
    shape: Shape
    shape, (categories, points, complete) = (
        ("sideways", sideways) if len(sideways[1]) > len(upright[1]) else ("upright", upright)
    )
    if not points and not categories:
        return None
    legend = read_legend(spans, categories) if shape == "upright" else ()
    if legend:  # one value in a column may be of any of the series
        points, complete = (), False
    if not points:
        shape = "none"
    drawn = (*categories, *(point.value for point in points))
    plot_top = min(min(span.box[1] for span in drawn), 0.35 * height if shape != "sideways" else height)
    return Chart(
        shape,
        read_title(spans, plot_top),
        categories,
        points,
        _axis_label(spans, categories, width),
        _source(spans),
        complete,
        legend,
    )


def words_only(spans: Sequence[Span], height: int) -> Chart:
    """A page that is known to be a chart although no axis could be read: its title and its source."""
    return Chart("none", read_title(spans, 0.35 * height), (), (), None, _source(spans), complete=False)


def number(text: str) -> float | None:
    """The number that a value label prints (`3 221` is 3221, `44%` is 44), or None."""
    text = text.strip().replace("−", "-")
    if not _VALUE.fullmatch(text):
        return None
    digits = re.sub(r"[^\d.,-]", "", text)
    if re.fullmatch(r"-?\d{1,3}(,\d{3})+(\.\d+)?", digits):
        digits = digits.replace(",", "")
    return float(digits.replace(",", "."))


_Found = tuple[tuple[Span, ...], tuple[Point, ...], bool]


def _upright(spans: Sequence[Span], height: int) -> _Found:
    """Categories along a line at the foot of the plot, and the one value that stands in each one's column."""
    best: _Found = ((), (), False)
    for row in lines(spans):
        if len(row) < MIN_POINTS or row[0].box[1] < 0.4 * height or not _is_axis(row):
            continue
        if row[-1].box[2] - row[0].box[0] < 0.4 * _extent(spans):
            continue  # a legend of years
        left = row[0].box[0]
        pitch = median(b.box[0] - a.box[0] for a, b in pairwise(row))
        above = [
            span
            for span in spans
            if span.box[3] < row[0].box[1] and number(span.text) is not None and span.box[2] > left - 0.2 * pitch
        ]
        columns = [[span for span in above if abs(_middle(span) - _middle(name)) < 0.3 * pitch] for name in row]
        points = [Point(name, column[0]) for name, column in zip(row, columns, strict=True) if len(column) == 1]
        several = sum(len(column) > 1 for column in columns)
        if several or _repeated(row, spans) or _wrapped(row, spans) or len(points) < max(MIN_POINTS, 0.7 * len(row)):
            points = []
        sound = _consistent(points, [-(p.value.box[1] + p.value.box[3]) for p in points])
        if len(row) > len(best[0]):
            best = (tuple(row), tuple(sound), bool(sound) and len(sound) == len(row))
    return best


def _sideways(spans: Sequence[Span], width: int) -> _Found:
    """Categories down the left side, and the values on each one's line."""
    rows = [row for row in lines(spans) if _is_bar(row, width)]
    rows = _aligned(rows)
    if len(rows) < MIN_POINTS or any(row[0].text.lstrip().startswith("(") for row in rows):
        return (), (), False  # a bracket opens the second line of a name: the values stand beside half names
    categories = tuple(row[0] for row in rows)
    if any(OPEN_END.search(name.text.strip()) or name.text.strip()[-1] in "&/" for name in categories):
        return categories, (), False  # names go on in a line of their own
    most = max(len(row) - 1 for row in rows)
    if any(len(row) - 1 != most for row in rows):
        return categories, (), False
    if most == 1:
        if _strays(spans, rows) > 1:  # several bars at each name, and the one on its line is any of them
            return categories, (), False
        points = [Point(row[0], row[1]) for row in rows]
        sound = _consistent(points, [p.value.box[0] + p.value.box[2] for p in points])
        return categories, tuple(sound), len(sound) == len(points)
    headers = _headers(spans, rows, most)
    if headers is None:
        return categories, (), False
    return categories, tuple(Point(row[0], row[i + 1], headers[i]) for row in rows for i in range(most)), True


def _strays(spans: Sequence[Span], rows: Sequence[Sequence[Span]]) -> int:
    """How many numbers stand between two names' lines, much closer to one of them than the lines are to each other."""
    taken = {id(span) for row in rows for span in row}
    left = max(row[0].box[2] for row in rows)
    heights = sorted(_level(row[1]) for row in rows)
    reach = 0.6 * min(b - a for a, b in pairwise(heights))
    return sum(
        number(span.text) is not None
        and span.box[0] > left - 2
        and heights[0] < _level(span) < heights[-1]
        and min(abs(_level(span) - height) for height in heights) < reach
        for span in spans
        if id(span) not in taken
    )


def _extent(spans: Sequence[Span]) -> float:
    return max(span.box[2] for span in spans) - min(span.box[0] for span in spans)


def _repeated(row: Sequence[Span], spans: Sequence[Span]) -> bool:
    """Whether another panel of the page has the same names, so that a name alone tells no value."""
    texts = [span.text.strip() for span in spans]
    return sum(texts.count(span.text.strip()) > 1 for span in row) >= 2


def _wrapped(row: Sequence[Span], spans: Sequence[Span]) -> bool:
    """Whether names of categories go on in a line below, so that the row holds only their first words."""
    size = row[0].box[3] - row[0].box[1]
    return any(
        0 <= span.box[1] - name.box[3] + 0.3 * size < size
        and abs(_middle(span) - _middle(name)) < 1.5 * size
        and span.box[2] - span.box[0] < 12 * size
        for name in row
        for span in spans
        if span is not name and any(map(str.isalpha, span.text))
    )


def _is_axis(row: Sequence[Span]) -> bool:
    """Names of categories at even distances: years, ranges or words, all different, but no axis of numbers."""
    middles = [_middle(span) for span in row]
    gaps = [b - a for a, b in pairwise(middles)]
    even = max(gaps) < 1.35 * median(gaps) and min(gaps) > 0.65 * median(gaps)
    names = {span.text.strip() for span in row}
    years = all(_YEAR.fullmatch(span.text.strip()) for span in row)
    words = all(_YEAR.fullmatch(text) or _RANGE.fullmatch(text) or sum(map(str.isalpha, text)) >= 2 for text in names)
    clear = all(span.confidence >= _CLEAR for span in row)
    whole = not any(OPEN_END.search(text) for text in names)
    return even and clear and whole and len(names) == len(row) and (years or words)


def _is_bar(row: Sequence[Span], width: int) -> bool:
    """A name on the left and nothing but values behind it."""
    name, values = row[0], row[1:]
    letters = sum(map(str.isalpha, name.text))
    named = letters >= 2 and len(name.text) <= 40 and name.box[2] < 0.65 * width and name.confidence >= _CLEAR
    return named and bool(values) and all(number(v.text) is not None and v.confidence >= _CLEAR for v in values)


def _aligned(rows: Sequence[list[Span]]) -> list[list[Span]]:
    """The rows whose names share a left or a right edge, at even distances; names must differ."""
    for side in (2, 0):
        edges = [row[0].box[side] for row in rows]
        if len(edges) < MIN_POINTS:
            return []
        edge = median(edges)
        size = median(row[0].box[3] - row[0].box[1] for row in rows)
        kept = [row for row in rows if abs(row[0].box[side] - edge) < size]
        names = {row[0].text.strip().casefold() for row in kept}
        if len(kept) >= MIN_POINTS and len(kept) >= 0.7 * len(rows) and len(names) == len(kept):
            return kept
    return []


def _consistent(points: Sequence[Point], positions: Sequence[float]) -> list[Point]:
    """The points whose value fits its place: values grow in a straight line with their position along the axis.

    Where all labels stand at one place (a column of figures) there is nothing to compare, and all are kept.
    """
    values = [number(point.value.text) for point in points]
    if len(points) < MIN_POINTS or any(value is None for value in values):
        return []
    known = [float(value) for value in values if value is not None]
    size = median(point.value.box[3] - point.value.box[1] for point in points)
    if max(positions) - min(positions) < 2.5 * size:
        return list(points)
    pairs = [
        (known[j] - known[i]) / (positions[j] - positions[i])
        for i in range(len(known))
        for j in range(i)
        if abs(positions[j] - positions[i]) > size
    ]
    slope = median(pairs) if pairs else 0.0
    if slope <= 0:
        return []
    base = median(value - slope * position for value, position in zip(known, positions, strict=True))
    reach = 0.12 * (max(positions) - min(positions)) * slope
    fitting = [
        point
        for point, value, position in zip(points, known, positions, strict=True)
        if abs(value - slope * position - base) <= reach
    ]
    return fitting if len(fitting) >= max(MIN_POINTS, 0.7 * len(points)) else []


def _headers(spans: Sequence[Span], rows: Sequence[Sequence[Span]], count: int) -> list[Span] | None:
    """As many names on one line right above the rows as each row has values: they head the values in their order."""
    top = min(span.box[1] for row in rows for span in row)
    above = [row for row in lines(spans) if max(span.box[3] for span in row) <= top + 3]
    if not above:
        return None
    nearest = above[-1]
    names = [span for span in nearest if number(span.text) is None and sum(map(str.isalpha, span.text)) >= 2]
    near = top - max(span.box[3] for span in nearest) < 4 * (nearest[0].box[3] - nearest[0].box[1])
    if len(names) != count or len(nearest) != count or not near or _goes_up(nearest, above[:-1]):
        return None
    for i, name in enumerate(names):
        if not any(overlap_x(name.box, row[i + 1].box) > 0 for row in rows):
            return None
    return names if all(name.confidence >= _CLEAR for name in names) else None


def _goes_up(row: Sequence[Span], above: Sequence[Sequence[Span]]) -> bool:
    """Whether a line of headers is the last line of names that begin higher up."""
    size = max(span.box[3] - span.box[1] for span in row)
    return any(
        row[0].box[1] - span.box[3] < 0.8 * size and overlap_x(span.box, name.box) > 0
        for line in above[-1:]
        for span in line
        for name in row
    )


def _axis_label(spans: Sequence[Span], categories: Sequence[Span], width: int) -> Span | None:
    """A short line of words that stands alone below the last line of the plot, over its middle."""
    if not categories:
        return None
    bottom = max(span.box[3] for span in categories)
    rows = [row for row in lines(spans) if row[0].box[1] >= bottom - 2]
    for row in rows[:2]:
        span = row[0]
        words = sum(map(str.isalpha, span.text))
        middle = abs(_middle(span) - width / 2) < 0.22 * width
        short = len(span.text.split()) <= 6 and not span.text.rstrip().endswith(".")
        if len(row) == 1 and words >= 4 and middle and not FURNITURE.search(span.text) and short:
            upright = span.box[2] - span.box[0] > span.box[3] - span.box[1]
            # Figures below it belong to a second plot, and the line is that plot's heading.
            last = not any(number(other.text) is not None and other.box[1] > span.box[3] for other in spans)
            return span if span.confidence >= 0.93 and upright and last and ":" not in span.text else None
    return None


def _source(spans: Sequence[Span]) -> Span | None:
    """The line that begins with `Source:` and ends as a sentence or a name does, so that it is whole."""
    found = [span for span in spans if _SOURCE.match(span.text) and span.confidence >= _CLEAR]
    if len(found) != 1:
        return None
    span = found[0]
    beside = any(other is not span and same_line(span.box, other.box) for other in spans)
    below = [
        o
        for o in spans
        if 0 <= o.box[1] - span.box[3] + 4 < 1.1 * (span.box[3] - span.box[1]) and overlap_x(o.box, span.box) > 0
    ]
    ends = span.text.rstrip().endswith((".", "”", '"')) or not below
    return span if ends and not beside else None


def along_axis(chart: Chart) -> bool:
    """Whether the values stand where their bars or dots end, and not in a column or a line as in a table."""
    if not chart.points:
        return False
    first = 0 if chart.shape == "sideways" else 1
    boxes = [point.value.box for point in chart.points]
    size = median(box[3] - box[1] for box in boxes)
    return all(
        max(box[edge] for box in boxes) - min(box[edge] for box in boxes) > 2.5 * size for edge in (first, first + 2)
    )


def source_text(span: Span) -> str:
    """What a source line names, without the word itself."""
    match = _SOURCE.match(span.text)
    return match["text"].strip() if match else span.text


def is_year(text: str) -> bool:
    """Whether a category is a year or a span of years."""
    return _YEAR.fullmatch(text.strip()) is not None


def _level(span: Span) -> float:
    return (span.box[1] + span.box[3]) / 2


def _middle(span: Span) -> float:
    return (span.box[0] + span.box[2]) / 2
