"""Exports of a real workspace: counts, round trip, verdicts, copies, determinism."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

import glossator
from glossator import formats
from glossator.errors import GlossatorError, UsageError

INLINE = {f"run.workers.{stage}": 0 for stage in ("ocr", "enrich", "extract", "explain", "score")}


@pytest.fixture
def workspace(source: Path, tmp_path: Path) -> glossator.Workspace:
    ws = glossator.build(source, tmp_path / "ws", "fake", **INLINE)
    ws.filter(mifd_max=0.4)
    return ws


@pytest.mark.parametrize("name", list(formats.CONVERSATIONS))
def test_kept_pairs_and_captions_come_back(workspace: glossator.Workspace, tmp_path: Path, name: str) -> None:
    summary = workspace.export(name, tmp_path / "out")
    kept = workspace.verdict_counts()["kept"]
    assert (summary.conversations, summary.captions) == (kept, len({p["image_id"] for p in _kept(workspace)}))
    samples = [s for s in formats.CONVERSATIONS[name].read(summary.path) if not s.id.endswith("-caption")]
    wanted = {(p["pair_id"], p["question"], p["answer"], p["explain_answer"]) for p in _kept(workspace)}
    assert {(s.id, s.messages[0].text, s.messages[1].text, s.messages[3].text) for s in samples} == wanted


def test_all_keeps_the_rejected_with_their_reasons(workspace: glossator.Workspace, tmp_path: Path) -> None:
    workspace.export("llava", tmp_path / "x.json", keep_all=True)
    rows = json.loads((tmp_path / "x.json").read_text())
    verdicts = [row["verdict"] for row in rows if "verdict" in row]
    assert len(verdicts) == 36
    assert any(not verdict["keep"] and "mifd_above_max" in verdict["reasons"] for verdict in verdicts)


def test_parquet_holds_everything(workspace: glossator.Workspace, tmp_path: Path) -> None:
    workspace.export("parquet", tmp_path / "p.parquet", keep_all=True)
    frame = pl.read_parquet(tmp_path / "p.parquet")
    wanted = {"source_id", "image_id", "pair_id", "image", "question", "answer", "evidence", "explain_question",
              "explain_answer", "ifd", "vfd", "mifd", "ffd", "keep", "reasons"}  # fmt: skip
    assert wanted <= set(frame.columns)
    assert frame.height == 36
    assert not frame["mifd"].is_nan().any()


@pytest.mark.parametrize("name", formats.NAMES)
def test_the_same_workspace_gives_the_same_bytes(workspace: glossator.Workspace, tmp_path: Path, name: str) -> None:
    paths = [workspace.export(name, tmp_path / folder).path for folder in ("one", "two")]
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_copied_images_have_safe_names_and_are_there(workspace: glossator.Workspace, tmp_path: Path) -> None:
    summary = workspace.export("llava", tmp_path / "out", copy_images=True)
    images = {row["image"] for row in json.loads(summary.path.read_text())}
    assert images and all((tmp_path / "out" / image).is_file() for image in images)
    assert all(image.startswith("images/") and ".." not in image for image in images)


def test_mistakes_are_told(workspace: glossator.Workspace, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="llava, sharegpt"):
        workspace.export("tfrecord", tmp_path / "x")
    (workspace.store.source_root / "0.png").unlink()
    with pytest.raises(GlossatorError, match=r"0\.png"):
        workspace.export("llava", tmp_path / "y.json", keep_all=True)


def test_a_foreign_set_is_scored_under_its_own_ids(workspace: glossator.Workspace, tmp_path: Path) -> None:
    summary = workspace.export("llava", tmp_path / "out", copy_images=True, keep_all=True)
    fakes = {"ocr.engine.kind": "fake", "score.engine.kind": "fake", **INLINE}
    scored = glossator.score(summary.path, tmp_path / "scored", **fakes)
    pairs = scored.table("pairs").to_pylist()
    ids = {pair["source_id"] for pair in pairs}
    assert ids == {row["id"] for row in json.loads(summary.path.read_text())}
    assert sum(bool(pair["explain_answer"]) for pair in pairs) == 36
    assert scored.table("scores").num_rows == len(pairs)


def _kept(workspace: glossator.Workspace) -> list[dict[str, str]]:
    keep = {row["pair_id"] for row in workspace.table("verdicts").to_pylist() if row["keep"]}
    return [pair for pair in workspace.table("pairs").to_pylist() if pair["pair_id"] in keep]


def test_a_lone_surrogate_in_a_foreign_set_breaks_nothing(source: Path, tmp_path: Path) -> None:
    turns = [{"from": "human", "value": "<image>\nWhat \ud800 is it?"}, {"from": "gpt", "value": "5.00 \udfff"}]
    path = source.parent / "set.json"
    path.write_text(json.dumps([{"id": "s\ud800", "image": "0.png", "conversations": turns}]))
    fakes = {"ocr.engine.kind": "fake", "score.engine.kind": "fake", **INLINE}
    (pair,) = glossator.score(path, tmp_path / "scored", **fakes).table("pairs").to_pylist()
    assert (pair["source_id"], pair["question"], pair["answer"]) == ("s", "What is it?", "5.00")
