"""The stage `leaks`: pictures and texts that stand in a test set, and what stands there by chance."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from copies_kit import WAYS, hash_row, receipt
from glossator.copies import test_sets
from glossator.errors import UsageError
from glossator.records import Pair
from glossator.schemas import SCHEMAS, to_arrow
from glossator.stages.leaks import LeaksSettings, LeaksStage

NOTE = "According to the note at the foot of this receipt, within how many days can goods be brought back to the shop?"
SHORT = "What name is printed above the street?"


@pytest.fixture
def test_set(tmp_path: Path) -> str:
    path = tmp_path / "bench.parquet"
    pictures = [hash_row(f"picture-{seed}", receipt("SHOP", seed), seed) for seed in (1, 2)]
    rows = [
        test_sets.picture_row(str(row["image_id"]), seed, row["hashes"], row["thumbnail"])  # type: ignore[arg-type]
        for seed, row in enumerate(pictures)
    ]
    rows += [
        test_sets.question_row("q1", NOTE, ("14 days", "14"), 13),
        test_sets.question_row("q2", SHORT, ("BLUE DOOR",), 13),
        *(test_sets.question_row(f"total-{n}", "What is the total amount of this receipt?", (f"{n}.00",), 13)
          for n in range(9)),
        test_sets.question_row("q3", "Total?", ("9.00",), 13),
    ]  # fmt: skip
    test_sets.write(path, "bench", 13, rows)
    return str(path)


def leaks(pairs: list[Pair], path: str, hashes: list[dict[str, object]] | None = None, **settings: Any) -> list[Any]:
    tables = {"drafts": pl.DataFrame(pl.from_arrow(to_arrow("drafts", pairs))).lazy()}
    if hashes is not None:
        table = pa.Table.from_pylist(hashes, schema=SCHEMAS["hashes"])
        tables["hashes"] = pl.DataFrame(pl.from_arrow(table)).lazy()
    found = LeaksStage(LeaksSettings(test_sets=(path,) if path else (), **settings)).run(tables).collect()
    assert found.columns == SCHEMAS["leaks"].names
    assert found["pair_id"].to_list() == [pair.pair_id for pair in pairs]
    return found.to_dicts()


def texts(*rows: tuple[str, str], path: str, **settings: Any) -> list[str | None]:
    """`text_leak` of pairs of question and answer, each of an image of its own."""
    pairs = [Pair(f"p{n}", f"i{n}", "", question, answer) for n, (question, answer) in enumerate(rows)]
    return [row["text_leak"] for row in leaks(pairs, path, **settings)]


def test_pictures_are_told_with_item_and_distance(test_set: str) -> None:
    rows = [
        hash_row("same", receipt("SHOP", 1)),
        hash_row("copy", WAYS["everything"](receipt("SHOP", 2))),
        hash_row("other", receipt("SHOP", 3)),
        hash_row("second", receipt("OTHER", 4)),
        hash_row("second", WAYS["smaller"](receipt("SHOP", 1)), 1),
    ]
    pairs = [Pair(f"p-{image}", image, "", "Total?", "1") for image in ("same", "copy", "other", "second", "unhashed")]
    same, copy, other, second, unhashed = leaks(pairs, test_set, rows)
    assert (same["image_leak"], same["image_distance"]) == ("bench: picture-1", pytest.approx(0, abs=0.01))
    assert copy["image_leak"] == "bench: picture-2"
    assert 0 < copy["image_distance"] < 0.25
    assert second["image_leak"] == "bench: picture-1"
    assert other["image_leak"] is other["image_distance"] is unhashed["image_leak"] is None


def test_long_runs_of_words_are_told(test_set: str) -> None:
    asked = f"Look closely. {NOTE.upper()} Answer in a word."
    assert texts((asked, "21"), path=test_set) == ["bench: q1 (13 words in a row)"]
    assert texts((" ".join(NOTE.split()[:12]), "a"), path=test_set) == [None]


def test_a_short_question_is_told_with_its_answer_only(test_set: str) -> None:
    found = texts((SHORT.upper(), "Blue Door!"), (SHORT, "RED DOOR"), ("Name?", "BLUE DOOR"), path=test_set)
    assert found == ["bench: q2 (question and answer)", None, None]


def test_common_and_very_short_texts_tell_nothing(test_set: str) -> None:
    assert texts(("What is the total amount of this receipt?", "4.00"), ("Total?", "9.00"), path=test_set) == [None] * 2
    assert texts(("Total?", "9.00"), path=test_set, whole_words_min=3) == ["bench: q3 (question and answer)"]
    often = [(SHORT, "BLUE DOOR"), *((SHORT, f"DOOR {n}") for n in range(5))]
    assert texts(*often, path=test_set) == [None] * 6
    assert texts(*often, path=test_set, common_max=6)[0] == "bench: q2 (question and answer)"


def test_without_test_sets_nothing_leaks() -> None:
    (row,) = leaks([Pair("p", "i", "", NOTE, "14 days")], "")
    assert row["text_leak"] is row["image_leak"] is None


def test_a_file_that_is_none_is_named(tmp_path: Path, test_set: str) -> None:
    (tmp_path / "text.parquet").write_text("no table")
    pq.write_table(pa.table({"a": [1]}), tmp_path / "other.parquet")
    for name, problem in (("gone", "is not there"), ("text", "can't be read"), ("other", "make it again")):
        with pytest.raises(UsageError, match=problem):
            LeaksStage.also_hashed(LeaksSettings(test_sets=(str(tmp_path / f"{name}.parquet"),)))
    before = LeaksStage.also_hashed(LeaksSettings(test_sets=(test_set,)))
    test_sets.write(Path(test_set), "bench", 13, [test_sets.question_row("q", NOTE, ("1",), 13)])
    assert LeaksStage.also_hashed(LeaksSettings(test_sets=(test_set,))) != before


def test_the_file_holds_no_text(test_set: str) -> None:
    stored = Path(test_set).read_bytes()
    assert pq.read_table(test_set, columns=["item"]).num_rows == 14
    assert b"BLUE DOOR" not in stored
    assert b"brought" not in stored
