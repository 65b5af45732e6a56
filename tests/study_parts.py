"""What tests of studies share: a source with ground truth, and a reader so small that a cell takes a second."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml
from PIL import Image, ImageDraw

from tiny_models import CHATML, causal

KINDS = ("receipt", "form")


def truth_source(folder: Path, images: int = 12) -> Path:
    """A source of drawn pictures of two kinds, each with two questions."""
    folder.mkdir(parents=True)
    lines = []
    for i in range(images):
        picture = Image.new("RGB", (120, 60), "white")
        ImageDraw.Draw(picture).text((10, 20), f"Total {i}.50", fill="black")
        picture.save(folder / f"{i}.png")
        asked = [{"question": f"What is the total, {n}?", "answers": [f"{i}.50"]} for n in range(2)]
        record = {"id": f"r{i}", "image": f"{i}.png", "caption": f"Number {i}.", "kind": KINDS[i % 2], "qa": asked}
        lines.append(json.dumps(record))
    (folder / "records.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return folder / "records.jsonl"


def tiny_reader(folder: Path, steps: int = 2) -> Path:
    """A training recipe for a text model of two layers with random weights."""
    causal("Llama", CHATML, folder / "model")
    recipe = {
        "model": {"name": str(folder / "model")},
        "data": {"captions": "none", "max_ocr_tokens": 64, "max_length": 1024},
        "tune": {"method": "lora", "lora": {"rank": 2, "alpha": 4, "dropout": 0.0}},
        "optimizer": {"max_steps": steps, "batch_size": 2, "learning_rate": 0.01},
    }
    path = folder / "tiny.yaml"
    path.write_text(yaml.safe_dump(recipe), encoding="utf-8")
    return path


def study_file(path: Path, source: Path, reader: Path, **changes: Any) -> Path:
    """A study of a few arms over data that the fake engines make."""
    plan = {
        "name": "small",
        "question": "Does it run?",
        "sources": [str(source)],
        "data": {"main": {"recipe": "fake"}},
        "train": str(reader),
        "test": {"folds": 2},
        "seeds": [0, 1],
        "arms": {"untuned": {"untuned": True}, "all": {"filter": None}, "half": {"filter": None, "share": 0.5}},
        "compare": [["all", "untuned"]],
    }
    path.write_text(yaml.safe_dump({**plan, **changes}, sort_keys=False), encoding="utf-8")
    return path
