"""For each of many hashes those that differ in few bits, for a million and more, in bounded memory.

Hashes of pages are far from random: a few directions tell most of what differs. So hashes are put on their principal
directions, sorted into cells around centres (as inverted files of vector search have it), and compared within the
nearest cells only; what stays near is then counted bit by bit. Same input, same output: all that is drawn has a seed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import polars as pl

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Hashes: TypeAlias = "NDArray[np.uint8]"
Vectors: TypeAlias = "NDArray[np.float32]"
Rows: TypeAlias = "NDArray[np.int64]"
_BITS = 256
_PAIRS = pl.Schema({"row": pl.UInt32, "of": pl.UInt32, "bits": pl.UInt16})  # millions of them: as small as can be
_DIRECTIONS = 64
_SAMPLE = 20_000
_ROUNDS = 6
_ALL_BELOW = 4_096  # fewer hashes than this stand in one cell: all are compared with all
_CELL = 500  # hashes a cell should hold
_MOST_CELLS = 2_048
_PROBES = 4
_BLOCK = 8_192
_MOST_AT_ONCE = 8_000_000
_MOST_WAITING = 4_000_000


@dataclass(frozen=True, slots=True)
class Near:
    """Pairs of rows that are near each other: a row of the queries, a row of the index, and the bits that differ."""

    query: Rows
    found: Rows
    bits: Rows


class Index:
    """Hashes that are searched."""

    def __init__(self, hashes: Hashes) -> None:
        """`hashes`: `[n, 32]` bytes each row."""
        import numpy as np

        self._hashes = hashes
        self._cells = 1 if len(hashes) < _ALL_BELOW else min(_MOST_CELLS, len(hashes) // _CELL)
        self._directions = _directions(hashes)
        if self._cells == 1:
            self._centres = np.zeros((1, self._directions.shape[1]), dtype=np.float32)
        else:
            self._centres = _centres(self._vectors(_sample(hashes)), self._cells)
        cell = np.concatenate([self._nearest(block, 1)[:, 0] for block in _blocks(hashes)] or [np.zeros(0, np.int64)])
        self._order = np.argsort(cell, kind="stable")
        self._starts = np.searchsorted(cell[self._order], np.arange(self._cells + 1))

    def search(self, queries: Hashes, radius: int) -> Iterator[Near]:
        """What differs in at most `radius` bits from each of the queries (`[m, 32]`), cell by cell, in no order."""
        import numpy as np

        probes = min(_PROBES, self._cells)
        cells = [self._nearest(block, probes).astype(np.int16).ravel() for block in _blocks(queries)]
        if not cells or not len(self._hashes):
            return
        cell = np.concatenate(cells)
        order = np.argsort(cell, kind="stable")
        starts = np.searchsorted(cell[order], np.arange(self._cells + 1))
        for one in range(self._cells):
            members = self._order[self._starts[one] : self._starts[one + 1]]
            asking = order[starts[one] : starts[one + 1]] // probes
            if len(members) and len(asking):
                yield from self._within(members, asking, queries, radius)

    def _within(self, members: Rows, asking: Rows, queries: Hashes, radius: int) -> Iterator[Near]:
        import numpy as np

        inside = self._hashes[members]
        vectors = self._vectors(inside)
        half = (vectors * vectors).sum(axis=1) / 2
        # Two vectors of signs that differ in b bits are 4 b apart, squared. Bits that differ by chance do so in all
        # directions alike, and these 64 of 256 show a quarter of it, more or less.
        shown = radius + 2 * radius**0.5 + 4
        reach = 4 * shown * _DIRECTIONS / _BITS / 2
        block = max(1, min(_BLOCK, _MOST_AT_ONCE // len(members)))
        for start in range(0, len(asking), block):
            rows = asking[start : start + block]
            wanted = queries[rows]
            points = self._vectors(wanted)
            # |q - v|^2 / 2 = |q|^2 / 2 + |v|^2 / 2 - q.v: near where q.v - |v|^2 / 2 is above |q|^2 / 2 - reach.
            close = points @ vectors.T - half >= ((points * points).sum(axis=1) / 2 - reach)[:, None]
            which, what = np.divmod(np.flatnonzero(close), len(members))
            bits = _differing(wanted[which], inside[what])
            kept = bits <= radius
            yield Near(rows[which[kept]], members[what[kept]], bits[kept])

    def _vectors(self, hashes: Hashes) -> Vectors:
        vectors: Vectors = _signs(hashes) @ self._directions
        return vectors

    def _nearest(self, hashes: Hashes, count: int) -> Rows:
        """The cells whose centres are nearest to each hash, `[n, count]`."""
        import numpy as np

        if self._cells == 1:
            return np.zeros((len(hashes), 1), dtype=np.int64)
        away = (self._centres**2).sum(axis=1) / 2 - self._vectors(hashes) @ self._centres.T
        found: Rows = np.argpartition(away, count - 1, axis=1)[:, :count].astype(np.int64)
        return found


class Nearest:
    """Of pairs of rows that come in any order, the nearest few of each first row; memory stays bounded."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._best = pl.DataFrame(schema=_PAIRS)
        self._waiting: list[pl.DataFrame] = []
        self._size = 0

    def add(self, row: Rows, of: Rows, bits: Rows) -> None:
        """Pairs, and how many bits they differ in; the same pair may come again."""
        self._waiting.append(pl.DataFrame({"row": row, "of": of, "bits": bits}).cast(_PAIRS))
        self._size += len(bits)
        if self._size > _MOST_WAITING:
            self._sift()

    def pairs(self) -> pl.DataFrame:
        """`row, of`, by the first row, nearest first."""
        self._sift()
        return self._best.select("row", "of")

    def _sift(self) -> None:
        rows = pl.concat([self._best, *self._waiting]).group_by("row", "of").agg(pl.col("bits").min())
        rows = rows.sort("row", "bits", "of")
        self._best = rows.group_by("row", maintain_order=True).head(self._most)
        self._waiting, self._size = [], 0


