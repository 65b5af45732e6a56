"""Words, figures, templates and runs of words."""

from __future__ import annotations

import polars as pl
import pytest

from glossator.copies.words import figures, grams, stable_hash, template, words


def templated(question: str) -> str:
    return str(pl.DataFrame({"q": [question]}).select(template(pl.col("q"))).item())


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("What is the total on this receipt?", "what is the total on this receipt"),
        ("What is printed at 'Total (RM)'?", "what is printed at ‹quoted›"),
        ('What does "Invoice No." say on page 3?', "what does ‹quoted› say on page ‹number›"),
        ("How much did Blue Door Cafe charge in 2019?", "how much did ‹name› charge in ‹number›"),
        ("What was RM53.60 paid for?", "what was ‹name› paid for"),
        ("How much is 12,50 % of $3,000?", "how much is ‹number› of ‹number›"),
        ("It's late; what is the date?", "it's late; what is the date"),
        ("「合計」はいくらですか", "‹quoted›はいくらですか"),
    ],
)
def test_templates(question: str, expected: str) -> None:
    assert templated(question) == expected


def test_words_know_no_case_and_no_punctuation() -> None:
    assert words("What's the TOTAL, of $12.50?") == ["what", "s", "the", "total", "of", "12", "50"]
    assert words("ｔｏｔａｌ 東京") == ["total", "東", "京"]
    assert words("‹›—!") == []


def test_figures_keep_their_order() -> None:
    assert figures("Row 3 of page 12") == "3 12"
    assert figures("no figure") == ""


def test_runs_of_words() -> None:
    listed = words("one two three four")
    assert grams(listed, 3) == {stable_hash("one two three"), stable_hash("two three four")}
    assert grams(listed, 5) == set()


def test_the_hash_is_the_same_everywhere() -> None:
    assert stable_hash("total") == 8_898_708_892_329_799_160
    assert stable_hash("total") != stable_hash("totals")
    assert stable_hash("\ud800") < 2**64
