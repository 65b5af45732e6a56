"""Stage `enrich`: the human caption, rewritten with the text and details that a reader needs."""

from __future__ import annotations

from collections.abc import Sequence

from glossator.engines.base import Session
from glossator.records import Caption, Sample
from glossator.results import Failed
from glossator.stages.base import MapStage, Settings
from glossator.text import clean


class EnrichSettings(Settings):
    """Settings of the stage `enrich`: none so far."""


class EnrichStage(MapStage[Caption]):
    """Asks the writer for one detail-enriched caption an image."""

    kind = "enrich"
    version = 1
    reads = ("images", "ocr")
    writes = "captions"
    Settings = EnrichSettings
    family = "writer"
    default_engine = "grounded"

    def run(self, samples: Sequence[Sample], session: Session) -> list[list[Caption | Failed]]:
        results: list[list[Caption | Failed]] = []
        for sample, text in zip(samples, self.engine.enrich(samples, session), strict=True):
            if isinstance(text, Failed):
                results.append([text])
            else:
                image = sample.image
                results.append([Caption(image.image_id, image.caption, clean(text), self.engine.name_for(sample))])
        return results
