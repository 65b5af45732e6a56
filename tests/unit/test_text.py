from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from glossator.text import clean, fold, one_line

any_text = st.text(alphabet=st.characters(exclude_categories=()))


def test_controls_bidi_overrides_and_surrogates_go() -> None:
    assert clean("a\x00b\x1b[31m \u202ecd\u202c \ud800 e\ufeff") == "ab[31m cd e"


def test_line_breaks_stay_and_blanks_fold() -> None:
    assert clean("a \t b\r\nc\rd\u3000e") == "a b\nc\nd e"
    assert one_line(" a\n\n b ") == "a b"


def test_text_of_other_scripts_is_untouched() -> None:
    assert clean("合計 ¥1,200 — итого") == "合計 ¥1,200 — итого"


@given(any_text)
def test_clean_text_can_always_be_stored(text: str) -> None:
    cleaned = clean(text)
    cleaned.encode("utf-8")
    assert clean(cleaned) == cleaned


@given(any_text)
def test_fold_ignores_case_and_punctuation(text: str) -> None:
    assert fold(text) == fold(f" {text}!... ")
