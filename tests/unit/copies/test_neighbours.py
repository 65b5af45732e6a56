"""The search finds what counting all bits finds."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from glossator.copies.neighbours import Index, Nearest

Bytes = NDArray[np.uint8]


def pages(count: int, rng: np.random.Generator) -> Bytes:
    """Hashes as pages have them: mixtures of a few patterns, with some bits turned."""
    patterns = rng.standard_normal((12, 256))
    signs = rng.standard_normal((count, 12)) @ patterns + rng.standard_normal((count, 256))
    return np.packbits(signs > 0, axis=1)


def turned(hashes: Bytes, bits: int, rng: np.random.Generator) -> Bytes:
    flips = np.zeros((len(hashes), 256), dtype=bool)
    for row in flips:
        row[rng.choice(256, bits, replace=False)] = True
    return hashes ^ np.packbits(flips, axis=1)


def found(index: Bytes, queries: Bytes, radius: int) -> dict[tuple[int, int], int]:
    pairs: dict[tuple[int, int], int] = {}
    for near in Index(index).search(queries, radius):
        pairs |= dict(zip(zip(near.query.tolist(), near.found.tolist(), strict=True), near.bits.tolist(), strict=True))
    return pairs


def test_few_bits_are_found_and_counted() -> None:
    rng = np.random.default_rng(0)
    index = pages(300, rng)
    pairs = found(index, turned(index[:50], 9, rng), 10)
    assert all(pairs[row, row] == 9 for row in range(50))
    assert max(pairs.values()) <= 10


@pytest.mark.parametrize(("bits", "least"), [(0, 1.0), (20, 0.97), (40, 0.85)])
def test_most_are_found_among_many_cells(bits: int, least: float) -> None:
    rng = np.random.default_rng(1)
    index = pages(12_000, rng)
    asked = rng.choice(len(index), 400, replace=False)
    pairs = found(index, turned(index[asked], bits, rng), 64)
    assert np.mean([pairs.get((number, int(row))) == bits for number, row in enumerate(asked)]) >= least


def test_no_hashes_have_no_neighbours() -> None:
    nothing = np.zeros((0, 32), dtype=np.uint8)
    one = np.zeros((1, 32), dtype=np.uint8)
    assert not found(nothing, one, 10)
    assert not found(one, nothing, 10)


def test_the_nearest_few_are_kept_in_whatever_order_they_come() -> None:
    best = Nearest(2)
    best.add(np.array([5, 5, 1]), np.array([3, 2, 0]), np.array([9, 7, 4]))
    best.add(np.array([5, 5]), np.array([3, 4]), np.array([1, 8]))
    assert best.pairs().rows() == [(1, 0), (5, 3), (5, 2)]
