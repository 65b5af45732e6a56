"""Every source of the contract, everything that can be wrong with a record, growth, and stops at any moment."""

from __future__ import annotations

import csv
import json
import math
import os
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from tests.ingest_kit import draw, failures, only_image, tables, take_in, write

from glossator.errors import SourceError
from glossator.jobs import ingest
from glossator.jobs.sources import Source

# Sources


def test_folder_with_captions_of_three_kinds(folder: Path) -> None:
    draw(folder / "own.png", 1)
    (folder / "own.txt").write_text("\ufeffIts own text.\n", encoding="utf-8")
    draw(folder / "deep/er/listed.jpg", 2)
    (folder / "captions.jsonl").write_text(
        '{"image": "deep/er/listed.jpg", "caption": "From JSON.", "kind": "poster"}\n'
    )
    draw(folder / "deep/row.png", 3)
    (folder / "deep/captions.csv").write_text("file_name,caption\nrow.png,From CSV.\n")
    draw(folder / "deep/table/cell.PNG", 4)
    pq.write_table(
        pa.table({"image": ["cell.PNG"], "caption": ["From Parquet."]}), folder / "deep/table/captions.parquet"
    )
    draw(folder / "plain.png", 5)
    (folder / "notes.pdf").write_bytes(b"not meant as an image")
    store = take_in(folder)
    found = {image.path: image.caption for image in tables(store)[0]}
    assert found == {
        "own.png": "Its own text.",
        "deep/er/listed.jpg": "From JSON.",
        "deep/row.png": "From CSV.",
        "deep/table/cell.PNG": "From Parquet.",
        "plain.png": None,
    }
    assert {image.kind for image in tables(store)[0] if image.path.endswith("listed.jpg")} == {"poster"}
    assert failures(store) == {}


def test_folder_whose_captions_name_no_file_or_one_file_twice(folder: Path) -> None:
    draw(folder / "a.png")
    lines = [
        {"image": "gone.png", "caption": "x"},
        {"image": "a.png", "caption": "One."},
        {"image": "a.png", "caption": "Two."},
    ]
    (folder / "captions.jsonl").write_text("\n".join(map(json.dumps, lines)))
    store = take_in(folder)
    assert only_image(store).caption == "One.\n\nTwo."
    assert failures(store) == {"gone.png": "missing"}


def test_hidden_files_and_workspaces_are_no_part_of_a_folder(folder: Path) -> None:
    draw(folder / "a.png", 1)
    draw(folder / ".thumbs/a.png", 2)
    draw(folder / "ws/picture.png", 3)
    (folder / "ws/workspace.json").write_text("{}")
    assert [image.path for image in tables(take_in(folder))[0]] == ["a.png"]


def test_file_name_of_odd_bytes(folder: Path) -> None:
    draw(folder / "a.png", 1)
    draw(folder / "b.png", 2).rename(os.fsdecode(os.fsencode(folder) + b"/caf\xe9.png"))
    assert failures(take_in(folder)) == {r"caf\udce9.png": "bad_record"}


RECORDS = [
    {"id": "a", "image": "0.png", "caption": 'She said "hi",\nand left.', "kind": "receipt"},
    {"id": "b", "image": "1.png", "note": "kept"},
]


def as_jsonl(folder: Path) -> Path:
    return write(folder, *RECORDS)


def as_csv(folder: Path) -> Path:
    with (folder / "records.csv").open("w", newline="", encoding="utf-8-sig") as file:
        writer = csv.DictWriter(file, ["id", "image", "caption", "kind", "note", "ocr"])
        writer.writeheader()
        writer.writerows(RECORDS)
    return folder / "records.csv"


def as_parquet(folder: Path) -> Path:
    pq.write_table(pa.Table.from_pylist([{**RECORDS[0], "note": None}, RECORDS[1]]), folder / "records.parquet")
    return folder / "records.parquet"


@pytest.mark.parametrize("written", [as_jsonl, as_csv, as_parquet])
def test_files_of_records(folder: Path, written: Any) -> None:
    draw(folder / "0.png", 0)
    draw(folder / "1.png", 1)
    source = written(folder)
    assert ingest.count(source) >= 2
    first, second = tables(take_in(source))[0]
    assert (first.source_id, first.path, first.kind) == ("a", "0.png", "receipt")
    assert first.caption == 'She said "hi",\nand left.'
    assert (second.caption, json.loads(second.meta)["note"]) == (None, "kept")
    assert (first.width, first.height, first.image_id) == (30, 20, first.sha256[:16])


