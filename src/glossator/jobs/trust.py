"""What a report says about trust: copies, leaks, contents, repairs, the mix, and rules against people. Plain rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from glossator.against_people import against_people
from glossator.jobs.repairs import repaired
from glossator.privacy.counts import counts, masked_counts
from glossator.stages.mix import MixSettings, asked_and_possible

if TYPE_CHECKING:
    import polars as pl

_SHOWN = 12


def trust(tables: Mapping[str, pl.LazyFrame], mix: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """All parts, each empty where a workspace has nothing to say of it; nothing at all if all are.

    Args:
        tables: all tables of a workspace.
        mix: settings of the recipe's stage `mix`, if it has one.

    Returns:
        `copies` and `leaks` (label, count), `contents` (what, value, pairs, images, share), `masked`, `repairs`
        (`jobs.repairs.Repaired`), `mix` (see `stages.mix.asked_and_possible`), `people`
        (`against_people.AgainstPeople`).
    """
    found: dict[str, Any] = {
        "copies": _counted(tables["duplicates"], _COPIES),
        "leaks": _counted(tables["leaks"], _LEAKS),
        "contents": _contents(tables),
        "masked": masked_counts(tables["pairs"].select("pair_id", "meta").collect()),
        "repairs": repaired(tables),
        "mix": asked_and_possible(tables, MixSettings.model_validate(mix)) if mix is not None else [],
        "people": _people(tables),
    }
    return found if any(found.values()) else {}


_COPIES = {
    "pairs of a near-duplicate image": "image_copy_of",
    "near-duplicate pairs": "question_copy_of",
}
_LEAKS = {"pairs whose image stands in a test set": "image_leak", "pairs whose text stands in one": "text_leak"}


def _counted(table: pl.LazyFrame, columns: Mapping[str, str]) -> list[dict[str, Any]]:
    import polars as pl

    named = [pl.col(column).is_not_null().sum().alias(label) for label, column in columns.items()]
    row = table.select(pl.len().alias("all"), *named).collect().row(0, named=True)
    return [{"label": label, "count": row[label], "of": row["all"]} for label in columns] if row["all"] else []


def _contents(tables: Mapping[str, pl.LazyFrame]) -> list[dict[str, Any]]:
    """The most frequent values of each sort, over all kinds of question."""
    pairs = tables["pairs"].select("pair_id", "kind").collect()
    rows = [row for row in counts(pairs, tables["inspections"].collect()) if row["kind"] is None]
    shown = []
    for what in dict.fromkeys(row["what"] for row in rows):
        shown += [row for row in rows if row["what"] == what][:_SHOWN]
    return shown


def _people(tables: Mapping[str, pl.LazyFrame]) -> Any:
    found = against_people(tables["human"], tables["verdicts"])
    return found if found.judged else None
