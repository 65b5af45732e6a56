"""Charts drawn as spans: what is read, and what is left alone because it is not certain."""

from __future__ import annotations

import pytest

from glossator.layout.chart import Chart, along_axis, number, read_chart
from glossator.records import Span

WIDTH, HEIGHT = 800, 600


def put(text: str, middle: float, y: float, size: float = 14) -> Span:
    """A span of `text` centred at `middle`, with its top at `y`."""
    half = len(text) * size * 0.28
    return Span(text, (middle - half, y, middle + half, y + size))


def upright(values: dict[str, float], *more: Span) -> list[Span]:
    """A column chart: names at the foot, each value at the height that it stands for."""
    spans = [put("Rainfall in the northern hills", 400, 20, 24)]
    for i, (name, value) in enumerate(values.items()):
        spans.append(put(f"{value:g}", 120 + 100 * i, 450 - 3 * value))
        spans.append(put(name, 120 + 100 * i, 500))
    return [*spans, *more]


def sideways(values: dict[str, float], *more: Span) -> list[Span]:
    """A bar chart with its names flush right at 200 and each value at the end of its bar."""
    spans = []
    for i, (name, value) in enumerate(values.items()):
        y = 100 + 60 * i
        spans.append(Span(name, (200 - 8 * len(name), y, 200, y + 14)))
        spans.append(put(f"{value:g}", 240 + 4 * value, y))
    return [*spans, *more]


YEARS = {"2015": 40.0, "2016": 55.0, "2017": 70.0, "2018": 30.0, "2019": 90.0}
FRUIT = {"Apples": 80.0, "Pears": 55.0, "Plums": 31.0, "Cherries": 12.0}


def read(spans: list[Span]) -> Chart:
    chart = read_chart(spans, WIDTH, HEIGHT)
    assert chart is not None
    return chart


def table(chart: Chart) -> dict[str, str]:
    return {point.category.text: point.value.text for point in chart.points}


def test_upright_values_belong_to_the_names_below_them() -> None:
    chart = read(upright(YEARS))
    assert table(chart) == {name: f"{value:g}" for name, value in YEARS.items()}
    assert chart.complete and [span.text for span in chart.title] == ["Rainfall in the northern hills"]


def test_sideways_values_belong_to_the_names_on_their_line() -> None:
    chart = read(sideways(FRUIT))
    assert chart.shape == "sideways"
    assert table(chart) == {name: f"{value:g}" for name, value in FRUIT.items()}
    assert along_axis(chart)


def test_a_legend_of_several_series_leaves_no_value_certain() -> None:
    chart = read(upright(YEARS, put("Female", 350, 540), put("Male", 450, 540)))
    assert chart.points == () and not chart.complete
    assert [span.text for span in chart.legend] == ["Female", "Male"]
    assert [span.text for span in chart.categories] == list(YEARS)


def test_several_bars_at_a_name_leave_no_value_certain() -> None:
    others = [put("33", 330, 120), put("21", 310, 180), put("9", 290, 240)]
    chart = read_chart(sideways(FRUIT, *others), WIDTH, HEIGHT)
    assert chart is None or chart.points == ()


def test_names_that_go_on_in_another_line_leave_no_value_certain() -> None:
    chart = read_chart(sideways({"Houses and": 80.0, "Flats": 55.0, "Sheds": 31.0}), WIDTH, HEIGHT)
    assert chart is None or chart.points == ()


def test_values_against_the_axis_are_no_points() -> None:
    spans = upright(YEARS)
    flipped = [Span(s.text, (s.box[0], 500 - s.box[3], s.box[2], 500 - s.box[1])) if s.box[1] in range(100, 490) else s
               for s in spans]  # fmt: skip
    chart = read_chart(flipped, WIDTH, HEIGHT)
    assert chart is None or chart.points == ()


def test_names_of_two_panels_leave_no_value_certain() -> None:
    again = [put(name, 120 + 100 * i, 90) for i, name in enumerate(YEARS)]
    chart = read(upright(YEARS, *again))
    assert chart.points == ()


def test_a_legend_of_years_is_no_axis() -> None:
    years = [put(name, 300 + 60 * i, 540) for i, name in enumerate(("2013", "2014", "2015", "2016"))]
    chart = read_chart([put("Homes sold in the northern hills of the county", 400, 20, 24), *years], WIDTH, HEIGHT)
    assert chart is None


def test_misread_decades_are_no_categories() -> None:
    names = ("60.-00.", "68.-08.", "66-06.", "0L-.0L")
    spans = [put(name, 120 + 100 * i, 500) for i, name in enumerate(names)]
    assert read_chart(spans, WIDTH, HEIGHT) is None


def test_a_column_of_figures_lies_along_no_axis() -> None:
    rows = [("Subtotal", "7.00"), ("Service", "0.50"), ("Total", "7.50")]
    spans = []
    for i, (name, text) in enumerate(rows):
        spans += [
            Span(name, (100, 100 + 30 * i, 180, 114 + 30 * i)),
            Span(text, (400, 100 + 30 * i, 440, 114 + 30 * i)),
        ]
    chart = read_chart(spans, WIDTH, HEIGHT)
    assert chart is None or not along_axis(chart)


def test_a_title_stops_before_its_subtitle() -> None:
    title, subtitle = "Congress Experience Lowest Since Nineties", "Average number of terms served by members"
    spans = [s for s in upright(YEARS) if s.box[1] > 50]
    spans += [Span(title, (20, 10, 500, 30)), Span(subtitle, (20, 34, 500, 54))]
    assert [span.text for span in read(spans).title] == [title]


@pytest.mark.parametrize("spans", [[], [Span("", (0, 0, 0, 0))], [Span("2010", (5, 5, 5, 5))] * 4])
def test_nothing_to_read_is_no_chart(spans: list[Span]) -> None:
    assert read_chart(spans, WIDTH, HEIGHT) is None


@pytest.mark.parametrize(
    ("text", "value"),
    [("3 221", 3221.0), ("44%", 44.0), ("1,294", 1294.0), ("−2.5", -2.5), ("$7", 7.0), ("about 3", None), ("", None)],
)
def test_number(text: str, value: float | None) -> None:
    assert number(text) == value


def test_half_names_and_half_titles_are_left_alone() -> None:
    from glossator.layout.chart_title import read_title

    bars = [
        Span(text, (left, 60 + 30 * i, left + 60, 76 + 30 * i), 0.98)
        for i, (name, value) in enumerate(
            [("Talk", "29"), ("(among texters)", "10"), ("E-mail", "18"), ("Letters", "5")]
        )
        for left, text in ((40, name), (240 + 3 * int(value), value))
    ]
    chart = read_chart(bars, 500, 300)
    assert chart is None or chart.points == ()
    first = Span("Broad Support for Tougher Sanctions", (0, 10, 283, 32), 0.98)
    assert read_title([first, Span("Against Russia", (0, 33, 115, 50), 0.98)], 200) == ()
    assert read_title([first, Span("Opinions about it", (0, 70, 115, 87), 0.98)], 200) == (first,)
