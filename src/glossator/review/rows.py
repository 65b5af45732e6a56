"""The rows that the page holds in memory, one a pair: what stays while it is open, and the verdicts beside it."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from glossator.difficulty import SCORES
from glossator.people import decided
from glossator.stages.filter import PERSON, judged_columns
from glossator.workspace import Workspace

AT_ONCE = 50_000  # pairs
_WHOLE = ("duplicates", "leaks")
_BY_SHARD = ("losses", "agreement", "judgements", "inspections")
_ALWAYS = ("pair_id", "image", "image_kind", *SCORES)
_VERDICT = ("keep", "reasons", "decided_by", *PERSON)
_TEXTS = ("question", "answer", "explain_answer")
_BETWEEN = "\x1f"  # reasons; stands in none


def read_images(ws: Workspace) -> pl.DataFrame:
    """`image_id, path, shard, image_kind`, one row an image, by id."""
    columns = ("image_id", "path", pl.col("shard").cast(pl.UInt32), pl.col("kind").alias("image_kind"))
    return ws.scan("images").select(*columns).sort("image_id").collect()


def read_rows(ws: Workspace, images: pl.DataFrame, shards: list[int], at_once: int = AT_ONCE) -> pl.DataFrame:
    """One row a pair of these shards, in the pairs' order: all that a verdict rests on but what people said, question
    and answer, and whose `image` it is, as a row of `images`. A column that says nothing of any pair is of type `Null`.

    Only shards of about `at_once` pairs are read together: joins over the whole set would take more than all that is
    kept of it.
    """
    numbered = images.lazy().select("image_id", "image_kind").with_row_index("image")
    rows = pl.concat([_slice(ws, some, numbered) for some in _slices(ws, shards, at_once)], how="diagonal_relaxed")
    # Column after column, so that no more than one is there twice.
    return pl.DataFrame([rows.drop_in_place(name).rechunk() for name in rows.columns])


def _slices(ws: Workspace, shards: list[int], at_once: int) -> Iterator[list[int]]:
    """Shards in portions of about so many pairs; one empty portion where there are none."""
    pairs = int(ws.scan_shards("pairs", shards).select(pl.len()).collect().item())
    step = max(1, at_once * len(shards) // max(1, pairs))
    yield from (shards[start : start + step] for start in range(0, max(1, len(shards)), step))


def _slice(ws: Workspace, shards: list[int], images: pl.LazyFrame) -> pl.DataFrame:
    pairs = ws.scan_shards("pairs", shards)
    tables = {name: ws.scan_shards(name, shards) for name in _BY_SHARD if name in ws.tables}
    tables |= {name: ws.scan(name) for name in _WHOLE if name in ws.tables}
    # Categories instead of texts where a set has few of them: a quarter of the memory.
    few = [pl.col(name).cast(pl.Categorical) for name in ("kind", "writer")]
    texts = pairs.select("pair_id", *few, "question", "answer").collect()
    rows = (
        judged_columns({"drafts": pairs, **tables})
        .drop("kind", "scorer")
        .join(images, on="image_id", how="left", maintain_order="left")
        .with_columns(pl.col("image_kind").cast(pl.Categorical))
        .drop("image_id")
        .collect()
    )
    empty = [one.name for one in rows if one.name not in _ALWAYS and one.null_count() == rows.height]
    return rows.with_columns(pl.lit(None).alias(name) for name in empty).hstack(_beside(rows, texts))


def rule_types(ws: Workspace) -> pl.Schema:
    """The columns that the filter's rules ask for, with their types."""
    return judged_columns({"drafts": ws.scan_shards("pairs", ())}).collect_schema()


def for_rules(rows: pl.DataFrame, types: pl.Schema) -> pl.LazyFrame:
    """The rows with all columns that the filter's rules ask for; those that say nothing take no memory."""
    said = [name for name, kind in rows.schema.items() if kind != pl.Null]
    empty = [pl.lit(None, kind).alias(name) for name, kind in types.items() if name not in (*said, "image_id")]
    return rows.lazy().select(*said, pl.col("image").alias("image_id"), *empty)


def with_verdicts(rows: pl.DataFrame, ws: Workspace) -> pl.DataFrame:
    """The rows with the verdicts that the workspace has now: `keep, reasons, decided_by`, and, where people have
    spoken, the columns by which that counts in the filter. The `reasons` are one category (see `reasons_of`)."""
    reasons = pl.col("reasons").list.join(_BETWEEN).cast(pl.Categorical)
    verdicts = ws.scan("verdicts").select("pair_id", "keep", reasons, pl.col("decided_by").cast(pl.Categorical))
    rows = rows.drop(_VERDICT, strict=False)
    rows = rows.hstack(_beside(rows, verdicts.collect()))
    said = decided(ws.scan("human")).collect() if "human" in ws.tables else pl.DataFrame()
    if said.height:
        rows = rows.hstack(_beside(rows, said))
    return rows.with_columns(pl.col("keep").fill_null(value=True))


def reasons_of(joined: str | None) -> list[str]:
    """The reasons of a verdict, from the category that holds them."""
    return joined.split(_BETWEEN) if joined else []


def _beside(rows: pl.DataFrame, table: pl.DataFrame) -> pl.DataFrame:
    """The table's columns for each of the rows. Joined only where they don't stand in the rows' order anyway, and put
    beside the others: so nothing is copied."""
    ids = rows.select("pair_id")
    if not table["pair_id"].equals(ids["pair_id"]):
        table = ids.join(table, on="pair_id", how="left", maintain_order="left")
    return table.drop("pair_id")


def search(pairs: pl.LazyFrame, text: str) -> pl.Series:
    """For each pair whether all words of `text` stand in its question, answer or explanation, whatever their case.

    The texts are read from the disk: in memory they would be most of it.
    """
    words = text.casefold().split()
    columns = [pl.col(name).fill_null("").str.to_lowercase() for name in _TEXTS]
    every = [pl.any_horizontal(column.str.contains(word, literal=True) for column in columns) for word in words]
    return pairs.select(pl.all_horizontal(pl.lit(value=True), *every).alias("found")).collect()["found"]
