"""A sample with several pictures, or with none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from glossator.engines.base import Reading, Session
from glossator.records import ImageRecord, Page, Sample, Span
from glossator.results import Failed, Outcome
from glossator.stages.ocr import OcrSettings, OcrStage


class NoReplies:
    def get(self, key: str) -> dict[str, Any] | None:
        return None

    def put(self, key: str, reply: dict[str, Any]) -> None:
        raise AssertionError("nothing is bought here")


class NamesThem:
    """Reads a picture's name in it, and fails on those that are gone."""

    def read(self, samples: Sequence[Sample], _session: Session) -> list[Outcome[Reading]]:
        return [self._one(sample.image.path) for sample in samples]

    def _one(self, path: str) -> Outcome[Reading]:
        if path == "gone.png":
            return Failed("missing", "gone.png: the file is not there")
        return Reading("names", (Span(path, (0, 0, 10, 10)),))


def pages(path: str, *more: str) -> list[Page | Failed]:
    sample = Sample("", ImageRecord("i", "i", path, "0" * 64, 10, 10, more_paths=more))
    return OcrStage(OcrSettings(), NamesThem()).run([sample], Session(NoReplies()))[0]


def test_the_text_of_all_pictures_and_the_boxes_of_the_first() -> None:
    (page,) = pages("a.png", "b.png")
    assert isinstance(page, Page)
    assert (page.text, [span.text for span in page.spans]) == ("a.png\nb.png", ["a.png"])


def test_a_further_picture_that_cannot_be_read_is_a_failed_row() -> None:
    page, failed = pages("a.png", "gone.png", "c.png")
    assert isinstance(page, Page) and page.text == "a.png\nc.png"
    assert isinstance(failed, Failed) and "gone.png" in failed.message


def test_a_sample_without_a_picture_has_an_empty_page() -> None:
    (page,) = pages("")
    assert page == Page("i", "none", (), "")
