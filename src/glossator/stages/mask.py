"""Stages `mask` and `mask_captions`: personal data in pairs and captions makes way for typed placeholders."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from glossator.engines.base import Session
from glossator.privacy.masking import masked, masked_caption
from glossator.records import Caption, Pair, Sample
from glossator.results import Failed
from glossator.stages.base import MapStage
from glossator.stages.inspect import PersonalSettings, also_hashed


class MaskSettings(PersonalSettings):
    """Settings of the stages `mask` and `mask_captions`."""


class MaskStage(MapStage[Pair]):
    """Masks the texts of each pair; see `privacy.masking.masked`. The picture still shows what they said."""

    kind = "mask"
    version = 2
    reads = ("images", "drafts")
    uses = ("pairs",)
    writes = "pairs"
    Settings = MaskSettings
    family = None
    spawns = False

    @classmethod
    def also_hashed(cls, settings: MaskSettings) -> Any:
        return also_hashed(settings)

    def __init__(self, settings: MaskSettings, engine: Any) -> None:
        super().__init__(settings, engine)
        self._looker = settings.looker

    def run(self, samples: Sequence[Sample], session: Session) -> list[list[Pair | Failed]]:
        results: list[list[Pair | Failed]] = []
        for sample in samples:
            results.append([masked(pair, self._looker) for pair in sample.pairs])
            session.progress(1)
        return results


class MaskCaptionsStage(MapStage[Caption]):
    """Masks captions, human and enriched: exports hold them too. Put it behind all stages that read captions."""

    kind = "mask_captions"
    version = 2
    reads = ("images", "captions")
    writes = "captions"
    Settings = MaskSettings
    family = None
    spawns = False

    @classmethod
    def also_hashed(cls, settings: MaskSettings) -> Any:
        return also_hashed(settings)

    def __init__(self, settings: MaskSettings, engine: Any) -> None:
        super().__init__(settings, engine)
        self._looker = settings.looker

    def run(self, samples: Sequence[Sample], session: Session) -> list[list[Caption | Failed]]:
        results: list[list[Caption | Failed]] = []
        for sample in samples:
            results.append([masked_caption(sample.caption, self._looker)] if sample.caption else [])
            session.progress(1)
        return results
