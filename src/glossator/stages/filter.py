"""Stage `filter`: a verdict on each pair, with its reasons. Nothing is deleted."""

from __future__ import annotations

import polars as pl
from pydantic import Field

from glossator.difficulty import scores
from glossator.stages.base import Settings, TableStage


class FilterSettings(Settings):
    """Settings of the stage `filter`. A bound of null is not applied.

    The defaults suit the engine `embedded`; another scorer is another instrument. How they were chosen: docs/scores.md.
    """

    ifd_max: float | None = Field(None, description="Reject above: the question does not help to give the answer.")
    vfd_max: float | None = Field(0.85, description="Reject above: the image does not help beyond the question.")
    mifd_max: float | None = Field(0.6, description="Reject above: pair and image do not belong together.")
    ffd_max: float | None = Field(1.0, description="Reject above: the fact does not help the explanation.")
    ffd_min: float | None = Field(0.5, description="Reject below: the explanation only repeats the fact.")
    grounding_min: float | None = Field(0.85, description="Reject below: the answer does not stand in the OCR.")
    question_similarity_max: float | None = Field(0.95, description="Reject above: asked before of this image.")
    question_chars_max: int = Field(300, description="Reject longer questions.")
    answer_chars_max: int = Field(400, description="Reject longer answers.")
    explanation_chars_max: int = Field(2000, description="Reject longer explanations.")
    require_explanation: bool = Field(True, description="Reject pairs without a self-explain pair.")
    require_scores: bool = Field(
        False, description="Reject pairs that could not be scored, such as very short answers."
    )


class FilterStage(TableStage):
    """Rules over stored columns: whole tables, streaming, no model and no look at any image."""

    kind = "filter"
    version = 1
    reads = ("drafts",)
    uses = ("pairs", "losses")
    writes = "verdicts"
    Settings = FilterSettings

    def run(self, tables: dict[str, pl.LazyFrame]) -> pl.LazyFrame:
        pairs = tables.get("pairs", tables["drafts"])
        if "losses" in tables:
            pairs = pairs.join(scores(tables["losses"]), on="pair_id", how="left", maintain_order="left")
        else:
            empty = [pl.lit(None, pl.Float64).alias(name) for name in ("ifd", "vfd", "mifd", "ffd")]
            pairs = pairs.with_columns(*empty)
        named = [pl.when(bad.fill_null(value=False)).then(pl.lit(name)) for name, bad in rules(self.settings).items()]
        reasons = pl.concat_list(named).list.drop_nulls().alias("reasons")
        return pairs.select("pair_id", "image_id", (reasons.list.len() == 0).alias("keep"), reasons)


def rules(settings: FilterSettings) -> dict[str, pl.Expr]:
    """For each reason, the expression that is true where a pair is rejected for it. Null counts as false."""
    length = pl.col("question").str.len_chars()
    found: dict[str, pl.Expr] = {
        "question_too_long": length > settings.question_chars_max,
        "answer_too_long": pl.col("answer").str.len_chars() > settings.answer_chars_max,
        "explanation_too_long": pl.col("explain_answer").str.len_chars() > settings.explanation_chars_max,
    }
    # A foreign set's plain turns need be no text of the image, and have no explanation.
    free = pl.col("kind").is_in(["plain", "description"])
    if settings.grounding_min is not None:
        found["not_grounded"] = ~free & (pl.col("grounding") < settings.grounding_min)
    if settings.question_similarity_max is not None:
        found["duplicate_question"] = pl.col("question_similarity") > settings.question_similarity_max
    for name in ("ifd", "vfd", "mifd", "ffd"):
        highest = getattr(settings, f"{name}_max")
        if highest is not None:
            found[f"{name}_above_max"] = pl.col(name) > highest
    if settings.ffd_min is not None:
        found["ffd_below_min"] = pl.col("ffd") < settings.ffd_min
    if settings.require_explanation:
        found["no_explanation"] = ~free & (pl.col("explain_answer") == "")
    if settings.require_scores:
        found["not_scored"] = pl.col("mifd").is_null() & pl.col("grounding").is_not_null()
    return found
