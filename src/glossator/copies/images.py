"""Which pictures are copies of which: within a set, and of a test set's."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, TypeAlias

from glossator.copies.neighbours import Near, nearest
from glossator.copies.pictures import BITS, CROPS, pixels
from glossator.copies.second_look import Look, look

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

_BYTES = BITS // 8
_LOOKED_AT_ONCE = 20_000
_COPIES_OF_ONE = 100  # that are found from the original's side, at most: bounds the memory
# The small pictures of some rows, by row number.
Fetch: TypeAlias = Callable[[list[int]], Mapping[int, bytes]]


@dataclass(frozen=True, slots=True)
class Rule:
    """When two pictures count as copies of one another.

    Attributes:
        radius: bits, of 256, that their hashes may differ in for a second look.
        candidates: second looks at each picture, at most; the nearest first.
        worst: the largest `Look.worst` of a copy.
        unevenness: the largest `Look.unevenness` of a copy.
    """

    radius: int
    candidates: int
    worst: float
    unevenness: float

    def same(self, seen: Look) -> bool:
        """Whether the second look tells a copy."""
        return seen.worst <= self.worst and seen.unevenness <= self.unevenness


@dataclass(frozen=True, slots=True)
class Copy:
    """Row `row` shows what row `of` shows; `worst` is how much their worst places differ (see `Look`)."""

    row: int
    of: int
    worst: float


def hash_bytes(hashes: pl.Series) -> NDArray[np.uint8]:
    """A column of the table `hashes`, as bytes: `[n, crops, 32]`."""
    import numpy as np

    joined = hashes.list.join("").str.decode("hex")
    if not len(joined):
        return np.zeros((0, len(CROPS), _BYTES), dtype=np.uint8)
    return np.frombuffer(b"".join(joined.to_list()), dtype=np.uint8).reshape(-1, len(CROPS), _BYTES)


def copies_within(hashes: NDArray[np.uint8], thumbnails: Fetch, rule: Rule) -> Iterator[Copy]:
    """For each row that copies an earlier one which itself copies none: the nearest such.

    Args:
        hashes: `[n, crops, 32]`.
        thumbnails: gives the small pictures of some rows.
        rule: what counts as a copy.
    """
    import numpy as np

    listed = _few_of_each(hashes[:, 0], rule.candidates)
    near = _near(hashes[listed], hashes, rule, _COPIES_OF_ONE)
    a, b = near.query, listed[near.found]
    two = a != b
    later, earlier = np.maximum(a, b)[two], np.minimum(a, b)[two]
    pairs = _ordered(Near(later, earlier, near.bits[two]), rule.candidates)
    copies: set[int] = set()
    for copy in _looked_at(pairs, thumbnails, thumbnails, rule, lambda row: row in copies):
        copies.add(copy.row)
        yield copy


def copies_across(
    hashes: NDArray[np.uint8],
    thumbnails: Fetch,
    test_hashes: NDArray[np.uint8],
    test_thumbnails: Fetch,
    rule: Rule,
) -> Iterator[Copy]:
    """For each row that copies a row of the test set: the nearest such. Shapes as in `copies_within`."""
    import numpy as np

    listed = _few_of_each(test_hashes[:, 0], rule.candidates)
    there = _near(test_hashes[listed], hashes, rule, rule.candidates)
    back = _near(hashes[:, 0], test_hashes, rule, _COPIES_OF_ONE)
    row = np.concatenate([there.query, back.found])
    of = np.concatenate([listed[there.found], back.query])
    pairs = _ordered(Near(row, of, np.concatenate([there.bits, back.bits])), rule.candidates)
    yield from _looked_at(pairs, thumbnails, test_thumbnails, rule, lambda _row: False)


def _near(whole: NDArray[np.uint8], hashes: NDArray[np.uint8], rule: Rule, most: int) -> Near:
    """Whole pictures (`[m, 32]`) that resemble each row's picture, whole or cropped."""
    import numpy as np

    rows, crops = hashes.shape[:2]
    owner = np.repeat(np.arange(rows), crops)
    return nearest(whole, hashes.reshape(-1, _BYTES), owner, rule.radius, most)


def _few_of_each(whole: NDArray[np.uint8], most: int) -> NDArray[np.int64]:
    """Rows of which at most `most` have the same hash, the first ones: a blank page may stand there 100,000 times."""
    import numpy as np

    same = np.unique(whole, axis=0, return_inverse=True)[1].ravel()
    order = np.argsort(same, kind="stable")
    starts = np.searchsorted(same[order], same[order])
    return np.sort(order[np.arange(len(order)) - starts < most])


def _ordered(near: Near, most: int) -> list[tuple[int, int]]:
    """Pairs, each once, by the first row; of each the nearest `most`, nearest first."""
    import polars as pl

    pairs = pl.DataFrame({"row": near.query, "of": near.found, "bits": near.bits})
    pairs = pairs.group_by("row", "of").agg(pl.col("bits").min()).sort("row", "bits", "of")
    return pairs.group_by("row", maintain_order=True).head(most).select("row", "of").rows()


def _looked_at(
    pairs: Iterable[tuple[int, int]], ours: Fetch, theirs: Fetch, rule: Rule, passed_over: Callable[[int], bool]
) -> Iterator[Copy]:
    """The first of each row's pairs that a second look confirms. Small pictures are fetched for some rows at a time."""
    for block in _blocks(list(pairs)):
        mine = ours(sorted({row for row, _ in block}))
        others = theirs(sorted({of for _, of in block}))
        for row, of_row in groupby(block, key=lambda pair: pair[0]):
            for _, of in of_row:
                if passed_over(of):
                    continue
                seen = look(pixels(mine[row]), pixels(others[of]))
                if rule.same(seen):
                    yield Copy(row, of, seen.worst)
                    break


def _blocks(pairs: list[tuple[int, int]]) -> Iterator[list[tuple[int, int]]]:
    """Pairs in blocks; a row's pairs stay together."""
    start = 0
    while start < len(pairs):
        end = min(len(pairs), start + _LOOKED_AT_ONCE)
        while end < len(pairs) and pairs[end][0] == pairs[end - 1][0]:
            end += 1
        yield pairs[start:end]
        start = end
