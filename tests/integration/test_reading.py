"""The OCR text of pictures for readers without eyes, kept from run to run."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from glossator.reading import read_pages


def draw(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.new("RGB", (300, 80), "white")
    ImageDraw.Draw(image).text((10, 20), text, fill="black", font_size=28)
    image.save(path)
    return path


def test_pages_are_read_once_whatever_else_is_asked_for_later(tmp_path: Path) -> None:
    first, second = draw(tmp_path / "a" / "1.png", "Total 5.50"), draw(tmp_path / "b" / "2.png", "Cash 7.00")
    ws = tmp_path / "ws" / "pages"
    alone = read_pages([first], ws, engine="fake")
    assert alone[first]
    parts = {path: path.stat().st_mtime_ns for path in ws.glob("ocr/*/part-*.parquet")}
    assert parts
    both = read_pages([second, first], ws, engine="fake")
    assert both.keys() == {first, second} and both[first] == alone[first]
    assert {path: path.stat().st_mtime_ns for path in parts} == parts
    assert read_pages([first], ws, engine="fake") == alone


def test_a_picture_that_has_changed_is_read_again(tmp_path: Path) -> None:
    page = draw(tmp_path / "1.png", "Total 5.50")
    before = read_pages([page], tmp_path / "ws", engine="fake")
    draw(page, "Cash 7.00")
    os.utime(page, ns=(1, 1))
    after = read_pages([page], tmp_path / "ws", engine="fake")
    assert after[page] != before[page]


def test_given_text_is_taken_and_what_cannot_be_read_is_left_out(tmp_path: Path) -> None:
    page = draw(tmp_path / "1.png", "Total 5.50")
    (tmp_path / "bad.png").write_bytes(b"no picture")
    spans = [{"text": "below", "box": [0, 40, 90, 60]}, {"text": "above", "box": [0, 0, 90, 20]}]
    asked = [page, tmp_path / "bad.png", tmp_path / "missing.png"]
    assert read_pages(asked, tmp_path / "ws", given={page: spans}, engine="fake") == {page: "above\nbelow"}
    assert read_pages([], tmp_path / "ws") == {}


def test_links_and_relative_paths_come_back_as_they_were_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draw(tmp_path / "real" / "1.png", "Total")
    (tmp_path / "link.png").symlink_to(tmp_path / "real" / "1.png")
    monkeypatch.chdir(tmp_path)
    spans = {Path("real/1.png"): [{"text": "Total", "box": [0, 0, 9, 9]}]}
    asked = [Path("link.png"), Path("real/1.png")]
    assert read_pages(asked, tmp_path / "ws", given=spans, engine="fake") == dict.fromkeys(asked, "Total")
