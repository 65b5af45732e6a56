"""How far answers and explanations of a set point at what is printed, as rows for the report."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

LOCATED = 0.85


@dataclass(frozen=True, slots=True)
class Row:
    """What was counted, how many pairs it holds for, and of how many."""

    what: str
    count: int
    of: int


def provenance(pairs: pl.LazyFrame) -> list[Row]:
    """Rows about the table `pairs`: answers by boxes, computed ones by operation, explanations by their claims."""
    boxes = pl.col("evidence").list.len()
    located = (pl.col("grounding") >= LOCATED) & (boxes > 0)
    told = pl.col("explain_places").is_not_null()
    counted = {
        "answers that point at their boxes": (located, pl.col("grounding").is_not_null()),
        "of these, at several": (located & (boxes > 1), located),
        "computed answers": (pl.col("operation") != "", pl.lit(value=True)),
        "explanations with claims about places": (told, pl.col("explain_answer") != ""),
        "of these, all true": (pl.col("explain_places") >= 1, told),
        "explanations all of whose named texts are printed": (
            pl.col("explain_grounding") >= 1, pl.col("explain_grounding").is_not_null(),
        ),
    }  # fmt: skip
    sums = [
        expression.sum().cast(pl.Int64).alias(f"{what}/{part}")
        for what, both in counted.items()
        for part, expression in zip(("count", "of"), both, strict=True)
    ]
    found = pairs.select(*sums, pl.len().alias("pairs")).collect().to_dicts()[0]
    of = {what: found["pairs"] if what == "computed answers" else found[f"{what}/of"] for what in counted}
    return [Row(what, found[f"{what}/count"] or 0, of[what] or 0) for what in counted] + _operations(pairs)


def _operations(pairs: pl.LazyFrame) -> list[Row]:
    computed = pairs.filter(pl.col("operation") != "").group_by("operation").len().sort("operation").collect()
    total = int(computed["len"].sum())
    return [Row(f"computed as {name}", count, total) for name, count in computed.iter_rows()]
