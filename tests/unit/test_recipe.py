from __future__ import annotations

from pathlib import Path

import pytest

from glossator.errors import RecipeError, UsageError
from glossator.jobs.plan import diff
from glossator.recipe import load, parse_override, shipped
from glossator.stages.resolve import resolve


@pytest.mark.parametrize("name", shipped())
def test_shipped_recipes_load_and_plan(name: str) -> None:
    plans = resolve(load(name))
    assert plans[-1].kind == "filter"
    assert len({plan.fingerprint for plan in plans}) == len(plans)


def test_overrides_reach_stages_engines_data_and_run() -> None:
    recipe = load(
        "fake",
        {
            "extract.max_pairs": 3,
            "ocr.engine.kind": "given",
            "data.shard_size": 7,
            "run.budget.usd": 2,
            "run.workers.ocr": 4,
        },
    )
    extract, ocr = recipe.stage("extract"), recipe.stage("ocr")
    assert extract is not None and extract.settings["max_pairs"] == 3
    assert ocr is not None and ocr.engine is not None and ocr.engine.kind == "given"
    assert recipe.data.shard_size == 7
    assert recipe.run.budget.usd == 2
    assert recipe.run.workers == {"ocr": 4}


def test_run_settings_never_change_a_fingerprint() -> None:
    plain = resolve(load("fake"))
    run = {
        "run.workers.ocr": 5,
        "run.executor": "ray",
        "run.budget.tokens": 9,
        "run.endpoints.default": {"url": "http://127.0.0.1:1/v1"},
    }
    assert [plan.fingerprint for plan in resolve(load("fake", run))] == [plan.fingerprint for plan in plain]


def test_a_changed_setting_changes_its_stage_and_what_follows() -> None:
    before = {plan.kind: plan.fingerprint for plan in resolve(load("fake"))}
    after = {plan.kind: plan.fingerprint for plan in resolve(load("fake", {"extract.max_pairs": 2}))}
    changed = {kind for kind in before if before[kind] != after[kind]}
    assert changed == {"extract", "explain", "score", "filter"}


def test_a_new_threshold_changes_the_filter_alone() -> None:
    before = {plan.kind: plan.fingerprint for plan in resolve(load("fake"))}
    after = {plan.kind: plan.fingerprint for plan in resolve(load("fake", {"filter.mifd_max": 0.123}))}
    assert {kind for kind in before if before[kind] != after[kind]} == {"filter"}


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"ocr.nonsense": 1}, "nonsense"),
        ({"ocr.engine.kind": "magic"}, "known: .*rapidocr"),
        ({"nothing.x": 1}, "no stage 'nothing'"),
        ({"run.colour": "red"}, "run.colour"),
        ({"data.shard_size": 0}, "data.shard_size"),
        ({"run.endpoints.default": {"url": "https://me:secret@host/v1"}}, "holds credentials"),
        ({"run.endpoints.default": {"url": "https://host/v1", "key_env": "sk-abc123"}}, "key_env"),
    ],
)
def test_mistakes_are_named_and_secrets_not_repeated(overrides: dict[str, object], message: str) -> None:
    with pytest.raises(RecipeError, match=message) as caught:
        resolve(load("fake", overrides))
    assert "secret" not in str(caught.value)
    assert "sk-abc123" not in str(caught.value)


def test_a_table_that_nobody_makes_is_named(tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    path.write_text("stages: [{use: explain, engine: {kind: fake}}]")
    with pytest.raises(RecipeError, match=r"put the stage ocr before"):
        resolve(load(path))


@pytest.mark.parametrize("text", ["[1, 2", "- a\n- b", "stages: []", "stages: [{use: ocr}, {use: ocr}]", "\x00"])
def test_files_that_are_no_recipe(tmp_path: Path, text: str) -> None:
    path = tmp_path / "r.yaml"
    path.write_text(text)
    with pytest.raises(RecipeError, match=r"r\.yaml"):
        load(path)


def test_unknown_recipe_lists_the_shipped_ones() -> None:
    with pytest.raises(RecipeError, match="embedded"):
        load("no-such")


def test_parse_override_reads_yaml_values() -> None:
    assert parse_override("a.b=null") == ("a.b", None)
    assert parse_override("a.b=[1, x=2]") == ("a.b", [1, "x=2"])
    with pytest.raises(UsageError, match=r"stage\.setting=value"):
        parse_override("a.b")


REPAIRED = """
stages:
  - {use: ocr, engine: {kind: fake}}
  - {use: extract, engine: {kind: fake}}
  - {use: explain, engine: {kind: fake}}
  - {use: score, engine: {kind: fake}}
  - {use: repair, engine: {kind: fake}}
  - {use: score, engine: {kind: fake}}
  - {use: filter}
"""


def test_a_stage_that_stands_twice_builds_on_itself(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(REPAIRED)
    plans = resolve(load(path))
    first, second = (plan for plan in plans if plan.kind == "score")
    repair, verdicts = plans[4], plans[6]
    assert first.parents.get("losses") is None
    assert second.parents["losses"] == first.folder
    assert second.parents["pairs"] == verdicts.parents["pairs"] == repair.folder
    assert verdicts.parents["losses"] == second.folder


def test_an_override_reaches_a_stage_wherever_it_stands(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(REPAIRED)
    changed = load(path, {"score.per_token": True})
    assert [stage.settings for stage in changed.stages if stage.use == "score"] == [{"per_token": True}] * 2
    told = diff(resolve(load(path)), resolve(changed))
    assert [change["stage"] for change in told] == ["score", "repair", "score 2", "filter"]


def test_only_what_is_repaired_may_stand_twice(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(REPAIRED + "  - {use: filter}\n")
    with pytest.raises(RecipeError, match="filter stands more than once"):
        load(path)


def test_a_stage_without_engine_refuses_one(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(REPAIRED.replace("{use: filter}", "{use: inspect, engine: {kind: fake}}"))
    with pytest.raises(RecipeError, match="stage 'inspect' does its work itself"):
        resolve(load(path))
