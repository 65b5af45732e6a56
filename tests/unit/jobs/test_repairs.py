"""The table of what repair brought back."""

from __future__ import annotations

import polars as pl

from glossator.jobs.repairs import came_back, repaired


def tables(*rows: tuple[str, str, str | None, list[str], float]) -> dict[str, pl.LazyFrame]:
    """Rows of pair id, image id, repaired_from, reasons, IFD."""
    pairs = pl.DataFrame(
        {
            "pair_id": [row[0] for row in rows],
            "image_id": [row[1] for row in rows],
            "repaired_from": pl.Series([row[2] for row in rows], dtype=pl.String),
            "grounding": [0.1 if row[3] else 1.0 for row in rows],
            "question_fit": pl.Series([None for _ in rows], dtype=pl.Float64),
            "explain_grounding": [1.0 for _ in rows],
        }
    )
    verdicts = pl.DataFrame(
        {
            "pair_id": [row[0] for row in rows],
            "rules": pl.Series([row[3] for row in rows], dtype=pl.List(pl.String)),
            "keep": [not row[3] for row in rows],
        }
    )
    scores = pl.DataFrame({"pair_id": [row[0] for row in rows], "ifd": [row[4] for row in rows]})
    return {"pairs": pairs.lazy(), "verdicts": verdicts.lazy(), "scores": scores.lazy()}


def test_each_reason_tells_what_came_back() -> None:
    found = repaired(
        tables(
            ("a", "1", None, ["not_grounded", "vfd_above_max"], 0.9),
            ("b", "1", None, ["not_grounded"], 0.7),
            ("c", "2", None, ["false_place"], 0.6),
            ("d", "2", None, [], 0.5),
            ("a2", "1", "a", [], 0.4),
            ("b2", "3", "b", [], 0.5),
            ("c2", "2", "c", ["repair_no_better"], 0.3),
        )
    )
    rows = {row.reason: row for row in found}
    assert list(rows) == ["not_grounded", "false_place", "vfd_above_max"]
    one = rows["not_grounded"]
    assert (one.rejected, one.mended, one.back, one.moved) == (2, 2, 2, 1)
    assert one.before["ifd"] == (0.9 + 0.7) / 2
    assert one.after["ifd"] == (0.4 + 0.5) / 2
    assert one.after["grounding"] == 1.0
    assert "question_fit" not in one.before
    assert (rows["false_place"].mended, rows["false_place"].back, rows["false_place"].before) == (1, 0, {})


def test_the_end_of_a_chain_counts_for_its_beginning() -> None:
    table = came_back(
        tables(
            ("a", "1", None, ["not_grounded"], 0.9),
            ("a2", "1", "a", ["not_grounded"], 0.9),
            ("a3", "1", "a2", [], 0.4),
        )
    )
    assert table.to_dicts() == [
        {"pair_id": "a", "image_id": "1", "rules": ["not_grounded"], "mended": True, "new_id": "a3", "new_image": "1"}
    ]


def test_a_set_without_repairs_has_no_table() -> None:
    assert repaired(tables(("a", "1", None, ["not_grounded"], 0.9))) == []
