"""Two processes under `accelerate launch` train as one does: same losses, one folder, one voice."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from PIL import Image, ImageDraw, ImageFont

import tiny_models
from glossator.errors import UsageError
from glossator.training import launch, run, samples
from training_kit import losses, recipe, saved, weights

pytestmark = pytest.mark.model


def receipts(folder: Path) -> Path:
    """A data set about four pictures with text on them."""
    rows = []
    for i in range(4):
        picture = Image.new("RGB", (320, 90), "white")
        ImageDraw.Draw(picture).text((20, 25), f"TOTAL {i}1.50", fill="black", font=ImageFont.load_default(32))
        picture.save(folder / f"{i}.png")
        turns = [
            {"from": "human", "value": "<image>\nWhat is the total?"},
            {"from": "gpt", "value": f"{i}1.50" + " is printed" * i},
        ]
        rows.append({"id": str(i), "image": f"{i}.png", "conversations": turns})
    (folder / "data.json").write_text(json.dumps(rows), encoding="utf-8")
    return folder / "data.json"


def test_two_processes_are_one_run(tmp_path: Path) -> None:
    data = receipts(tmp_path)
    made = saved(tiny_models.TEXT_MODELS["qwen2"], tmp_path / "model")
    steady: dict[str, Any] = {"tune__lora__dropout": 0.0, "optimizer__max_steps": 3, "run__save_steps": 2}
    one = recipe(made, optimizer__batch_size=4, **steady)
    two = recipe(made, optimizer__batch_size=2, **steady)
    (tmp_path / "two.yaml").write_text(yaml.safe_dump(two.model_dump(mode="json")), encoding="utf-8")
    command = [
        sys.executable, "-m", "accelerate.commands.launch", "--config_file", str(launch.config("multi-gpu")),
        "--num_processes", "2", "--main_process_port", "0", "-m", "glossator.cli.main", "train", str(data),
        "-r", str(tmp_path / "two.yaml"), "-o", str(tmp_path / "two"), "--json",
    ]  # fmt: skip
    environment = os.environ | {"OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout)  # one of them speaks
    found = samples.read(data, one.data, images=None, seed=0)
    alone = run.train_on(found, tmp_path / "one", one, str(data))
    together = [float(line["loss"]) for line in told["curve"] if "loss" in line]
    assert together == pytest.approx(losses(alone), rel=1e-4)
    assert told["steps"] == alone.steps == 3
    ours, theirs = weights(tmp_path / "one"), weights(tmp_path / "two")
    assert ours.keys() == theirs.keys()
    assert all(value.allclose(theirs[name], atol=1e-4) for name, value in ours.items())
    assert json.loads((tmp_path / "two" / "recipe.json").read_text()) == two.model_dump(mode="json")


def test_the_configurations_are_found_by_name() -> None:
    assert launch.shipped() == ["fsdp", "multi-gpu"]
    for name in launch.shipped():
        config = yaml.safe_load(launch.config(name).read_text(encoding="utf-8"))
        assert config["mixed_precision"] == "no"  # accelerate must not overrule the recipe
    with pytest.raises(UsageError, match="multi-gpu"):
        launch.config("tpu")


def test_accelerate_knows_every_key_of_the_configurations() -> None:
    from accelerate.commands.config.config_args import load_config_from_file

    for name in launch.shipped():
        assert load_config_from_file(str(launch.config(name))).mixed_precision == "no"
