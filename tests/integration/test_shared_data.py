"""Real receipts, forms and charts, with the OCR that people made and no model: does the writer ask soundly?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import glossator
from glossator.text import fold

pytestmark = pytest.mark.shared


@pytest.fixture(scope="module")
def built(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    ws = glossator.build(
        shared_data / "records.jsonl",
        tmp_path_factory.mktemp("shared") / "ws",
        **{"ocr.engine.kind": "fake", "score.engine.kind": "fake", "extract.engine.lm": "none",
           "run.budget.max_failed_share": 1.0},
    )  # fmt: skip
    rows = (shared_data / "records.jsonl").read_text(encoding="utf-8").splitlines()
    return ws.table("pairs").to_pylist(), {row["id"]: row for row in map(json.loads, rows)}


@pytest.mark.parametrize(("kind", "least_found", "least_right"), [("date", 0.8, 0.93), ("company", 0.7, 0.9)])
def test_fields_of_receipts(built: Any, kind: str, least_found: float, least_right: float) -> None:
    pairs, records = built
    asked = [pair for pair in pairs if pair["kind"] == kind]
    right = [p for p in asked if fold(p["answer"]) == fold(records[p["source_id"]]["fields"][kind])]
    assert len(right) >= least_found * 50
    assert len(right) >= least_right * len(asked)


def test_explanations_and_evidence_are_everywhere(built: Any) -> None:
    pairs, _ = built
    assert len(pairs) > 400
    assert all(pair["explain_answer"] and pair["evidence"] for pair in pairs)
    assert sum(pair["grounding"] >= 0.9 for pair in pairs) >= 0.97 * len(pairs)


def test_questions_vary(built: Any) -> None:
    pairs, _ = built
    wordings = {pair["question"] for pair in pairs if pair["kind"] == "total"}
    assert len(wordings) >= 3
    assert len({pair["kind"] for pair in pairs}) >= 8


def test_human_truth_never_reaches_a_stage(built: Any) -> None:
    pairs, records = built
    hidden = {q["question"] for row in records.values() for q in row.get("qa") or []}
    assert not hidden & {pair["question"] for pair in pairs}


def test_odd_images_build_without_a_crash(shared_data: Path, tmp_path: Path) -> None:
    ws = glossator.build(
        shared_data / "more.jsonl",
        tmp_path / "ws",
        **{"ocr.engine.kind": "fake", "score.engine.kind": "fake", "extract.engine.lm": "none",
           "run.budget.max_failed_share": 1.0},
    )  # fmt: skip
    captions = {row["image_id"]: row for row in ws.table("captions").to_pylist()}
    assert len(captions) >= 130
    for row in captions.values():
        if row["caption"]:
            assert row["enriched"].startswith(row["caption"])
