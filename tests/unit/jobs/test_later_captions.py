"""What counts as a caption that comes later, what stays a changed record, and that a stop between two steps mends."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.ingest_kit import draw

from glossator.jobs import ingest, later_captions
from glossator.jobs.known_records import captions_waiting
from glossator.jobs.source_index import SourceIndex
from glossator.jobs.sources import Source
from glossator.recipe import DataSpec
from glossator.store import IMAGES, SOURCES, Store, images_folder, sources_folder

OCR = [{"text": "Total", "box": [1, 2, 20, 9]}, {"text": "outside", "box": [500, 500, 600, 600]}]


def take_in(folder: Path, *records: dict[str, Any]) -> Store:
    source = folder / "records.jsonl"
    source.write_text("".join(json.dumps(record) + "\n" for record in records))
    store = ingest.open_store(source, folder.parent / "ws", DataSpec(shard_size=2))
    ingest.run(store, source, DataSpec(shard_size=2))
    return store


def captions(store: Store) -> dict[str, str | None]:
    """By source id, as both tables have them: they must not differ."""
    edition = store.caption_editions()[0]
    sources, images = sources_folder(edition), images_folder(edition)
    said = {a.source_id: a.caption for n in store.shards(sources) for a in store.read_part(sources, "sources", n)}
    shown = {i.source_id: i.caption for n in store.shards(images) for i in store.read_part(images, "images", n)}
    assert shown.items() <= said.items()
    return said


def failures(store: Store) -> list[tuple[str, str]]:
    return [(one.id, one.category) for shard in store.shards() for one in store.read_failures(IMAGES, shard)]


def full(**changed: Any) -> dict[str, Any]:
    """A record with a bit of everything."""
    known = {"id": "x", "image": "0.png", "kind": "form", "ocr": OCR, "meta": {"a": 1}, "more_images": ["1.png"]}
    return known | {"page": 7, "given_pairs": [{"question": "Q?", "answer": "A"}]} | changed


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("captions.jsonl", '{"image": "0.png", "caption": "New."}\n'),
        ("captions.csv", "file_name,caption\n0.png,New.\n"),
        ("0.txt", "\ufeffNew.\r\n"),
    ],
)
def test_files_of_captions_in_a_folder(folder: Path, name: str, text: str) -> None:
    draw(folder / "0.png")
    draw(folder / "1.png", 1)
    store = ingest.open_store(folder, folder.parent / "ws", DataSpec(shard_size=2))
    ingest.run(store, folder, DataSpec())
    (folder / name).write_text(text, encoding="utf-8", newline="")
    assert captions_waiting(store, folder) == 1
    ingest.run(store, folder, DataSpec())
    assert captions(store) == {"0.png": "New.", "1.png": None}
    (folder / name).unlink()
    assert captions_waiting(store, folder) == 1
    ingest.run(store, folder, DataSpec())
    assert captions(store) == {"0.png": None, "1.png": None}
    assert (store.caption_editions()[0], failures(store), captions_waiting(store, folder)) == ("", [], 0)


@pytest.mark.parametrize("key", ["caption", "captions"])
def test_a_caption_alone_is_taken_in(folder: Path, key: str) -> None:
    draw(folder / "0.png")
    draw(folder / "1.png", 1)
    store = take_in(folder, full())
    was = {path: path.read_bytes() for path in store.root.rglob("part-*")}
    take_in(folder, full(**{key: "New." if key == "caption" else ["New.", "Newer."]}, captioned_by="ada"))
    assert captions(store) == {"x": "New." if key == "caption" else "New.\n\nNewer."}
    assert {path: path.read_bytes() for path in was} == was
    take_in(folder, full(caption=None))
    assert captions(store) == {"x": None}
    assert [category for _, category in failures(store)] == ["bad_ocr"]


@pytest.mark.parametrize(
    "changed",
    [
        {"kind": "receipt"}, {"ocr": [*OCR, {"text": "more", "box": [1, 12, 9, 19]}]}, {"ocr": None},
        {"meta": {"a": 2}}, {"page": 8}, {"image": "1.png"}, {"more_images": []}, {"given_pairs": None},
    ],
)  # fmt: skip
def test_whatever_else_changes_stays_a_changed_record(folder: Path, changed: dict[str, Any]) -> None:
    draw(folder / "0.png")
    draw(folder / "1.png", 1)
    store = take_in(folder, full(caption="Old."))
    for _ in range(2):
        take_in(folder, full(caption="New.", **changed))
        assert [one for one in failures(store) if one[1] != "bad_ocr"] == [("x", "changed_record")]
    assert captions(store) == {"x": "Old."}
    take_in(folder, full(caption="New."))
    assert captions(store) == {"x": "New."}
    assert [one for one in failures(store) if one[1] != "bad_ocr"] == []


def test_another_picture_under_the_same_name_is_a_changed_record(folder: Path) -> None:
    draw(folder / "0.png")
    store = take_in(folder, {"id": "x", "image": "0.png"})
    draw(folder / "0.png", 9)
    for _ in range(2):
        take_in(folder, {"id": "x", "image": "0.png", "caption": "New."})
        assert failures(store) == [("x", "changed_record")]
    assert captions(store) == {"x": None}


def test_a_picture_that_is_gone_is_told_and_mended(folder: Path) -> None:
    draw(folder / "0.png")
    store = take_in(folder, {"id": "x", "image": "0.png"})
    (folder / "0.png").unlink()
    for _ in range(2):
        take_in(folder, {"id": "x", "image": "0.png", "caption": "New."})
        assert failures(store) == [("x", "missing")]
    draw(folder / "0.png")
    take_in(folder, {"id": "x", "image": "0.png", "caption": "New."})
    assert failures(store) == []
    assert captions(store) == {"x": "New."}


def test_the_record_that_brought_a_picture_has_the_word_on_it(folder: Path) -> None:
    draw(folder / "0.png")
    first, second = {"id": "x", "image": "0.png"}, {"id": "y", "image": "0.png"}
    store = take_in(folder, first, second)
    take_in(folder, first, second | {"caption": "Second."})
    assert captions(store) == {"x": None, "y": "Second."}
    (image,) = store.read_part(images_folder(store.caption_editions()[0]), "images", 0)
    assert image.caption is None


def test_one_id_twice_is_told_as_before(folder: Path) -> None:
    draw(folder / "0.png")
    one, two = {"id": "x", "image": "0.png", "caption": "One."}, {"id": "x", "image": "0.png", "caption": "Two."}
    store = take_in(folder, one)
    take_in(folder, two, one, two)
    for _ in range(2):  # a line that says what the record said before is told at the build after
        take_in(folder, two, one, two)
        assert failures(store) == [("x", "duplicate_id")]
        assert captions(store) == {"x": "Two."}


def test_what_an_older_version_refused_is_taken_in(folder: Path) -> None:
    draw(folder / "0.png")
    store = take_in(folder, {"id": "x", "image": "0.png"})
    source = Source.open(folder / "records.jsonl")
    (folder / "records.jsonl").write_text(json.dumps({"id": "x", "image": "0.png", "caption": "New."}))
    index = SourceIndex(store.index_path)
    (refused,) = ingest.shards(source, index=index, first=1, shard_size=2, max_pixels=10_000)
    index.commit(1)
    index.close()
    store.write_part(SOURCES, "sources", 1, refused.aliases)
    store.write_part(IMAGES, "images", 1, refused.images, refused.failures)
    assert failures(store) == [("x", "changed_record")]
    assert captions_waiting(store, source.path) == 1
    take_in(folder, {"id": "x", "image": "0.png", "caption": "New."})
    assert (captions(store), failures(store)) == ({"x": "New."}, [])


def test_without_its_index_a_workspace_still_sees_them(folder: Path) -> None:
    for i in range(3):
        draw(folder / f"{i}.png", i)
    store = take_in(folder, *({"image": f"{i}.png"} for i in range(3)))
    take_in(folder, *({"image": f"{i}.png", "caption": f"Number {i}."} for i in range(3)))
    store.index_path.unlink()
    take_in(folder, *({"image": f"{i}.png", "caption": f"Number {2 * i}."} for i in range(3)))
    assert captions(store) == {"0.png": "Number 0.", "1.png": "Number 2.", "2.png": "Number 4."}
    assert failures(store) == []


class Stop(BaseException):
    """The plug is pulled."""


class Stopping(Store):
    """A store whose plug is pulled before its n-th write."""

    left = 0

    def _step(self) -> None:
        if self.left == 0:
            raise Stop
        self.left -= 1

    def write_part(self, *args: Any, **named: Any) -> None:
        self._step()
        super().write_part(*args, **named)

    def share_part(self, folder: str, shard: int, giver: str) -> None:
        self._step()
        super().share_part(folder, shard, giver)

    def set_caption_edition(self, edition: str, digests: dict[str, str]) -> None:
        self._step()
        super().set_caption_edition(edition, digests)

    def drop_failed(self, *args: Any) -> None:
        self._step()
        super().drop_failed(*args)


def test_a_stop_before_any_write_changes_nothing(folder: Path) -> None:
    """Five pictures in three shards; two get captions, one a corrected one, and one more picture comes."""
    for i in range(6):
        draw(folder / f"{i}.png", i)
    old = [{"image": f"{i}.png", "caption": "x" * 20_001 if i == 3 else None} for i in range(5)]
    new = [{"image": f"{i}.png", "caption": f"Number {i}." if i % 3 == 0 else None} for i in range(6)]
    source, spec = folder / "records.jsonl", DataSpec(shard_size=2)
    ended = moment = 0
    expected: dict[str, bytes] = {}
    while not ended:
        source.write_text("".join(json.dumps(record) + "\n" for record in old))
        root = folder.parent / f"ws{moment}"
        ingest.run(ingest.open_store(source, root, spec), source, spec)
        source.write_text("".join(json.dumps(record) + "\n" for record in new))
        store = Stopping(root)
        store.left = moment if expected else 99
        try:
            ingest.run(store, source, spec)
            ended = bool(expected)
        except Stop:
            ingest.run(Store(root), source, spec)
        found = {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("part-*.parquet")}
        found["editions"] = (root / "images" / "editions.json").read_bytes()
        expected = expected or found
        assert found == expected, f"stopped before write {moment}"
        assert captions(Store(root)) == {row["image"]: row["caption"] for row in new}
        assert failures(Store(root)) == []
        moment += 1
    assert moment > 8


def test_an_edition_is_named_by_what_it_says(folder: Path) -> None:
    for i in range(3):
        draw(folder / f"{i}.png", i)
    bare = [{"image": f"{i}.png"} for i in range(3)]
    store = take_in(folder, *bare)
    assert store.caption_editions() == [""]
    take_in(folder, bare[0] | {"caption": "One."}, *bare[1:])
    take_in(folder, bare[0] | {"caption": "One."}, bare[1], bare[2] | {"caption": "Three."})
    both, one, first = store.caption_editions()
    assert first == ""
    assert both != one
    take_in(folder, bare[0] | {"caption": "One."}, *bare[1:])
    assert store.caption_editions() == [one, both, ""]
    take_in(folder, *bare)
    assert store.caption_editions() == ["", one, both]
    assert later_captions.commit(store, SourceIndex(store.index_path), 0) == 0
    assert captions_waiting(store, folder / "records.jsonl") == 0
