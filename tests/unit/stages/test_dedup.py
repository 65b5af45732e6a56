"""The stage `dedup`: copies of images and of pairs, templates and their ranks."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import polars as pl

from copies_kit import WAYS, hash_row, receipt
from glossator.records import ImageRecord, Pair
from glossator.schemas import SCHEMAS, to_arrow
from glossator.stages.dedup import DedupSettings, DedupStage

NOTE = "According to the note at the foot of this receipt, within how many days can goods be brought back to the shop?"


def lazy(table: str, records: list[Any]) -> pl.LazyFrame:
    return pl.DataFrame(pl.from_arrow(to_arrow(table, records))).lazy()


def hashes(*rows: dict[str, object]) -> pl.LazyFrame:
    schema = SCHEMAS["hashes"]
    return pl.DataFrame(pl.from_arrow(schema.empty_table().from_pylist(list(rows), schema=schema))).lazy()


def pair(pair_id: str, image_id: str, question: str, answer: str, **more: Any) -> Pair:
    return Pair(pair_id, image_id, image_id, question, answer, **more)


def duplicates(pairs: list[Pair], settings: dict[str, Any] | None = None, **tables: pl.LazyFrame) -> list[Any]:
    stage = DedupStage(DedupSettings(**settings or {}))
    found = stage.run({"drafts": lazy("drafts", pairs), **tables}).collect()
    assert found.columns == SCHEMAS["duplicates"].names
    assert found["pair_id"].to_list() == [one.pair_id for one in pairs]
    return found.to_dicts()


def test_copies_of_images_are_told_by_the_first_of_them() -> None:
    original, other = receipt("SHOP", 1), receipt("SHOP", 2)
    table = hashes(
        hash_row("a", original), hash_row("b", other), hash_row("c", WAYS["everything"](original)),
        hash_row("d", WAYS["cropped at one side"](original)), hash_row("unasked", original),
    )  # fmt: skip
    pairs = [pair(f"p{image}", image, "What is the total?", "1.00") for image in "abcd"]
    assert [row["image_copy_of"] for row in duplicates(pairs, hashes=table)] == [None, None, "a", "a"]
    assert [row["image_copy_of"] for row in duplicates(pairs)] == [None] * 4
    # An image without pairs is nobody's original.
    assert [row["image_copy_of"] for row in duplicates(pairs[2:], hashes=table)] == [None, "c"]


def test_samples_of_several_pictures_are_left_alone() -> None:
    page = receipt("SHOP", 1)
    table = hashes(hash_row("a", page), hash_row("b", page), hash_row("b", receipt("SHOP", 2), 1))
    pairs = [pair("p", "a", "What is the total?", "1.00"), pair("q", "b", "What is the total?", "1.00")]
    assert [row["image_copy_of"] for row in duplicates(pairs, hashes=table)] == [None, None]


def test_a_question_asked_twice_of_one_image_is_a_copy() -> None:
    pairs = [
        pair("p", "a", "What is the total of this receipt?", "53.60"),
        pair("q", "a", "What is the total of this receipt, please?", "53.60"),
        pair("r", "a", "What is the total of this receipt?", "18.20"),
        pair("s", "b", "What is the total of this receipt?", "53.60"),
        pair("t", "a", "What is the total of row 3?", "53.60"),
        pair("u", "a", "What is the total of row 4?", "53.60"),
    ]
    assert [row["question_copy_of"] for row in duplicates(pairs)] == [None, "p", None, None, None, None]


def test_a_copy_of_an_image_is_that_image() -> None:
    page = receipt("SHOP", 1)
    table = hashes(hash_row("a", page), hash_row("b", WAYS["smaller"](page)))
    pairs = [pair("p", "a", "What is the total?", "53.60"), pair("q", "b", "What is the total?", "53.60")]
    assert [row["question_copy_of"] for row in duplicates(pairs, hashes=table)] == [None, "p"]


def test_across_images_only_long_texts_are_copies() -> None:
    pairs = [
        pair("p", "a", NOTE, "14 days"), pair("q", "b", NOTE.upper(), "14 days."), pair("r", "c", NOTE, "30 days"),
        pair("s", "a", "What is the date?", "1 May"), pair("t", "b", "What is the date?", "1 May"),
    ]  # fmt: skip
    assert [row["question_copy_of"] for row in duplicates(pairs)] == [None, "p", None, None, None]
    never = duplicates(pairs, {"across_words_min": None})
    assert [row["question_copy_of"] for row in never] == [None] * 5
    short = duplicates(pairs, {"across_words_min": 3})
    assert [row["question_copy_of"] for row in short] == [None, "p", None, None, "s"]


def test_a_repair_is_no_copy_of_what_it_mends() -> None:
    first = pair("p", "a", NOTE, "14 days")
    chain = [first, replace(first, pair_id="q", repaired_from="p"), replace(first, pair_id="r", repaired_from="q")]
    other = replace(first, pair_id="s")
    assert [row["question_copy_of"] for row in duplicates([*chain, other])] == [None, None, None, "p"]


def test_ranks_take_kinds_and_answers_in_turn() -> None:
    kinds = ["receipt"] * 8 + ["form"] * 2
    images = [ImageRecord(f"i{n}", f"i{n}", "", "", 9, 9, kind) for n, kind in enumerate(kinds)]
    answers = ["yes"] * 6 + ["no"] * 2 + ["yes", "no"]
    pairs = [pair(f"p{n}", f"i{n}", f"Is row {n} signed?", answer) for n, answer in enumerate(answers)]
    rows = duplicates(pairs, images=lazy("images", images))
    assert {row["template"] for row in rows} == {"is row ‹number› signed"}
    assert sorted(row["template_rank"] for row in rows) == list(range(1, 11))
    first = sorted(rows, key=lambda row: row["template_rank"])[:4]
    chosen = [int(row["pair_id"][1:]) for row in first]
    assert Counter(kinds[n] for n in chosen) == {"receipt": 2, "form": 2}
    assert Counter(answers[n] for n in chosen) == {"yes": 2, "no": 2}


def test_the_order_is_drawn_by_the_seed() -> None:
    pairs = [pair(f"p{n}", f"i{n}", "What is the total?", "1.00") for n in range(20)]

    def ranks(seed: int) -> list[int]:
        return [row["template_rank"] for row in duplicates(pairs, {"seed": seed})]

    assert ranks(1) == ranks(1) != ranks(2)
    assert sorted(ranks(1)) == list(range(1, 21)) != ranks(1)


def test_copies_take_no_place_from_originals() -> None:
    pairs = [pair("p", "a", "What is it?", "1"), *(pair(f"q{n}", "a", "What is it?", "1") for n in range(9))]
    ranks = {row["pair_id"]: row["template_rank"] for row in duplicates([*pairs, pair("r", "b", "What is it?", "2")])}
    assert {ranks["p"], ranks["r"]} == {1, 2}


def test_no_pairs_no_rows() -> None:
    assert duplicates([], hashes=hashes()) == []
