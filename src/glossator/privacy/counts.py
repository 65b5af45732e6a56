"""What was found and masked, counted for the report. Pure functions over the tables `pairs` and `inspections`."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from typing import Any

import polars as pl

from glossator.privacy.masking import PLACEHOLDER
from glossator.records import Box

_LISTS = {"personal": "personal data", "languages": "language", "scripts": "script", "profane": "profanity"}
UNKNOWN = "unknown"


def counts(pairs: pl.DataFrame, inspections: pl.DataFrame) -> list[dict[str, Any]]:
    """How many pairs and images hold each thing that the stage `inspect` found.

    Returns:
        Rows of `what` (personal data, language, script, profanity), `value` (such as `email`; `unknown` for pairs whose
        language could not be told), `kind` (of the question; None for all kinds together), `pairs`, `images`, and
        `share` (of the pairs of that kind that were inspected). Frequent values come first.
    """
    rows = inspections.join(pairs.select("pair_id", "kind"), on="pair_id", how="inner")
    total = {None: rows.height, **dict(rows.group_by("kind").len().iter_rows())}
    found: list[dict[str, Any]] = []
    for column, what in _LISTS.items():
        long = rows.select("pair_id", "image_id", "kind", value=pl.col(column))
        long = (
            long.explode("value", empty_as_null=True)
            if column == "languages"
            else long.explode("value").drop_nulls("value")
        )
        long = long.with_columns(pl.col("value").fill_null(UNKNOWN))
        whole = long.with_columns(kind=pl.lit(None, pl.String))
        counted = (
            pl.concat([whole, long])
            .group_by("value", "kind")
            .agg(pairs=pl.col("pair_id").n_unique(), images=pl.col("image_id").n_unique())
            .sort(pl.col("kind").is_not_null(), -pl.col("pairs").cast(pl.Int64), "value", "kind")
        )
        found += [{"what": what, **row, "share": row["pairs"] / total[row["kind"]]} for row in counted.to_dicts()]
    return found


def masked_counts(pairs: pl.DataFrame) -> list[dict[str, Any]]:
    """How many values of each sort the stage `mask` took out of how many pairs: rows of `sort`, `values`, `pairs`."""
    values: Counter[str] = Counter()
    of: Counter[str] = Counter()
    for meta in pairs.filter(pl.col("meta").str.contains('"masked"', literal=True))["meta"]:
        for sort, count in _masked(meta).items():
            values[sort] += count
            of[sort] += 1
    return [{"sort": sort, "values": values[sort], "pairs": of[sort]} for sort in sorted(values)]


def masked_boxes(pairs: pl.DataFrame) -> dict[str, list[Box]]:
    """By image, where the masked values stand on it, as far as they are evidence: to paint over (see docs/privacy.md).

    A box may hold more than the value, and the picture may show it elsewhere too.
    """
    found: defaultdict[str, set[Box]] = defaultdict(set)
    for row in pairs.filter(pl.col("meta").str.contains('"masked"', literal=True)).to_dicts():
        if _masked(row["meta"]):
            boxes = {tuple(piece["box"]) for piece in row["evidence"] if PLACEHOLDER.search(piece["text"])}
            found[row["image_id"]] |= boxes
    return {image: sorted(boxes) for image, boxes in sorted(found.items()) if boxes}


def _masked(meta: str) -> dict[str, int]:
    try:
        said = json.loads(meta)
    except ValueError:
        return {}
    noted = said.get("masked") if isinstance(said, dict) else None
    return {str(sort): int(count) for sort, count in noted.items()} if isinstance(noted, dict) else {}
