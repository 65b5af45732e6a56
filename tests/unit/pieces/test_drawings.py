from __future__ import annotations

import re
from xml.etree import ElementTree

import polars as pl
import pytest

from glossator.pieces import counts, drawings

ROWS = pl.DataFrame(
    {
        "mifd": [0.1, 0.1, 0.4, 0.8, None],
        "ffd": [0.5, 0.5, 0.9, 1.0, 0.2],
        "keep": [True, True, True, False, False],
    }
)


def parts(inside: str) -> list[ElementTree.Element]:
    """The elements of a drawing, which has to be well-formed."""
    return list(ElementTree.fromstring(f"<svg>{inside}</svg>"))


def bars(path: str) -> list[tuple[float, float, float]]:
    """Left, top and foot of each bar of a path."""
    found = re.findall(r"M([\d.]+) ([\d.]+)h[\d.]+V([\d.]+)h-", path)
    return [(float(x), float(top), float(foot)) for x, top, foot in found]


def test_what_is_rejected_stands_on_what_is_kept() -> None:
    found = {"kept": [2, 0, 1], "rejected": [2, 1, 0]}
    rejected, kept, axis = parts(drawings.histogram(found))
    assert [part.get("class") for part in (rejected, kept, axis)] == ["bad", "good", "axis"]
    below, above = bars(kept.get("d", "")), bars(rejected.get("d", ""))
    assert [x for x, _, _ in below] == pytest.approx([0, 2 * drawings.WIDTH / 3], abs=0.1)
    assert above[0][2] == below[0][1]  # on top of it
    assert above[0][1] < above[1][1]  # the fuller bin is the higher one
    assert {foot for _, _, foot in below} == {drawings.HEIGHT}


def test_the_shape_of_the_whole_set_stands_behind() -> None:
    shape = counts.shape(ROWS, "mifd")
    found = counts.histogram(ROWS.filter(pl.col("keep")), "mifd", shape["edges"][-1])
    first = parts(drawings.histogram(found, shape))[0]
    assert first.get("class") == "all"
    assert len(bars(first.get("d", ""))) == 3  # 0.1 twice, 0.4, 0.8


def test_bounds_that_lie_on_the_axis_are_marked() -> None:
    lines = parts(drawings.marks([None, 0.5, 3.0], 1.0))
    assert [float(line.get("x1", "")) for line in lines] == [drawings.WIDTH / 2]


def test_a_value_beyond_the_axis_is_placed_at_its_end() -> None:
    shape = counts.shape(ROWS, "mifd")
    here = parts(drawings.placed(shape, 99.0, [None]))[-1]
    assert here.get("class") == "here"
    assert drawings.WIDTH * 0.95 < float(here.get("x1", "")) <= drawings.WIDTH
    assert [part.get("class") for part in parts(drawings.placed(shape, None))] == ["all"]


def test_cells_of_the_scatter_lie_inside_and_say_what_most_are() -> None:
    drawing = drawings.scatter(counts.scatter(ROWS, 0.8, 1.0))
    assert {part.get("class") for part in parts(drawing)} == {"good", "bad", "axis"}
    places = re.findall(r"M([\d.]+) ([\d.]+)h([\d.]+)v([\d.]+)", drawing)
    assert len(places) == 3  # two pairs share a cell
    for x, y, width, height in (map(float, place) for place in places):
        assert 0 <= x <= x + width <= drawings.WIDTH + 0.2
        assert -0.1 <= y <= y + height <= drawings.HEIGHT + 0.2


def test_an_empty_set_draws_axes_only() -> None:
    none = ROWS.clear()
    found = counts.histogram(none, "mifd", counts.top(none["mifd"]))
    assert bars(drawings.histogram(found, counts.shape(none, "mifd"))) == []
    assert "M0 0V" in drawings.scatter(counts.scatter(none, 1.0, 1.0))


def test_names_of_curves_are_escaped() -> None:
    drawing = drawings.curves({"clean": [0.2, 0.4], "<script>": [0.9]}, 1.25)
    titles = [title.text for title in ElementTree.fromstring(f"<svg>{drawing}</svg>").iter("title")]
    assert titles == ["<script>", "clean"]  # the first lies on top
    assert "<script>" not in drawing
