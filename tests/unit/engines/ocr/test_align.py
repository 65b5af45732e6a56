"""Places, slots and votes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glossator.engines.ocr.align import Place, places, plain, slots, vote
from glossator.records import Span


def line(text: str, x: float = 0, y: float = 0, sure: float = 0.9) -> Span:
    return Span(text, (x, y, x + 10.0 * len(text), y + 20), sure)


def said(found: list[Place]) -> list[dict[int, str]]:
    return [{one.member: one.text for one in place.said} for place in found]


def test_words_of_one_line_meet_however_each_engine_cuts_it() -> None:
    one = [line("TOTAL 28.00"), line("Cash", y=40)]
    other = [line("TOTAL"), line("28.00", x=60), line("Cosh", y=42)]
    assert said(places([one, other])) == [{0: "TOTAL 28.00", 1: "TOTAL 28.00"}, {0: "Cash", 1: "Cosh"}]


def test_an_engine_that_joins_columns_is_cut_where_the_first_one_cuts() -> None:
    one = [line("Qty"), line("Amount", x=200)]
    other = [Span("Qty Amounl", (0, 0, 260, 20), 0.9)]
    assert said(places([one, other])) == [{0: "Qty", 1: "Qty"}, {0: "Amount", 1: "Amounl"}]


def test_a_line_that_only_the_second_and_third_saw_is_one_place() -> None:
    found = places([[line("here")], [line("there", y=100)], [line("thero", y=101)]])
    assert said(found) == [{0: "here"}, {1: "there", 2: "thero"}]
    assert found[1].box == line("there", y=100).box


def test_texts_that_have_nothing_in_common_are_no_votes_against_each_other() -> None:
    assert said(places([[line("TOTAL")], [line("xqzwv")]])) == [{0: "TOTAL"}]


def test_every_word_stands_in_one_place_at_most() -> None:
    readings = [[line("a b c"), line("d e", y=30)], [line("a b"), line("c d", x=20, y=15)], []]
    found = places(readings)
    for member in (0, 1, 2):
        words = [word for place in found for one in place.said if one.member == member for word in one.text.split()]
        assert len(words) <= sum(len(span.text.split()) for span in readings[member])


def test_full_width_signs_become_ascii_unless_east_asian_letters_stand_by() -> None:
    assert plain(line("（GST：6％）")).text == "(GST:6%)"
    assert plain(line("税（6％）")).text == "税（6％）"


@given(st.text("abc 01", max_size=12), st.text("abc 01", max_size=12))
def test_slots_hold_the_text_or_say_nothing(pivot: str, text: str) -> None:
    found = slots(pivot, text)
    assert len(found) == 2 * len(pivot) + 1
    assert "".join(part or "" for part in found) == text


def test_an_engine_that_did_not_see_the_end_does_not_deny_it() -> None:
    assert slots("TOTAL 28.00", "TOTAL")[-9:] == [None] * 9 or None in slots("TOTAL 28.00", "TOTAL")
    won = vote(["TOTAL 28.00", "TOTAL", "TOTAL"], [(1.0, 1.0, 1.0)] * 3, pivot=0)
    assert "".join(slot.text for slot in won) == "TOTAL 28.00"


@pytest.mark.parametrize(
    ("weights", "winner", "disputed"),
    [((3.0, 1.0, 1.0), "T0TAL", True), ((3.0, 2.0, 2.0), "TOTAL", True), ((1.0, 3.0, 1.0), "TOTAL", False)],
)
def test_letters_go_to_the_greater_weight_and_a_weak_objection_is_no_dispute(
    weights: tuple[float, ...], winner: str, disputed: bool
) -> None:
    won = vote(["T0TAL", "TOTAL", "TOTAL"], [(w, w, w) for w in weights], pivot=0)
    assert "".join(slot.text for slot in won) == winner
    assert [slot.text for slot in won if slot.disputed] == [winner[1]] * disputed


def test_blanks_have_a_weight_of_their_own() -> None:
    texts = ["18-03-201811:23", "18-03-2018 11:23"]
    without = vote(texts, [(2.0, 2.0, 0.1), (1.0, 1.0, 1.0)], pivot=0)
    assert "".join(slot.text for slot in without) == "18-03-2018 11:23"
    with_ = vote(texts, [(2.0, 2.0, 2.0), (1.0, 1.0, 1.0)], pivot=0)
    assert "".join(slot.text for slot in with_) == "18-03-201811:23"
    assert not any(slot.disputed and slot.counts for slot in with_)
