"""Test sets as files: what is written is read, and what is none is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from copies_kit import hash_row, receipt
from glossator.copies import test_sets
from glossator.errors import UsageError


def written(path: Path) -> Path:
    row = hash_row("a.png", receipt("SHOP", 1))
    picture = test_sets.picture_row("a.png", 0, list(row["hashes"]), row["thumbnail"])  # type: ignore[call-overload, arg-type]
    test_sets.write(path, "bench", 8, [picture, test_sets.question_row("q", "What is the total?", ("9.00", "9"), 8)])
    return path


def test_what_is_written_is_read(tmp_path: Path) -> None:
    found = test_sets.read(written(tmp_path / "new" / "bench.parquet"))
    assert (found.name, found.words) == ("bench", 8)
    pictures = found.pictures()
    assert pictures.keys.rows() == [("a.png", 0)]
    assert pictures.hashes.shape[0] == 1
    assert list(pictures.thumbnails([0])) == [0]
    (question,) = found.questions().to_dicts()
    assert (question["item"], len(question["wholes"]), question["grams"]) == ("q", 2, [])
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["bench.parquet"]


def test_the_same_test_set_is_the_same_bytes(tmp_path: Path) -> None:
    assert written(tmp_path / "a.parquet").read_bytes() == written(tmp_path / "b.parquet").read_bytes()


def test_an_empty_test_set_is_one(tmp_path: Path) -> None:
    test_sets.write(tmp_path / "none.parquet", "none", 13, [])
    found = test_sets.read(tmp_path / "none.parquet")
    assert len(found.pictures().keys) == len(found.questions()) == 0


@pytest.mark.parametrize(
    "about", [b"{}", b"[]", b"no json", json.dumps({"format": 99, "name": "b", "words": 8}).encode()]
)
def test_a_file_of_another_version_is_to_be_made_again(tmp_path: Path, about: bytes) -> None:
    table = pq.read_table(written(tmp_path / "bench.parquet"))
    pq.write_table(table.replace_schema_metadata({"glossator_test_set": about}), tmp_path / "other.parquet")
    with pytest.raises(UsageError, match=r"other\.parquet"):
        test_sets.read(tmp_path / "other.parquet")


@pytest.mark.parametrize("kept", [0, 3, 400, -20])
def test_a_torn_file_is_told_in_one_line(tmp_path: Path, kept: int) -> None:
    path = written(tmp_path / "bench.parquet")
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(UsageError, match="can't be read") as told:
        test_sets.read(path)
    assert "\n" not in str(told.value)


def test_a_file_that_is_spoilt_in_its_middle_is_told(tmp_path: Path) -> None:
    path = written(tmp_path / "bench.parquet")
    test_sets.check(path)
    data = bytearray(path.read_bytes())
    data[60:2_000] = bytes(1_940)
    path.write_bytes(data)
    with pytest.raises(UsageError, match="spoilt"):
        test_sets.check(path)


def test_a_folder_and_a_missing_file_are_told(tmp_path: Path) -> None:
    for path, problem in ((tmp_path, "can't be read"), (tmp_path / "gone.parquet", "make it with")):
        with pytest.raises(UsageError, match=problem):
            test_sets.read(path)


def test_where_nothing_can_be_written_it_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UsageError, match="can't be written"):
        test_sets.write(tmp_path / "file" / "bench.parquet", "bench", 13, [])


def test_pictures_without_hashes_are_left_out(tmp_path: Path) -> None:
    path = written(tmp_path / "bench.parquet")
    table = pq.read_table(path).to_pylist()
    rows = [*table, {**table[0], "item": "old.png", "hashes": ["00"]}, {**table[0], "item": "b.png", "hashes": None}]
    schema = pq.read_schema(path)
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), path)
    assert test_sets.read(path).pictures().keys["image_id"].to_list() == ["a.png"]
