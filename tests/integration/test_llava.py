"""The paper's two stages on tiny models: what learns and what does not, and that the result reads pictures."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image, ImageDraw

import glossator
import tiny_parts
from glossator.models import register
from glossator.training import assemble, run
from glossator.training.settings import load

SAYS = {"red": "CORNER SHOP", "green": "Invoice No: 4711-0815", "blue": "TOTAL 53.60"}
FAST = {"model.dtype": "float32", "run.precision": "fp32", "run.threads": 1, "run.logging_steps": 1,
        "data.test_share": 0.0}  # fmt: skip


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    register()
    return tmp_path_factory.mktemp("parts")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures of one colour each, which says what is to be answered."""
    folder = tmp_path_factory.mktemp("source")
    rows = []
    for i, (colour, answer) in enumerate([*SAYS.items()] * 2):
        drawn = Image.new("RGB", (100, 60 + i), colour)
        ImageDraw.Draw(drawn).text((10, 20), answer, fill="white")
        drawn.save(folder / f"{i}.png")
        asked = [{"question": "What does it say?", "answers": [answer]}]
        rows.append({"id": f"r{i}", "image": f"{i}.png", "caption": f"A page that says {answer}.", "qa": asked})
    (folder / "records.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return folder / "records.jsonl"


@pytest.fixture(scope="module")
def workspace(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    ws = tmp_path_factory.mktemp("build") / "ws"
    glossator.build(source, ws, "fake")
    return ws


@pytest.fixture(scope="module")
def conversations(source: Path) -> Path:
    """What is to be answered to each picture, in two exchanges, as a LLaVA file."""
    rows = []
    for i, answer in enumerate([*SAYS.values()] * 2):
        turns = ["<image>\nWhat does it say?", answer, "How do you know?", f"It says {answer}."]
        said = [{"from": ("human", "gpt")[j % 2], "value": text} for j, text in enumerate(turns)]
        rows.append({"id": f"c{i}", "image": f"{i}.png", "conversations": said})
    path = source.parent / "llava.json"
    path.write_text(json.dumps(rows), encoding="utf-8")
    return path


def weights(folder: Path) -> dict[str, torch.Tensor]:
    from transformers import AutoModelForImageTextToText

    return AutoModelForImageTextToText.from_pretrained(folder, dtype=torch.float32).state_dict()


def moved(before: Path, after: Path) -> set[str]:
    """The parts whose weights are not what they were."""
    first, then = weights(before), weights(after)
    assert first.keys() == then.keys()
    return {part(name) for name in first if not torch.equal(first[name], then[name])}


def part(name: str) -> str:
    places = ("adapters", "vision_tower", "multi_modal_projector", "language_model", "lm_head")
    return next(place for place in places if place in name)


def losses(trained: run.Trained) -> list[float]:
    return [line["loss"] for line in trained.curve if "loss" in line]


def assembled(parts: Path, family: str, high: str | None, out: Path) -> Path:
    assemble.assemble(tiny_parts.assembly(parts, family, high), out)
    return out


@pytest.mark.parametrize(("family", "high"), [("phi3", None), ("llama3", "convnext"), ("vicuna", "timm")])
def test_both_stages(family: str, high: str | None, parts: Path, workspace: Path, tmp_path: Path) -> None:
    base = assembled(parts, family, high, tmp_path / "base")
    new = {"multi_modal_projector"} | ({"adapters"} if high else set())
    few = FAST | {"optimizer.batch_size": 2, "optimizer.schedule": "constant", "optimizer.warmup_share": 0.0}

    recipe = load("llava-align", few | {"model.name": str(base), "optimizer.max_steps": 8})
    aligned = run.train(workspace, tmp_path / "aligned", recipe)
    assert aligned.samples == 6  # a caption each
    assert moved(base, tmp_path / "aligned") == new
    assert losses(aligned)[-1] < losses(aligned)[0]

    recipe = load("llava-tune", few | {"model.name": str(tmp_path / "aligned"), "optimizer.max_steps": 4,
                                       "optimizer.learning_rate": 1e-3})  # fmt: skip
    tuned = run.train(workspace, tmp_path / "tuned", recipe)
    assert moved(tmp_path / "aligned", tmp_path / "tuned") == new | {"language_model", "lm_head"}
    assert losses(tuned)[-1] < losses(tuned)[0]


@pytest.mark.parametrize(("family", "high"), [("phi3", None), ("vicuna", "timm")])
def test_adapters_and_what_is_new_learn_the_pictures(
    family: str, high: str | None, parts: Path, conversations: Path, source: Path, tmp_path: Path
) -> None:
    from glossator.evaluation.run import evaluate

    tiny_parts.seeing(tmp_path / "base", family, high)
    recipe = load("llava-tune-lora", FAST | {
        "model.name": str(tmp_path / "base"), "tune.lora.rank": 16, "tune.lora.alpha": 32, "tune.lora.dropout": 0.0,
        "optimizer.batch_size": 6, "optimizer.accumulation": 1, "optimizer.max_steps": 110,
        "optimizer.learning_rate": 5e-3,
    })  # fmt: skip
    trained = run.train(conversations, tmp_path / "tuned", recipe)
    assert losses(trained)[-1] < 0.5 * losses(trained)[0]
    if high:
        from safetensors.torch import load_file

        kept = load_file(tmp_path / "tuned" / "adapter_model.safetensors")
        assert {"adapters", "multi_modal_projector", "language_model"} <= {part(name) for name in kept}
    found = evaluate(str(tmp_path / "tuned"), [("records", source)], tmp_path / "eval")
    assert found["records"]["n"] == 6 and found["records"]["failed"] == 0
    assert found["records"]["value"] > 0.8  # each colour has its own answer: it depends on the picture


def test_commands_in_a_row(parts: Path, source: Path, tmp_path: Path) -> None:
    """Each command in its own process: nobody has made LLaVA-HR known there."""
    given = tiny_parts.assembly(parts, "llama3", "convnext")
    assert given.high is not None
    names = {"text": given.text.name, "vision": given.vision.name, "high": given.high.name}
    sets = [word for key, name in names.items() for word in ("--set", f"{key}.name={name}")]
    out, measured = tmp_path / "made", tmp_path / "eval"
    made = command("assemble", "llama-3.1-8b-hr", "-o", out, *sets, "--set", "high.size=128", "--json")
    assert made.returncode == 0, made.stderr
    told = json.loads(made.stdout)
    assert (told["folder"], told["image_tokens"], told["image_size"]) == (str(out), 16, 128)
    asked = command("eval", out, "--benchmark", f"records={source}", "--limit", 1, "-o", measured, "--json")
    assert asked.returncode == 0, asked.stderr
    assert json.loads(asked.stdout)["records"]["failed"] == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["assemble", "llama-4", "-o", "OUT"], "phi-3-mini-hr"),
        (["assemble", "phi-3-mini", "-o", "OUT", "--set", "vision.width=3"], "vision.width"),
        (["assemble", "phi-3-mini", "-o", "OUT", "--set", "dtype"], "--set dtype"),
        (["assemble", "phi-3-mini", "-o", "FULL"], "give a new one with -o"),
        (["train", "llava.json", "-r", "llava-align", "-o", "OUT"], "--set model.name=FOLDER"),
    ],
)
def test_mistakes_are_one_line(words: list[str], message: str, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "a").touch()
    places: dict[str, Any] = {"OUT": tmp_path / "out", "FULL": tmp_path / "full"}
    done = command(*(places.get(word, word) for word in words))
    assert done.returncode == 2
    assert message in done.stderr and done.stderr.count("\n") == 1


def command(*words: object) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "glossator.cli.main", *map(str, words)]
    return subprocess.run(line, capture_output=True, text=True, timeout=300, check=False)
