"""Stage `ocr`: the text of each image with its boxes, in reading order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import Field

from glossator.engines.base import Runtime, Session
from glossator.engines.ocr.given import GivenOcr
from glossator.layout.reading_order import lines_text, reading_order
from glossator.records import Page, Sample
from glossator.results import Failed
from glossator.stages.base import MapStage, Settings


class OcrSettings(Settings):
    """Settings of the stage `ocr`."""

    use_given: bool = Field(True, description="Take the OCR that a record brings along instead of reading the image.")


class OcrStage(MapStage[Page]):
    """Reads each image with the recipe's engine, or takes the OCR that its record brought along."""

    kind = "ocr"
    version = 1
    reads = ("images",)
    writes = "ocr"
    Settings = OcrSettings
    family = "ocr"
    default_engine = "rapidocr"

    def __init__(self, settings: Any, engine: Any) -> None:
        super().__init__(settings, engine)
        self._given = GivenOcr.build(GivenOcr.Spec(kind="given"), Runtime())

    def run(self, samples: Sequence[Sample], session: Session) -> list[list[Page | Failed]]:
        given = [self.settings.use_given and sample.image.given_ocr is not None for sample in samples]
        from_source = iter(self._given.read([s for s, use in zip(samples, given, strict=True) if use], session))
        from_engine = iter(self.engine.read([s for s, use in zip(samples, given, strict=True) if not use], session))
        results: list[list[Page | Failed]] = []
        for sample, use in zip(samples, given, strict=True):
            reading = next(from_source if use else from_engine)
            if isinstance(reading, Failed):
                results.append([reading])
                continue
            spans = tuple(reading_order(reading.spans))
            results.append([Page(sample.image.image_id, reading.engine, spans, lines_text(spans))])
        return results
