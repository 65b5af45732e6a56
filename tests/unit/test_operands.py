"""Operands of answers that are not printed, where a question asks for one operation."""

from __future__ import annotations

import pytest

from glossator.operands import operands
from glossator.records import Span

PAGE = [Span(text, (0, 20 * i, 90, 20 * i + 16)) for i, text in enumerate(["Rent", "410", "285", "35%", "120", "2019"])]


@pytest.mark.parametrize(
    ("question", "answer", "operation", "texts"),
    [
        ("What is the difference between the two largest?", "125", "difference", ["410", "285"]),
        ("How many more came in spring than in autumn?", "165", "difference", ["285", "120"]),
        ("What do they make altogether?", "695", "sum", ["410", "285"]),
        ("What is the average of both?", "202.5", "mean", ["285", "120"]),
        ("By how many times is it higher?", "2.4", "quotient", ["285", "120"]),
    ],
)
def test_the_only_pair_that_gives_the_answer(question: str, answer: str, operation: str, texts: list[str]) -> None:
    found, evidence = operands(question, answer, PAGE)
    assert (found, [piece.text for piece in evidence]) == (operation, texts)


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("What is the rent?", "125"),  # no operation is asked for
        ("What is the difference of their sum and the rent?", "125"),  # two are
        ("What is the difference?", "126"),  # nothing gives it
        ("What is the difference?", "a lot"),
        ("What is the sum?", "125"),  # another operation gives it
    ],
)
def test_nothing_is_guessed(question: str, answer: str) -> None:
    assert operands(question, answer, PAGE) == ("", ())


def test_two_ways_to_the_answer_are_no_way() -> None:
    page = [Span(text, (0, 20 * i, 90, 20 * i + 16)) for i, text in enumerate(["10", "20", "30"])]
    assert operands("What is the difference?", "10", page) == ("", ())
    assert operands("What is the difference?", "20", page)[0] == "difference"