def test_csv_with_json_cells_and_a_very_long_field(folder: Path) -> None:
    draw(folder / "0.png")
    cells = ["0.png", json.dumps([{"text": "Total", "box": [1, 2, 3, 4]}]), "x" * 300_000]
    with (folder / "r.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["image", "ocr", "caption"], cells])
    store = take_in(folder / "r.csv")
    assert [span.text for span in only_image(store).given_ocr or ()] == ["Total"]
    assert failures(store) == {"0.png": "bad_caption"}


def test_bom_carriage_returns_blank_lines_and_no_end(folder: Path) -> None:
    draw(folder / "0.png", 0)
    draw(folder / "1.png", 1)
    source = folder / "r.jsonl"
    source.write_bytes(b'\xef\xbb\xbf{"image": "0.png"}\r\n\r\n  \r\n{"image": "1.png"}')
    assert [image.source_id for image in tables(take_in(source))[0]] == ["0.png", "1.png"]


@pytest.mark.parametrize("name", ["r.jsonl", "r.csv"])
def test_an_empty_file_has_no_records(folder: Path, name: str) -> None:
    (folder / name).touch()
    assert ingest.count(folder / name) == 0
    assert tables(take_in(folder / name)) == ([], [], [])


@pytest.mark.parametrize("name", ["none.jsonl", "none", "notes.md", "broken.parquet", "no_image.csv"])
def test_a_source_that_can_not_be_read_at_all(folder: Path, name: str) -> None:
    (folder / "notes.md").write_text("# notes")
    (folder / "broken.parquet").write_bytes(b"PAR1 nothing")
    (folder / "no_image.csv").write_text("picture,caption\na.png,b\n")
    with pytest.raises(SourceError):
        list(Source.open(folder / name).records())


def test_a_parquet_file_that_breaks_off(folder: Path) -> None:
    draw(folder / "0.png")
    table = pa.table({"image": ["0.png"] * 3000, "id": [f"{i:05d}" * 20 for i in range(3000)]})
    path = folder / "r.parquet"
    pq.write_table(table, path, row_group_size=1000, compression="none", use_dictionary=False)
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 200_000] = b"\xff" * len(data[middle : middle + 200_000])
    head = data[: len(path.read_bytes())]
    head[-2000:] = path.read_bytes()[-2000:]
    path.write_bytes(bytes(head))
    assert len(list(Source.open(path).records())) > 0


# What is refused


def test_broken_pictures_have_their_own_categories(folder: Path) -> None:
    draw(folder / "good.png", 1)
    (folder / "cut.png").write_bytes((folder / "good.png").read_bytes()[:60])
    (folder / "text.png").write_text("no picture")
    Image.new("RGB", (200, 100)).save(folder / "large.png")
    names = ["good.png", "cut.png", "text.png", "large.png", "gone.png"]
    store = take_in(write(folder, *({"id": name, "image": name} for name in names)), max_megapixels=0.01)
    assert failures(store) == {
        "cut.png": "truncated",
        "text.png": "not_an_image",
        "large.png": "too_many_pixels",
        "gone.png": "missing",
    }
    assert only_image(store).source_id == "good.png"
    assert all(failure.message.startswith(failure.id) for failure in tables(store)[2])
    assert str(folder) not in "".join(failure.message for failure in tables(store)[2])


def test_paths_that_leave_the_source(folder: Path) -> None:
    outer = draw(folder.parent / "outer.png")
    draw(folder / "in/a.png", 1)
    (folder / "link.png").symlink_to(outer)
    (folder / "linked").symlink_to(folder.parent)
    images = [
        "../outer.png",
        str(outer),
        "link.png",
        "linked/outer.png",
        "in/../../outer.png",
        "C:/a.png",
        "http://x/a.png",
    ]
    store = take_in(
        write(folder, *({"id": image, "image": image} for image in images), {"id": "ok", "image": "in/../in/a.png"})
    )
    assert failures(store) == dict.fromkeys(images, "outside_source")
    assert only_image(store).path == "in/a.png"


