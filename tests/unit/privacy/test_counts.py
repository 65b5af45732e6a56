"""Counts for the report."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import polars as pl

from glossator.privacy.counts import counts, masked_boxes, masked_counts
from glossator.privacy.masking import Looker, masked
from glossator.records import Evidence, Inspection, Pair
from glossator.schemas import to_arrow

PAIRS = [
    Pair(
        "1",
        "i",
        "i",
        "Phone?",
        "TEL 03-6258 4088",
        kind="field",
        evidence=(Evidence("TEL 03-6258 4088", (0, 0, 9, 9)),),
    ),
    Pair("2", "i", "i", "Total?", "5.00", kind="field", evidence=(Evidence("5.00", (0, 9, 9, 18)),)),
    Pair("3", "j", "j", "Mail?", "a@b.com, c@d.com", kind="table"),
]
ROWS = [
    Inspection("1", "i", ("phone",), ("en",), ("Latn",), ("damn",)),
    Inspection("2", "i", (), (), ("Latn",)),
    Inspection("3", "j", ("email", "phone"), ("en", "fr"), ("Hani", "Latn")),
]


def table(name: str, records: list[Any]) -> pl.DataFrame:
    return pl.DataFrame(pl.from_arrow(to_arrow(name, records)))


def test_each_thing_is_counted_for_all_kinds_and_for_each() -> None:
    rows = counts(table("pairs", PAIRS), table("inspections", ROWS))
    assert [row for row in rows if row["what"] == "personal data"] == [
        {"what": "personal data", "value": "phone", "kind": None, "pairs": 2, "images": 2, "share": 2 / 3},
        {"what": "personal data", "value": "email", "kind": None, "pairs": 1, "images": 1, "share": 1 / 3},
        {"what": "personal data", "value": "email", "kind": "table", "pairs": 1, "images": 1, "share": 1.0},
        {"what": "personal data", "value": "phone", "kind": "field", "pairs": 1, "images": 1, "share": 0.5},
        {"what": "personal data", "value": "phone", "kind": "table", "pairs": 1, "images": 1, "share": 1.0},
    ]
    whole = {(row["what"], row["value"]): row["pairs"] for row in rows if row["kind"] is None}
    assert whole == {
        ("personal data", "phone"): 2, ("personal data", "email"): 1, ("language", "en"): 2, ("language", "fr"): 1,
        ("language", "unknown"): 1, ("script", "Latn"): 3, ("script", "Hani"): 1, ("profanity", "damn"): 1,
    }  # fmt: skip


def test_a_set_in_which_nothing_was_inspected_has_no_rows() -> None:
    assert counts(table("pairs", PAIRS), table("inspections", [])) == []


def test_what_was_masked_is_counted_and_its_places_are_known() -> None:
    done = table("pairs", [masked(pair, Looker()) for pair in PAIRS])
    assert masked_counts(done) == [
        {"sort": "email", "values": 2, "pairs": 1},
        {"sort": "phone", "values": 1, "pairs": 1},
    ]
    assert masked_boxes(done) == {"i": [(0, 0, 9, 9)]}


def test_metas_that_others_wrote_are_no_masking() -> None:
    metas = ['{"masked": 3}', '["masked"]', '"masked"', '{"masked"', ""]
    done = table("pairs", [replace(PAIRS[0], answer="<PHONE>", meta=meta) for meta in metas])
    assert (masked_counts(done), masked_boxes(done)) == ([], {})
