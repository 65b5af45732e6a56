"""Means with intervals by the bootstrap over clusters: questions about one picture stand or fall together."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

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
    """The mean of values in 0..1, and the 2.5th and 97.5th percentile of it over draws of whole clusters.

    Args:
        values: one a question.
        clusters: for each, what it stands or falls with.
        rounds, seed: of the bootstrap.

    Where all values are 0, or all 1, every draw is the same and tells nothing; the other end is then the exact one
    (Clopper-Pearson) of so many clusters without an exception. With fewer than two clusters it is the whole range 0..1.
    """
    found = _bootstrap(values, clusters, rounds, seed)
    if found.clusters < 2:
        return replace(found, low=0.0, high=1.0)
    none_seen = 1 - 0.025 ** (1 / found.clusters)
    if all(value == 0 for value in values):
        return replace(found, high=none_seen)
    return replace(found, low=1 - none_seen) if all(value == 1 for value in values) else found


def difference(one: Sequence[float], other: Sequence[float], clusters: Sequence[str], *, seed: int = 0) -> Interval:
    """The mean of `one - other`, question by question, with its interval: both answered the same questions.

    With fewer than two clusters it is the whole range -1..1.
    """
    found = _bootstrap([a - b for a, b in zip(one, other, strict=True)], clusters, ROUNDS, seed)
    return found if found.clusters > 1 else replace(found, low=-1.0, high=1.0)


def _bootstrap(values: Sequence[float], clusters: Sequence[str], rounds: int, seed: int) -> Interval:
    sums: dict[str, list[float]] = {}
    for value, cluster in zip(values, clusters, strict=True):
        one = sums.setdefault(cluster, [0.0, 0.0])
        one[0] += value
        one[1] += 1
    found = [(total, count) for total, count in sums.values()]
    value = sum(total for total, _ in found) / max(1.0, sum(count for _, count in found))
    if len(found) < 2:
        return Interval(value, value, value, len(values), len(found))
    rng = random.Random(seed)
    drawn = []
    for _ in range(rounds):
        picked = rng.choices(found, k=len(found))
        drawn.append(sum(total for total, _ in picked) / sum(count for _, count in picked))
    drawn.sort()
    return Interval(value, drawn[int(rounds * 0.025)], drawn[int(rounds * 0.975)], len(values), len(found))
