"""Copies among hashed pictures: within a set and across two."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray
from PIL import Image

from copies_kit import RULE, WAYS, Picture, hash_row, receipt
from glossator.copies.images import Copy, candidates_within, copies_across, copies_within, hash_bytes
from glossator.copies.pictures import CROPS


class Set:
    """Pictures as the pure functions take them; counts which small pictures are asked for."""

    def __init__(self, *pictures: Picture) -> None:
        rows = [hash_row(str(number), one) for number, one in enumerate(pictures)]
        self.hashes: NDArray[np.uint8] = hash_bytes(
            pl.Series([row["hashes"] for row in rows], dtype=pl.List(pl.String))
        )
        self._small = [row["thumbnail"] for row in rows]
        self.fetched: set[int] = set()

    def thumbnails(self, rows: list[int]) -> Mapping[int, bytes]:
        self.fetched |= set(rows)
        return {row: self._small[row] for row in rows}  # type: ignore[misc]


def within(pictures: Set) -> dict[int, int]:
    return {copy.row: copy.of for copy in copies_within(pictures.hashes, pictures.thumbnails, RULE)}


def across(ours: Set, theirs: Set) -> list[Copy]:
    return list(copies_across(ours.hashes, ours.thumbnails, theirs.hashes, theirs.thumbnails, RULE))


def test_a_copy_of_a_copy_names_the_original() -> None:
    page = receipt("SHOP", 1)
    pictures = Set(page, receipt("SHOP", 2), WAYS["smaller"](page), WAYS["darker"](WAYS["smaller"](page)))
    assert within(pictures) == {2: 0, 3: 0}


def test_of_several_originals_the_nearest_is_told() -> None:
    tests = Set(receipt("SHOP", 1), receipt("SHOP", 2), receipt("SHOP", 3))
    (found,) = across(Set(WAYS["everything"](receipt("SHOP", 2))), tests)
    assert (found.row, found.of) == (0, 1)
    assert 0 < found.worst <= RULE.worst


@pytest.mark.parametrize("way", ["cropped at all sides", "cropped at two sides"])
def test_the_cropped_one_may_be_on_either_side(way: str) -> None:
    page = receipt("SHOP", 1)
    assert [copy.of for copy in across(Set(WAYS[way](page)), Set(page))] == [0]
    assert [copy.of for copy in across(Set(page), Set(WAYS[way](page)))] == [0]


def test_pictures_that_resemble_nothing_are_not_looked_at_again() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (3, 200, 200), dtype=np.uint8)
    pictures = Set(*(Image.fromarray(one).resize((400, 400)) for one in noise))
    assert within(pictures) == {}
    assert pictures.fetched == set()


def test_a_page_that_stands_there_a_thousand_times_costs_few_second_looks_each() -> None:
    row = Set(receipt("SHOP", 1)).hashes
    pairs = candidates_within(np.repeat(row, 1_000, axis=0), RULE)
    assert pairs.group_by("row").len()["len"].max() == RULE.candidates
    assert (pairs["row"] > pairs["of"]).all()
    assert set(pairs["row"]) == set(range(1, 1_000))


def test_nothing_has_no_copies() -> None:
    none = Set()
    assert none.hashes.shape == (0, len(CROPS), 32)
    assert within(none) == {}
    assert across(none, Set(receipt("SHOP", 1))) == across(Set(receipt("SHOP", 1)), none) == []
