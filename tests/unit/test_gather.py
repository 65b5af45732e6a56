"""Answers whose words stand in several spans, on torn lines, or between the lines of another column."""

from __future__ import annotations

import pytest

from glossator.gather import gather
from glossator.records import Span


def _texts(answer: str, spans: list[Span]) -> list[str]:
    return [piece.text for piece in gather(answer, spans)[1]]


# Two columns whose lines interleave when they are read across.
COLUMNS = [
    Span("The invest-", (0, 0, 110, 18)),
    Span("Paid by bank", (300, 0, 420, 18)),
    Span("ment of Harbour", (0, 22, 150, 40)),
    Span("transfer within", (300, 22, 450, 40)),
    Span("Trust Limited", (0, 44, 130, 62)),
    Span("thirty days", (300, 44, 400, 62)),
]


@pytest.mark.parametrize(
    ("answer", "texts"),
    [
        ("investment of Harbour Trust Limited", ["The invest-", "ment of Harbour", "Trust Limited"]),
        ("investment", ["The invest-", "ment of Harbour"]),
        ("bank transfer within thirty days", ["Paid by bank", "transfer within", "thirty days"]),
    ],
)
def test_lines_of_columns_are_kept_apart(answer: str, texts: list[str]) -> None:
    share, found = gather(answer, COLUMNS)
    assert share == 1.0
    assert [piece.text for piece in found] == texts


def test_of_several_places_the_one_beside_the_rest_is_taken() -> None:
    rows = [Span(f"row {i}", (0, 40 * i, 60, 40 * i + 18)) for i in range(4)]
    values = [Span("99", (200, 40 * i, 230, 40 * i + 18)) for i in range(4)]
    units = [Span("mm", (240, 40 * i, 270, 40 * i + 18)) for i in range(4)]
    _, found = gather("row 2 99 mm", [*rows, *values, *units])
    assert {piece.box[1] for piece in found} == {80}


def test_the_same_value_twice_takes_two_places() -> None:
    cells = [Span("24.8", (200, 0, 240, 18)), Span("24.8", (400, 0, 440, 18))]
    assert [piece.box[0] for piece in gather("24.8 24.8", cells)[1]] == [200, 400]


def test_a_slip_of_ocr_in_a_long_word_is_forgiven() -> None:
    cells = [Span("Lorilard", (0, 0, 90, 18)), Span("Tobacco Co.", (0, 22, 120, 40))]
    assert gather("Lorillard Tobacco Co.", cells)[0] == 1.0
    assert _texts("Lorillard Tobacco Co.", cells) == ["Lorilard", "Tobacco Co."]


def test_words_that_are_not_there_lower_the_share() -> None:
    share, found = gather("Harbour Bank of Mars", COLUMNS)
    assert 0.5 < share < 0.9
    assert "ment of Harbour" in [piece.text for piece in found]


@pytest.mark.parametrize("answer", ["", "   ", "Limited", "..."])
def test_one_word_is_no_matter_of_gathering(answer: str) -> None:
    assert gather(answer, COLUMNS) == (0.0, ())
    assert gather("a b", []) == (0.0, ())
