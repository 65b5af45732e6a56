"""Stage `leaks`: pairs whose picture or whose texts stand in a test set."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
from pydantic import Field

from glossator.copies import test_sets, texts
from glossator.fingerprint import digest
from glossator.schemas import SCHEMAS
from glossator.stages.base import TableStage
from glossator.stages.copying import CopySettings


class LeaksSettings(CopySettings):
    """Settings of the stage `leaks`."""

    test_sets: tuple[str, ...] = Field(
        (), description="Files of test sets, as the command glossator testset writes them."
    )
    whole_words_min: int = Field(
        8, ge=1, description="Question and answer as a whole count as found if they have so many words together."
    )
    common_max: int = Field(
        5,
        ge=1,
        description="A question or a run of words that stands beside more images of the set, or in more items of the "
        "test set, tells nothing.",
    )


class LeaksStage(TableStage):
    """One row a pair: the picture of a test set that its picture copies, and the question that its texts repeat.

    Raises:
        UsageError: if a test set's file is not there or is none.
    """

    kind = "leaks"
    version = 3
    reads = ("drafts",)
    uses = ("pairs", "hashes")
    writes = "leaks"
    Settings = LeaksSettings

    @classmethod
    def also_hashed(cls, settings: LeaksSettings) -> Any:
        """The files' own digests: another file under the same name is another stage."""
        for path in settings.test_sets:
            test_sets.check(path)
        return [digest(Path(path).read_bytes()) for path in settings.test_sets] or None

    def run(self, tables: dict[str, pl.LazyFrame]) -> pl.LazyFrame:
        table = tables.get("pairs", tables["drafts"])
        pairs = table.select("pair_id", "image_id", "question", "answer").collect(engine="streaming")
        images = _image_leaks(tables.get("hashes"), self.settings)
        said = _text_leaks(pairs, self.settings)
        rows = pairs.join(images, on="image_id", how="left", maintain_order="left").with_columns(said)
        return rows.select(SCHEMAS["leaks"].names).lazy()


def _image_leaks(hashes: pl.LazyFrame | None, settings: LeaksSettings) -> pl.DataFrame:
    """`image_id, image_leak, image_distance`: of each image that is a test set's the nearest, one row."""
    found: list[tuple[str, str, float]] = []
    if hashes is not None and settings.test_sets:
        from glossator.copies.images import copies_across
        from glossator.copies.tables import pictures

        ours = pictures(hashes)
        ids = ours.keys["image_id"]
        for path in settings.test_sets:
            test_set = test_sets.read(path)
            theirs = test_set.pictures()
            names = theirs.keys["image_id"]
            copies = copies_across(ours.hashes, ours.thumbnails, theirs.hashes, theirs.thumbnails, settings.rule)
            found += [(ids[copy.row], f"{test_set.name}: {names[copy.of]}", copy.worst) for copy in copies]
    columns = {"image_id": pl.String, "image_leak": pl.String, "image_distance": pl.Float64}
    rows = pl.DataFrame(found, schema=columns, orient="row").sort("image_distance", "image_leak")
    return rows.unique("image_id", keep="first", maintain_order=True)


def _text_leaks(pairs: pl.DataFrame, settings: LeaksSettings) -> pl.Series:
    """What each pair repeats of a test set, and how; the first of the test sets tells."""
    leaks: dict[int, str] = {}
    rule = texts.Rule(settings.whole_words_min, settings.common_max)
    for path in settings.test_sets:
        test_set = test_sets.read(path)
        rows = pairs.select("image_id", "question", "answer").iter_rows()
        for hit in texts.leaks(rows, test_set, rule):
            leaks.setdefault(hit.row, f"{test_set.name}: {hit.item} ({hit.how})")
    return pl.Series("text_leak", [leaks.get(row) for row in range(len(pairs))], dtype=pl.String)
