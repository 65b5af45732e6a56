"""Hard negatives: on the page, of the same type, and wrong."""

from __future__ import annotations

from typing import Any

import pytest

from glossator.formats.hard_negatives import HardNegatives
from glossator.jobs.second_life.hard_negatives import MOST, hard_negatives
from glossator.records import Pair
from second_life_kit import Lines, page, pair, tables

TILL: Lines = [("Soap", "4.10"), ("Towel", "9.90"), ("TOTAL", "14.00"), ("CASH", "20.00"), ("CHANGE", "6.00")]
TOTAL = "What is the total of this receipt?"


def negatives(lines: Lines, *asked: tuple[str, str], kind: str = "receipt", **more: Any) -> dict[str, list[str]]:
    """The wrong answers by question."""
    return {one.question: [two.answer for two in one.negatives] for one in made(lines, *asked, kind=kind, **more)}


def made(lines: Lines, *asked: tuple[str, str], kind: str = "receipt", **more: Any) -> list[HardNegatives]:
    on = page("i", lines)
    pairs: list[Pair] = [pair("i", n, *one, on, **more) for n, one in enumerate(asked)]
    return hard_negatives(tables(pairs, pages=[on], kind=kind))[0]


def test_values_of_the_same_type_at_other_labels_the_nearest_first() -> None:
    (one,) = made(TILL, (TOTAL, "14.00"), kind="receipt")
    assert [two.answer for two in one.negatives] == ["20.00", "9.90", "4.10"]
    assert (one.type, one.image, one.answer, one.box) == ("money", "i.png", "14.00", (400, 180, 450, 200))
    distances = [two.distance for two in one.negatives]
    assert distances == sorted(distances) and len(distances) == MOST


def test_the_same_value_said_otherwise_and_what_stands_beside_the_label_may_be_right() -> None:
    lines = [("TOTAL", "14.00"), ("TOTAL incl. tax", "14.10"), ("VISA", "RM 14.00"), ("CASH", "20.00")]
    assert negatives(lines, (TOTAL, "14.00")) == {TOTAL: ["20.00"]}


def test_no_page_value_where_the_right_one_has_no_label() -> None:
    assert negatives([("", "14.00"), ("Soap", "9.90")], ("How much is it?", "14.00")) == {}


def test_answers_of_other_quoted_labels() -> None:
    lines = [("FROM", "Larry Odum"), ("TO", "Sam Zolot"), ("DATE", "6/21/90")]
    asks = [(f'What is given for "{label}" on this form?', value) for label, value in lines]
    found = negatives(lines, *asks, kind="form")
    assert found == {asks[0][0]: ["Sam Zolot"], asks[1][0]: ["Larry Odum"]}


def test_questions_with_several_right_answers_have_no_wrong_one() -> None:
    lines = [("Printed", "6/21/90"), ("Sent", "7/22/91")]
    assert negatives(lines, ("Which date does this form show?", "6/21/90"), ("When was it sent?", "7/22/91")) == {}


def test_series_of_one_category_are_not_set_against_each_other() -> None:
    lines = [("2014", "51"), ("2015", "62"), ("", "47")]
    asks = [("What value does the chart show for 2014?", "51"), ("What value is shown for 2015?", "62"),
            ('What value is shown for "Boys" in 2014?', "47")]  # fmt: skip
    on = page("i", lines)
    pairs = [pair("i", n, *ask, on, kind="chart-value") for n, ask in enumerate(asks)]
    samples, _ = hard_negatives(tables(pairs, pages=[on], kind="chart"))
    found = {one.question: {two.answer for two in one.negatives} for one in samples}
    assert found[asks[0][0]] == {"62"}
    assert found[asks[1][0]] == {"51", "47"}


@pytest.mark.parametrize("more", [{"kind": "counting"}, {"kind": "plain"}, {"grounding": 0.3}])
def test_answers_that_are_not_printed_have_none(more: dict[str, Any]) -> None:
    on = page("i", TILL)
    samples, why = hard_negatives(tables([pair("i", 0, TOTAL, "14.00", on, **more)], pages=[on]))
    assert samples == []
    assert dict(why) == {"questions that have no one printed answer": 1}


def test_another_answer_to_the_same_question_is_no_negative() -> None:
    on = page("i", TILL)
    pairs = [pair("i", 0, TOTAL, "14.00", on), pair("i", 1, TOTAL, "20.00", on)]
    samples, why = hard_negatives(tables(pairs, {"i-1": ["not_grounded"]}, [on]))
    assert [two.answer for two in samples[0].negatives] == ["9.90", "4.10", "6.00"]
    assert not why["questions without a wrong answer of the same type nearby"]


def test_why_there_are_no_more_is_told() -> None:
    on = page("i", [("TOTAL", "14.00")])
    samples, why = hard_negatives(tables([pair("i", 0, TOTAL, "14.00", on)], pages=[on]))
    assert samples == []
    assert dict(why) == {"questions without a wrong answer of the same type nearby": 1}
