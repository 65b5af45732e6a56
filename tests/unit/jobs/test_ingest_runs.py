"""Ingest run after run: shards, growth, changed and mended records, and a stop at any moment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.ingest_kit import draw, failures, only_image, tables, take_in, write

from glossator.errors import WorkspaceError
from glossator.jobs import ingest
from glossator.jobs.source_index import SourceIndex
from glossator.jobs.sources import Source
from glossator.recipe import DataSpec
from glossator.store import IMAGES, SOURCES


def numbered(folder: Path, count: int) -> list[dict[str, Any]]:
    """Records of which every fifth fails and every seventh repeats an earlier picture."""
    records = []
    for i in range(count):
        name = "gone.png" if i % 5 == 4 else f"{i - 3 if i % 7 == 6 else i}.png"
        if name == f"{i}.png":
            draw(folder / name, i)
        records.append({"id": f"r{i}", "image": name, "caption": f"Number {i}."})
    return records


def test_default_shard_size(folder: Path) -> None:
    source = write(folder, *({"id": str(i), "image": "x.png"} for i in range(200)))
    assert take_in(source).info["shard_size"] == 13
    assert ingest.count(source) == 200


def test_a_second_run_adds_nothing_and_growth_adds_shards_only(folder: Path) -> None:
    records = numbered(folder, 25)
    store = take_in(write(folder, *records[:15]), shard_size=4)
    before = {path: path.read_bytes() for path in store.root.rglob("part-*")}
    assert len(store.shards()) == 3
    take_in(write(folder, *records[:15]))
    assert {path: path.read_bytes() for path in store.root.rglob("part-*")} == before
    take_in(write(folder, *records))
    after = {path: path.read_bytes() for path in store.root.rglob("part-*")}
    assert before.items() <= after.items()
    assert {alias.source_id for alias in tables(store)[1]} == {f"r{i}" for i in range(25) if i % 5 != 4}
    assert [image.shard for image in tables(store)[0]] == sorted(image.shard for image in tables(store)[0])


def test_limit_takes_the_first_records_only(folder: Path) -> None:
    source = write(folder, *numbered(folder, 10))
    store = take_in(source, limit=3)
    assert [alias.source_id for alias in tables(store)[1]] == ["r0", "r1", "r2"]
    take_in(source)
    assert len(tables(store)[1]) == 8


def test_a_changed_record_is_told_once(folder: Path) -> None:
    draw(folder / "0.png")
    store = take_in(write(folder, {"id": "x", "image": "0.png", "caption": "Old."}))
    for _ in range(2):
        take_in(write(folder, {"id": "x", "image": "0.png", "caption": "New.", "kind": "receipt"}))
        assert [failure.category for failure in tables(store)[2]] == ["changed_record"]
    assert only_image(store).caption == "Old."


def test_a_mended_file_is_taken_in_and_its_failure_goes(folder: Path) -> None:
    source = write(folder, {"id": "x", "image": "0.png"}, {"id": "y", "image": "1.png"})
    store = take_in(source)
    assert failures(store) == {"x": "missing", "y": "missing"}
    draw(folder / "0.png")
    take_in(source)
    assert failures(store) == {"y": "missing"}
    assert only_image(store).source_id == "x"


class Stop(BaseException):
    """The plug is pulled."""


@pytest.mark.parametrize("moment", range(12))
def test_a_stop_at_any_moment_changes_nothing(folder: Path, moment: int) -> None:
    """Each shard is committed in four steps; the run ends after `moment` of them, and is then started again."""
    source = write(folder, *numbered(folder, 24))
    spec = DataSpec(shard_size=4)
    store = ingest.open_store(source, folder.parent / "stopped", spec)
    index = SourceIndex(store.index_path)
    index.forget_all_but([])
    steps = 0
    try:
        for shard in ingest.shards(Source.open(source), index=index, first=0, shard_size=4, max_pixels=10_000):
            for step in (
                lambda shard=shard: index.commit(shard.number),
                lambda shard=shard: store.write_part(SOURCES, "sources", shard.number, shard.aliases),
                lambda shard=shard: store.write_part(IMAGES, "images", shard.number, shard.images, shard.failures),
            ):
                if steps == moment:
                    raise Stop
                step()
                steps += 1
    except Stop:
        index.close()
    ingest.run(store, source, spec)
    assert tables(store) == tables(take_in(source, shard_size=4))


def test_a_lost_index_is_learnt_from_the_parts(folder: Path) -> None:
    records = numbered(folder, 12)
    store = take_in(write(folder, *records[:10]), shard_size=4)
    before = tables(store)
    for junk in (None, b"no database at all, but long enough to be looked at " * 40):
        store.index_path.unlink(missing_ok=True)
        if junk:
            store.index_path.write_bytes(junk)
        take_in(write(folder, *records[:10]))
        assert tables(store) == before
    take_in(write(folder, *records))
    assert {alias.source_id for alias in tables(store)[1]} > {"r10", "r11"}


def test_another_source_is_refused(folder: Path) -> None:
    draw(folder / "0.png")
    take_in(write(folder, {"image": "0.png"}))
    with pytest.raises(WorkspaceError):
        take_in(folder)


@pytest.mark.shared
def test_the_real_records(shared_data: Path, tmp_path: Path) -> None:
    for name, count in (("records.jsonl", 145), ("more.jsonl", 140)):
        store = ingest.open_store(shared_data / name, tmp_path / name, DataSpec())
        assert ingest.run(store, shared_data / name, DataSpec()) == count
        assert tables(store)[2] == []
