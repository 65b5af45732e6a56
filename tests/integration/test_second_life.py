"""A second life from a workspace: exports under their own names, and what TRL makes of preference pairs."""

from __future__ import annotations

import json
import random
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import glossator
import tiny_models
from glossator import formats
from glossator.errors import UsageError
from training_kit import saved

INLINE = {f"run.workers.{stage}": 0 for stage in ("ocr", "enrich", "extract", "explain", "score")}


@pytest.fixture
def workspace(source: Path, tmp_path: Path) -> glossator.Workspace:
    """Somebody's set in which every question is answered twice: as it is printed, and by another image's answer."""
    first = glossator.build(source, tmp_path / "first", "fake", **INLINE)
    pairs = first.table("pairs").to_pylist()
    paths = {row["image_id"]: row["path"] for row in first.table("images").to_pylist()}
    others = random.Random(0).sample(pairs, len(pairs))
    rows = []
    for i, (pair, other) in enumerate(zip(pairs, others, strict=True)):
        for name, answer in ((f"good{i}", pair["answer"]), (f"bad{i}", f"{other['answer']} of old")):
            texts = [f"<image>\n{pair['question']}", answer, pair["explain_question"], f"{answer} is printed there."]
            turns = [{"from": "gpt" if n % 2 else "human", "value": text} for n, text in enumerate(texts)]
            rows.append({"id": name, "image": paths[pair["image_id"]], "conversations": turns})
    (source.parent / "set.json").write_text(json.dumps(rows))
    fakes = {"ocr.engine.kind": "fake", "score.engine.kind": "fake", **INLINE}
    return glossator.score(source.parent / "set.json", tmp_path / "ws", **fakes)


def test_wrong_answers_stand_against_right_ones(workspace: glossator.Workspace, tmp_path: Path) -> None:
    summary = workspace.export("dpo", tmp_path / "out")
    samples = list(formats.SECOND_LIFE["dpo"].read(summary.path))
    assert len(samples) == summary.conversations == sum(summary.sorts.values()) > 20
    assert all(one.rejected.endswith("of old") and not one.chosen.endswith("of old") for one in samples)
    assert summary.to_json()["sorts"] == {"preference-answer, same question": len(samples)}
    assert f"wrote {len(samples)} dpo samples" in summary.text()


@pytest.mark.parametrize("name", list(formats.SECOND_LIFE))
def test_images_can_be_copied_and_the_rest_of_the_options_are_checked(
    workspace: glossator.Workspace, tmp_path: Path, name: str
) -> None:
    module: Any = formats.SECOND_LIFE[name]
    summary = workspace.export(name, tmp_path / "out", copy_images=True)
    assert summary.path == tmp_path / "out" / module.file_name
    assert list(module.check(summary.path, tmp_path / "out")) == []
    with pytest.raises(UsageError, match="--all does not go"):
        workspace.export(name, tmp_path / "x", keep_all=True)


def test_what_is_asked_and_what_is_there_is_told(workspace: glossator.Workspace, tmp_path: Path) -> None:
    kept = workspace.verdict_counts()["kept"]
    summary = workspace.export("unanswerable", tmp_path / "u.json", share=0.5)
    assert summary.asked == kept
    assert summary.conversations < kept and summary.left_out
    assert f"of {kept} asked for" in summary.text() and "none for" in summary.text()
    for share in (0.0, 1.0, -3.0):
        with pytest.raises(UsageError, match="between 0 and 1"):
            workspace.export("unanswerable", tmp_path / "u.json", share=share)
    for name in ("llava", "dpo"):
        with pytest.raises(UsageError, match="--share is for the format unanswerable"):
            workspace.export(name, tmp_path / "x", share=0.1)


def test_the_trainers_set_holds_none_of_it(workspace: glossator.Workspace, tmp_path: Path) -> None:
    text = workspace.export("llava", tmp_path / "llava.json").path.read_text()
    assert "of old" not in text and "unanswerable" not in text


# TRL


def trained(model: Path, rows: Path, processing: Any, tmp_path: Path, root: Path | None) -> Any:
    """One step of TRL's own trainer on the file as `load_dataset` reads it."""
    from datasets import Image, List, load_dataset
    from trl import DPOConfig, DPOTrainer

    data = load_dataset("json", data_files=str(rows), split="train", cache_dir=str(tmp_path / "cache"))
    if root is None:
        data = data.remove_columns("images")
    else:
        data = data.map(lambda row: {"images": [str(root / image) for image in row["images"]]})
        data = data.cast_column("images", List(Image()))
    settings = DPOConfig(
        str(tmp_path / "dpo"), per_device_train_batch_size=2, max_steps=1, max_length=None, use_cpu=True, bf16=False,
        report_to="none", save_strategy="no",
    )  # fmt: skip
    trainer = DPOTrainer(model=str(model), args=settings, train_dataset=data, processing_class=processing)
    return trainer.train()


def test_trl_trains_a_text_model_on_it(workspace: glossator.Workspace, tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    rows = workspace.export("dpo", tmp_path / "out").path
    model = saved(partial(tiny_models.causal, "Qwen2", tiny_models.CHATML), tmp_path / "text")
    result = trained(model, rows, AutoTokenizer.from_pretrained(model), tmp_path, None)
    assert result.training_loss == pytest.approx(0.693, abs=0.01)  # ln 2: the model is still its own reference


def test_trl_trains_a_vision_model_on_it(workspace: glossator.Workspace, tmp_path: Path) -> None:
    from transformers import AutoProcessor

    summary = workspace.export("dpo", tmp_path / "out", copy_images=True)
    model = saved(partial(tiny_models.llava, "Llama"), tmp_path / "vision")
    result = trained(model, summary.path, AutoProcessor.from_pretrained(model), tmp_path, summary.image_root)
    assert result.training_loss == pytest.approx(0.693, abs=0.01)
