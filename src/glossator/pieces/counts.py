"""Counts for the page's charts: histograms of scores, and mIFD against FFD in cells. Pure functions over columns."""

from __future__ import annotations

from typing import Any

import polars as pl

BINS = 40
_CELLS = 48  # each way


def top(values: pl.Series) -> float:
    """Where a score's axis ends: at the 99.5th percentile, so that an outlier doesn't flatten all."""
    found = values.quantile(0.995, interpolation="higher")
    return float(found) if found else 1.0


def histogram(rows: pl.DataFrame, name: str, end: float) -> dict[str, Any]:
    """`edges` from 0 to `end` (one more than bins), and `kept` and `rejected` a bin; what lies beyond is in the last.

    Args:
        rows: with the column `name` and `keep`.
        name: a score.
        end: the axis' end.
    """
    place = (pl.col(name) / end * BINS).floor().clip(0, BINS - 1).cast(pl.Int32)
    counted = rows.lazy().filter(pl.col(name).is_not_null()).group_by(place.alias("bin"), "keep").len().collect()
    sides: dict[bool, list[int]] = {True: [0] * BINS, False: [0] * BINS}
    for bin_, keep, count in counted.iter_rows():
        sides[keep][bin_] += count
    return {"edges": [round(end * i / BINS, 6) for i in range(BINS + 1)], "kept": sides[True], "rejected": sides[False]}


def shape(rows: pl.DataFrame, name: str) -> dict[str, Any]:
    """The histogram of a whole set: `edges`, `all` counts, and the `most` of a bin (at least 1)."""
    found = histogram(rows, name, top(rows[name]))
    every = [kept + rejected for kept, rejected in zip(found["kept"], found["rejected"], strict=True)]
    return {"edges": found["edges"], "all": every, "most": max(1, *every)}


def scatter(rows: pl.DataFrame, right: float, upper: float) -> dict[str, Any]:
    """Counts of pairs in cells of mIFD (to `right`) and FFD (to `upper`).

    Returns:
        `right`, `upper`, the `width` and `height` of a cell, and `cells`: `[x, y, kept, rejected]`, x and y
        of the lower left corner.
    """
    width, height = right / _CELLS, upper / _CELLS
    cells = (
        rows.lazy()
        .filter(pl.col("mifd").is_not_null() & pl.col("ffd").is_not_null())
        .select(
            (pl.col("mifd") / width).floor().clip(0, _CELLS - 1).alias("x"),
            (pl.col("ffd") / height).floor().clip(0, _CELLS - 1).alias("y"),
            "keep",
        )
        .group_by("x", "y")
        .agg(pl.col("keep").sum().alias("kept"), (~pl.col("keep")).sum().alias("rejected"))
        .sort("x", "y")
        .collect()
    )
    placed = [[round(x * width, 6), round(y * height, 6), kept, out] for x, y, kept, out in cells.iter_rows()]
    return {"right": right, "upper": upper, "width": width, "height": height, "cells": placed}


def counted(values: pl.Series) -> list[tuple[str, int]]:
    """How often each value occurs, the most frequent first."""
    counts = values.cast(pl.String).value_counts(name="n").sort("n", values.name, descending=[True, False])
    return list(counts.iter_rows())
