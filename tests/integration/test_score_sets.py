"""Somebody's finished set from its file to scores, report and export: several turns, several pictures, none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw

import glossator
from glossator import formats

ROLES = ("user", "assistant")
ALL = {f"filter.{name}": None for name in (
    "mifd_max", "vfd_max", "ffd_max", "grounding_min", "question_fit_min", "question_similarity_max"
)}  # fmt: skip
FAKE = {"ocr.engine": {"kind": "fake"}, "score.engine": {"kind": "fake"}}


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    for name in ("a", "b"):
        picture = Image.new("RGB", (120, 60), "white")
        ImageDraw.Draw(picture).text((10, 20), f"Total {name}", fill="black")
        picture.save(tmp_path / f"{name}.png")
    explained = [("What is the total?", "It is 53.60 in all"), ("How can you tell?", "It stands right of TOTAL.")]
    later = [("Who paid for it?", "That was Ann Miller"), ("And when was that?", "It was on Friday evening")]
    rows = [
        row("one", ["a.png"], explained + later),
        row("two", ["a.png"], explained),
        row("both", ["a.png", "b.png"], later),
        row("text", [], later),
        {"id": "bad", "messages": [{"role": "cat", "content": "x"}]},
        row("gone", ["gone.png"], later),
    ]
    path = tmp_path / "set.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in rows), encoding="utf-8")
    return path


def row(name: str, images: list[str], turns: list[tuple[str, str]]) -> dict[str, Any]:
    messages = [{"role": role, "content": text} for turn in turns for role, text in zip(ROLES, turn, strict=True)]
    messages[0]["content"] = "<image>" * len(images) + messages[0]["content"]
    return {"id": name, "images": images, "messages": messages, "source": "test"}


def scored(dataset: Path, tmp_path: Path, **overrides: Any) -> glossator.Workspace:
    return glossator.score(dataset, tmp_path / "ws", **(FAKE | overrides))


def test_every_turn_is_a_pair_with_its_context(dataset: Path, tmp_path: Path) -> None:
    pairs = scored(dataset, tmp_path).table("pairs").to_pylist()
    found = [(pair["source_id"], pair["question"], len(json.loads(pair["context"] or "[]"))) for pair in pairs]
    assert sorted(found) == [
        ("both", "And when was that?", 2),
        ("both", "Who paid for it?", 0),
        ("one", "And when was that?", 6),
        ("one", "What is the total?", 0),
        ("one", "Who paid for it?", 4),
        ("text", "And when was that?", 2),
        ("text", "Who paid for it?", 0),
        ("two", "What is the total?", 0),
    ]
    assert all(json.loads(pair["meta"]) == {"source": "test"} for pair in pairs)
    assert {pair["kind"] for pair in pairs} == {"extractive", "plain"}


def test_text_alone_has_ifd_alone(dataset: Path, tmp_path: Path) -> None:
    workspace = scored(dataset, tmp_path)
    text = {pair["pair_id"] for pair in workspace.table("pairs").to_pylist() if pair["source_id"] == "text"}
    for scores in workspace.table("scores").to_pylist():
        assert scores["ifd"] is not None
        assert (scores["vfd"] is None) == (scores["pair_id"] in text)
        assert scores["not_scored"] == ""
    assert workspace.status()["counts"]["scored"] == 8


def test_what_cannot_be_taken_is_a_failed_row(dataset: Path, tmp_path: Path) -> None:
    failures = scored(dataset, tmp_path).table("failures").to_pylist()
    assert sorted(failure["category"] for failure in failures) == ["bad_record", "missing"]


@pytest.mark.parametrize("name", list(formats.CONVERSATIONS))
def test_conversations_come_out_whole_again(name: str, dataset: Path, tmp_path: Path) -> None:
    workspace = scored(dataset, tmp_path, **ALL)
    summary = workspace.export(name, tmp_path / "out.json")
    samples = list(formats.CONVERSATIONS[name].read(summary.path))
    found = sorted((sample.images, len(sample.messages)) for sample in samples)
    assert found == [((), 4), (("a.png",), 4), (("a.png",), 8), (("a.png", "b.png"), 4)]
    again = glossator.score(summary.path, tmp_path / "again", images=dataset.parent, **FAKE)
    assert again.status()["counts"]["pairs"] == 8


def test_a_rejected_turn_leaves_its_conversation(dataset: Path, tmp_path: Path) -> None:
    workspace = scored(dataset, tmp_path, **{"filter.top_k": 1, "filter.grounding_min": None})
    samples = list(formats.CONVERSATIONS["llava"].read(workspace.export("llava", tmp_path / "out.json").path))
    assert all(len(sample.messages) in (2, 4) for sample in samples)


def test_report_and_copied_images(dataset: Path, tmp_path: Path) -> None:
    workspace = scored(dataset, tmp_path, **{"filter.grounding_min": None, "filter.mifd_max": None})
    assert "text" in workspace.report().read_text(encoding="utf-8")
    summary = workspace.export("sharegpt", tmp_path / "copied", copy_images=True, keep_all=True)
    assert len(list((summary.path.parent / "images").iterdir())) == 3
    assert workspace.export("parquet", tmp_path / "pairs.parquet", keep_all=True).conversations == 8


def test_our_parquet_comes_back_with_context(dataset: Path, tmp_path: Path) -> None:
    workspace = scored(dataset, tmp_path)
    path = workspace.export("parquet", tmp_path / "pairs.parquet", keep_all=True).path
    again = glossator.score(path, tmp_path / "again", images=dataset.parent, **FAKE)
    shape = lambda ws: sorted((p["question"], p["answer"], p["context"]) for p in ws.table("pairs").to_pylist())  # noqa: E731
    assert shape(again) == shape(workspace)


def test_a_new_bound_runs_the_filter_alone(dataset: Path, tmp_path: Path) -> None:
    workspace = scored(dataset, tmp_path)
    before = workspace.verdict_counts()
    rows = workspace.what_if(mifd_max=[0.01, None])
    assert workspace.verdict_counts() == before
    assert workspace.filter(mifd_max=0.01)["kept"] == rows[0]["kept"]


def test_only_the_same_pair_again_is_a_duplicate_there(dataset: Path, tmp_path: Path) -> None:
    ask = "Who paid for it?"
    rows = [row("a", ["a.png"], [(ask, "Ann Miller did")]), row("b", ["a.png"], [(ask, "Tom Baker did")]),
            row("c", ["a.png"], [(ask, "Ann Miller did")])]  # fmt: skip
    dataset.write_text("".join(json.dumps(one) + "\n" for one in rows), encoding="utf-8")
    workspace = scored(dataset, tmp_path)
    verdicts = {one["pair_id"]: one["reasons"] for one in workspace.table("verdicts").to_pylist()}
    found = {pair["source_id"]: verdicts[pair["pair_id"]] for pair in workspace.table("pairs").to_pylist()}
    assert "duplicate_question" in found["c"]
    assert "duplicate_question" not in [*found["a"], *found["b"]]
