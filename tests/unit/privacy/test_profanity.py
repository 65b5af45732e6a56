"""Entries of a word list, however they are written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glossator.privacy.profanity import WordList

LIST = WordList(["damn", "hell", "ass", "son of a gun", "дурак", "笨蛋", "ばか", "dämlich", "", "  "])


@pytest.mark.parametrize(
    ("text", "entry"),
    [
        ("DAMN it", "damn"), ("damn!", "damn"), ("d4mn", "damn"), ("d\u0430mn", "damn"), ("d\u200bamn", "damn"),
        ("ＤＡＭＮ", "damn"), ("d a m n", "damn"), ("d.a.m.n", "damn"), ("d\u0336a\u0336m\u0336n", "damn"),
        ("dàmn", "damn"),
        ("@damn", "damn"), ("he1l", "hell"), ("he|l", "hell"), ("a$$", "ass"), ("Ass.", "ass"),
        ("SON  of\na gun", "son of a gun"),
        ("Дурак!", "дурак"), ("这个笨蛋", "笨蛋"), ("笨 蛋", "笨蛋"), ("ばかです", "ばか"), ("DAMLICH", "dämlich"),
    ],
)  # fmt: skip
def test_a_word_is_found_however_it_is_disguised(text: str, entry: str) -> None:
    assert LIST.found(text) == (entry,)


@pytest.mark.parametrize(
    "text", ["class", "shell", "A55 ITEM", "455", "heil", "hello", "damnation", "はか", "a s s e t s", "son of gun", ""]
)
def test_an_entry_inside_another_word_is_no_find(text: str) -> None:
    assert LIST.found(text) == ()


def test_each_entry_is_named_once_in_order() -> None:
    assert LIST.found("hell, damn, hell") == ("damn", "hell")
    assert WordList([]).found("damn") == ()


@given(st.text(), st.lists(st.text(max_size=8), max_size=4))
def test_any_text_and_any_list_will_do(text: str, entries: list[str]) -> None:
    assert set(WordList(entries).found(text)) <= {entry.strip() for entry in entries}
