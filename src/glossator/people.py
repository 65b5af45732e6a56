"""What people said of pairs: the word that counts where several have spoken. Pure."""

from __future__ import annotations

import polars as pl

REJECTED = "rejected_by_person"


def decided(human: pl.LazyFrame) -> pl.LazyFrame:
    """`pair_id, person_keep, person_reason` by the majority of the reviewers; no row where they are even.

    `human` has one row a reviewer and pair. An edit counts as a rejection of the pair as it was.
    """
    keep = pl.col("verdict") == "keep"
    reason = pl.col("reason").filter(~keep & (pl.col("reason") != "")).min()  # the same whatever the order of rows
    votes = human.group_by("pair_id").agg(
        keep.sum().alias("for"), (~keep).sum().alias("against"), reason.fill_null(REJECTED).alias("person_reason")
    )
    return votes.filter(pl.col("for") != pl.col("against")).select(
        "pair_id", (pl.col("for") > pl.col("against")).alias("person_keep"), "person_reason"
    )