def test_links_in_a_folder(folder: Path) -> None:
    draw(folder / "a.png", 1)
    (folder / "again.png").symlink_to(folder / "a.png")
    (folder / "circle").symlink_to(folder)
    draw(folder.parent / "other/b.png", 2)
    (folder / "foreign").symlink_to(folder.parent / "other")
    (folder / "foreign.png").symlink_to(folder.parent / "other/b.png")
    (folder / "round.png").symlink_to(folder / "round.png")
    store = take_in(folder)
    assert failures(store) == {"foreign": "outside_source", "foreign.png": "outside_source", "round.png": "missing"}
    assert sorted(alias.source_id for alias in tables(store)[1]) == ["a.png", "again.png"]


def test_the_same_picture_twice_is_kept_once(folder: Path) -> None:
    draw(folder / "a.png")
    (folder / "b.png").write_bytes((folder / "a.png").read_bytes())
    store = take_in(write(folder, {"id": "x", "image": "a.png"}, {"id": "y", "image": "b.png", "caption": "Seen."}))
    images, aliases, failed = tables(store)
    assert [image.source_id for image in images] == ["x"]
    assert [(alias.source_id, alias.image_id, alias.caption) for alias in aliases] == [
        ("x", images[0].image_id, None),
        ("y", images[0].image_id, "Seen."),
    ]
    assert failed == []


def test_the_same_record_twice_and_the_same_id_with_other_content(folder: Path) -> None:
    for i in range(3):
        draw(folder / f"{i}.png", i)
    record = {"id": "x", "image": "0.png"}
    store = take_in(write(folder, record, record, {"id": "x", "image": "1.png"}, {"id": 7, "image": "2.png"}))
    images, aliases, failed = tables(store)
    assert [image.source_id for image in images] == ["x", "7"]
    assert len(aliases) == 2
    assert [(failure.id, failure.category) for failure in failed] == [("x", "duplicate_id")]


def test_lines_that_are_no_records(folder: Path) -> None:
    draw(folder / "0.png")
    source = write(
        folder, "{broken", "[1, 2]", "17", '"text"', "[" * 100_000, "9" * 5000, '{"id": "n"}', '{"image": "0.png"}'
    )
    with source.open("ab") as file:
        file.write(b'{"image": "\xff\xfe"}\n')
    store = take_in(source)
    expected = {f"line {i}": "bad_record" for i in (1, 2, 3, 4, 5, 6, 9)} | {"n": "bad_record"}
    assert failures(store) == expected
    assert only_image(store).path == "0.png"


# What is left out while the image goes on


@pytest.mark.parametrize("image", [None, 5, "", "  ", ["a.png"], {"bytes": "x"}, "a\0.png", "\ud800.png", True])
def test_an_image_that_is_no_path(folder: Path, image: Any) -> None:
    assert failures(take_in(write(folder, {"id": "x", "image": image}))) == {"x": "bad_record"}


@pytest.mark.parametrize(
    ("record", "caption"),
    [
        ({"caption": "  a\tb \r\n c\x00\x1b "}, "a b\nc"),
        ({"caption": "half \ud83d pair"}, "half pair"),
        ({"caption": ""}, None),
        ({"caption": "one", "captions": ["two", "one", "", None]}, "one\n\ntwo"),
        ({"captions": None}, None),
        ({"caption": ["one", "two"]}, "one\n\ntwo"),
    ],
)
def test_captions_are_cleaned(folder: Path, record: dict[str, Any], caption: str | None) -> None:
    draw(folder / "0.png")
    store = take_in(write(folder, {"image": "0.png", **record}))
    assert only_image(store).caption == caption
    assert failures(store) == {}


@pytest.mark.parametrize("caption", ["x" * 20_001, 5, {"text": "x"}, ["a", 3], "y " * 500_000])
def test_bad_captions_are_told_and_the_image_goes_on(folder: Path, caption: Any) -> None:
    draw(folder / "0.png")
    store = take_in(write(folder, {"id": "x", "image": "0.png", "caption": caption}))
    assert failures(store) == {"x": "bad_caption"}
    assert only_image(store).caption in (None, "a")


def ocr(*boxes: Any) -> dict[str, Any]:
    return {"id": "x", "image": "0.png", "ocr": [{"text": f"t{i}", "box": box} for i, box in enumerate(boxes)]}


