"""Telephone numbers on real receipts and forms against the numbers that were marked by hand."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import pytest

from glossator.layout.reading_order import lines_text
from glossator.privacy.personal import SORTS, find
from glossator.records import Span

TRUTH = Path(__file__).resolve().parents[2] / "benchmarks" / "privacy_truth.json"


@pytest.mark.shared
def test_most_numbers_are_found_and_few_others(shared_data: Path) -> None:
    truth = json.loads(TRUTH.read_text(encoding="utf-8"))["phone"]
    right = wrong = missed = others = 0
    for row in map(json.loads, (shared_data / "records.jsonl").read_text(encoding="utf-8").splitlines()):
        lines = lines_text(Span(one["text"], tuple(one["box"])) for one in row.get("ocr") or ()).split("\n")
        found = [(one.sort, line[one.start : one.end]) for line in lines for one in find(line, SORTS)]
        numbers = {_hashed(shown) for sort, shown in found if sort == "phone"}
        wanted = set(truth.get(row["id"], ()))
        right, wrong, missed = (
            right + len(numbers & wanted),
            wrong + len(numbers - wanted),
            missed + len(wanted - numbers),
        )
        others += sum(sort not in ("phone", "email") for sort, _ in found)
    assert right / (right + wrong) > 0.94
    assert right / (right + missed) > 0.85
    assert others == 0  # 75 pages full of numbers show no card, no IBAN, no identity number


def _hashed(shown: str) -> str:
    return hashlib.sha256(re.sub(r"\D", "", shown).encode()).hexdigest()[:12]
