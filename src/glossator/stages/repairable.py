"""Which pairs of a shard are to be repaired, and which part of each: the filter's rules, over records."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from glossator.engines.base import Part, Rejected
from glossator.records import Pair, Sample
from glossator.schemas import to_arrow
from glossator.stages.filter import FilterSettings, judged_columns, rules

# What a rule says of a pair, and so which part of it is to be written anew. Other reasons can't be mended.
PART_OF: dict[str, Part] = {
    "not_grounded": "answer",
    "question_misfit": "answer",
    "answers_disagree": "answer",
    "judged_low": "answer",
    "answer_too_long": "answer",
    "ifd_above_max": "answer",
    "vfd_above_max": "answer",
    "mifd_above_max": "answer",
    "explanation_not_grounded": "explanation",
    "false_place": "explanation",
    "explanation_too_long": "explanation",
    "no_explanation": "explanation",
    "ffd_above_max": "explanation",
    "ffd_below_min": "explanation",
    "ffd_image_below_min": "explanation",
}


def rejections(samples: Sequence[Sample], settings: FilterSettings, rounds: int) -> list[list[Rejected]]:
    """For each sample the pairs to repair: rejected for reasons that can be mended, not repaired before, and at the end
    of a chain of fewer than `rounds` repairs."""
    reasons = _reasons(samples, settings)
    earlier = {pair.pair_id: pair.repaired_from for sample in samples for pair in sample.pairs}
    repaired = set(earlier.values())
    found: list[list[Rejected]] = []
    for sample in samples:
        found.append([])
        for pair in sample.pairs:
            why = reasons.get(pair.pair_id, ())
            part = _part(why)
            if part and pair.pair_id not in repaired and _length(pair, earlier) < rounds:
                found[-1].append(Rejected(pair, part, why))
    return found


def _part(reasons: Sequence[str]) -> Part | None:
    if not reasons or any(reason not in PART_OF for reason in reasons):
        return None
    return "answer" if any(PART_OF[reason] == "answer" for reason in reasons) else "explanation"


def _length(pair: Pair, earlier: dict[str, str | None]) -> int:
    """How many repairs led to this pair."""
    count, before = 0, pair.repaired_from
    while before is not None and count <= len(earlier):
        count, before = count + 1, earlier.get(before)
    return count


def _reasons(samples: Sequence[Sample], settings: FilterSettings) -> dict[str, tuple[str, ...]]:
    """The names of the rules that reject each pair, by pair id; pairs that none rejects are left out."""
    pairs = [pair for sample in samples for pair in sample.pairs]
    losses = [row for sample in samples for row in sample.losses]
    tables = {"pairs": _lazy("pairs", pairs)} | ({"losses": _lazy("losses", losses)} if losses else {})
    bad = {name: rule.fill_null(value=False).alias(name) for name, rule in rules(settings).items()}
    table = judged_columns(tables).select("pair_id", *bad.values()).collect()
    found = {}
    for pair_id, *verdict in table.iter_rows():
        why = tuple(name for name, is_bad in zip(bad, verdict, strict=True) if is_bad)
        if why:
            found[pair_id] = why
    return found


def _lazy(table: str, rows: Sequence[object]) -> pl.LazyFrame:
    frame = pl.from_arrow(to_arrow(table, rows))
    assert isinstance(frame, pl.DataFrame)
    return frame.lazy()
