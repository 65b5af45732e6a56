"""Counts of a set's evidence for the report."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from glossator.jobs.provenance import Row, provenance
from glossator.records import Evidence, Pair
from glossator.schemas import to_arrow

BOX = (0.0, 0.0, 10.0, 10.0)
ONE = Pair("a", "i", "s", "Q?", "A", evidence=(Evidence("A", BOX),), grounding=1.0)
PAIRS = [
    replace(ONE, explain_answer="At the top.", explain_places=1.0, explain_grounding=1.0),
    replace(ONE, evidence=(Evidence("A", BOX), Evidence("B", BOX)), explain_answer="x", explain_places=0.5),
    replace(ONE, grounding=0.4, operation="sum"),
    replace(ONE, grounding=None, evidence=()),
]


def _rows(pairs: list[Pair]) -> list[Row]:
    return provenance(pl.LazyFrame(pl.from_arrow(to_arrow("pairs", pairs))))


def test_what_is_counted() -> None:
    rows = {row.what: (row.count, row.of) for row in _rows(PAIRS)}
    assert rows["answers that point at their boxes"] == (2, 3)
    assert rows["of these, at several"] == (1, 2)
    assert rows["computed answers"] == (1, 4)
    assert rows["explanations with claims about places"] == (2, 2)
    assert rows["of these, all true"] == (1, 2)
    assert rows["explanations all of whose named texts are printed"] == (1, 1)
    assert rows["computed as sum"] == (1, 1)


def test_an_empty_set() -> None:
    assert all((row.count, row.of) == (0, 0) for row in _rows([]))
