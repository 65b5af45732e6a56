"""The audit of the teachers: what the pairs of each writer are like, and how far writers differ, with intervals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from math import sqrt
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import polars as pl

GROUNDED = 0.85
WRITING = ("enrich", "extract", "explain")
_SURE = 1.96  # standard errors of a 95 % interval
_BIGRAMS = 20_000  # diversity falls with the size of what it is measured on, so all writers are measured on as much
_KINDS = 4


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean over a writer's pairs with its standard error, images as clusters. `count` is how many pairs have it."""

    value: float
    error: float
    count: int

    @property
    def half(self) -> float:
        """Half the width of the 95 % interval."""
        return _SURE * self.error


def audit(tables: Mapping[str, pl.LazyFrame]) -> dict[str, Any]:
    """Compare the writers of a set.

    Args:
        tables: pairs, verdicts, scores, ocr, agreement, judgements and calls of a workspace.

    Returns:
        `writers`: one mapping each, most pairs first: name, pairs, images, kept, kinds, diversity, refused, usd,
        usd_per_kept. `measures`: one mapping each: name, `means` (a `Mean` or None for each writer) and `differences`
        to the first writer (a `Mean`, or None for the first and where one is missing). `judge`: pairs, turn_gap,
        length_correlation, or None. Empty for a set without pairs.
    """
    import polars as pl

    rows = _rows(tables)
    names = rows.group_by("writer").len().sort("len", "writer", descending=[True, False])["writer"].to_list()
    if not names:
        return {}
    of_writer = {name: rows.filter(pl.col("writer") == name) for name in names}
    bought = tables["calls"].filter(pl.col("stage").is_in(WRITING)).collect()
    diversity = _diversity([of_writer[name]["question"].to_list() for name in names])
    writers = [
        _writer(name, of_writer[name], bought, distinct) for name, distinct in zip(names, diversity, strict=True)
    ]
    measures = []
    for label, column in _MEASURES:
        means = [_mean(of_writer[name], column) for name in names]
        if any(means):
            measures.append({"name": label, "means": means, "differences": [None, *_differences(means)]})
    coverage = _coverage(rows, tables["ocr"])
    means = [_ratio(coverage.filter(pl.col("writer") == name), "used", "printed") for name in names]
    measures.append(
        {"name": "of the page's text asked about", "means": means, "differences": [None, *_differences(means)]}
    )
    return {"writers": writers, "measures": measures, "judge": _judge(rows)}


_MEASURES = (
    ("kept", "kept"),
    ("answer stands on the page", "grounded"),
    ("explanation's claims stand there", "explain_grounding"),
    ("IFD", "ifd"),
    ("VFD", "vfd"),
    ("mIFD", "mifd"),
    ("FFD", "ffd"),
    ("agreement with the second model", "anls"),
    ("lowest mark of the judge", "lowest"),
    ("words in a question", "question_words"),
    ("characters in an answer", "answer_chars"),
    ("words in an explanation", "explanation_words"),
)


def _rows(tables: Mapping[str, pl.LazyFrame]) -> pl.DataFrame:
    """One row a pair, with all that is measured as numbers."""
    import polars as pl

    def words(column: str) -> pl.Expr:
        return pl.col(column).str.count_matches(r"\S+").cast(pl.Float64)

    more = [
        tables["verdicts"].select("pair_id", pl.col("keep").cast(pl.Float64).alias("kept")),
        tables["scores"].select("pair_id", "ifd", "vfd", "mifd", "ffd"),
        tables["agreement"].select("pair_id", "anls"),
        tables["judgements"].select("pair_id", "lowest", "turn_gap"),
    ]
    rows = tables["pairs"].select(
        "pair_id", "image_id", "writer", "question", "kind", "explain_grounding", "evidence",
        (pl.col("grounding") >= GROUNDED).cast(pl.Float64).alias("grounded"),
        words("question").alias("question_words"),
        pl.col("answer").str.len_chars().cast(pl.Float64).alias("answer_chars"),
        pl.when(pl.col("explain_answer") != "").then(words("explain_answer")).alias("explanation_words"),
    )  # fmt: skip
    for table in more:
        rows = rows.join(table, on="pair_id", how="left")
    return rows.collect()


