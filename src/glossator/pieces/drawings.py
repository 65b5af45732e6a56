"""Charts as the inside of an SVG of `WIDTH` x `HEIGHT` units, in the page's own colours. Safe to put into a page."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

WIDTH, HEIGHT = 200, 96
_GAP = 4  # above the highest bar
_LEVELS = 5  # of colour in the scatter
_AXIS = f'<line class="axis" x1="0" x2="{WIDTH}" y1="{HEIGHT}" y2="{HEIGHT}"/>'


def histogram(found: Mapping[str, Any], shape: Mapping[str, Any] | None = None) -> str:
    """Kept on top of rejected; behind them the shape of the whole set, on a scale of its own.

    Args:
        found: `kept` and `rejected` counts a bin (see `counts.histogram`).
        shape: see `counts.shape`; None: not drawn.
    """
    totals = [kept + rejected for kept, rejected in zip(found["kept"], found["rejected"], strict=True)]
    most = max(1, *totals)
    behind = _bars("all", _heights(shape["all"], shape["most"])) if shape else ""
    kept, both = _heights(found["kept"], most), _heights(totals, most)
    return behind + _bars("bad", both, kept) + _bars("good", kept) + _AXIS


def placed(shape: Mapping[str, Any], value: float | None, bounds: Iterable[float | None] = ()) -> str:
    """Where one value, and the bounds of the filter, stand in the set's distribution."""
    return _bars("all", _heights(shape["all"], shape["most"])) + marks(bounds, shape["edges"][-1]) + _here(value, shape)


def _here(value: float | None, shape: Mapping[str, Any]) -> str:
    if value is None:
        return ""
    x = min(value / shape["edges"][-1], 0.99) * WIDTH
    return f'<line class="here" x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{HEIGHT}"/>'


def marks(bounds: Iterable[float | None], end: float) -> str:
    """Dashed lines at the bounds that lie on an axis that ends at `end`."""
    places = [bound / end * WIDTH for bound in bounds if bound is not None and 0 <= bound <= end]
    return "".join(f'<line class="bound" x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{HEIGHT}"/>' for x in places)


def scatter(found: Mapping[str, Any]) -> str:
    """Cells in the colour of what most of their pairs are, the stronger the more pairs (see `counts.scatter`)."""
    across, up = found["right"] or 1.0, found["upper"] or 1.0
    width, height = found["width"] / across * WIDTH, found["height"] / up * HEIGHT
    most = math.log1p(max([1, *(kept + rejected for _, _, kept, rejected in found["cells"])]))
    paths: dict[tuple[str, int], str] = {}
    for x, y, kept, rejected in found["cells"]:
        key = "good" if kept >= rejected else "bad", math.ceil(math.log1p(kept + rejected) / most * _LEVELS)
        left, top = x / across * WIDTH, max(0.0, HEIGHT - y / up * HEIGHT - height)
        paths[key] = paths.get(key, "") + f"M{left:.1f} {top:.1f}h{width:.1f}v{height:.1f}h-{width:.1f}z"
    cells = "".join(
        f'<path class="{name}" fill-opacity="{0.15 + 0.85 * level / _LEVELS:.2f}" d="{path}"/>'
        for (name, level), path in paths.items()
    )
    return f'{cells}<path class="axis" fill="none" d="M0 0V{HEIGHT}H{WIDTH}"/>'


def drawn(overview: Mapping[str, Any]) -> dict[str, str]:
    """A drawing for each histogram of an overview, by the score's name, and the `scatter`."""
    shapes = overview["shapes"]
    found = {name: histogram(counts, shapes[name]) for name, counts in overview["histograms"].items()}
    return found | {"scatter": scatter(overview["scatter"])}


def curves(lines: Mapping[str, Sequence[float]], end: float) -> str:
    """For each name, the share of its values at or below a score, from 0 to `end`; the first line lies on top.

    Names come from outside: each is escaped.
    """
    found = [_curve(i, name, sorted(values), end) for i, (name, values) in enumerate(lines.items()) if values]
    return _AXIS + "".join(reversed(found))


def _curve(index: int, name: str, values: Sequence[float], end: float) -> str:
    points = [(0.0, 0.0)]
    for number, value in enumerate(values, start=1):
        x = min(value, end) / end * WIDTH
        points += [(x, points[-1][1]), (x, number / len(values))]
    points.append((float(WIDTH), points[-1][1]))
    path = " ".join(f"{x:.1f},{HEIGHT - y * (HEIGHT - _GAP):.1f}" for x, y in points)
    return f'<polyline points="{path}" class="curve c{index % 8}"><title>{escape(name)}</title></polyline>'


def _heights(counts: Sequence[int], most: int) -> list[float]:
    return [max(1.0, count / most * (HEIGHT - _GAP)) if count else 0.0 for count in counts]


def _bars(name: str, tops: Sequence[float], feet: Sequence[float] | None = None) -> str:
    """One path of all bars, each from its foot to its top."""
    step = WIDTH / len(tops)
    path = ""
    for i, (top, foot) in enumerate(zip(tops, feet or [0.0] * len(tops), strict=True)):
        if top > foot:
            path += f"M{i * step:.1f} {HEIGHT - top:.1f}h{step - 0.8:.1f}V{HEIGHT - foot:.1f}h-{step - 0.8:.1f}z"
    return f'<path class="{name}" d="{path}"/>'
