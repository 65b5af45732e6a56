"""Captions from the page become records that a build reads, and nothing that stood there is lost."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

import glossator
from glossator.errors import WorkspaceError
from glossator.review.captioning import CaptionBook
from glossator.workspace import Workspace

READ_ONLY = {"run.workers.ocr": 0}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three pictures, of which one has a caption."""
    path = tmp_path / "images"
    (path / "deep").mkdir(parents=True)
    for i, name in enumerate(("a.png", "deep/b.png", "c.png")):
        image = Image.new("RGB", (120, 60), "white")
        ImageDraw.Draw(image).text((10, 20), f"Total {i}.50", fill="black")
        image.save(path / name)
    (path / "captions.jsonl").write_text(json.dumps({"image": "c.png", "caption": "The third."}) + "\n")
    return path


def opened(source: Path, out: Path) -> Workspace:
    return glossator.build(source, out, "fake", **READ_ONLY)


def ids(workspace: Workspace) -> dict[str, str]:
    return {row["path"]: row["image_id"] for row in workspace.table("images").to_pylist()}


def test_only_images_without_a_caption_are_asked_about(folder: Path, tmp_path: Path) -> None:
    workspace = opened(folder, tmp_path / "ws")
    book = CaptionBook(workspace, "ada")
    assert len(book) == 2
    first = book.blank()
    assert first is not None and (first.image_id, first.place, first.total) == (ids(workspace)["a.png"], 0, 2)
    assert first.text, "what was read stands beside the image"
    assert (first.before, first.after) == (None, ids(workspace)["deep/b.png"])
    with pytest.raises(KeyError):
        book.write(ids(workspace)["c.png"], "It has one.")


def test_what_is_written_is_read_by_a_build(folder: Path, tmp_path: Path) -> None:
    workspace = opened(folder, tmp_path / "ws")
    book = CaptionBook(workspace, "ada")
    assert book.write(ids(workspace)["a.png"], "The first.\nIt says\u0007 0.50.") == 1
    assert book.write(ids(workspace)["deep/b.png"], "The second.") == 2
    assert book.blank() is None
    found = opened(folder, tmp_path / "again").table("images").to_pylist()
    captions = {row["path"]: row["caption"] for row in found}
    assert captions == {"a.png": "The first.\nIt says 0.50.", "deep/b.png": "The second.", "c.png": "The third."}


def test_a_correction_replaces_and_an_empty_one_takes_back(folder: Path, tmp_path: Path) -> None:
    workspace = opened(folder, tmp_path / "ws")
    before = (folder / "captions.jsonl").read_bytes()
    book = CaptionBook(workspace, "ada")
    image_id = ids(workspace)["a.png"]
    book.write(image_id, "First try.")
    book.write(image_id, "Second try.")
    assert CaptionBook(workspace, "bo").written() == {image_id: "Second try."}
    assert book.path.read_bytes().startswith(before)
    assert book.write(image_id, "  ") == 0
    assert book.path.read_bytes() == before


def test_a_file_of_records_gets_its_captions_beside_it(folder: Path, tmp_path: Path) -> None:
    source = folder / "records.jsonl"
    source.write_text(json.dumps({"id": "one", "image": "a.png", "kind": "receipt"}) + "\n")
    (folder / "captions.jsonl").unlink()
    workspace = opened(source, tmp_path / "ws")
    book = CaptionBook(workspace, "ada")
    book.write(ids(workspace)["a.png"], "A receipt.")
    assert book.path == folder / "captions.jsonl"
    (row,) = opened(book.path, tmp_path / "again").table("images").to_pylist()
    assert (row["source_id"], row["kind"], row["caption"]) == ("one", "receipt", "A receipt.")


def test_a_source_of_that_name_is_not_touched(folder: Path, tmp_path: Path) -> None:
    source = folder / "captions.jsonl"
    source.write_text(json.dumps({"image": "a.png"}) + "\n")
    before = source.read_bytes()
    workspace = opened(source, tmp_path / "ws")
    book = CaptionBook(workspace, "ada")
    book.write(ids(workspace)["a.png"], "A receipt.")
    assert source.read_bytes() == before
    assert book.path.name == "captions-written.jsonl"


def test_a_file_that_can_not_be_written_is_told(folder: Path, tmp_path: Path) -> None:
    workspace = opened(folder, tmp_path / "ws")
    book = CaptionBook(workspace, "ada")
    book.path.unlink()
    book.path.mkdir()
    with pytest.raises(WorkspaceError, match="nothing was kept"):
        book.write(ids(workspace)["a.png"], "A receipt.")
