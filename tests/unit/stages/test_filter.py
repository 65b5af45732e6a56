"""Verdicts: one a pair, in the pairs' order, each reason by its own rule."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import polars as pl
import pytest
from pydantic import ValidationError

from glossator.records import Losses, Pair
from glossator.schemas import SCHEMAS, to_arrow
from glossator.stages.filter import FilterSettings, FilterStage

GOOD = Pair("p", "i", "i", "What is the total?", "53.60", grounding=1.0, explain_question="How so?",
            explain_answer="It stands beside TOTAL.")  # fmt: skip
LOSS = Losses("p", "i", "a model", "text", nll_a=12.0, tokens_a=4, nll_a_q=8.0, tokens_a_q=4, nll_a_qi=2.0,
              tokens_a_qi=4, nll_r_s=30.0, tokens_r_s=10, nll_r_qas=15.0, tokens_r_qas=10)  # fmt: skip


def lazy(table: str, records: list[Any]) -> pl.LazyFrame:
    return pl.DataFrame(pl.from_arrow(to_arrow(table, records))).lazy()


def verdicts(pairs: list[Pair], losses: list[Losses] | None = None, **settings: Any) -> list[dict[str, Any]]:
    tables = {"drafts": lazy("drafts", pairs)}
    if losses is not None:
        tables["losses"] = lazy("losses", losses)
    return FilterStage(FilterSettings(**settings)).run(tables).collect().to_dicts()


def reasons(pair: Pair, loss: Losses | None = LOSS, **settings: Any) -> list[str]:
    (row,) = verdicts([pair], [loss] if loss else [], **settings)
    assert row["keep"] is not bool(row["reasons"])
    return row["reasons"]  # type: ignore[no-any-return]


def test_a_good_pair_is_kept() -> None:
    assert reasons(GOOD) == []


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"grounding": 0.2}, "not_grounded"),
        ({"question_similarity": 0.99}, "duplicate_question"),
        ({"question": "x" * 301}, "question_too_long"),
        ({"answer": "x" * 401}, "answer_too_long"),
        ({"explain_answer": "x" * 2001}, "explanation_too_long"),
        ({"explain_answer": ""}, "no_explanation"),
    ],
)
def test_rules_on_the_text(changes: dict[str, Any], reason: str) -> None:
    assert reasons(replace(GOOD, **changes)) == [reason]


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"ifd_max": 0.6}, "ifd_above_max"),
        ({"vfd_max": 0.2}, "vfd_above_max"),
        ({"mifd_max": 0.1}, "mifd_above_max"),
        ({"ffd_max": 0.4}, "ffd_above_max"),
        ({"ffd_min": 0.6}, "ffd_below_min"),
    ],
)
def test_rules_on_the_scores(settings: dict[str, float], reason: str) -> None:
    assert reasons(GOOD, **settings) == [reason]
    assert reasons(GOOD, **dict.fromkeys(settings)) == []


def test_a_bound_itself_is_kept() -> None:
    assert reasons(GOOD, ffd_max=0.5, ffd_min=0.5) == []


def test_all_reasons_are_named() -> None:
    assert reasons(replace(GOOD, grounding=0.0), mifd_max=0.1) == ["not_grounded", "mifd_above_max"]


def test_unscored_pairs_stay_unless_scores_are_required() -> None:
    unscored = Losses("p", "i", "a model", "text", not_scored="a: only 2 tokens")
    for loss in (unscored, None):
        assert reasons(GOOD, loss) == []
        assert reasons(GOOD, loss, require_scores=True) == ["not_scored"]


def test_without_a_score_stage_the_other_rules_still_hold() -> None:
    rows = verdicts([GOOD, replace(GOOD, pair_id="q", grounding=0.0)])
    assert [row["keep"] for row in rows] == [True, False]


def test_one_verdict_a_pair_in_the_order_of_the_pairs() -> None:
    names = [f"p{(i * 7) % 50}" for i in range(50)]
    pairs = [replace(GOOD, pair_id=name) for name in names]
    losses = [replace(LOSS, pair_id=name) for name in sorted(names)]
    assert [row["pair_id"] for row in verdicts(pairs, losses)] == names


def test_the_table_has_its_schema_even_when_empty() -> None:
    for pairs in ([], [GOOD]):
        frame = FilterStage(FilterSettings()).run({"drafts": lazy("drafts", pairs), "losses": lazy("losses", [])})
        wanted = pl.DataFrame(pl.from_arrow(SCHEMAS["verdicts"].empty_table())).schema
        assert frame.collect().schema == wanted


def test_unknown_settings_are_refused() -> None:
    with pytest.raises(ValidationError):
        FilterSettings.model_validate({"mifd_maximum": 1.0})


def test_default_bounds_are_those_of_the_scorer() -> None:
    weak = replace(LOSS, nll_a_qi=7.5)  # vfd 0.94, mifd 0.62
    assert reasons(GOOD, weak) == []
    assert reasons(GOOD, replace(weak, scorer="smollm2-135m (float32)")) == ["vfd_above_max"]
    assert reasons(GOOD, replace(weak, scorer="smollm2-135m (float32)"), vfd_max=None) == []


def test_an_answer_to_another_question_is_rejected() -> None:
    assert reasons(replace(GOOD, question_fit=0.0)) == ["question_misfit"]
    assert reasons(replace(GOOD, question_fit=None)) == []


def test_plain_turns_need_no_evidence_and_no_explanation() -> None:
    plain = replace(GOOD, kind="plain", grounding=0.0, question_fit=0.0, explain_question="", explain_answer="")
    assert reasons(plain) == []


@pytest.mark.parametrize("percentiles", [(5, 5), (-1, 50), (10, 101)])
def test_percentiles_must_be_a_range(percentiles: tuple[float, float]) -> None:
    with pytest.raises(ValidationError):
        FilterSettings.model_validate({"percentiles": {"mifd": percentiles}})


@pytest.mark.parametrize(
    "settings",
    [{"personal_data": ["mail"]}, {"personal_data": ["page:e-mail"]}, {"languages": ["english"]}, {"languages": ["xx"]},
     {"scripts": ["Latin"]}],
)  # fmt: skip
def test_names_that_nobody_has_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=r"no (sort|language|script)"):
        FilterSettings(**settings)
