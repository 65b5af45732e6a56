"""Plain rows of what was found."""

from __future__ import annotations

import polars as pl

from glossator.copies.report import commonest_templates, duplicate_counts, image_copies, leak_counts, leaked

DUPLICATES = pl.LazyFrame(
    {
        "pair_id": ["p", "q", "r", "s"],
        "image_id": ["a", "a", "b", "b"],
        "image_copy_of": [None, None, "a", "a"],
        "question_copy_of": [None, "p", None, "p"],
        "template": ["t", "t", "u", "t"],
        "template_rank": [1, 3, 1, 2],
    }
)
LEAKS = pl.LazyFrame(
    {
        "pair_id": ["p", "q", "r"],
        "image_id": ["a", "a", "b"],
        "image_leak": ["docvqa: 7", "docvqa: 7", None],
        "image_distance": [0.1, 0.1, None],
        "text_leak": [None, "sroie: 3 (question and answer)", None],
    }
)


def test_counts_of_copies() -> None:
    counts = {"images": 2, "copied_images": 1, "pairs": 4, "copied_pairs": 2, "templates": 2}
    assert duplicate_counts(DUPLICATES) == counts
    assert image_copies(DUPLICATES) == [{"image_id": "b", "image_copy_of": "a"}]
    assert commonest_templates(DUPLICATES, 1) == [{"template": "t", "pairs": 3, "share": 0.75}]


def test_leaks_by_test_set_and_one_by_one() -> None:
    assert leak_counts(LEAKS) == [
        {"test_set": "docvqa", "images": 1, "pairs_by_image": 2, "pairs_by_text": 0},
        {"test_set": "sroie", "images": 0, "pairs_by_image": 0, "pairs_by_text": 1},
    ]
    assert [row["pair_id"] for row in leaked(LEAKS)] == ["p", "q"]


def test_nothing_found_is_told_as_nothing() -> None:
    assert leak_counts(LEAKS.filter(pl.col("pair_id") == "r")) == []
    assert duplicate_counts(DUPLICATES.clear())["pairs"] == 0
