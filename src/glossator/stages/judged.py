"""All that a verdict rests on, one row a pair: columns of every table that says something of it."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from glossator.difficulty import MORE_SCORES, SCORES, scores
from glossator.people import decided

ALL_SCORES = (*SCORES, *MORE_SCORES)
_LONGEST_CHAIN = 4
_TEXTS = pl.List(pl.String)
_REPAIRED: dict[str, pl.DataType | type[pl.DataType]] = {
    "question_rewritten": pl.Boolean, "answer_rewritten": pl.Boolean, "ifd_before": pl.Float64,
    "reversed_ifd_before": pl.Float64,
}  # fmt: skip


def judged_columns(tables: Mapping[str, pl.LazyFrame]) -> pl.LazyFrame:
    """One row a pair, in the pairs' order; null where a table is not there or says nothing.

    Only where people have spoken there are `person_keep` and `person_reason`, only where pairs were repaired `chain`
    (see `_repaired`): set after set has neither, and millions of rows needn't carry them.

    Args:
        tables: drafts or pairs, and of losses, agreement, judgements, duplicates, leaks, inspections and human those
            that there are.
    """
    pairs = tables.get("pairs", tables.get("drafts"))
    assert pairs is not None
    rows = pairs.select(
        "pair_id", "image_id", "kind", "grounding", "question_fit", "explain_grounding", "explain_places",
        "question_similarity",
        pl.col("question").str.len_chars().alias("question_chars"),
        pl.col("answer").str.len_chars().alias("answer_chars"),
        pl.col("explain_answer").str.len_chars().alias("explanation_chars"),
    )  # fmt: skip
    rows = _with(rows, tables.get("agreement"), agreement=(pl.col("anls"), pl.Float64))
    rows = _with(rows, tables.get("judgements"), judged=(pl.col("lowest"), pl.Float64))
    rows = _with(
        rows,
        tables.get("duplicates"),
        image_copy=(pl.col("image_copy_of").is_not_null(), pl.Boolean),
        question_copy=(pl.col("question_copy_of").is_not_null(), pl.Boolean),
        template_rank=(pl.col("template_rank"), pl.Int64),
    )
    rows = _with(
        rows,
        tables.get("leaks"),
        image_leak=(pl.col("image_leak").is_not_null(), pl.Boolean),
        text_leak=(pl.col("text_leak").is_not_null(), pl.Boolean),
    )
    found = {name: (pl.col(name), _TEXTS) for name in ("personal", "languages", "scripts", "profane")}
    rows = _with(rows, tables.get("inspections"), **found)
    rows = _scored(rows, tables.get("losses"))
    return _repaired(_spoken(rows, tables.get("human")), pairs)


def _with(
    rows: pl.LazyFrame, table: pl.LazyFrame | None, **columns: tuple[pl.Expr, pl.DataType | type[pl.DataType]]
) -> pl.LazyFrame:
    """Columns of another table beside the rows; null where there is none."""
    if table is None:
        return rows.with_columns(pl.lit(None, kind).alias(name) for name, (_, kind) in columns.items())
    wanted = table.select("pair_id", *(expression.alias(name) for name, (expression, _) in columns.items()))
    return rows.join(wanted, on="pair_id", how="left", maintain_order="left")


def _spoken(rows: pl.LazyFrame, human: pl.LazyFrame | None) -> pl.LazyFrame:
    """What people said, where they did."""
    if human is None or not human.head(1).collect().height:
        return rows
    said = decided(human)
    return _with(
        rows, said, person_keep=(pl.col("person_keep"), pl.Boolean), person_reason=(pl.col("person_reason"), pl.String)
    )


def _scored(rows: pl.LazyFrame, losses: pl.LazyFrame | None) -> pl.LazyFrame:
    if losses is None:
        empty = [pl.lit(None, pl.Float64).alias(name) for name in ALL_SCORES]
        return rows.with_columns(pl.lit("").alias("scorer"), *empty)
    scored = scores(losses).select("pair_id", "scorer", *ALL_SCORES)
    return rows.join(scored, on="pair_id", how="left", maintain_order="left")


def _repaired(rows: pl.LazyFrame, pairs: pl.LazyFrame) -> pl.LazyFrame:
    """What repaired pairs had before; and, where there are any, `chain`: the first pair of each one's chain."""
    repairs = pairs.filter(pl.col("repaired_from").is_not_null()).select("pair_id", "repaired_from").collect()
    if not repairs.height:
        return rows.with_columns(pl.lit(None, kind).alias(name) for name, kind in _REPAIRED.items())
    texts = pairs.select("pair_id", "question", "answer")
    both = (
        repairs.lazy()
        .join(texts, on="pair_id")
        .join(texts, left_on="repaired_from", right_on="pair_id", how="left", suffix="_before")
    )
    before = rows.select(pl.col("pair_id").alias("repaired_from"), ifd_before="ifd", reversed_ifd_before="reversed_ifd")
    changed = both.join(before, on="repaired_from", how="left").select(
        "pair_id",
        (pl.col("question") != pl.col("question_before")).alias("question_rewritten"),
        (pl.col("answer") != pl.col("answer_before")).alias("answer_rewritten"),
        "ifd_before",
        "reversed_ifd_before",
    )
    rows = rows.join(changed, on="pair_id", how="left", maintain_order="left")
    return rows.join(_chains(repairs).lazy(), on="pair_id", how="left", maintain_order="left")


def _chains(repairs: pl.DataFrame) -> pl.DataFrame:
    """`pair_id, chain` for repaired pairs and for the first ones of their chains."""
    earlier = dict(repairs.iter_rows())
    found: dict[str, str] = {}
    for pair_id in earlier:
        first = pair_id
        for _ in range(_LONGEST_CHAIN):
            first = earlier.get(first, first)
        found |= {pair_id: first, first: first}
    return pl.DataFrame({"pair_id": list(found), "chain": list(found.values())})
