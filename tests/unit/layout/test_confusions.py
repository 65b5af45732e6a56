"""What a misread text really says; and no guess where something else is meant."""

from __future__ import annotations

import pytest

from glossator.layout.confusions import printed_for
from glossator.records import Span

LINES = ("THE TABLE STORE SDN BHD", "12/03/2018", "Jalan Ipoh 5,", "81200 Johor Bahru", "TOTAL", "105.80", "Lorillard")


def page(*lines: str) -> list[Span]:
    return [Span(text, (20, 30 * i, 20 + 9 * len(text), 30 * i + 20), 0.98) for i, text in enumerate(lines)]


@pytest.mark.parametrize(
    ("read", "printed"),
    [
        ("THF TA8LF 5T0RE SDN 8HD", "THE TABLE STORE SDN BHD"),
        ("l2/O3/20lB", "12/03/2018"),
        ("12103/2018", "12/03/2018"),
        ("1O5,B0", "105.80"),
        ("Lori11ord", "Lorillard"),
        ("Jolori lpoh S, 8l200 Johor 8ohru", "Jalan Ipoh 5, 81200 Johor Bahru"),
    ],
)
def test_slips_of_reading_are_seen_through(read: str, printed: str) -> None:
    found = printed_for(read, page(*LINES))
    assert found is not None
    assert found[0] == printed


@pytest.mark.parametrize("text", ["13/03/2018", "105.90", "THE CHAIR STORE SDN BHD", "81300 Johor Bahru", "05.80", "x"])
def test_something_else_is_no_misreading(text: str) -> None:
    assert printed_for(text, page(*LINES)) is None


def test_what_is_printed_as_it_is_needs_no_mending() -> None:
    assert printed_for("12/03/2018", page(*LINES)) is None
    assert printed_for("12 / 03 / 2018", page(*LINES)) is None


def test_two_texts_that_it_may_be_leave_it_open() -> None:
    assert printed_for("8O8.50", page("808.50")) is not None
    assert printed_for("8O8.50", page("808.50", "B08.50")) is None


def test_a_page_that_is_misread_itself_is_not_believed() -> None:
    assert printed_for("J1n 5ultan", page("J1n Sultan")) is None


def test_the_spans_that_hold_it_are_told() -> None:
    spans = page(*LINES)
    found = printed_for("Jolori lpoh S, 8l200 Johor 8ohru", spans)
    assert found is not None
    assert found[1] == tuple(spans[2:4])
