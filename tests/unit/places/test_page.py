"""Texts looked up on a page."""

from __future__ import annotations

import pytest

from glossator.places.page import PageText
from glossator.records import Span

PAGE = PageText(
    (
        Span("Subtotal 1500", (0, 0, 130, 20)),
        Span("TOTAL", (0, 30, 50, 50)),
        Span("15", (100, 30, 120, 50)),
        Span("Thank you for", (0, 60, 130, 80)),
        Span("your visit", (0, 90, 100, 110)),
        Span("Compaqny Limited", (0, 120, 160, 140)),
    ),
    200,
    200,
)


@pytest.mark.parametrize(
    ("text", "boxes"),
    [
        ("total", [(0, 30, 50, 50)]),  # the whole word before the part of one
        ("15", [(100, 30, 120, 50)]),  # not inside 1500
        ("1500", [(90, 0, 130, 20)]),  # the end of its span
        ("Thank you for your visit", [(0, 60, 130, 110)]),  # over two lines
        ("Company Limited", [(0, 120, 160, 140)]),  # a slip of OCR
        ("", []),
        ("no such text", []),
    ],
)
def test_find(text: str, boxes: list[tuple[float, float, float, float]]) -> None:
    found = PAGE.find(text)
    assert [tuple(map(round, box)) for box in found] == boxes


def test_parts_of_words_count_only_where_they_are_asked_for() -> None:
    assert PAGE.find("btot") != []
    assert PAGE.find("btot", whole_words=True) == []
