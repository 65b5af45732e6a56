"""Stage `mask`: personal data in the texts of pairs makes way for typed placeholders."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from glossator.engines.base import Session
from glossator.privacy.masking import masked
from glossator.records import Pair, Sample
from glossator.results import Failed
from glossator.stages.base import MapStage
from glossator.stages.inspect import PersonalSettings, people_version


class MaskSettings(PersonalSettings):
    """Settings of the stage `mask`."""


class MaskStage(MapStage[Pair]):
    """Masks the texts of each pair; see `privacy.masking.masked`. The picture still shows what they said."""

    kind = "mask"
    version = 1
    reads = ("images", "drafts")
    uses = ("pairs",)
    writes = "pairs"
    Settings = MaskSettings
    family = None
    spawns = False

    @classmethod
    def also_hashed(cls, settings: MaskSettings) -> Any:
        return people_version(settings)

    def __init__(self, settings: MaskSettings, engine: Any) -> None:
        super().__init__(settings, engine)
        self._looker = settings.looker

    def run(self, samples: Sequence[Sample], session: Session) -> list[list[Pair | Failed]]:
        results: list[list[Pair | Failed]] = []
        for sample in samples:
            results.append([masked(pair, self._looker) for pair in sample.pairs])
            session.progress(1)
        return results
