"""Preference pairs: the rejected one is wrong for certain, or there is none."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from glossator.formats.base import Message
from glossator.formats.dpo import Preference
from glossator.jobs.second_life.preferences import preferences
from second_life_kit import context, pair, tables

ASK = 'What is given for "SOURCE" on this form?'
GOOD = pair("i", 0, ASK, "Lorillard")


def found(*pairs: Any, by_person: tuple[str, ...] = (), **rejected: tuple[str, ...]) -> list[Preference]:
    named = {f"i-{name[1:]}": why for name, why in rejected.items()}
    return preferences(tables(pairs, named, by_person=by_person))[0]


def test_a_wrong_answer_stands_against_the_kept_one() -> None:
    (one,) = found(GOOD, pair("i", 1, ASK, "Larry Odum"), _1=("not_grounded", "vfd_above_max"))
    assert (one.sort, one.origin, one.chosen, one.rejected) == (
        "preference-answer", "same question", "Lorillard", "Larry Odum",
    )  # fmt: skip
    assert one.prompt == (Message("user", ASK),)
    assert (one.chosen_id, one.rejected_id, one.images) == ("i-0", "i-1", ("i.png",))
    assert one.reasons == ("not_grounded", "vfd_above_max")


@pytest.mark.parametrize(
    "reason",
    ["answer_too_long", "near_duplicate_question", "duplicate_question", "template_over_cap", "not_in_mix",
     "personal_data", "image_in_test_set", "profanity", "beyond_budget", "rejected_by_person", "vfd_above_max",
     "explanation_not_grounded", "a rule of tomorrow"],
)  # fmt: skip
def test_what_is_rejected_for_something_else_is_no_wrong_answer(reason: str) -> None:
    bad = pair("i", 1, ASK, "Larry Odum")
    assert found(GOOD, bad, _1=(reason,)) == []
    if reason not in ("vfd_above_max", "explanation_not_grounded"):
        assert found(GOOD, bad, _1=("not_grounded", reason)) == []


@pytest.mark.parametrize("answer", ["LORILLARD", "Lorillard Research", "Lorlllard"])
def test_an_answer_that_may_be_right_all_the_same_is_none(answer: str) -> None:
    assert found(GOOD, pair("i", 1, ASK, answer, grounding=0.5), _1=("not_grounded",)) == []


def test_a_slip_of_reading_that_is_printed_elsewhere_is_another_answer() -> None:
    bad = pair("i", 1, ASK, "Lorlllard", grounding=1.0)
    assert len(found(GOOD, bad, _1=("question_misfit",))) == 1


def test_a_question_with_two_kept_answers_has_no_wrong_one() -> None:
    other = pair("i", 2, ASK, "Philip Morris")
    assert found(GOOD, other, pair("i", 1, ASK, "Larry Odum"), _1=("not_grounded",)) == []


def test_another_question_image_or_conversation_is_not_the_same_question() -> None:
    bad = {"grounding": 0.0}
    elsewhere = [
        pair("i", 1, 'What is given for "FROM" on this form?', "Larry Odum", **bad),
        pair("j", 1, ASK, "Larry Odum", **bad),
        pair("i", 2, ASK, "Larry Odum", context=context("Hello", "Hi"), **bad),
    ]
    rejected = {one.pair_id: ("not_grounded",) for one in elsewhere}
    assert preferences(tables([GOOD, *elsewhere], rejected))[0] == []


def test_the_conversation_before_it_is_part_of_the_prompt() -> None:
    before = context("Hello", "Hi")
    good, bad = pair("i", 0, ASK, "Lorillard", context=before), pair("i", 1, ASK, "Larry Odum", context=before)
    (one,) = found(good, bad, _1=("not_grounded",))
    assert [message.text for message in one.prompt] == ["Hello", "Hi", ASK]


def test_a_repair_stands_against_what_it_repairs() -> None:
    repaired = pair("i", 2, ASK, "Lorillard", repaired_from="i-1")
    (one,) = found(pair("i", 1, ASK, "Larry Odum"), repaired, _1=("not_grounded",))
    assert (one.origin, one.chosen_id) == ("repair", "i-2")


def test_a_person_who_rewrites_an_answer_says_that_it_was_wrong() -> None:
    edited = pair("i", 2, ASK, "Lorillard", repaired_from="i-1")
    slip = pair("i", 1, ASK, "Lorlllard")
    (one,) = found(slip, edited, by_person=("i-1", "i-2"), _1=("rejected_by_person",))
    assert (one.origin, one.rejected) == ("person", "Lorlllard")


def test_a_bad_explanation_of_the_same_answer() -> None:
    bad = pair("i", 1, ASK, "Lorillard", explain_answer="The question is what the source is. It is Lorillard.")
    (one,) = found(GOOD, bad, _1=("ffd_image_below_min",))
    assert one.sort == "preference-explanation"
    assert [message.text for message in one.prompt] == [ASK, "Lorillard", "How can you tell?"]
    assert (one.chosen, one.rejected) == (GOOD.explain_answer, bad.explain_answer)


@pytest.mark.parametrize("reasons", [("ffd_above_max",), ("explanation_too_long", "false_place"), ("not_grounded",)])
def test_explanations_that_may_be_as_good_are_none(reasons: tuple[str, ...]) -> None:
    bad = pair("i", 1, ASK, "Lorillard", explain_answer="Some other words about the same thing.")
    assert found(GOOD, bad, _1=reasons) == []


def test_an_explanation_that_says_the_same_is_none() -> None:
    bad = pair("i", 1, ASK, "Lorillard", explain_answer="Lorillard stands beside its label!")
    assert found(GOOD, bad, _1=("false_place",)) == []


def test_the_same_wrong_answer_counts_once() -> None:
    wrong = [pair("i", i, ASK, "Larry Odum") for i in (1, 2)]
    assert len(found(GOOD, *wrong, _1=("not_grounded",), _2=("not_grounded",))) == 1


def test_they_come_in_the_order_of_the_pairs() -> None:
    pairs = [pair(f"i{n}", k, ASK, ("Lorillard", "Larry Odum")[k]) for n in range(300) for k in (0, 1)]
    rejected = {one.pair_id: ("not_grounded",) for one in pairs if one.answer == "Larry Odum"}
    samples, _ = preferences(tables(pairs, rejected))
    assert [one.chosen_id for one in samples] == [f"i{n}-0" for n in range(300)]


def test_why_there_are_no_more_is_told() -> None:
    rejected = {"i-1": ["not_grounded"], "j-0": ["not_grounded"], "i-2": ["answer_too_long"]}
    pairs = [GOOD, pair("i", 1, ASK, "LORILLARD"), pair("i", 2, ASK, "Larry"), pair("j", 0, ASK, "Larry")]
    samples, why = preferences(tables(pairs, rejected))
    assert samples == []
    assert why == Counter(
        {
            "rejected, and nothing kept answers the same question": 1,
            "the answers may be the same in other words": 1,
            "rejected for something that does not make it wrong": 1,
        }
    )
