"""From a source with ground truth to AUCs: planted, scored, filtered and reported by one call."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

import glossator
from glossator.jobs.defects import CLEAN, DEFECTS
from glossator.measure import measure_defects, table_text

FAKE = {"score.engine": {"kind": "fake"}}


@pytest.fixture
def truth(tmp_path: Path) -> Path:
    lines = []
    for i in range(5):
        picture = Image.new("RGB", (200, 100), "white")
        ImageDraw.Draw(picture).text((10, 20), f"Total {i}", fill="black")
        picture.save(tmp_path / f"{i}.png")
        fields = {"total": f"{i}53.6{i}", "date": f"1{i}/03/2018", "company": f"SHOP NUMBER {i} SDN BHD"}
        ocr = [{"text": text, "box": [10, 10 + 20 * k, 150, 25 + 20 * k]} for k, text in enumerate(fields.values())]
        record = {"id": f"r{i}", "image": f"{i}.png", "kind": "receipt", "fields": fields, "ocr": ocr}
        lines.append(json.dumps({"meta": {}, **record}) + "\n")
    path = tmp_path / "records.jsonl"
    path.write_text("".join(lines), encoding="utf-8")
    return path


def test_every_defect_is_measured(truth: Path, tmp_path: Path) -> None:
    found = measure_defects(truth, tmp_path / "out", **(FAKE | {"ocr.engine": {"kind": "fake"}}))
    assert {one.defect for one in found.kept} == {CLEAN, *DEFECTS}
    assert found.best("receipt", "wrong question", ["question_fit"]).strength > 0.9
    assert all(0 <= one.low <= one.auc <= one.high <= 1 for one in found.seen)
    assert "wrong question" in table_text(found)
    stored = json.loads((tmp_path / "out" / "defects.json").read_text(encoding="utf-8"))
    assert stored["seen"] and stored["kept"]
    report = glossator.open(tmp_path / "out" / "planted").report().read_text(encoding="utf-8")
    assert "Planted defects" in report and "wrong question" in report


def command(*words: object) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "glossator.cli.main", "defects", *map(str, words)]
    return subprocess.run(line, capture_output=True, text=True, timeout=120)


def test_the_command(truth: Path, tmp_path: Path) -> None:
    engines = ["--set", 'score.engine={"kind": "fake"}', "--set", 'ocr.engine={"kind": "fake"}']
    done = command(truth, "-o", tmp_path / "out", *engines, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["kept"]


def test_what_has_no_truth_is_told(tmp_path: Path) -> None:
    (tmp_path / "records.jsonl").write_text('{"image": "a.png"}\n', encoding="utf-8")
    done = command(tmp_path / "records.jsonl", "-o", tmp_path / "out")
    assert done.returncode == 2
    assert "ground truth" in done.stderr
