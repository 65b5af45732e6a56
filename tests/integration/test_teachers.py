"""Several teachers, a second opinion and a judge over the fake engines; the audit that compares them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import glossator
from glossator.errors import RecipeError
from glossator.jobs.audit import audit
from glossator.recipe import Recipe
from glossator.workspace import TABLES

TWO = {
    "kind": "teachers",
    "writers": [
        {"share": 1, "engine": {"kind": "fake"}},
        {"share": 1, "engine": {"kind": "grounded", "lm": "none"}},
    ],
}


def recipe(writer: dict[str, Any], *more: dict[str, Any], **settings: Any) -> Recipe:
    stages: list[dict[str, Any]] = [{"use": "ocr", "engine": {"kind": "fake"}}]
    stages += [{"use": use, "engine": writer} for use in ("enrich", "extract", "explain")]
    stages += [*more, {"use": "score", "engine": {"kind": "fake"}}, {"use": "filter", "settings": settings}]
    return Recipe.model_validate({"data": {"shard_size": 2}, "stages": stages})


def test_each_image_has_one_teacher_in_every_step(source: Path, tmp_path: Path) -> None:
    built = glossator.build(source, tmp_path / "ws", recipe(TWO))
    writers = Counter(built.table("captions")["writer"].to_pylist())
    assert set(writers) == {"fake", "grounded"}
    of_image = dict(zip(*(built.table("captions")[name].to_pylist() for name in ("image_id", "writer")), strict=True))
    assert all(pair["writer"] == of_image[pair["image_id"]] for pair in built.table("pairs").to_pylist())
    assert built.status()["failed"] == 0


def test_shares_and_seed_decide_who(source: Path, tmp_path: Path) -> None:
    alone = {**TWO, "writers": [{"share": 1e9, "engine": {"kind": "fake"}}, TWO["writers"][1]]}
    built = glossator.build(source, tmp_path / "alone", recipe(alone))
    assert set(built.table("captions")["writer"].to_pylist()) == {"fake"}
    with pytest.raises(RecipeError, match="teachers"):
        glossator.build(source, tmp_path / "no", recipe({"kind": "teachers", "writers": [{"engine": TWO}]}))


def test_a_second_opinion_rejects_what_it_does_not_share(source: Path, tmp_path: Path) -> None:
    built = glossator.build(
        source, tmp_path / "ws", recipe({"kind": "fake"}, {"use": "agree", "engine": {"kind": "fake"}})
    )
    other = {row["pair_id"] for row in built.table("agreement").to_pylist() if row["anls"] < 0.5}
    rejected = {
        row["pair_id"] for row in built.table("verdicts").to_pylist() if "answers_disagree" in (row["reasons"] or [])
    }
    assert other == rejected
    assert other
    built.filter(agreement_min=None)
    assert all("answers_disagree" not in (row["reasons"] or []) for row in built.table("verdicts").to_pylist())


def test_a_judge_is_asked_in_both_orders_and_filters_if_told_to(source: Path, tmp_path: Path) -> None:
    built = glossator.build(
        source, tmp_path / "ws", recipe({"kind": "fake"}, {"use": "judge", "engine": {"kind": "fake"}})
    )
    marks = {row["pair_id"]: row for row in built.table("judgements").to_pylist()}
    assert any(row["turn_gap"] > 0 for row in marks.values())
    assert all("judged_low" not in (row["reasons"] or []) for row in built.table("verdicts").to_pylist())
    built.filter(judge_min=3)
    low = {row["pair_id"] for row in built.table("verdicts").to_pylist() if "judged_low" in (row["reasons"] or [])}
    assert low == {pair_id for pair_id, row in marks.items() if row["lowest"] < 3}


@pytest.mark.parametrize("stage", ["agree", "judge"])
def test_an_engine_that_cannot_is_told_before_the_run(source: Path, tmp_path: Path, stage: str) -> None:
    with pytest.raises(RecipeError, match="chat can"):
        glossator.build(source, tmp_path / "ws", recipe({"kind": "fake"}, {"use": stage, "engine": {"kind": "given"}}))
    assert not (tmp_path / "ws").exists()


def test_the_audit_compares_writers(source: Path, tmp_path: Path) -> None:
    opinion = {"use": "agree", "engine": {"kind": "fake"}}
    built = glossator.build(source, tmp_path / "ws", recipe(TWO, opinion))
    found = audit({name: built.scan(name) for name in TABLES})
    pairs = built.table("pairs").to_pylist()
    assert sum(writer["pairs"] for writer in found["writers"]) == len(pairs)
    kept = next(measure for measure in found["measures"] if measure["name"] == "kept")
    for writer, mean in zip(found["writers"], kept["means"], strict=True):
        assert mean.value == pytest.approx(writer["kept"] / writer["pairs"])
        assert mean.half >= 0
    if len(found["writers"]) > 1:
        first, second = kept["means"]
        assert kept["differences"][1].value == pytest.approx(second.value - first.value)
    assert "Writers" in built.report().read_text()
