"""The rows that the page holds in memory, one a pair: what stays while it is open, and the verdicts beside it."""

from __future__ import annotations

import polars as pl

from glossator.people import decided
from glossator.stages.filter import PERSON, judged_columns
from glossator.workspace import Workspace

_JUDGED_BY = ("losses", "agreement", "judgements", "duplicates", "leaks", "inspections")
_VERDICT = ("keep", "reasons", "decided_by", *PERSON)
_TEXTS = ("question", "answer", "explain_answer")


def read_rows(ws: Workspace) -> pl.DataFrame:
    """One row a pair, in the pairs' order: all that a verdict rests on but what people said, whose image it is,
    question and answer, and `drawn`: a number that is as good as random and the same each time."""
    present = ws.store.read_json("current.json").get("tables", {})
    tables = {name: ws.scan(name) for name in _JUDGED_BY if name in present}
    images = ws.scan("images").select("image_id", "shard", pl.col("kind").alias("image_kind"))
    # Categories instead of texts where a set has few of them: a quarter of the memory.
    few = [pl.col(name).cast(pl.Categorical) for name in ("kind", "writer")]
    pairs = ws.scan("pairs").select("pair_id", *few, "question", "answer").collect()
    rows = (
        judged_columns({"drafts": ws.scan("pairs"), **tables})
        .drop("kind", "scorer")
        .join(images, on="image_id", how="left", maintain_order="left")
        .with_columns(pl.col("image_kind").cast(pl.Categorical), pl.col("pair_id").hash(seed=7).alias("drawn"))
        .collect()
    )
    return rows.hstack(_beside(rows, pairs))


def with_verdicts(rows: pl.DataFrame, ws: Workspace) -> pl.DataFrame:
    """The rows with the verdicts that the workspace has now: `keep, reasons, decided_by`, and, where people have
    spoken, the columns by which that counts in the filter."""
    present = ws.store.read_json("current.json").get("tables", {})
    verdicts = ws.scan("verdicts").select("pair_id", "keep", "reasons", pl.col("decided_by").cast(pl.Categorical))
    found = _beside(rows, verdicts.collect())
    said = decided(ws.scan("human")).collect() if "human" in present else pl.DataFrame()
    if said.height:
        found = found.hstack(_beside(rows, said))
    found = found.with_columns(pl.col("keep").fill_null(value=True), pl.col("reasons").fill_null([]))
    return rows.drop(_VERDICT, strict=False).hstack(found)


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
