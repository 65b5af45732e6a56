"""Personal data from end to end: counted by default, masked or rejected where a recipe says so."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from PIL import Image

import glossator
from glossator.errors import MissingExtraError
from glossator.privacy.counts import counts, masked_boxes, masked_counts

STAGES = [
    {"use": "ocr", "engine": {"kind": "given"}},
    {"use": "enrich", "engine": {"kind": "grounded"}},
    {"use": "extract", "engine": {"kind": "grounded"}},
    {"use": "explain", "engine": {"kind": "grounded"}},
]
INLINE = dict.fromkeys(("ocr", "enrich", "extract", "explain"), 0)
SECRETS = ("6258", "shop.example")


@pytest.fixture
def receipts(tmp_path: Path) -> Path:
    """Two receipts whose OCR shows a telephone number, hidden in one of them, and an e-mail address."""
    folder = tmp_path / "source"
    folder.mkdir()
    rows = []
    for i, phone in enumerate(("03-6258 4088", "0\u200b3-62\u200b58 4089")):
        image = Image.new("RGB", (400, 160), "white")
        image.putpixel((i, 0), (0, 0, 0))
        image.save(folder / f"{i}.png")
        lines = ["LITTLE CAFE", f"TEL: {phone}", "EMAIL: hi@shop.example", "TOTAL: 5.00"]
        ocr = [{"text": line, "box": [10, 10 + 30 * n, 200, 30 + 30 * n]} for n, line in enumerate(lines)]
        rows.append({"id": f"r{i}", "image": f"{i}.png", "caption": f"A receipt. Call {phone}.", "ocr": ocr})
    (folder / "records.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return folder / "records.jsonl"


def build(source: Path, ws: Path, *stages: dict[str, Any]) -> glossator.Workspace:
    recipe = ws.with_suffix(".yaml")
    recipe.write_text(json.dumps({"stages": [*STAGES, *stages, {"use": "filter"}], "run": {"workers": INLINE}}))
    return glossator.build(source, ws, recipe)


def frame(ws: glossator.Workspace, table: str) -> pl.DataFrame:
    return pl.DataFrame(pl.from_arrow(ws.table(table)))


def parts(ws: Path, stage: str) -> dict[str, bytes]:
    return {str(path.relative_to(ws)): path.read_bytes() for path in sorted(ws.glob(f"{stage}/*/part-*.parquet"))}


def test_what_is_found_is_counted_and_rejects_nothing_unasked(receipts: Path, tmp_path: Path) -> None:
    ws = build(receipts, tmp_path / "ws", {"use": "inspect"})
    rows = counts(frame(ws, "pairs"), frame(ws, "inspections"))
    found = {row["value"]: row["images"] for row in rows if row["what"] == "personal data" and row["kind"] is None}
    assert found == {"email": 2, "phone": 2}
    assert not any("personal_data" in reasons for reasons in frame(ws, "verdicts")["reasons"])
    ws.filter(personal_data=["email"])
    rejected = frame(ws, "verdicts").filter(pl.col("reasons").list.contains("personal_data"))
    held = frame(ws, "inspections").filter(pl.col("personal").list.contains("email"))
    assert sorted(rejected["pair_id"]) == sorted(held["pair_id"]) != []


def test_nothing_personal_is_left_in_what_is_exported(receipts: Path, tmp_path: Path) -> None:
    plain = build(receipts, tmp_path / "plain")
    ws = build(receipts, tmp_path / "ws", {"use": "mask"}, {"use": "mask_captions"}, {"use": "inspect"})
    for name in ("llava", "parquet"):
        plain.export(name, tmp_path / f"plain.{name}", keep_all=True)
        ws.export(name, tmp_path / f"masked.{name}", keep_all=True)
    before, after = ((tmp_path / f"{which}.llava").read_text(encoding="utf-8") for which in ("plain", "masked"))
    assert all(secret in before.replace("\\u200b", "").replace("\u200b", "") for secret in SECRETS)
    assert not any(secret in after.replace("\\u200b", "").replace("\u200b", "") for secret in SECRETS)
    assert "<PHONE>" in after
    assert "<EMAIL>" in after
    rows = pl.read_parquet(tmp_path / "masked.parquet").select("question", "answer", "evidence", "explain_answer")
    assert not any(secret in str(row).replace("\u200b", "") for row in rows.to_dicts() for secret in SECRETS)
    assert set(frame(ws, "inspections")["personal"].explode().drop_nulls()) == set()


def test_what_was_masked_is_counted_and_its_boxes_stay(receipts: Path, tmp_path: Path) -> None:
    plain, ws = build(receipts, tmp_path / "plain"), build(receipts, tmp_path / "ws", {"use": "mask"})
    held = frame(plain, "pairs").select(pl.concat_str("question", "answer", "explain_answer"))["question"]
    emails, phones = (sum(secret in text.replace("\u200b", "") for text in held) for secret in SECRETS[::-1])
    counted = {row["sort"]: (row["values"], row["pairs"]) for row in masked_counts(frame(ws, "pairs"))}
    assert counted == {"email": (emails, emails), "phone": (phones, phones)}
    assert masked_counts(frame(plain, "pairs")) == []
    assert [sorted(boxes) for boxes in masked_boxes(frame(ws, "pairs")).values()] == [
        [(10.0, 40.0, 200.0, 60.0), (10.0, 70.0, 200.0, 90.0)]
    ] * 2
    boxes = [[piece["box"] for piece in pieces] for pieces in frame(plain, "pairs")["evidence"].to_list()]
    assert [[piece["box"] for piece in pieces] for pieces in frame(ws, "pairs")["evidence"].to_list()] == boxes
    assert list(frame(ws, "pairs")["pair_id"]) == list(frame(plain, "pairs")["pair_id"])


def test_the_same_recipe_gives_the_same_bytes_and_another_setting_another_folder(
    receipts: Path, tmp_path: Path
) -> None:
    stages = ({"use": "inspect", "settings": {"profanity": ["cafe"]}}, {"use": "mask"})
    one, other = (build(receipts, tmp_path / name, *stages) for name in ("one", "other"))
    for stage in ("inspect", "mask"):
        assert parts(tmp_path / "one", stage) == parts(tmp_path / "other", stage) != {}
    assert one.table("inspections") == other.table("inspections")
    build(receipts, tmp_path / "one", {"use": "inspect", "settings": {"profanity": ["bar"]}}, {"use": "mask"})
    assert len({Path(part).parent for part in parts(tmp_path / "one", "inspect")}) == 2
    assert parts(tmp_path / "one", "mask") == parts(tmp_path / "other", "mask")


def test_the_error_for_a_missing_library_names_the_extra() -> None:
    assert "glossator[inspect]" in str(MissingExtraError("telling languages apart", "inspect"))
