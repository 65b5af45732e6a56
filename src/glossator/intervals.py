"""Means with intervals by the bootstrap over clusters: questions about one picture stand or fall together."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

ROUNDS = 2000


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean, its 95 % interval, and over how many values and clusters it was taken."""

    value: float
    low: float
    high: float
    n: int
    clusters: int

    @property
    def excludes_zero(self) -> bool:
        """Whether the interval lies on one side of zero."""
        return self.low > 0 or self.high < 0

    def text(self, scale: float = 100.0) -> str:
        """`12.3 [10.1, 14.5]`, times `scale`."""
        return f"{self.value * scale:.1f} [{self.low * scale:.1f}, {self.high * scale:.1f}]"


def mean(values: Sequence[float], clusters: Sequence[str], *, rounds: int = ROUNDS, seed: int = 0) -> Interval:
    """The mean of all values, and the 2.5th and 97.5th percentile of it over draws of whole clusters.

    Args:
        values: one a question.
        clusters: for each, what it stands or falls with.
        rounds, seed: of the bootstrap.

    With fewer than two clusters nothing can be drawn, and the interval is the whole range 0..1 (of a difference:
    -1..1, see `difference`).
    """
    sums: dict[str, list[float]] = {}
    for value, cluster in zip(values, clusters, strict=True):
        one = sums.setdefault(cluster, [0.0, 0.0])
        one[0] += value
        one[1] += 1
    if not sums:
        return Interval(0.0, 0.0, 1.0, 0, 0)
    found = [(total, count) for total, count in sums.values()]
    value = sum(total for total, _ in found) / sum(count for _, count in found)
    if len(found) < 2:
        return Interval(value, 0.0, 1.0, len(values), len(found))
    rng = random.Random(seed)
    drawn = []
    for _ in range(rounds):
        picked = rng.choices(found, k=len(found))
        drawn.append(sum(total for total, _ in picked) / sum(count for _, count in picked))
    drawn.sort()
    return Interval(value, drawn[int(rounds * 0.025)], drawn[int(rounds * 0.975)], len(values), len(found))


def difference(one: Sequence[float], other: Sequence[float], clusters: Sequence[str], *, seed: int = 0) -> Interval:
    """The mean of `one - other`, question by question, with its interval: both answered the same questions."""
    found = mean([a - b for a, b in zip(one, other, strict=True)], clusters, seed=seed)
    return found if found.clusters > 1 else Interval(found.value, -1.0, 1.0, found.n, found.clusters)
