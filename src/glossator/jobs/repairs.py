"""What repair brought back: by reason, and how the new pairs score against those that they replace. For the report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

COMPARED = ("grounding", "question_fit", "explain_grounding", "ifd", "vfd", "mifd", "ffd", "ffd_image", "reversed_ifd")


@dataclass(frozen=True, slots=True)
class Repaired:
    """What became of the pairs that one rule rejected.

    Attributes:
        reason: the rule; a pair with several reasons counts for each.
        rejected: pairs rejected by it, repaired or not, that are themselves no repair.
        mended: of those, the ones that have a repair.
        back: of those, the ones with a repair that is kept.
        moved: of those, the ones whose kept repair stands on another image.
        before, after: mean of each score over the pairs of `back` and over what came back for them, where both have it.
    """

    reason: str
    rejected: int
    mended: int
    back: int
    moved: int
    before: dict[str, float]
    after: dict[str, float]


def repaired(tables: Mapping[str, pl.LazyFrame]) -> list[Repaired]:
    """A row for each reason, most rejected first; empty where nothing was repaired.

    Args:
        tables: pairs, verdicts, and scores if there are any.
    """
    rows = _first_and_last(tables)
    if not rows.filter(rows["mended"]).height:
        return []
    by_reason = rows.explode("rules").drop_nulls("rules")
    found = [_row(str(reason), group) for (reason,), group in by_reason.group_by("rules", maintain_order=True)]
    return sorted(found, key=lambda one: (-one.rejected, one.reason))


def came_back(tables: Mapping[str, pl.LazyFrame]) -> pl.DataFrame:
    """For each pair that the rules reject and that is no repair: `pair_id`, `rules`, whether it is `mended`, the
    `new_id` of the kept repair at the end of its chain (null if there is none), and its `new_image`."""
    return _first_and_last(tables).select("pair_id", "image_id", "rules", "mended", "new_id", "new_image")


def _first_and_last(tables: Mapping[str, pl.LazyFrame]) -> pl.DataFrame:
    import polars as pl

    pairs = tables["pairs"].select(
        "pair_id", "image_id", "repaired_from", "grounding", "question_fit", "explain_grounding"
    )
    rows = pairs.join(tables["verdicts"].select("pair_id", "rules", "keep"), on="pair_id", how="left")
    if "scores" in tables:
        known = [name for name in COMPARED if name in tables["scores"].collect_schema().names()]
        rows = rows.join(tables["scores"].select("pair_id", *known), on="pair_id", how="left")
    table = rows.collect()
    repairs = table.filter(pl.col("repaired_from").is_not_null())
    origin = _origins(dict(repairs.select("pair_id", "repaired_from").iter_rows()))
    ends = repairs.with_columns(
        pl.col("pair_id").replace_strict(origin, default=None, return_dtype=pl.String).alias("origin")
    )
    kept = ends.filter("keep").unique("origin", keep="last", maintain_order=True)
    scores = [name for name in COMPARED if name in table.columns]
    last = kept.select(
        pl.col("origin").alias("pair_id"),
        pl.col("pair_id").alias("new_id"),
        pl.col("image_id").alias("new_image"),
        *(pl.col(name).alias(f"{name}_after") for name in scores),
    )
    first = table.filter(pl.col("repaired_from").is_null(), pl.col("rules").list.len() > 0)
    mended = pl.col("pair_id").is_in(list(origin.values())).alias("mended")
    return first.with_columns(mended).join(last, on="pair_id", how="left", maintain_order="left")


def _origins(earlier: dict[str, str]) -> dict[str, str]:
    """For each repair the first pair of its chain."""
    found = {}
    for pair_id in earlier:
        first = pair_id
        while first in earlier:
            first = earlier[first]
        found[pair_id] = first
    return found


def _row(reason: str, group: pl.DataFrame) -> Repaired:
    back = group.filter(group["new_id"].is_not_null())
    before, after = {}, {}
    for name in COMPARED:
        if name in back.columns:
            both = back.select(name, f"{name}_after").drop_nulls()
            if both.height:
                before[name], after[name] = (float(both[column].sum()) / both.height for column in both.columns)
    moved = back.filter(back["new_image"] != back["image_id"]).height
    return Repaired(reason, group.height, int(group["mended"].sum()), back.height, moved, before, after)
