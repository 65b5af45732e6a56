"""Stage `leaks`: pairs that stand in a test set."""

from __future__ import annotations

import polars as pl

from glossator.schemas import SCHEMAS
from glossator.stages.base import Settings, TableStage


class LeaksSettings(Settings):
    """Settings of the stage `leaks`."""


class LeaksStage(TableStage):
    """See the module."""

    kind = "leaks"
    version = 1
    reads = ("pairs",)
    uses = ("hashes",)
    writes = "leaks"
    Settings = LeaksSettings

    def run(self, _tables: dict[str, pl.LazyFrame]) -> pl.LazyFrame:
        empty = pl.DataFrame(pl.from_arrow(SCHEMAS["leaks"].empty_table()))
        return empty.lazy()
