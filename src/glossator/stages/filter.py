"""Stage `filter`: a verdict on each pair, with its reasons. Nothing is deleted."""

from __future__ import annotations

from typing import Literal

import polars as pl
from pydantic import Field, model_validator

from glossator.difficulty import MORE_SCORES, SCORES, scores
from glossator.stages.base import Settings, TableStage
from glossator.stages.bounds import default_bound

Score = Literal["ifd", "vfd", "mifd", "ffd", "vfd_first", "ifd_second", "ffd_image", "reversed_ifd"]
Bound = float | Literal["auto"] | None
BOUNDS = ("ifd_max", "vfd_max", "mifd_max", "ffd_max", "ffd_min", "ffd_image_min")
ALL_SCORES = (*SCORES, *MORE_SCORES)


class FilterSettings(Settings):
    """Settings of the stage `filter`. A bound of null is not applied.

    `auto` takes the bound that suits the scorer; another has others. How they were chosen: docs/scores.md.
    """

    ifd_max: Bound = Field("auto", description="Reject above: the question does not help to give the answer.")
    vfd_max: Bound = Field("auto", description="Reject above: the image does not help beyond the question.")
    mifd_max: Bound = Field("auto", description="Reject above: pair and image do not belong together.")
    ffd_max: Bound = Field("auto", description="Reject above: the fact does not help the explanation.")
    ffd_min: Bound = Field("auto", description="Reject below: the explanation only repeats the fact.")
    ffd_image_min: Bound = Field(
        "auto", description="Reject below: beside the image, the explanation only repeats the fact."
    )
    percentiles: dict[Score, tuple[float, float]] = Field(
        {}, description="Reject outside these percentiles of the set, per score: {mifd: [0, 95]}."
    )
    grounding_min: float | None = Field(0.85, description="Reject below: the answer does not stand in the OCR.")
    question_fit_min: float | None = Field(
        0.3, description="Reject below: the answer has not the type or the label that the question asks for."
    )
    explain_grounding_min: float | None = Field(
        0.7, description="Reject below: the explanation names texts that do not stand in the OCR."
    )
    agreement_min: float | None = Field(
        0.5, description="Reject below: a second model answered otherwise (ANLS; only after a stage agree)."
    )
    judge_min: float | None = Field(
        None, description="Reject where the lowest of a judge's marks (1 to 5) is below (only after a stage judge)."
    )
    question_similarity_max: float | None = Field(0.95, description="Reject above: asked before of this image.")
    question_chars_max: int = Field(300, description="Reject longer questions.")
    answer_chars_max: int = Field(400, description="Reject longer answers.")
    explanation_chars_max: int = Field(2000, description="Reject longer explanations.")
    require_explanation: bool = Field(True, description="Reject pairs without a self-explain pair.")
    require_scores: bool = Field(
        False, description="Reject pairs that could not be scored, such as very short answers."
    )
    rank_by: Score = Field("mifd", description="The score by which top_k and budget choose.")
    rank: Literal["highest", "lowest"] = Field("highest", description="Which end of it is chosen first.")
    top_k: int | None = Field(None, ge=1, description="Keep at most so many pairs an image, of those no rule rejects.")
    budget: int | None = Field(None, ge=1, description="Keep at most so many pairs in all, of those no rule rejects.")

    @model_validator(mode="after")
    def _percentiles_in_order(self) -> FilterSettings:
        for name, (low, high) in self.percentiles.items():
            if not 0 <= low < high <= 100:
                raise ValueError(f"percentiles of {name}: {low} and {high} are no range within 0 and 100")
        return self


class FilterStage(TableStage):
    """Rules over stored columns: whole tables, streaming, no model and no look at any image."""

    kind = "filter"
    version = 3
    reads = ("drafts",)
    uses = ("pairs", "losses", "agreement", "judgements")
    writes = "verdicts"
    Settings = FilterSettings

    def run(self, tables: dict[str, pl.LazyFrame]) -> pl.LazyFrame:
        return verdicts(judged_columns(tables), self.settings)


def judged_columns(tables: dict[str, pl.LazyFrame]) -> pl.LazyFrame:
    """All that a verdict rests on, one row a pair, in the pairs' order."""
    pairs = tables.get("pairs", tables["drafts"])
    rows = pairs.select(
        "pair_id", "image_id", "kind", "grounding", "question_fit", "explain_grounding", "question_similarity",
        pl.col("question").str.len_chars().alias("question_chars"),
        pl.col("answer").str.len_chars().alias("answer_chars"),
        pl.col("explain_answer").str.len_chars().alias("explanation_chars"),
    )  # fmt: skip
    rows = _with(rows, tables.get("agreement"), "anls", "agreement")
    rows = _with(rows, tables.get("judgements"), "lowest", "judged")
    if "losses" not in tables:
        empty = [pl.lit(None, pl.Float64).alias(name) for name in ALL_SCORES]
        return rows.with_columns(pl.lit("").alias("scorer"), *empty)
    scored = scores(tables["losses"]).select("pair_id", "scorer", *ALL_SCORES)
    return rows.join(scored, on="pair_id", how="left", maintain_order="left")


