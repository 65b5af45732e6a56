"""The stage `hash`: a row a picture, a failure for what can't be read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from copies_kit import receipt
from glossator.copies.pictures import CROPS
from glossator.engines.base import Session
from glossator.records import Hashes, ImageRecord, Sample
from glossator.results import Failed
from glossator.stages.hash import HashSettings, HashStage


class NoReplies:
    """A reply log for stages that buy nothing."""

    def get(self, key: str) -> dict[str, Any] | None:
        return None

    def put(self, key: str, reply: dict[str, Any]) -> None:
        raise AssertionError("hashing buys nothing")


def hashed(root: Path, *images: ImageRecord) -> list[list[Hashes | Failed]]:
    samples = [Sample(str(root), image) for image in images]
    return HashStage(HashSettings(), None).run(samples, Session(NoReplies()))


def record(image_id: str, path: str, *more: str) -> ImageRecord:
    return ImageRecord(image_id, image_id, path, "", 9, 9, more_paths=more)


def test_each_picture_has_a_row_and_a_broken_one_fails(tmp_path: Path) -> None:
    receipt("SHOP", 1).save(tmp_path / "a.png")
    receipt("SHOP", 2).save(tmp_path / "b.png")
    (tmp_path / "broken.png").write_bytes((tmp_path / "a.png").read_bytes()[:400])
    images = (record("two", "a.png", "b.png"), record("none", ""), record("bad", "broken.png"), record("gone", "c.png"))
    two, none, bad, gone = hashed(tmp_path, *images)
    assert [(row.image_id, row.picture, len(row.hashes)) for row in two if isinstance(row, Hashes)] == [
        ("two", 0, len(CROPS)), ("two", 1, len(CROPS)),
    ]  # fmt: skip
    assert none == []
    assert [row.category for row in (*bad, *gone) if isinstance(row, Failed)] == ["truncated", "missing"]


def test_the_same_pixels_give_the_same_row(tmp_path: Path) -> None:
    receipt("SHOP", 1).save(tmp_path / "a.png")
    receipt("SHOP", 1).save(tmp_path / "a.bmp")
    ((one,), (other,)) = hashed(tmp_path, record("x", "a.png"), record("x", "a.bmp"))
    assert one == other
