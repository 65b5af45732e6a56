from __future__ import annotations

import json
import multiprocessing
from pathlib import Path

import pytest

from glossator.errors import WorkspaceBusyError, WorkspaceError
from glossator.records import Caption, Evidence, Failure, ImageRecord, Page, Pair, ShardReport, Span
from glossator.store import IMAGES, Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.create(tmp_path / "ws", tmp_path / "source.jsonl", tmp_path, 8)


def test_records_come_back_as_they_were_written(store: Store) -> None:
    spans = (Span("Total", (1, 2, 30.5, 10), 0.9), Span("5.00", (40, 2, 60, 10)))
    image = ImageRecord("i1", "r1", "a.png", "00", 100, 50, "receipt", 0, None, spans, "", '{"x": 1}')
    pair = Pair("i1-1", "i1", "r1", "Q?", "5.00", "total", (Evidence("5.00", (40, 2, 60, 10)),), 1.0, 0.0)
    for table, record in {"images": image, "ocr": Page("i1", "fake", spans, "Total 5.00"), "pairs": pair}.items():
        store.write_part(f"{table}/x", table, 3, [record])
        assert store.read_part(f"{table}/x", table, 3) == [record]
        assert store.shards(f"{table}/x") == [3]


def test_the_same_rows_give_the_same_bytes(store: Store) -> None:
    row = [Caption("i", None, "A receipt.", "grounded")]
    for folder in ("enrich/a", "enrich/b"):
        store.write_part(folder, "captions", 0, row)
    first, second = ((store.root / folder / "part-00000.parquet").read_bytes() for folder in ("enrich/a", "enrich/b"))
    assert first == second


def test_failures_and_report_stand_beside_the_part(store: Store) -> None:
    failure = Failure("ocr", "i2", "i2", "engine", "no luck", 2)
    store.write_part("ocr/x", "ocr", 0, [], [failure], ShardReport("ocr", 0, 0, 1, 1.5))
    assert store.read_failures("ocr/x", 0) == [failure]
    assert store.reports("ocr/x")[0]["seconds"] == 1.5
    assert store.scan_failures("ocr/x").collect()["category"].to_list() == ["engine"]
    store.write_part("ocr/x", "ocr", 0, [], [])
    assert store.read_failures("ocr/x", 0) == []


def test_unfinished_files_do_not_count(store: Store) -> None:
    folder = store.root / "ocr" / "x"
    folder.mkdir(parents=True)
    (folder / ".part-00000.parquet.77.tmp").write_bytes(b"half")
    (folder / "part-00001.failed.parquet").write_bytes(b"half")
    assert store.shards("ocr/x") == []


def test_a_broken_part_is_named(store: Store) -> None:
    store.write_part("ocr/x", "ocr", 0, [])
    path = store.root / "ocr" / "x" / "part-00000.parquet"
    path.write_bytes(b"not parquet")
    with pytest.raises(WorkspaceError, match="part-00000"):
        store.read_part("ocr/x", "ocr", 0)


def test_scan_of_nothing_is_an_empty_table(store: Store) -> None:
    assert store.scan(IMAGES, "images").collect().height == 0


def test_a_folder_with_other_things_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(WorkspaceError, match="no workspace"):
        Store.create(tmp_path, tmp_path / "s.jsonl", tmp_path, 8)
    assert (tmp_path / "thesis.txt").read_text() == "mine"


def test_another_source_is_refused(store: Store, tmp_path: Path) -> None:
    with pytest.raises(WorkspaceError, match="was built from"):
        Store.create(store.root, tmp_path / "other.jsonl", tmp_path, 8)


@pytest.mark.parametrize("text", ["{", "[]", '{"format": 99}'])
def test_what_is_no_workspace_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "workspace.json").write_text(text)
    with pytest.raises(WorkspaceError):
        Store(tmp_path)


def _hold(root: Path, held: object, leave: object) -> None:
    with Store(root).lock():
        held.set()  # type: ignore[attr-defined]
        leave.wait(30)  # type: ignore[attr-defined]


def test_a_second_run_is_refused_and_a_dead_ones_lock_is_taken_over(store: Store) -> None:
    context = multiprocessing.get_context("spawn")
    held, leave = context.Event(), context.Event()
    other = context.Process(target=_hold, args=(store.root, held, leave))
    other.start()
    assert held.wait(30)
    with pytest.raises(WorkspaceBusyError, match=rf"process {other.pid} has been running for \d+ s"), store.lock():
        pass
    other.kill()
    other.join()
    with store.lock():
        assert json.loads((store.root / "run.json").read_text())["pid"] != other.pid
    assert not (store.root / "run.json").exists()


def test_parts_of_an_older_version_are_read(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    store = Store.create(tmp_path / "ws", tmp_path, tmp_path, 8)
    image = ImageRecord("i", "i", "i.png", "0" * 64, 10, 10)
    for shard in (0, 1):
        store.write_part("images/v1", "images", shard, [image])
    part = tmp_path / "ws" / "images" / "v1" / "part-00000.parquet"
    pq.write_table(pq.read_table(part).drop_columns(["more_paths"]), part)
    assert store.scan("images/v1", "images").collect()["more_paths"].to_list() == [None, []]
    assert store.read_part("images/v1", "images", 0) == [image]


def test_a_shared_part_is_the_same_and_both_go_their_own_way(store: Store) -> None:
    failure = Failure("enrich", "i2", "i2", "engine", "no luck", 2)
    store.write_part(
        "enrich/a", "captions", 3, [Caption("i", None, "Old.", "x")], [failure], ShardReport("enrich", 3, 1, 1, 1.5)
    )
    for _ in range(2):  # a run that was killed shares once more
        store.share_part("enrich/b", 3, "enrich/a")
    assert store.same_part("enrich/a", "enrich/b", 3)
    assert store.read_failures("enrich/b", 3) == [failure]
    assert store.report("enrich/b", 3)["seconds"] == 1.5
    store.write_part("enrich/b", "captions", 3, [Caption("i", None, "New.", "x")])
    assert store.read_part("enrich/a", "captions", 3)[0].enriched == "Old."
    assert not store.same_part("enrich/a", "enrich/b", 3)
    assert store.read_failures("enrich/a", 3) == [failure]
    assert not [path for path in (store.root / "enrich" / "b").iterdir() if path.name.startswith(".")]


def test_equal_parts_are_the_same_without_a_link(store: Store) -> None:
    for folder in ("enrich/a", "enrich/b"):
        store.write_part(folder, "captions", 0, [Caption("i", None, "Old.", "x")])
    assert store.same_part("enrich/a", "enrich/b", 0)
