"""Fits the tables of engines/ocr/calibration.py on pictures that ocr_ensemble.py does not measure, and prints them.

    python benchmarks/ocr_calibrate.py [--cache DIR] [--degraded 2]

Each picture is read clean and in some of the ways of ocr_degrade.py. A word is right if people's line at its place has
it. Curves are isotonic (pool adjacent violators) over bins of equally many words; the coefficients of `final` are those
of a logistic regression, the curve of completeness is isotonic over pictures.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from ocr_degrade import WAYS
from ocr_readings import CACHE, FIT, MEMBERS, Read, Readings, dealt
from ocr_truth import line_at, marks, placed_words, words

from glossator.engines.ocr.align import Place, places
from glossator.engines.ocr.complete import seen_share
from glossator.engines.ocr.ensemble import combined, evidence_of, ranked
from glossator.records import Span

SMALLEST_BIN = 40
STEPS, RATE, DECAY = 4000, 0.5, 1e-3


def right(read: Read, span: Span) -> list[bool]:
    """For each word of a span, whether people's line at its place has it."""
    found = []
    for text, x, y in placed_words(span, read.matrix):
        at = line_at(read.truth.lines, x, y)
        known = words(read.truth.lines[at].text) if at is not None else {}
        found += [word in known for word in words(text)]
    return found


def curve(rows: Sequence[tuple[float, float]], bins: int = 8) -> list[tuple[float, float]]:
    """Mean of the second by the first, never falling; half a wrong and half a right one are added to each bin."""
    rows = sorted(rows)
    count = max(1, min(bins, len(rows) // SMALLEST_BIN))
    pools: list[list[float]] = []
    for i in range(count):
        part = rows[i * len(rows) // count : (i + 1) * len(rows) // count]
        pools.append([sum(x for x, _ in part), sum(y for _, y in part) + 0.5, float(len(part)), len(part) + 1.0])
        while len(pools) > 1 and pools[-2][1] / pools[-2][3] >= pools[-1][1] / pools[-1][3]:
            last = pools.pop()
            pools[-1] = [a + b for a, b in zip(pools[-1], last, strict=True)]
    return [(round(x / n, 3), round(y / smoothed, 3)) for x, y, n, smoothed in pools]


def regression(rows: Sequence[tuple[float, ...]], labels: Sequence[bool]) -> list[float]:
    """Coefficients of a logistic regression, by gradient descent with a little decay."""
    x, y = np.array(rows), np.array(labels, dtype=np.float64)
    beta = np.zeros(x.shape[1])
    for _ in range(STEPS):
        sure = 1 / (1 + np.exp(-np.clip(x @ beta, -30, 30)))
        beta -= RATE * (x.T @ (sure - y) / len(y) + DECAY * beta)
    return [round(float(b), 2) for b in beta]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, default=CACHE)
    parser.add_argument("--degraded", type=int, default=2, help="ways that each picture is degraded in")
    options = parser.parse_args()
    pages = [truth for kind in FIT if kind != "other" for truth in dealt(kind, fit=True, count=FIT[kind])]
    ways = [way for way in WAYS if way not in ("clean", "turn")]
    drawn = {truth.id: ["clean", *random.Random(truth.id).sample(ways, options.degraded)] for truth in pages}
    jobs = [(truth, way) for truth in pages for way in drawn[truth.id]]
    print_tables(list(Readings(options.cache).read(jobs, prepare=False)))


def print_tables(reads: Sequence[Read]) -> None:
    """All tables of calibration.py."""
    names = list(MEMBERS)
    for name in names:
        rows = [(span.confidence, float(ok)) for read in reads for span in read.spans[name] for ok in right(read, span)]
        print(f"CURVES[{name!r}]: {curve(rows)}  # {len(rows)} words")
    found = []
    for read in reads:
        order, spans = ranked(read.spans)
        found.append((read, order, places(spans)))
    for name in names:
        alone = [row for read, order, places_ in found for row in _alone(read, places_, order.index(name))]
        print(f"read by {name} alone: {curve(alone)}  # {len(alone)} words")
    evidence: list[tuple[float, ...]] = []
    labels: list[bool] = []
    for read, order, places_ in found:
        for place in places_:
            for one in combined([place], order):
                oks = right(read, one.span)
                evidence += [evidence_of(place, order)] * len(oks)
                labels += oks
    print(f"AGREED: {regression(evidence, labels)}  # {len(labels)} words, {np.mean(labels):.3f} right")
    shares: list[tuple[float, float]] = []
    for read, order, places_ in found:
        share = seen_share(places_, len(names))
        mark = marks(read.truth, [one.span for one in combined(places_, order)], read.matrix)
        if share is not None:
            shares += [(share, mark.found / mark.words)] * 10  # a picture counts as ten words would
    print(f"COMPLETE: {curve(shares, bins=5)}  # {len(shares) // 10} pictures")


def _alone(read: Read, found: Sequence[Place], member: int) -> list[tuple[float, float]]:
    rows = []
    for place in found:
        (said, *more) = place.said
        if not more and said.member == member:
            rows += [(said.confidence, float(ok)) for ok in right(read, Span(said.text, place.box))]
    return rows


if __name__ == "__main__":
    main()
