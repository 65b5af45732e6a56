"""Quality of a built workspace against human ground truth: python benchmarks/quality.py WORKSPACE RECORDS.jsonl

Every share is printed with its count and its 95 % Wilson interval. RECORDS holds `fields` and `ocr` made by people;
they are looked at here and nowhere else.
"""

from __future__ import annotations

import argparse
import json
import math
import re
from pathlib import Path
from typing import Any

from rapidfuzz import fuzz

import glossator
from glossator.text import fold

ASKS = {
    "total": re.compile(r"\btotal\b(?! \d)", re.IGNORECASE),
    "date": re.compile(r"\bdate\b|^when\b", re.IGNORECASE),
    "company": re.compile(r"\bcompany (?:issued|on)|name of the company|^who issued", re.IGNORECASE),
    "address": re.compile(r"\baddress (?:printed|does)|^where is the company", re.IGNORECASE),
}


def wilson(hits: int, count: int) -> str:
    """A share with its count and its 95 % Wilson interval."""
    if not count:
        return "none"
    z, share = 1.96, hits / count
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count)) / (1 + z * z / count)
    return f"{share:.3f} ({hits}/{count}, 95 % {middle - half:.3f}-{middle + half:.3f})"


def same(field: str, answer: str, truth: str) -> bool:
    """Whether an answer is the human value, with case, blanks and punctuation folded, and the currency for totals."""
    first, second = fold(answer), fold(truth)
    if field == "total":
        first, second = (re.sub(r"^(?:rm|myr)", "", text) for text in (first, second))
    return first == second


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workspace", type=Path)
    parser.add_argument("records", type=Path)
    options = parser.parse_args()
    records = {row["id"]: row for row in map(json.loads, options.records.read_text(encoding="utf-8").splitlines())}
    tables = glossator.open(options.workspace)
    pairs = tables.scan("pairs").join(tables.scan("verdicts").filter("keep"), on="pair_id").collect().to_dicts()
    by_source: dict[str, list[dict[str, Any]]] = {}
    for pair in pairs:
        by_source.setdefault(pair["source_id"], []).append(pair)
    _receipts(records, by_source)
    _grounding(records, by_source)


def _receipts(records: dict[str, Any], by_source: dict[str, list[dict[str, Any]]]) -> None:
    receipts = [row for row in records.values() if row["kind"] == "receipt" and row.get("fields")]
    for field, asks in ASKS.items():
        found = asked = right = 0
        for row in receipts:
            answers = [pair["answer"] for pair in by_source.get(row["id"], []) if asks.search(pair["question"])]
            hits = [same(field, answer, row["fields"].get(field, "")) for answer in answers]
            found, asked, right = found + any(hits), asked + len(hits), right + sum(hits)
            for answer, hit in zip(answers, hits, strict=True):
                if not hit:
                    print(f"    {row['id']} {field}: {answer!r}, not {row['fields'].get(field)!r}")
        print(f"{field:8} found {wilson(found, len(receipts))}; right where asked {wilson(right, asked)}")


def _grounding(records: dict[str, Any], by_source: dict[str, list[dict[str, Any]]]) -> None:
    for kind in ("receipt", "form"):
        count = hits = 0
        for row in records.values():
            if row["kind"] != kind or not row.get("ocr"):
                continue
            text = fold(" ".join(span["text"] for span in row["ocr"]))
            for pair in by_source.get(row["id"], []):
                ratio = fuzz.partial_ratio(fold(pair["answer"]), text) / 100
                count, hits = count + 1, hits + (ratio >= 0.9)
        print(f"{kind} answers that stand in the human OCR (fuzzy ratio >= 0.9): {wilson(hits, count)}")


if __name__ == "__main__":
    main()
