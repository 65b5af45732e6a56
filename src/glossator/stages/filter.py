"""Stage `filter`: a verdict on each pair, with its reasons. Nothing is deleted."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

import polars as pl
from pydantic import Field, field_validator, model_validator

from glossator.privacy.languages import LANGUAGES, SCRIPTS, UNCODED
from glossator.privacy.personal import SORTS
from glossator.stages.base import Settings, TableStage
from glossator.stages.bounds import default_bound
from glossator.stages.judged import ALL_SCORES, judged_columns

Score = Literal["ifd", "vfd", "mifd", "ffd", "vfd_first", "ifd_second", "ffd_image", "reversed_ifd"]
Bound = float | Literal["auto"] | None
PERSON = ("person_keep", "person_reason")
_PERSONAL = ("all", *SORTS, *(f"page:{sort}" for sort in SORTS))
BOUNDS = ("ifd_max", "vfd_max", "mifd_max", "ffd_max", "ffd_min", "ffd_image_min")
__all__ = ["ALL_SCORES", "FilterSettings", "FilterStage", "judged_columns", "kept", "rules", "verdicts"]


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
    explain_places_min: float | None = Field(
        1.0, description="Reject below: the explanation says of a place what is not so."
    )
    agreement_min: float | None = Field(
        0.5, description="Reject below: a second model answered otherwise (ANLS; only after a stage agree)."
    )
    judge_min: float | None = Field(
        None, description="Reject where the lowest of a judge's marks (1 to 5) is below (only after a stage judge)."
    )
    question_similarity_max: float | None = Field(0.95, description="Reject above: asked before of this image.")
    image_copies: bool = Field(True, description="Reject pairs of a near-duplicate image (only after a stage dedup).")
    question_copies: bool = Field(True, description="Reject near-duplicate pairs (only after a stage dedup).")
    template_max: int | None = Field(
        None, ge=1, description="Keep at most so many pairs of one question template (only after a stage dedup)."
    )
    leaks: bool = Field(True, description="Reject what stands in a test set (only after a stage leaks).")
    personal_data: tuple[str, ...] = Field(
        (), description="Reject pairs that hold these sorts of personal data; [all] for any (only after inspect)."
    )
    languages: tuple[str, ...] | None = Field(
        None, description="Reject pairs in other languages, by ISO 639-1 code (only after a stage inspect)."
    )
    scripts: tuple[str, ...] | None = Field(
        None, description="Reject pairs in other scripts, by ISO 15924 code (only after a stage inspect)."
    )
    profanity: bool = Field(False, description="Reject pairs that hold an entry of the recipe's word list.")
    repair_accept: Literal["reflection", "all"] = Field(
        "all",
        description="Which repairs count: all that no other rule rejects, or those better by Reflection-Tuning's rule.",
    )
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

    @field_validator("personal_data")
    @classmethod
    def _known_sorts(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        _refuse_unknown(given, _PERSONAL, "no sort of personal data (email, phone, page:email and so on, all)")
        return given

    @field_validator("languages")
    @classmethod
    def _known_languages(cls, given: tuple[str, ...] | None) -> tuple[str, ...] | None:
        _refuse_unknown(given, LANGUAGES, "no language that is told apart; codes are those of ISO 639-1, such as en")
        return given

    @field_validator("scripts")
    @classmethod
    def _known_scripts(cls, given: tuple[str, ...] | None) -> tuple[str, ...] | None:
        _refuse_unknown(given, (*SCRIPTS, UNCODED), "no script that is told apart; codes are ISO 15924's, such as Latn")
        return given

    @model_validator(mode="after")
    def _percentiles_in_order(self) -> FilterSettings:
        for name, (low, high) in self.percentiles.items():
            if not 0 <= low < high <= 100:
                raise ValueError(f"percentiles of {name}: {low} and {high} are no range within 0 and 100")
        return self


def _refuse_unknown(given: tuple[str, ...] | None, known: Collection[str], problem: str) -> None:
    """A slip of the pen would reject nothing, or everything."""
    if wrong := [name for name in given or () if name not in known]:
        raise ValueError(f"{', '.join(wrong)}: {problem}")


class FilterStage(TableStage):
    """Rules over stored columns: whole tables, streaming, no model and no look at any image."""

    kind = "filter"
    version = 4
    reads = ("drafts",)
    uses = ("pairs", "losses", "agreement", "judgements", "duplicates", "leaks", "inspections", "human")
    writes = "verdicts"
    Settings = FilterSettings

    def run(self, tables: dict[str, pl.LazyFrame]) -> pl.LazyFrame:
        return verdicts(judged_columns(tables), self.settings)


def verdicts(rows: pl.LazyFrame, settings: FilterSettings) -> pl.LazyFrame:
    """A row of the table `verdicts` for each of the rows that `judged_columns` gives."""
    known = set(rows.collect_schema().names())
    ruled = rules(settings)
    rows = rows.with_columns(*(bad.fill_null(value=False).alias(name) for name, bad in ruled.items()))
    left = _left(~pl.any_horizontal(list(ruled)), known)
    bad = {name: pl.col(name) for name in ruled} | limits(settings, left, chains="chain" in known)
    assert not known & set(bad), "a reason has the name of a column"
    named = [pl.when(expression).then(pl.lit(name)) for name, expression in bad.items()]
    # Joined and split again: twenty times faster than a list of each row's names without its nulls.
    joined = pl.concat_str(named, separator="|", ignore_nulls=True)
    reasons = joined.str.split("|").list.filter(pl.element() != "").alias("reasons")
    said = [name for name in PERSON if name in known]
    judged = rows.select("pair_id", "image_id", *said, (joined == "").alias("keep"), reasons)
    return _overridden(judged) if said else _by_rules(judged)


def _by_rules(judged: pl.LazyFrame) -> pl.LazyFrame:
    return judged.with_columns(
        pl.col("reasons").alias("rules"), pl.lit("rules").alias("decided_by"), pl.lit("both").alias("form")
    )


def _overridden(judged: pl.LazyFrame) -> pl.LazyFrame:
    """What a person said counts; `rules` has what the rules say all the same."""
    keep, reason = (pl.col(name) for name in PERSON)
    spoken = keep.is_not_null()
    by_person = pl.when(keep).then(pl.lit([], pl.List(pl.String))).otherwise(pl.concat_list(reason))
    return _by_rules(judged).select(
        "pair_id",
        "image_id",
        pl.coalesce(keep, "keep").alias("keep"),
        pl.when(spoken).then(by_person).otherwise("reasons").alias("reasons"),
        "rules",
        pl.when(spoken).then(pl.lit("person")).otherwise("decided_by").alias("decided_by"),
        "form",
    )


def kept(settings: FilterSettings, columns: Collection[str]) -> pl.Expr:
    """Whether a pair is kept; as `verdicts`, without the reasons, and so much faster.

    `columns` are those that the rows have.
    """
    left = _left(_none(rules(settings)), columns)
    more = limits(settings, left, chains="chain" in columns)
    keep = left & _none(more) if more else left
    return pl.coalesce("person_keep", keep) if "person_keep" in columns else keep


def _left(left: pl.Expr, columns: Collection[str]) -> pl.Expr:
    """What takes a place or stands for its repairs: what a person turned down does not, whatever the rules say."""
    return pl.coalesce("person_keep", left) if "person_keep" in columns else left


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
    if settings.explain_places_min is not None:
        found["false_place"] = pl.col("explain_places") < settings.explain_places_min
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
    return found | _of_the_set(settings) | _of_content(settings) | _of_repairs(settings)


def _of_the_set(settings: FilterSettings) -> dict[str, pl.Expr]:
    """Copies within the set and of test sets."""
    found = {}
    if settings.image_copies:
        found["near_duplicate_image"] = pl.col("image_copy")
    if settings.question_copies:
        found["near_duplicate_question"] = pl.col("question_copy")
    if settings.template_max is not None:
        found["template_over_cap"] = pl.col("template_rank") > settings.template_max
    if settings.leaks:
        found |= {"image_in_test_set": pl.col("image_leak"), "text_in_test_set": pl.col("text_leak")}
    return found


def _of_content(settings: FilterSettings) -> dict[str, pl.Expr]:
    """What some sets must not hold."""
    found = {}
    if settings.personal_data:
        sorts, personal = list(settings.personal_data), pl.col("personal")
        held = personal.list.len() > 0 if "all" in sorts else personal.list.eval(pl.element().is_in(sorts)).list.any()
        found["personal_data"] = held
    for name, allowed in (("language", settings.languages), ("script", settings.scripts)):
        if allowed is not None:
            other = pl.col(f"{name}s").list.eval(~pl.element().is_in(list(allowed))).list.any()
            found[f"other_{name}"] = other
    if settings.profanity:
        found["profanity"] = pl.col("profane").list.len() > 0
    return found


def _of_repairs(settings: FilterSettings) -> dict[str, pl.Expr]:
    """Reflection-Tuning's rule (arXiv 2402.10110): a new question must raise IFD and leave it below 1; a new answer
    must lower reversed IFD. Scores that can't be compared speak for the repair."""
    if settings.repair_accept == "all":
        return {}
    ifd, reversed_ifd = pl.col("ifd"), pl.col("reversed_ifd")
    question = pl.col("question_rewritten") & ((ifd <= pl.col("ifd_before")) | (ifd >= 1))
    answer = pl.col("answer_rewritten") & (reversed_ifd >= pl.col("reversed_ifd_before"))
    return {"repair_no_better": question.fill_null(value=False) | answer.fill_null(value=False)}


