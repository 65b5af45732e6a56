"""What the tables `duplicates` and `leaks` say, as plain rows for a page."""

from __future__ import annotations

from typing import Any

import polars as pl


def duplicate_counts(duplicates: pl.LazyFrame) -> dict[str, int]:
    """How many images and pairs copy earlier ones, and how many templates the questions have."""
    copied = pl.col("image_copy_of").is_not_null()
    found = duplicates.select(
        pl.col("image_id").n_unique().alias("images"),
        pl.col("image_id").filter(copied).n_unique().alias("copied_images"),
        pl.len().alias("pairs"),
        pl.col("question_copy_of").count().alias("copied_pairs"),
        pl.col("template").n_unique().alias("templates"),
    )
    (row,) = found.collect().to_dicts()
    return row


def commonest_templates(duplicates: pl.LazyFrame, most: int = 10) -> list[dict[str, Any]]:
    """The templates that stand most often: `template, pairs, share` (of all pairs)."""
    counted = duplicates.group_by("template").agg(pl.len().alias("pairs"))
    shares = counted.with_columns((pl.col("pairs") / pl.col("pairs").sum()).alias("share"))
    return shares.sort("pairs", "template", descending=[True, False]).head(most).collect().to_dicts()


def image_copies(duplicates: pl.LazyFrame) -> list[dict[str, Any]]:
    """Each image that copies another, by its first pair: `image_id, image_copy_of`."""
    rows = duplicates.filter(pl.col("image_copy_of").is_not_null()).select("image_id", "image_copy_of")
    return rows.unique("image_id", keep="first", maintain_order=True).collect().to_dicts()


def leaked(leaks: pl.LazyFrame) -> list[dict[str, Any]]:
    """Each pair that stands in a test set: `pair_id, image_id, image_leak, image_distance, text_leak`."""
    return leaks.filter(pl.any_horizontal(pl.col("image_leak", "text_leak").is_not_null())).collect().to_dicts()


def leak_counts(leaks: pl.LazyFrame) -> list[dict[str, Any]]:
    """For each test set how many images and pairs stand in it: `test_set, images, pairs_by_image, pairs_by_text`."""
    by = pl.col("image_leak", "text_leak").str.split(": ").list.first()
    named = leaks.select("image_id", by).collect()
    sets = sorted({name for column in ("image_leak", "text_leak") for name in named[column].drop_nulls()})
    return [
        {
            "test_set": name,
            "images": named.filter(pl.col("image_leak") == name)["image_id"].n_unique(),
            "pairs_by_image": int((named["image_leak"] == name).sum()),
            "pairs_by_text": int((named["text_leak"] == name).sum()),
        }
        for name in sets
    ]
