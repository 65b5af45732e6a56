"""Stage `ocr`: the text of each image with its boxes, in reading order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from pydantic import Field

from glossator.engines.base import Reading, Runtime, Session
from glossator.engines.ocr.given import GivenOcr
from glossator.layout.reading_order import lines_text, reading_order
from glossator.records import Page, Sample
from glossator.results import Failed
from glossator.stages.base import MapStage, Settings


class OcrSettings(Settings):
    """Settings of the stage `ocr`."""

    use_given: bool = Field(True, description="Take the OCR that a record brings along instead of reading the image.")


class OcrStage(MapStage[Page]):
    """Reads each image with the recipe's engine, or takes the OCR that its record brought along.

    Of a sample with several pictures, `spans` are the first one's (boxes lie on one picture); `text` joins them all.
    """

    kind = "ocr"
    version = 1
    reads = ("images",)
    writes = "ocr"
    Settings = OcrSettings
    sees_captions = False
    family = "ocr"
    default_engine = "rapidocr"

    def __init__(self, settings: Any, engine: Any) -> None:
        super().__init__(settings, engine)
        self._given = GivenOcr.build(GivenOcr.Spec(kind="given"), Runtime())

    def run(self, samples: Sequence[Sample], session: Session) -> list[list[Page | Failed]]:
        given = [s for s in samples if s.image.path and self._is_given(s)]
        read = [s for s in samples if s.image.path and not self._is_given(s)]
        # Further pictures of a sample are read like samples of their own.
        more = [replace(s, image=replace(s.image, path=path)) for s in samples for path in s.image.more_paths]
        from_source = iter(self._given.read(given, session))
        readings = iter(self.engine.read([*read, *more], session))
        from_engine = iter([next(readings) for _ in read])
        results: list[list[Page | Failed]] = []
        for sample in samples:
            image_id = sample.image.image_id
            if not sample.image.path:
                results.append([Page(image_id, "none", (), "")])
                session.progress(1)
                continue
            reading = next(from_source if self._is_given(sample) else from_engine)
            rest = [next(readings) for _ in sample.image.more_paths]
            if isinstance(reading, Failed):
                results.append([reading])
                continue
            spans = tuple(reading_order(reading.spans))
            pages = [lines_text(spans)] + [_text(one) for one in rest if not isinstance(one, Failed)]
            page = Page(image_id, reading.engine, spans, "\n".join(pages), reading.complete, reading.disputed)
            results.append([page, *(one for one in rest if isinstance(one, Failed))])
        return results

    def _is_given(self, sample: Sample) -> bool:
        return bool(self.settings.use_given and sample.image.given_ocr is not None)


def _text(reading: Reading) -> str:
    return lines_text(reading_order(reading.spans))