@pytest.mark.parametrize(
    "box",
    [
        [math.nan, 0, 5, 5], [0, 0, math.inf, 5], [1, 2, 3], "0,0,5,5", None, [0, 0, "5", 5], [10**400, 0, 1, 1],
        [100, 100, 200, 200], [-9, -9, -1, -1], [5, 5, 5, 5], [[0, 0], [1]], {}, [True, 0, 5, 5], [0] * 5000,
    ],
)  # fmt: skip
def test_bad_boxes_are_left_out(folder: Path, box: Any) -> None:
    draw(folder / "0.png")
    store = take_in(write(folder, ocr([1, 1, 9, 9], box)))
    assert [span.text for span in only_image(store).given_ocr or ()] == ["t0"]
    assert failures(store) == {"x": "bad_ocr"}


def test_boxes_are_put_in_order_and_cut_off_at_the_edges(folder: Path) -> None:
    draw(folder / "0.png")
    polygon = [[2, 3], [12, 3], [12, 8], [2, 8]]
    store = take_in(write(folder, ocr([9, 8, 1, 2], [-5, -5, 500, 10], polygon)))
    boxes = [span.box for span in only_image(store).given_ocr or ()]
    assert boxes == [(1, 2, 9, 8), (0, 0, 30, 10), (2, 3, 12, 8)]
    assert failures(store) == {}


@pytest.mark.parametrize("given", [None, [], {}, "text", 5, [{}], [None], [{"text": 5, "box": [1, 1, 2, 2]}]])
def test_no_usable_ocr_means_none_given(folder: Path, given: Any) -> None:
    draw(folder / "0.png")
    store = take_in(write(folder, {"id": "x", "image": "0.png", "ocr": given}))
    assert only_image(store).given_ocr is None
    assert failures(store) == ({} if given in (None, []) else {"x": "bad_ocr"})


def test_given_pairs_are_cleaned(folder: Path) -> None:
    draw(folder / "0.png")
    pairs = [{"question": " What? ", "answer": "This\x00", "x": 1}, {"question": "No answer?"}, 5]
    store = take_in(write(folder, {"id": "x", "image": "0.png", "given_pairs": pairs}))
    assert json.loads(only_image(store).given_pairs) == [{"question": "What?", "answer": "This"}]
    assert failures(store) == {"x": "bad_pairs"}


def test_unknown_keys_go_to_meta(folder: Path) -> None:
    draw(folder / "0.png")
    record = {
        "image": "0.png",
        "meta": {"deep": {"er": [1]}},
        "fields": {"total": "5"},
        "n": math.nan,
        "s": "\ud800",
        "kind": 4,
    }
    meta = json.loads(only_image(take_in(write(folder, record))).meta)
    assert meta == {"deep": {"er": [1]}, "fields": {"total": "5"}, "n": None, "s": "\ud800", "kind": 4}


def test_ids_of_any_type(folder: Path) -> None:
    ids = ["  a\n b ", 12, 1.5, True, [1], None, "x" * 10_000, 10**30]
    for i in range(len(ids)):
        draw(folder / f"{i}.png", i)
    store = take_in(write(folder, *({"id": one, "image": f"{i}.png"} for i, one in enumerate(ids))))
    found = [image.source_id for image in tables(store)[0]]
    assert found[:6] == ["a b", "12", "2.png", "3.png", "4.png", "5.png"]
    assert len(set(found)) == len(ids)
    assert max(map(len, found)) < 200


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.sampled_from(["0.png", "../x"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
KEYS = st.sampled_from(["id", "image", "caption", "captions", "ocr", "kind", "meta", "given_pairs", "text", "box"])


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.dictionaries(KEYS | st.text(max_size=5), JUNK, max_size=8), max_size=6))
def test_junk_never_breaks_the_run(tmp_path_factory: pytest.TempPathFactory, records: list[dict[str, Any]]) -> None:
    folder = tmp_path_factory.mktemp("junk") / "source"
    draw(folder / "0.png")
    store = take_in(write(folder, *records, {"id": "the last one", "image": "0.png"}))
    assert "the last one" in {alias.source_id for alias in tables(store)[1]}
    ids = Counter(alias.source_id for alias in tables(store)[1])
    assert set(ids.values()) <= {1}
