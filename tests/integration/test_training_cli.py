"""`glossator train` on the command line: a user's mistakes are told in a line, with exit code 2."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import tiny_models
from training_kit import draw, recipe, saved

pytestmark = pytest.mark.model
ROW = {"id": "1", "conversations": [{"from": "human", "value": "Q"}, {"from": "gpt", "value": "A"}]}


def glossator(*words: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "ignore", "-m", "glossator.cli.main", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("cli")
    (made / "set.json").write_text(json.dumps([ROW] * 3), encoding="utf-8")
    (made / "empty.json").write_text("[]", encoding="utf-8")
    (made / "recipe.yaml").write_text("model: {name: x}\ntune: {metod: full}\n", encoding="utf-8")
    (made / "torn.yaml").write_text("model: {name: [\n", encoding="utf-8")
    return made


@pytest.mark.parametrize("words, told", [
    (("gone.json",), "gone.json"),
    (("empty.json",), "nothing to train on"),
    (("set.json", "-r", "no-such-recipe"), "ocr-lm"),
    (("set.json", "-r", "{folder}/recipe.yaml"), "metod"),
    (("set.json", "-r", "{folder}/torn.yaml"), "YAML"),
    (("set.json", "--set", "optimizer.epochs=-1"), "optimizer.epochs"),
    (("set.json", "--set", "optimizer.speed=3"), "optimizer.speed"),
    (("set.json", "--set", "run.patience=2"), "validation_share"),
    (("set.json", "--set", "model.quantization=4bit", "--set", "tune.method=full"), "lora"),
    (("set.json", "--set", "model.name={folder}/no-model"), "no-model"),
], ids=lambda words: " ".join(words) if isinstance(words, tuple) else "")  # fmt: skip
def test_a_mistake_is_told_in_a_line(folder: Path, tmp_path: Path, words: tuple[str, ...], told: str) -> None:
    given = [word.format(folder=folder) for word in words]
    done = glossator("train", folder / given[0], *given[1:], "-o", tmp_path / "out")
    assert done.returncode == 2
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_a_run_is_told_and_a_second_one_does_nothing(tmp_path: Path) -> None:
    made = saved(tiny_models.VISION_MODELS["llava-vicuna"], tmp_path / "model")
    wide, _ = draw(tmp_path)
    shown = ROW | {"image": wide.name, "conversations": [
        {"from": "human", "value": "<image>\nWhat is it?"}, {"from": "gpt", "value": "A circle."},
    ]}  # fmt: skip
    (tmp_path / "sets").mkdir()
    (tmp_path / "sets" / "data.json").write_text(json.dumps([shown, ROW]), encoding="utf-8")
    chosen = recipe(made, optimizer__max_steps=2).model_dump(mode="json")
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(chosen), encoding="utf-8")
    words = ("train", tmp_path / "sets" / "data.json", "-r", tmp_path / "recipe.yaml", "--images", tmp_path)
    first = glossator(*words, "-o", tmp_path / "out")
    assert first.returncode == 0, first.stderr
    assert "trained 2 steps on 2 conversations" in first.stdout
    assert first.stderr.strip() == ""
    again = glossator(*words, "-o", tmp_path / "out", "--json")
    assert json.loads(again.stdout)["kept"] is True
    other = glossator(*words, "-o", tmp_path / "out", "--set", "run.seed=1")
    assert other.returncode == 2
    assert "another recipe" in other.stderr
