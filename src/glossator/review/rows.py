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
    images = ws.scan("images").select("image_id", "source_id", "shard", pl.col("kind").alias("image_kind"))
    # Categories instead of texts where a set has few of them: a quarter of the memory.
    few = [pl.col(name).cast(pl.Categorical) for name in ("kind", "writer")]
    pairs = ws.scan("pairs").select("pair_id", *few, "question", "answer")
    return (
        judged_columns({"drafts": ws.scan("pairs"), **tables})
        .drop("kind", "scorer")
        .join(pairs, on="pair_id", how="left", maintain_order="left")
        .join(images, on="image_id", how="left", maintain_order="left")
        .with_columns(pl.col("image_kind").cast(pl.Categorical), pl.col("pair_id").hash(seed=7).alias("drawn"))
        .collect()
    )


def with_verdicts(rows: pl.DataFrame, ws: Workspace) -> pl.DataFrame:
    """The rows with the verdicts that the workspace has now: `keep, reasons, decided_by`, and, where people have
    spoken, the columns by which that counts in the filter."""
    present = ws.store.read_json("current.json").get("tables", {})
    verdicts = ws.scan("verdicts").select("pair_id", "keep", "reasons", "decided_by")
    found = rows.drop(_VERDICT, strict=False).lazy().join(verdicts, on="pair_id", how="left", maintain_order="left")
    said = decided(ws.scan("human")).collect() if "human" in present else pl.DataFrame()
    if said.height:
        found = found.join(said.lazy(), on="pair_id", how="left", maintain_order="left")
    return found.with_columns(pl.col("keep").fill_null(value=True), pl.col("reasons").fill_null([])).collect()


def search(pairs: pl.LazyFrame, text: str) -> pl.Series:
    """For each pair whether all words of `text` stand in its question, answer or explanation, whatever their case.

    The texts are read from the disk: in memory they would be most of it.
    """
    words = text.casefold().split()
    columns = [pl.col(name).fill_null("").str.to_lowercase() for name in _TEXTS]
    every = [pl.any_horizontal(column.str.contains(word, literal=True) for column in columns) for word in words]
    return pairs.select(pl.all_horizontal(pl.lit(value=True), *every).alias("found")).collect()["found"]