def _with(rows: pl.LazyFrame, table: pl.LazyFrame | None, column: str, name: str) -> pl.LazyFrame:
    """One column of another table beside the rows; null where there is none."""
    if table is None:
        return rows.with_columns(pl.lit(None, pl.Float64).alias(name))
    return rows.join(
        table.select("pair_id", pl.col(column).alias(name)), on="pair_id", how="left", maintain_order="left"
    )


def verdicts(rows: pl.LazyFrame, settings: FilterSettings) -> pl.LazyFrame:
    """`pair_id, image_id, keep, reasons` for rows as `judged_columns` gives them."""
    known = set(rows.collect_schema().names())
    ruled = rules(settings)
    rows = rows.with_columns(*(bad.fill_null(value=False).alias(name) for name, bad in ruled.items()))
    left = ~pl.any_horizontal(list(ruled))
    bad = {name: pl.col(name) for name in ruled} | limits(settings, left)
    assert not known & set(bad), "a reason has the name of a column"
    named = [pl.when(expression).then(pl.lit(name)) for name, expression in bad.items()]
    # Joined and split again: twenty times faster than a list of each row's names without its nulls.
    joined = pl.concat_str(named, separator="|", ignore_nulls=True)
    reasons = joined.str.split("|").list.filter(pl.element() != "").alias("reasons")
    return rows.select("pair_id", "image_id", (joined == "").alias("keep"), reasons)


def kept(settings: FilterSettings) -> pl.Expr:
    """Whether a pair is kept; as `verdicts`, without the reasons, and so much faster."""
    left = _none(rules(settings))
    more = limits(settings, left)
    return left & _none(more) if more else left


def _none(bad: dict[str, pl.Expr]) -> pl.Expr:
    return ~pl.any_horizontal([expression.fill_null(value=False) for expression in bad.values()])


def rules(settings: FilterSettings) -> dict[str, pl.Expr]:
    """For each reason, the expression that is true where a pair is rejected for it. Null counts as false."""
    # A foreign set's plain turns need be no text of the image, and have no explanation.
    free = pl.col("kind").is_in(["plain", "description"])
    found: dict[str, pl.Expr] = {
        "question_too_long": pl.col("question_chars") > settings.question_chars_max,
        "answer_too_long": pl.col("answer_chars") > settings.answer_chars_max,
        "explanation_too_long": pl.col("explanation_chars") > settings.explanation_chars_max,
    }
    if settings.grounding_min is not None:
        found["not_grounded"] = ~free & (pl.col("grounding") < settings.grounding_min)
    if settings.question_fit_min is not None:
        found["question_misfit"] = ~free & (pl.col("question_fit") < settings.question_fit_min)
    if settings.explain_grounding_min is not None:
        found["explanation_not_grounded"] = pl.col("explain_grounding") < settings.explain_grounding_min
    if settings.agreement_min is not None:
        found["answers_disagree"] = pl.col("agreement") < settings.agreement_min
    if settings.judge_min is not None:
        found["judged_low"] = pl.col("judged") < settings.judge_min
    if settings.question_similarity_max is not None:
        found["duplicate_question"] = pl.col("question_similarity") > settings.question_similarity_max
    for name in BOUNDS:
        bound = getattr(settings, name)
        score, _, side = name.rpartition("_")
        limit = default_bound(name) if bound == "auto" else pl.lit(bound, pl.Float64)
        outside = pl.col(score) > limit if side == "max" else pl.col(score) < limit
        found[f"{score}_above_max" if side == "max" else f"{score}_below_min"] = outside
    for score, (low, high) in settings.percentiles.items():
        column = pl.col(score)
        outside = (column < _percentile(column, low)) | (column > _percentile(column, high))
        found[f"{score}_outside_percentiles"] = outside
    if settings.require_explanation:
        found["no_explanation"] = ~free & (pl.col("explanation_chars") == 0)
    if settings.require_scores:
        found["not_scored"] = pl.col("mifd").is_null() & pl.col("grounding").is_not_null()
    return found


def _percentile(column: pl.Expr, percent: float) -> pl.Expr:
    return column.quantile(percent / 100, interpolation="linear")


def limits(settings: FilterSettings, left: pl.Expr) -> dict[str, pl.Expr]:
    """As `rules`, over the pairs that are `left`: those behind the best `top_k`; of the rest, those behind the best
    `budget`.

    Pairs without the score come last; among equals the earlier one wins.
    """
    score = pl.col(settings.rank_by) if settings.rank == "lowest" else -pl.col(settings.rank_by)
    score = score.fill_null(float("inf"))
    found: dict[str, pl.Expr] = {}
    if settings.top_k is not None:
        beyond = pl.when(left).then(score).rank("ordinal").over("image_id") > settings.top_k
        found["beyond_top_k"] = beyond
        left = left & ~beyond.fill_null(value=False)
    if settings.budget is not None:
        found["beyond_budget"] = pl.when(left).then(score).rank("ordinal") > settings.budget
    return found
