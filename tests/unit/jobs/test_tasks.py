"""Pairs given out to be judged: which, and the files that hold them."""

from __future__ import annotations

import csv
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from glossator.errors import UsageError
from glossator.jobs.tasks import at_random, give_out, near_threshold
from glossator.records import ImageRecord, Pair
from glossator.schemas import to_arrow

IMAGE, BLANK = "0123456789abcdef", "fedcba9876543210"
PAIR = Pair(f"{IMAGE}-aaaaaaaaaaaa", IMAGE, "r1", "=1+1?", "-5", explain_question="How so?", explain_answer="So.")
NO_PICTURE = replace(PAIR, pair_id=f"{BLANK}-aaaaaaaaaaaa", image_id=BLANK)


def lazy(table: str, *records: Any) -> pl.LazyFrame:
    return pl.DataFrame(pl.from_arrow(to_arrow(table, records))).lazy()


TABLES = {
    "pairs": lazy("pairs", PAIR, NO_PICTURE),
    "images": lazy("images", ImageRecord(IMAGE, "r1", "a.jpg", "", 10, 10), ImageRecord(BLANK, "r2", "", "", 0, 0)),
}


def many(count: int) -> pl.LazyFrame:
    return pl.LazyFrame({"pair_id": [f"{IMAGE}-{number:012x}" for number in range(count)]})


def test_a_draw_is_the_same_for_the_same_seed_and_grows_with_its_size() -> None:
    drawn = at_random(many(500), 50, seed=3)
    assert len(set(drawn)) == 50
    assert drawn == at_random(many(500), 50, seed=3) == at_random(many(500), 60, seed=3)[:50]
    assert drawn != at_random(many(500), 50, seed=4)
    assert sorted(at_random(many(9), None, seed=0)) == many(9).collect()["pair_id"].to_list()


def test_every_pair_is_drawn_as_often() -> None:
    drawn = Counter(pair for seed in range(400) for pair in at_random(many(20), 5, seed))
    assert len(drawn) == 20 and all(60 < count < 145 for count in drawn.values())  # 100 expected, 5 deviations


def test_the_nearest_to_a_bound_come_first_whatever_the_scale() -> None:
    rows = pl.LazyFrame(
        {
            "pair_id": list("abcdef"),
            "mifd": [0.1, 0.5, 0.95, 1.05, 3.0, None],
            "question_chars": [299.0, 10.0, 20.0, 30.0, 40.0, None],
            "grounding": [None, None, None, None, None, None],
        },
        schema_overrides={"grounding": pl.Float64},
    )
    settings = {"mifd_max": 1.0, "grounding_min": 0.85, "ffd_max": None, "image_copies": True, "vfd_max": 0.9}
    assert near_threshold(rows, settings, None)[:2] == ["c", "d"]
    assert set(near_threshold(rows, settings, None)) == set("abcde")
    assert near_threshold(rows, settings, 1) == ["c"]
    assert near_threshold(rows, {"question_chars_max": 300}, 1) == ["a"]
    assert near_threshold(rows, {}, 3) == []


def test_a_table_for_a_spreadsheet(tmp_path: Path) -> None:
    chosen = [NO_PICTURE.pair_id, PAIR.pair_id]
    summary = give_out(TABLES, chosen, "random", "csv", tmp_path / "new" / "t.csv")
    assert (summary.written, summary.left_out) == (2, 0)
    with (tmp_path / "new" / "t.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["pair_id"] for row in rows] == chosen
    assert rows[1]["sampling"] == "random" and rows[1]["verdict"] == "" and rows[1]["image"] == "a.jpg"
    assert (rows[1]["question"], rows[1]["answer"]) == ("'=1+1?", "'-5")


def test_tasks_for_label_studio_need_a_picture(tmp_path: Path) -> None:
    chosen = [NO_PICTURE.pair_id, PAIR.pair_id]
    summary = give_out(TABLES, chosen, "random", "labelstudio", tmp_path / "t.json", "http://host/")
    assert (summary.written, summary.left_out) == (1, 1)
    (task,) = json.loads((tmp_path / "t.json").read_text(encoding="utf-8"))
    assert task["data"]["image"] == "http://host/a.jpg" and task["data"]["pair_id"] == PAIR.pair_id
    assert summary.config is not None and summary.config.read_text().startswith("<View>")


def test_wrong_use_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="csv, labelstudio"):
        give_out(TABLES, [], "random", "xml", tmp_path / "t.xml")
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="can't be written"):
        give_out(TABLES, [], "random", "csv", tmp_path / "file" / "t.csv")