def _percentile(column: pl.Expr, percent: float) -> pl.Expr:
    return column.quantile(percent / 100, interpolation="linear")


def limits(settings: FilterSettings, left: pl.Expr, *, chains: bool = False) -> dict[str, pl.Expr]:
    """As `rules`, over the pairs that are `left`: repairs of what is kept itself (where rows have a column `chain`); of
    the rest, those behind the best `top_k`; of the rest, those behind the best `budget`.

    Pairs without the score come last; among equals the earlier one wins.
    """
    score = pl.col(settings.rank_by) if settings.rank == "lowest" else -pl.col(settings.rank_by)
    score = score.fill_null(float("inf"))
    found: dict[str, pl.Expr] = {}
    if chains:
        before = left.cast(pl.Int32).cum_sum().over("chain") - left.cast(pl.Int32)
        found["original_kept"] = pl.col("chain").is_not_null() & left & (before > 0)
        left = left & ~found["original_kept"].fill_null(value=False)
    if settings.top_k is not None:
        beyond = pl.when(left).then(score).rank("ordinal").over("image_id") > settings.top_k
        found["beyond_top_k"] = beyond
        left = left & ~beyond.fill_null(value=False)
    if settings.budget is not None:
        found["beyond_budget"] = pl.when(left).then(score).rank("ordinal") > settings.budget
    return found