def _writer(name: str, rows: pl.DataFrame, bought: pl.DataFrame, distinct: float | None) -> dict[str, Any]:
    import polars as pl

    mine = bought.filter(pl.col("model") == name.removeprefix("chat:"))
    kept = int(rows["kept"].sum() or 0)
    usd = float(mine["usd"].sum() or 0.0)
    kinds = Counter(rows["kind"].to_list()).most_common(_KINDS)
    return {
        "name": name,
        "pairs": rows.height,
        "images": rows["image_id"].n_unique(),
        "kept": kept,
        "kinds": [(kind or "none", count / rows.height) for kind, count in kinds],
        "diversity": distinct,
        "refused": float(mine["refused"].mean() or 0.0) if mine.height else None,  # type: ignore[arg-type]
        "usd": usd,
        "usd_per_kept": usd / kept if kept and usd else None,
    }


def _mean(rows: pl.DataFrame, column: str) -> Mean | None:
    import polars as pl

    known = rows.filter(pl.col(column).is_not_null()).group_by("image_id")
    return _ratio(known.agg(pl.col(column).sum().alias("sum"), pl.len().alias("count")), "sum", "count")


def _ratio(images: pl.DataFrame, top: str, bottom: str) -> Mean | None:
    """The ratio of two sums over images, and its standard error by linearisation.

    As for a ratio estimator over clusters (Cochran, Sampling Techniques, chapter 6): pairs of one image are alike.
    """
    import polars as pl

    total = float(images[bottom].sum() or 0)
    if not total:
        return None
    value = float(images[top].sum() or 0) / total
    left = images.select(((pl.col(top) - value * pl.col(bottom)) ** 2).sum()).item()
    clusters = images.height
    error = sqrt(float(left) * clusters / (clusters - 1)) / total if clusters > 1 else 0.0
    return Mean(value, error, int(total))


def _differences(means: Sequence[Mean | None]) -> list[Mean | None]:
    """Each writer less the first. Their images are not the same, so their errors add up."""
    first = means[0]
    return [
        Mean(mean.value - first.value, sqrt(mean.error**2 + first.error**2), min(mean.count, first.count))
        if mean and first
        else None
        for mean in means[1:]
    ]


def _coverage(rows: pl.DataFrame, ocr: pl.LazyFrame) -> pl.DataFrame:
    """For each image and writer: characters of evidence, and characters printed."""
    import polars as pl

    chars = pl.element().struct.field("text").str.len_chars()
    printed = ocr.select("image_id", pl.col("spans").list.eval(chars).list.sum().alias("printed")).collect()
    pieces = rows.select("image_id", "writer", "evidence").explode("evidence").drop_nulls("evidence")
    used = (
        pieces.with_columns(
            pl.col("evidence").struct.field("text"), pl.col("evidence").struct.field("box").list.slice(0, 2)
        )
        .unique(["image_id", "writer", "text", "box"])
        .group_by("image_id", "writer")
        .agg(pl.col("text").str.len_chars().sum().alias("used"))
    )
    images = rows.select("image_id", "writer").unique().join(printed, on="image_id", how="inner")
    return images.join(used, on=["image_id", "writer"], how="left").with_columns(pl.col("used").fill_null(0))


def _judge(rows: pl.DataFrame) -> dict[str, Any] | None:
    """What sways the judge although it should not: the place in the list, and length."""
    import polars as pl

    judged = rows.filter(pl.col("lowest").is_not_null())
    if judged.height < 2:
        return None
    length = pl.col("explanation_words").fill_null(0.0)
    correlation = judged.select(pl.corr("lowest", length, method="spearman")).item()
    return {
        "pairs": judged.height,
        "turn_gap": judged["turn_gap"].mean(),
        "length_correlation": correlation if correlation == correlation and correlation is not None else 0.0,
    }


def _diversity(questions: Sequence[Sequence[str]]) -> list[float | None]:
    """Distinct bigrams of words among as many bigrams for each writer (distinct-2, arXiv 1510.03055)."""
    sizes = [sum(max(0, len(text.split()) - 1) for text in texts) for texts in questions]
    size = min(_BIGRAMS, *sizes)
    if not size:
        return [None] * len(questions)
    return [
        len(set(islice((two for text in texts for two in pairwise(text.lower().split())), size))) / size
        for texts in questions
    ]
