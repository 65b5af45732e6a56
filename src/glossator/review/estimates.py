"""What people's verdicts tell of the set: read from the log itself, so that looking writes nothing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

import polars as pl

from glossator import intervals
from glossator.against_people import RANDOM, AgainstPeople
from glossator.intervals import Interval
from glossator.people import decided
from glossator.records import HumanVerdict
from glossator.schemas import SCHEMAS


def as_table(words: Iterable[HumanVerdict]) -> pl.LazyFrame:
    """Verdicts as the table `human` has them."""
    schema = dict.fromkeys(SCHEMAS["human"].names, pl.String)
    return pl.LazyFrame([asdict(word) for word in words], schema=schema, orient="row")


def estimate(human: pl.LazyFrame, found: AgainstPeople) -> dict[str, Any]:
    """How bad the set is, told by the pairs that were drawn at random.

    Returns:
        `pairs` (drawn and judged), and in percent with its interval over images: `wrong`, the share of the whole set
        that people reject, and `wrong_of_kept`, the share of what the rules keep. None where nothing tells.
    """
    drawn = human.filter(pl.col("sampling") == RANDOM)
    rows = drawn.select("pair_id", "image_id").unique().join(decided(drawn), on="pair_id").sort("pair_id").collect()
    ruled = next((one for one in found.filters if one.sampling == RANDOM), None)
    wrong = (
        intervals.mean([float(not keep) for keep in rows["person_keep"]], list(rows["image_id"]))
        if rows.height
        else None
    )
    return {
        "pairs": rows.height,
        "wrong": _percent(wrong),
        "wrong_of_kept": _percent(ruled.wrong_of_kept if ruled else None),
    }


def _percent(interval: Interval | None) -> dict[str, float] | None:
    if interval is None:
        return None
    return {name: round(100 * getattr(interval, name), 1) for name in ("value", "low", "high")}