def _blocks(hashes: Hashes) -> Iterator[Hashes]:
    for start in range(0, len(hashes), _BLOCK):
        yield hashes[start : start + _BLOCK]


def _signs(hashes: Hashes) -> Vectors:
    """Bits as -1 and 1, `[n, 256]`."""
    import numpy as np

    return np.unpackbits(hashes, axis=1).astype(np.float32) * 2 - 1


def _differing(a: Hashes, b: Hashes) -> Rows:
    import numpy as np

    words = np.bitwise_xor(np.ascontiguousarray(a).view(np.uint64), np.ascontiguousarray(b).view(np.uint64))
    bits: Rows = np.bitwise_count(words).sum(axis=1, dtype=np.int64)
    return bits


def _sample(hashes: Hashes) -> Hashes:
    import numpy as np

    if len(hashes) <= _SAMPLE:
        return hashes
    chosen = np.sort(np.random.default_rng(0).choice(len(hashes), _SAMPLE, replace=False))
    return hashes[chosen]


def _directions(hashes: Hashes) -> Vectors:
    """The principal directions of the hashes' signs, `[256, 64]`."""
    import numpy as np

    signs = _signs(_sample(hashes))
    around = signs - (signs.mean(axis=0) if len(signs) else 0)
    _, vectors = np.linalg.eigh((around.T @ around).astype(np.float64))
    return vectors[:, ::-1][:, :_DIRECTIONS].astype(np.float32)


def _centres(vectors: Vectors, count: int) -> Vectors:
    """Centres of `count` cells, by rounds of Lloyd's algorithm from a drawn start."""
    import numpy as np

    chosen = np.random.default_rng(0).choice(len(vectors), min(count, len(vectors)), replace=False)
    centres = vectors[np.sort(chosen)]
    for _ in range(_ROUNDS):
        cell = ((centres**2).sum(axis=1) / 2 - vectors @ centres.T).argmin(axis=1)
        sums = np.zeros_like(centres)
        np.add.at(sums, cell, vectors)
        held = np.bincount(cell, minlength=len(centres))[:, None]
        centres = np.where(held > 0, sums / np.maximum(held, 1), centres).astype(np.float32)
    return centres
