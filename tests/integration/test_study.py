"""Studies from end to end: cells that are missing are computed, the rest is kept, whatever happens in between."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from glossator.errors import RecipeError, UsageError
from glossator.study.run import study
from glossator.study.settings import load, shipped
from study_parts import study_file, tiny_reader, truth_source


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("parts")
    return truth_source(folder / "source"), tiny_reader(folder)


@pytest.fixture(scope="module")
def done(parts: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, dict[str, Any]]:
    """A finished study: its file, its folder, and its result."""
    folder = tmp_path_factory.mktemp("study")
    plan = study_file(folder / "small.yaml", *parts)
    return plan, folder / "out", study(load(plan), folder / "out", workers=0)


def cells(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder.glob("cells/*/cell.json")}


def run(plan: Path, out: Path, *more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "glossator.cli.main", "study", str(plan), "-o", str(out), *more]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_tables_and_plots(done: tuple[Path, Path, dict[str, Any]]) -> None:
    _, out, result = done
    assert list(result["arms"]) == ["untuned", "all", "half"]
    assert (result["cells"], result["planned"]) == (6, 6)
    one = result["arms"]["all"]
    assert one["n"] == 24
    assert one["images_tested"] == 12
    assert set(one["by_kind"]) == {"receipt", "form"}
    assert 0 <= one["low"] <= one["value"] <= one["high"] <= 1
    assert one["steps"] == 2
    assert result["arms"]["half"]["pairs"] == round(one["pairs"] / 2)
    assert result["arms"]["untuned"]["steps"] == 0
    assert [(row["one"], row["other"]) for row in result["differences"]] == [("all", "untuned")]
    assert json.loads((out / "small.json").read_text()) == result
    assert "| all |" in (out / "small.md").read_text()
    assert "<svg" in (out / "small.svg").read_text()
    assert "<svg" in (out / "small-size.svg").read_text()


def test_no_image_is_trained_on_and_tested(done: tuple[Path, Path, dict[str, Any]]) -> None:
    _, out, _ = done
    seen = 0
    for path in out.glob("cells/*/cell.json"):
        cell = json.loads(path.read_text())
        trained = set(pl.read_parquet(path.parent / "pairs.parquet")["image_id"])
        tested = {row["image_id"] for row in cell["scores"]}
        assert tested
        assert not trained & tested
        seen += bool(trained)
    assert seen == 6


def test_run_again_computes_nothing_and_gives_the_same(done: tuple[Path, Path, dict[str, Any]]) -> None:
    plan, out, result = done
    before = cells(out)
    assert study(load(plan), out, workers=0) == result
    assert cells(out) == before


def test_a_new_arm_computes_its_own_cells_only(
    done: tuple[Path, Path, dict[str, Any]], parts: tuple[Path, Path], tmp_path: Path
) -> None:
    """The arm `whole` is `all` under another name, so its cells are there already, in another study too."""
    _, out, result = done
    before = cells(out)
    arms = {"whole": {"filter": None}, "receipts": {"filter": None, "kinds": ["receipt"]}}
    plan = study_file(tmp_path / "other.yaml", *parts, name="other", arms=arms, compare=[])
    other = study(load(plan), out, workers=0)
    assert other["arms"]["whole"]["value"] == result["arms"]["all"]["value"]
    assert {path: cells(out)[path] for path in before} == before
    assert len(cells(out)) == len(before) + 2


def test_a_killed_study_goes_on(
    done: tuple[Path, Path, dict[str, Any]], parts: tuple[Path, Path], tmp_path: Path
) -> None:
    """Killed after its second cell, with two processes at work: what was done stays, the tables are the same."""
    plan, whole, result = done
    out = tmp_path / "out"
    command = [sys.executable, "-m", "glossator.cli.main", "study", str(plan), "-o", str(out), "--quiet"]
    process = subprocess.Popen(command, start_new_session=True)
    deadline = time.monotonic() + 240
    while len(cells(out)) < 2 and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    kept = cells(out)
    assert kept
    finished = run(plan, out, "--json")
    assert finished.returncode == 0, finished.stderr
    assert {path: cells(out)[path] for path in kept} == kept
    again = json.loads(finished.stdout)["small"]
    seconds = {"seconds"}  # what a cell took is no result
    for name, arm in result["arms"].items():
        assert {k: v for k, v in again["arms"][name].items() if k not in seconds} == {
            k: v for k, v in arm.items() if k not in seconds
        }
    assert again["differences"] == result["differences"]
    assert {path.parent.name for path in cells(out)} == {path.parent.name for path in cells(whole)} or len(
        cells(whole)
    ) > len(cells(out))


def test_noise_is_planted_in_the_share_that_was_asked_for(parts: tuple[Path, Path], tmp_path: Path) -> None:
    data = {"main": {"recipe": "fake", "noise_of": ["wrong answer"]}}
    arms = {
        "noise": {"filter": None, "noise": 0.3},
        "filtered": {"noise": 0.3, "filter": {"grounding_min": 0.85}},
        "control": {"noise": 0.3, "filter": None, "like": "filtered"},
    }
    plan = study_file(tmp_path / "noise.yaml", *parts, name="noise", data=data, arms=arms, compare=[], seeds=[0])
    result = study(load(plan), tmp_path / "out", workers=0)
    noise, filtered, control = (result["arms"][name] for name in arms)
    assert 0.15 < noise["spoilt"] / noise["pairs"] < 0.45  # 30 % of all pairs; the training fold has about as many
    assert filtered["spoilt"] / filtered["pairs"] < noise["spoilt"] / noise["pairs"] / 2
    assert control["pairs"] == filtered["pairs"]
    tables = tmp_path.glob("out/cells/*/pairs.parquet")
    defects = set().union(*(pl.read_parquet(path)["defect"].drop_nulls() for path in tables))
    assert defects == {"wrong answer"}


def test_only_some_arms(parts: tuple[Path, Path], tmp_path: Path) -> None:
    """Data sets and noise that the chosen arms do without are not made, and no figure pretends otherwise."""
    data = {"main": {"recipe": "fake"}, "other": {"recipe": "fake", "human_captions": False}}
    arms = {
        "all": {"filter": None}, "half": {"filter": None, "share": 0.5}, "noise": {"filter": None, "noise": 0.5},
        "elsewhere": {"data": "other"}, "control": {"filter": None, "like": "noise"},
    }  # fmt: skip
    plan = study_file(tmp_path / "s.yaml", *parts, data=data, arms=arms, compare=[], seeds=[0])
    result = study(load(plan), tmp_path / "out", workers=0, only=["all"])
    assert list(result["arms"]) == ["all"]
    assert len(list(tmp_path.glob("out/data/*"))) == 1
    assert not list(tmp_path.glob("out/data/*/planted*"))
    noise = study(load(plan), tmp_path / "out", workers=0, only=["control"])
    assert list(noise["arms"]) == ["all", "control"]
    failed = run(plan, tmp_path / "out", "--arm", "nothing")
    assert failed.returncode == 2
    assert "--arm nothing: no such arm in small" in failed.stderr


def test_a_writer_alone_is_shown_no_human_caption(parts: tuple[Path, Path], tmp_path: Path) -> None:
    """Then no caption is there to be trained on either."""
    arms = {"captions": {"train": {"captions": "human", "pairs": False}}}
    changes = {"arms": arms, "compare": [], "seeds": [0]}
    with_them = load(study_file(tmp_path / "a.yaml", *parts, **changes))
    assert study(with_them, tmp_path / "out", workers=0)["arms"]["captions"]["steps"] == 2
    alone = {"main": {"recipe": "fake", "human_captions": False}}
    without = load(study_file(tmp_path / "b.yaml", *parts, data=alone, **changes))
    with pytest.raises(UsageError, match="nothing to train on"):
        study(without, tmp_path / "out", workers=0)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"arms": {"a": {"data": "nowhere"}}, "compare": []}, "no data set 'nowhere'"),
        ({"arms": {"a": {"like": "b"}}, "compare": []}, "like 'b'"),
        ({"compare": [["all", "none"]]}, "no arms"),
        ({"arms": {"a": {"flter": None}}, "compare": []}, "flter"),
        ({"data": {"main": {"recipe": "fake", "noise_of": ["sand"]}}}, "no defect 'sand'"),
        ({"sources": []}, "names no sources"),
    ],
)
def test_mistakes_are_named(parts: tuple[Path, Path], tmp_path: Path, changes: dict[str, Any], says: str) -> None:
    plan = study_file(tmp_path / "small.yaml", *parts, **changes)
    with pytest.raises(RecipeError, match=says):
        load(plan)


def test_a_filter_that_does_not_fit_is_named(parts: tuple[Path, Path], tmp_path: Path) -> None:
    plan = study_file(tmp_path / "s.yaml", *parts, arms={"a": {"filter": {"mifd_most": 1}}}, compare=[], seeds=[0])
    with pytest.raises(RecipeError, match="mifd_most"):
        study(load(plan), tmp_path / "out", workers=0)


def test_too_many_folds_are_refused(parts: tuple[Path, Path], tmp_path: Path) -> None:
    plan = study_file(tmp_path / "s.yaml", *parts, test={"folds": 400}, arms={"a": {}}, compare=[], seeds=[3])
    with pytest.raises(UsageError, match="fewer folds"):
        study(load(plan), tmp_path / "out", workers=0)


def test_the_command_says_what_is_wrong(parts: tuple[Path, Path], tmp_path: Path) -> None:
    for name, says in (("nowhere", "no study 'nowhere'"), ("noise", "names no sources")):
        failed = subprocess.run(
            [sys.executable, "-m", "glossator.cli.main", "study", name, "-o", str(tmp_path / "out")],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert failed.returncode == 2
        assert says in failed.stderr
        assert "Traceback" not in failed.stderr


@pytest.mark.parametrize("name", shipped())
def test_shipped_studies_load(parts: tuple[Path, Path], name: str) -> None:
    plan = load(name, (parts[0],))
    assert plan.name == name
    assert len(plan.seeds) >= 3
    assert all(yaml.safe_dump(arm.model_dump(mode="json")) for arm in plan.arms.values())
