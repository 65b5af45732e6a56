"""A workspace with a mix: verdicts, forms in exports and training, and what status tells."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

import glossator
from glossator import formats
from glossator.recipe import SHIPPED
from glossator.training import samples
from glossator.training.settings import DataSettings

INLINE = {f"run.workers.{stage}": 0 for stage in ("ocr", "enrich", "extract", "explain", "score")}
AS_IT_IS = DataSettings(pairs_per_sample=None, test_share=0.0, validation_share=0.0, captions="none")


def mixed(source: Path, tmp_path: Path, **settings: Any) -> glossator.Workspace:
    """The recipe `fake` with a mix behind its filter."""
    recipe = yaml.safe_load((SHIPPED / "fake.yaml").read_text())
    recipe["stages"].append({"use": "mix", "settings": settings})
    path = tmp_path / "mixed.yaml"
    path.write_text(yaml.safe_dump(recipe))
    return glossator.build(source, tmp_path / "ws", path, **INLINE)


def exported(workspace: glossator.Workspace, path: Path, **more: Any) -> list[Any]:
    summary = workspace.export("llava", path, **more)
    return [one for one in formats.CONVERSATIONS["llava"].read(summary.path) if not one.id.endswith("-caption")]


def test_only_what_the_mix_takes_is_kept_and_a_new_filter_mixes_again(source: Path, tmp_path: Path) -> None:
    ws = mixed(source, tmp_path, size=10)
    assert ws.verdict_counts() == {"pairs": 36, "kept": 10, "rejected": 26}
    reasons = Counter(reason for row in ws.table("verdicts").to_pylist() for reason in row["reasons"])
    assert reasons["not_in_mix"] >= 10
    ws.filter(mifd_max=0.0)
    assert ws.verdict_counts()["kept"] == 0


def test_the_recipe_says_what_is_wrong_with_a_mix(source: Path, tmp_path: Path) -> None:
    with pytest.raises(glossator.errors.RecipeError, match="sum to at most 1"):
        mixed(source, tmp_path, image_kinds={"receipt": 0.8, "form": 0.8})


def test_status_tells_what_was_asked_and_what_was_possible(source: Path, tmp_path: Path) -> None:
    ws = mixed(source, tmp_path, size=10, explain_ratio=0.5)
    rows = {row["by"]: row for row in ws.status()["mix"]}
    assert (rows["size"]["asked"], rows["size"]["possible"]) == (10, 10)
    assert (rows["explain_ratio"]["asked"], rows["explain_ratio"]["possible"]) == (0.5, 0.5)
    assert glossator.build(source, tmp_path / "plain", "fake", **INLINE).status()["mix"] == []


@pytest.mark.parametrize(
    ("settings", "turns", "alone"),
    [
        ({}, {4: 12}, 0),
        ({"explain_ratio": 0}, {2: 12}, 0),
        ({"explain_ratio": 0.5}, {2: 6, 4: 6}, 0),
        ({"explain_ratio": 2}, {4: 6, 2: 6}, 6),
        ({"explanations": "separate"}, {2: 24}, 12),
    ],
    ids=["together", "extractive alone", "half explained", "some explanations alone", "separate"],
)
def test_forms_in_exports_and_training(
    source: Path, tmp_path: Path, settings: dict[str, Any], turns: dict[int, int], alone: int
) -> None:
    ws = mixed(source, tmp_path, size=12, **settings)
    found = exported(ws, tmp_path / "llava.json")
    assert dict(Counter(len(one.messages) for one in found)) == turns
    explained = [one for one in found if one.id.endswith("-explained")]
    pairs = {pair["pair_id"]: pair for pair in ws.table("pairs").to_pylist()}
    assert len(explained) == alone
    for one in explained:
        pair = pairs[one.id.removesuffix("-explained")]
        asked, told = one.messages
        assert all(pair[key] in asked.text for key in ("question", "answer", "explain_question"))
        assert told.text == pair["explain_answer"]
    texts = {(one.id, tuple(message.text for message in one.messages)) for one in found}
    parquet = ws.export("parquet", tmp_path / "p.parquet", keep_all=True).path
    for dataset in (ws.path, parquet):  # its rejected pairs are never learned
        learned = samples.read(dataset, AS_IT_IS, images=source.parent, seed=0).train
        assert {(one.id, tuple(turn.text for turn in one.turns)) for one in learned} == texts


def test_parquet_keeps_the_whole_pair_and_names_its_form(source: Path, tmp_path: Path) -> None:
    ws = mixed(source, tmp_path, size=12, explain_ratio=0)
    path = ws.export("parquet", tmp_path / "p.parquet").path
    frame = pl.read_parquet(path)
    assert set(frame["form"]) == {"extractive"} and frame["explain_answer"].str.len_chars().min() > 0
    assert all(len(one.messages) == 4 for one in formats.parquet.read(path))


def test_training_without_explanations_has_none_alone_either(source: Path, tmp_path: Path) -> None:
    ws = mixed(source, tmp_path, size=12, explain_ratio=2)
    settings = AS_IT_IS.model_copy(update={"explanations": False})
    found = samples.read(ws.path, settings, images=None, seed=0).train
    assert [len(one.turns) for one in found] == [2] * 6


def test_the_same_workspace_gives_the_same_bytes(source: Path, tmp_path: Path) -> None:
    ws = mixed(source, tmp_path, size=12, explain_ratio=0.5, explanations="separate")
    for name in formats.NAMES:
        one, two = (ws.export(name, tmp_path / folder).path.read_bytes() for folder in ("one", "two"))
        assert one == two
    rows = json.loads((tmp_path / "one" / "llava.json").read_text())
    assert len({row["id"] for row in rows}) == len(rows)
