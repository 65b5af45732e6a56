"""Doubt counts as sameness: what may be right all the same is no wrong answer."""

from __future__ import annotations

import pytest

from glossator.jobs.second_life.answers import alike, same_answer


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("RM 22.90", "22.90"),
        ("22.90", "RM22.9"),
        ("1,234.50", "1234.5"),
        ("19 Mar 2018", "2018-03-19"),
        ("19/03/18", "March 19, 2018"),
        ("SUN WONG KUT SDN BHD", "Sun Wong Kut"),
        ("5 %", "5"),
        ("O'Brien & Sons", "OBrien  and Sons O'Brien & Sons"),
        ("TOTAL", "total."),
    ],
)
def test_the_same_in_other_words(one: str, other: str) -> None:
    assert same_answer(one, other) and same_answer(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [("22.90", "23.00"), ("380", "38"), ("19/03/2018", "20/03/2018"), ("Adams", "Edwards"), ("2 kg", "3 kg"),
     ("12/2018", "12/2017")],
)  # fmt: skip
def test_what_differs(one: str, other: str) -> None:
    assert not same_answer(one, other)


def test_two_readings_of_one_print() -> None:
    assert alike("lNVOICE 4711", "INVOICE 4711")
    assert alike("58.60", "53.60")
    assert not alike("58.60", "41.20")
    assert not alike("Adams", "Edwards")
