"""A plain view of a text, and the way back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glossator.privacy.view import view


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("TEL: 03-6258 4088", "TEL: 03-6258 4088"),
        ("０３－６２５８", "03-6258"),
        ("٠٣-٦٢٥٨ ४०८८ ๙", "03-6258 4088 9"),
        ("0\u200b3\u200d6\u00ad2\u2060\ufe0f5\u202e8", "036258"),
        ("0\x003\x1b6", "036"),
        ("0\u03363\u064b6", "036"),
        ("03\u20116258\u00a04088", "03-6258 4088"),
        ("〇一七二", "0172"),
        ("a\u3164@\u115fb", "a@b"),
        ("é e\u0301", "e e"),
        ("ば 한 कि", "ば 한 कि"),
        ("a\nb", "a\nb"),
        ("\ud800x\U000e0041", "x"),
    ],
)
def test_what_hides_is_seen_through(text: str, plain: str) -> None:
    assert view(text).text == plain


def test_a_place_in_the_view_leads_to_its_place_in_the_text() -> None:
    text = "x\u200b①\u200b2 ﬁn"
    seen = view(text)
    assert seen.text == "x12 fin"
    assert seen.original(1, 3) == (2, 5)  # what is unseen between the two belongs to them
    assert seen.original(5, 6) == (6, 7)  # a part of a ligature is the ligature


@given(st.text())
def test_every_part_of_a_view_stands_in_the_text(text: str) -> None:
    seen = view(text)
    for start in range(len(seen.text)):
        first, last = seen.original(start, start + 1)
        assert 0 <= first < last <= len(text)
