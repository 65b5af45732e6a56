"""How many samples to take of each cell so that several margins come out as asked. Pure arithmetic.

A cell holds the samples that are alike in everything that shares are asked of: receipts, asked for a total, by one
teacher. Raking (iterative proportional fitting, Deming and Stephan 1940) starts from what there is and scales cells
until each margin has its shares; here a cell never gives more than it holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import mul
from typing import Literal

TOLERANCE = 0.002  # of the samples may lie in a wrong category before a set counts as crooked
_ROUNDS = 80
_LOOK, _STUCK = 10, 0.9  # every so many rounds: what moves must have become less than so much of what it was
_BISECTIONS = 16
_STILL = 1e-4  # of the samples
_MOST = 1e9  # a cell's weight, in times of what it holds


@dataclass(frozen=True, slots=True)
class Margin:
    """One thing that shares are asked of: each cell's category (a number), and each category's share. Sum: 1."""

    category: Sequence[int]
    shares: Sequence[float]


def rake(
    counts: Sequence[int],
    margins: Sequence[Margin],
    size: int | None = None,
    prefer: Literal["shares", "size"] = "shares",
) -> list[int]:
    """How many samples to take of each cell.

    Shares that can't be had together come as near as raking gets, in the largest set that it gets so near with.

    Args:
        counts: what each cell holds.
        margins: what is asked.
        size: at most so many samples; None for as many as the shares allow.
        prefer: `shares` gives a smaller set rather than a crooked one, `size` fills up to the size (all, if None).

    Returns:
        One number a cell, none above what the cell holds.
    """
    total = sum(counts)
    most = min(total, size) if size is not None else total
    if not most:
        return [0] * len(counts)
    if not margins:
        return _whole([count * most / total for count in counts], counts)
    if prefer == "size":
        return _whole(_filled(_fitted(counts, margins, most), counts, margins, most), counts)
    # What a set without limits gets wrong, no smaller set gets right.
    unavoidable = _off(_fitted(counts, margins, 1.0, limited=False), margins, 1.0)
    high = float(most) if unavoidable > TOLERANCE else min(most, _scarcest(counts, margins))
    return _whole(_largest(counts, margins, high, TOLERANCE + unavoidable), counts)


def _scarcest(counts: Sequence[int], margins: Sequence[Margin]) -> float:
    """The size of set, a little more, in which the scarcest category is used up."""
    return (1 + TOLERANCE) * min(
        there / share
        for margin in margins
        for there, share in zip(_sums(counts, margin), margin.shares, strict=True)
        if share > 0
    )


def _largest(counts: Sequence[int], margins: Sequence[Margin], high: float, allowed: float) -> list[float]:
    """The largest set up to the size `high` of which no more than `allowed` lies in a wrong category."""
    found = _fitted(counts, margins, high)
    if _off(found, margins, high) <= allowed:
        return found
    low, found = 0.0, [0.0] * len(counts)
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        tried = _fitted(counts, margins, middle)
        if _off(tried, margins, middle) <= allowed:
            low, found = middle, tried
        else:
            high = middle
        if high - low < 1:
            break
    return found


def _fitted(counts: Sequence[int], margins: Sequence[Margin], size: float, *, limited: bool = True) -> list[float]:
    """The cells' samples (not whole) of a set of `size`, scaled margin by margin until nothing moves."""
    total = sum(counts)
    weights = [count * size / total for count in counts]
    limit = [float(count) if limited else _MOST for count in counts]
    most = [_MOST * count for count in counts]
    before = float("inf")
    for turn in range(_ROUNDS):
        moved = 0.0
        for margin in margins:
            have = _sums(list(map(min, weights, limit)), margin)
            wanted = [share * size for share in margin.shares]
            moved = max(moved, *(abs(want - sum_) / size for want, sum_ in zip(wanted, have, strict=True)))
            factors = [want / sum_ if sum_ > 0 else 0.0 for want, sum_ in zip(wanted, have, strict=True)]
            scaled = map(mul, weights, map(factors.__getitem__, margin.category))
            weights = list(map(min, scaled, most))
        if moved < _STILL:
            break
        if turn % _LOOK == 0:  # margins that can't all be met go round in a circle
            if moved > _STUCK * before:
                break
            before = moved
    return list(map(min, weights, limit))


def _sums(values: Sequence[float], margin: Margin) -> list[float]:
    sums = [0.0] * len(margin.shares)
    for value, category in zip(values, margin.category, strict=True):
        sums[category] += value
    return sums


def _off(found: Sequence[float], margins: Sequence[Margin], size: float) -> float:
    """The share of samples that would have to lie in another category, over all margins, what is missing included."""
    return sum(
        abs(share - have / size) / 2
        for margin in margins
        for share, have in zip(margin.shares, _sums(found, margin), strict=True)
    )


def _filled(found: Sequence[float], counts: Sequence[int], margins: Sequence[Margin], size: int) -> list[float]:
    """Filled up to `size` from whatever has room and a share; or cut down to it."""
    wanted = [all(margin.shares[margin.category[i]] > 0 for margin in margins) for i in range(len(counts))]
    room = [count - have if ok else 0.0 for count, have, ok in zip(counts, found, wanted, strict=True)]
    missing = size - sum(found)
    if missing < 0:
        return [have * size / sum(found) for have in found]
    share = min(1.0, missing / sum(room)) if sum(room) > 0 else 0.0
    return [have + share * free for have, free in zip(found, room, strict=True)]


def _whole(found: Sequence[float], counts: Sequence[int]) -> list[int]:
    """Rounded to whole numbers with the same sum, the largest remainders up."""
    whole = [min(count, int(value + 1e-6)) for value, count in zip(found, counts, strict=True)]
    order = sorted(range(len(whole)), key=lambda i: (whole[i] - found[i], i))
    missing = round(sum(found)) - sum(whole)
    for i in order:
        if missing <= 0:
            break
        if whole[i] < counts[i]:
            whole[i], missing = whole[i] + 1, missing - 1
    return whole
