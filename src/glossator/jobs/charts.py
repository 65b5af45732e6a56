"""Small charts as inline SVG, drawn in the page's own colours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

BINS = 40
_WIDTH, _HEIGHT, _FOOT = 320, 110, 16


def histogram(values: Sequence[float], lower: float | None, upper: float | None, *, label: str) -> str:
    """A histogram from 0 to at least 1.25, with what lies outside `lower..upper` in the colour of rejection.

    Values beyond the right end are counted in the last bin. Safe to put into a page as it is.
    """
    top = max(1.25, min(2.0, sorted(values)[int(0.99 * (len(values) - 1))] if values else 1.0))
    counts = [0] * BINS
    for value in values:
        counts[min(BINS - 1, max(0, int(value / top * BINS)))] += 1
    most = max(1, *counts)
    bars = "".join(_bar(i, count / most, top, lower, upper) for i, count in enumerate(counts) if count)
    marks = "".join(_mark(value, top) for value in (lower, upper) if value is not None and 0 < value < top)
    ticks = "".join(_tick(value, top) for value in (0.0, 0.25, 0.5, 0.75, 1.0, 1.25) if value <= top)
    base = f'<line x1="0" y1="{_HEIGHT}" x2="{_WIDTH}" y2="{_HEIGHT}" class="axis"/>'
    view = f"0 0 {_WIDTH} {_HEIGHT + _FOOT}"
    return f'<svg viewBox="{view}" role="img" aria-label="{escape(label)}">{bars}{base}{marks}{ticks}</svg>'


def curves(lines: Mapping[str, Sequence[float]], *, label: str) -> str:
    """For each name, the share of its values at or below a score, from 0 to at least 1.25; the first line is bold.

    Names come from outside: each is escaped. Safe to put into a page as it is.
    """
    top = 1.25
    found = [_curve(i, name, sorted(values), top) for i, (name, values) in enumerate(lines.items()) if values]
    drawn = "".join(reversed(found))  # the first lies on top
    ticks = "".join(_tick(value, top) for value in (0.0, 0.25, 0.5, 0.75, 1.0, 1.25))
    base = f'<line x1="0" y1="{_HEIGHT}" x2="{_WIDTH}" y2="{_HEIGHT}" class="axis"/>'
    view = f"0 0 {_WIDTH} {_HEIGHT + _FOOT}"
    return f'<svg viewBox="{view}" role="img" aria-label="{escape(label)}">{base}{drawn}{ticks}</svg>'


def _curve(index: int, name: str, values: Sequence[float], top: float) -> str:
    points = [(0.0, 0.0)]
    for number, value in enumerate(values, start=1):
        x = min(value, top) / top * _WIDTH
        points += [(x, points[-1][1]), (x, number / len(values))]
    points.append((float(_WIDTH), points[-1][1]))
    path = " ".join(f"{x:.1f},{_HEIGHT - y * (_HEIGHT - 8):.1f}" for x, y in points)
    return f'<polyline points="{path}" class="curve c{index % 8}"><title>{escape(name)}</title></polyline>'


def _bar(index: int, share: float, top: float, lower: float | None, upper: float | None) -> str:
    middle = (index + 0.5) * top / BINS
    out = (lower is not None and middle < lower) or (upper is not None and middle > upper)
    width, height = _WIDTH / BINS, max(1.0, share * (_HEIGHT - 12))
    kind = "bar out" if out else "bar"
    x, y = index * width, _HEIGHT - height
    return f'<rect x="{x + 0.5:.1f}" y="{y:.1f}" width="{width - 1:.1f}" height="{height:.1f}" class="{kind}"/>'


def _mark(value: float, top: float) -> str:
    x = value / top * _WIDTH
    return f'<line x1="{x:.1f}" y1="0" x2="{x:.1f}" y2="{_HEIGHT}" class="mark"/>'


def _tick(value: float, top: float) -> str:
    x = value / top * _WIDTH
    anchor = "start" if value == 0 else "end" if x > _WIDTH - 12 else "middle"
    return f'<text x="{x:.1f}" y="{_HEIGHT + 12}" text-anchor="{anchor}" class="tick">{value:g}</text>'
