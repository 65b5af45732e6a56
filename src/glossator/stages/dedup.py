"""Stage `dedup`: near-duplicate images and pairs, and how often a question's template stands in the set."""

from __future__ import annotations

import polars as pl

from glossator.schemas import SCHEMAS
from glossator.stages.base import Settings, TableStage


class DedupSettings(Settings):
    """Settings of the stage `dedup`."""


class DedupStage(TableStage):
    """See the module."""

    kind = "dedup"
    version = 1
    reads = ("pairs",)
    uses = ("hashes",)
    writes = "duplicates"
    Settings = DedupSettings

    def run(self, _tables: dict[str, pl.LazyFrame]) -> pl.LazyFrame:
        empty = pl.DataFrame(pl.from_arrow(SCHEMAS["duplicates"].empty_table()))
        return empty.lazy()
