"""Stage `mix`: a choice of what is kept by shares, and the form in which each pair is exported."""

from __future__ import annotations

import polars as pl

from glossator.stages.base import Settings, TableStage


class MixSettings(Settings):
    """Settings of the stage `mix`."""


class MixStage(TableStage):
    """Writes `verdicts` again: what the mix leaves out is not kept, for the reason `not_in_mix`."""

    kind = "mix"
    version = 1
    reads = ("images", "verdicts", "drafts")
    uses = ("pairs", "losses")
    writes = "verdicts"
    Settings = MixSettings

    def run(self, tables: dict[str, pl.LazyFrame]) -> pl.LazyFrame:
        return tables["verdicts"]
