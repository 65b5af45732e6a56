"""A training run that is killed goes on from its last checkpoint, to the weights that it would have had."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

import tiny_models
from glossator.training import folder, run
from training_kit import draw, duo, losses, of, recipe, saved, several, weights

pytestmark = pytest.mark.model
STEPS = 14


def conversations(path: Path, pictures: tuple[Path, Path]) -> None:
    """A data set in LLaVA's form, of like samples with and without pictures."""
    rows = []
    for i in range(9):
        sample = several(i, 1 + i % 3) if i % 2 else duo(i)
        names = {"human": "user", "gpt": "assistant"}
        turns = [
            {"from": next(name for name, role in names.items() if role == turn.role), "value": turn.text}
            for turn in sample.turns
        ]
        turns[0]["value"] = f"<image>\n{turns[0]['value']}"
        rows.append({"id": str(i), "image": pictures[i % 2].name, "conversations": turns})
    path.write_text(json.dumps(rows), encoding="utf-8")


def command(data: Path, chosen: Path, out: Path) -> list[str]:
    return [
        sys.executable,
        "-W",
        "ignore",
        "-m",
        "glossator.cli.main",
        "train",
        str(data),
        "-r",
        str(chosen),
        "-o",
        str(out),
        "--json",
    ]


@pytest.fixture
def prepared(tmp_path: Path) -> tuple[Path, Path]:
    """A data set, and a recipe with dropout and checkpoints."""
    made = saved(tiny_models.VISION_MODELS["llava-vicuna"], tmp_path / "model")
    conversations(tmp_path / "data.json", draw(tmp_path))
    chosen = recipe(
        made, optimizer__max_steps=STEPS, optimizer__accumulation=2, tune__lora__dropout=0.2, run__save_steps=2
    )
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(chosen.model_dump(mode="json")), encoding="utf-8")
    return tmp_path / "data.json", tmp_path / "recipe.yaml"


def test_a_killed_run_ends_with_the_weights_of_an_undisturbed_one(prepared: tuple[Path, Path], tmp_path: Path) -> None:
    data, chosen = prepared
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    whole = subprocess.run(command(data, chosen, tmp_path / "whole"), env=environment, capture_output=True, check=True)
    assert json.loads(whole.stdout)["steps"] == STEPS
    killed = tmp_path / "killed"
    process = subprocess.Popen(
        command(data, chosen, killed), env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    while folder.last_checkpoint(killed) is None and process.poll() is None:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (killed / folder.RESULT).exists()
    first = folder.last_checkpoint(killed)
    assert first is not None
    again = subprocess.run(command(data, chosen, killed), env=environment, capture_output=True, check=True)
    assert json.loads(again.stdout)["steps"] == STEPS
    undisturbed, resumed = weights(tmp_path / "whole"), weights(killed)
    assert undisturbed.keys() == resumed.keys()
    assert all(value.equal(resumed[name]) for name, value in undisturbed.items())
    curves = [json.loads((out / folder.RESULT).read_text())["curve"] for out in (tmp_path / "whole", killed)]
    assert [line["step"] for line in curves[0]] == [line["step"] for line in curves[1]]


def test_a_torn_checkpoint_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "checkpoints" / "checkpoint-2").mkdir(parents=True)
    (tmp_path / "checkpoints" / "checkpoint-2" / "trainer_state.json").write_text("{}", encoding="utf-8")
    (tmp_path / "checkpoints" / "checkpoint-10").mkdir()
    (tmp_path / "checkpoints" / "checkpoint-10" / "trainer_state.json").write_text("{", encoding="utf-8")
    (tmp_path / "checkpoints" / "checkpoint-12").mkdir()
    found = folder.last_checkpoint(tmp_path)
    assert found is not None
    assert found.endswith("checkpoint-2")


def test_text_goes_on_in_the_same_order(tmp_path: Path) -> None:
    """Stopped by an exception in the second epoch; lengths differ, so that the order matters."""
    made = saved(tiny_models.TEXT_MODELS["qwen2"], tmp_path / "model")
    samples = [several(i, 1 + i % 4) for i in range(7)]
    chosen = recipe(made, optimizer__max_steps=12, tune__lora__dropout=0.2, run__save_steps=3)

    def stop(_name: str, done: int, _all: int) -> None:
        if done == 7:
            raise KeyboardInterrupt

    whole = run.train_on(of(*samples), tmp_path / "whole", chosen, "test")
    with pytest.raises(KeyboardInterrupt):
        run.train_on(of(*samples), tmp_path / "stopped", chosen, "test", stop)
    resumed = run.train_on(of(*samples), tmp_path / "stopped", chosen, "test")
    assert losses(resumed) == losses(whole)
    ours, theirs = weights(tmp_path / "stopped"), weights(tmp_path / "whole")
    assert all(value.equal(theirs[name]) for name, value in ours.items())
