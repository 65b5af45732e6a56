"""Whether what `glossator verdicts agreement` says of a sample holds for the set: intervals against the truth.

    python benchmarks/human_verdicts.py [--data FILE] [--kind receipt] [--draws 100] [--pairs 200]

Defects are planted into pairs with human ground truth, so that every pair is known to be sound or spoilt; a person who
knows judges random samples, as many as there are draws. The filter has its rules on texts only (the scores are made up
and their bounds off), for they need no model. Prints, for each figure, its value over all pairs and how many samples'
95 % intervals hold it. A few minutes.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl

import glossator
from glossator.against_people import FilterAgainstPeople, against_people
from glossator.intervals import Interval
from glossator.jobs.defects import CLEAN
from glossator.jobs.tasks import RANDOM, at_random
from glossator.measure import measure_defects
from glossator.records import HumanVerdict
from glossator.schemas import to_arrow

FIGURES = ("precision", "recall", "accuracy", "kappa", "wrong_of_kept")
OFF = ("ifd_max", "vfd_max", "mifd_max", "ffd_max", "ffd_min", "ffd_image_min")
SETTINGS: dict[str, Any] = {
    "ocr.use_given": True, "score.engine.kind": "fake", **{f"filter.{name}": None for name in OFF},
}  # fmt: skip


def judged(verdicts: pl.LazyFrame, spoilt: dict[str, bool], pairs: list[str]) -> FilterAgainstPeople:
    """What the people who know say of these pairs, against the rules."""
    said = [
        HumanVerdict(pair, pair.rpartition("-")[0], "truth", "reject" if spoilt[pair] else "keep", sampling=RANDOM)
        for pair in pairs
    ]
    human = pl.DataFrame(pl.from_arrow(to_arrow("human", said))).lazy()
    (found,) = against_people(human, verdicts).filters
    return found


def figures(found: FilterAgainstPeople) -> dict[str, Interval]:
    """Every figure by its name."""
    named = {name: getattr(found, name) for name in FIGURES}
    for rule in found.rules:
        named |= {f"{rule.rule} precision": rule.precision, f"{rule.rule} recall": rule.recall}
    return {name: interval for name, interval in named.items() if interval is not None}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[2] / "shared/data/records.jsonl")
    parser.add_argument("--kind", action="append", dest="kinds", help="only images of this kind; repeatable")
    parser.add_argument("--draws", type=int, default=100)
    parser.add_argument("--pairs", type=int, default=200)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measure_defects(options.data, folder, kinds=options.kinds or (), **SETTINGS)
        workspace = glossator.open(Path(folder) / "planted")
        pairs, verdicts = workspace.scan("pairs"), workspace.scan("verdicts").collect().lazy()
        meta = pairs.select("pair_id", "meta").collect()
        spoilt = {pair: json.loads(text)["defect"] != CLEAN for pair, text in meta.iter_rows()}
        whole = figures(judged(verdicts, spoilt, list(spoilt)))
        print(f"{len(spoilt)} pairs, {sum(spoilt.values())} of them spoilt; {options.draws} samples of {options.pairs}")
        held: Counter[str] = Counter()
        told: Counter[str] = Counter()
        for seed in range(options.draws):
            for name, found in figures(judged(verdicts, spoilt, at_random(pairs, options.pairs, seed))).items():
                told[name] += 1
                held[name] += found.low <= whole[name].value <= found.high
        for name, interval in whole.items():
            print(f"{name:<40} {interval.value:6.3f}   held by {held[name]} of {told[name]}")


if __name__ == "__main__":
    main()
