"""Which pictures are copies of which: within a set, and of a test set's."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from glossator.copies.neighbours import Index, Nearest
from glossator.copies.pictures import BITS, CROPS, pixels
from glossator.copies.second_look import Look, look

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

_BYTES = BITS // 8
_LOOKED_AT_ONCE = 20_000
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
    copies: set[int] = set()
    pairs = candidates_within(hashes, rule)
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
    pairs = _candidates_across(hashes, test_hashes, rule)
    yield from _looked_at(pairs, thumbnails, test_thumbnails, rule, lambda _row: False)


def candidates_within(hashes: NDArray[np.uint8], rule: Rule) -> pl.DataFrame:
    """Pairs of rows whose hashes are near, `row` and the earlier `of`: of each row the nearest few, nearest first."""
    import numpy as np

    best = Nearest(rule.candidates)
    listed = _few_of_each(hashes[:, 0], rule.candidates)
    for a, found, bits in _near(hashes[listed, 0], hashes, rule):
        b = listed[found]
        two = a != b
        best.add(np.maximum(a, b)[two], np.minimum(a, b)[two], bits[two])
    return best.pairs()


def _candidates_across(hashes: NDArray[np.uint8], test_hashes: NDArray[np.uint8], rule: Rule) -> pl.DataFrame:
    best = Nearest(rule.candidates)
    listed = _few_of_each(test_hashes[:, 0], rule.candidates)
    for row, found, bits in _near(test_hashes[listed, 0], hashes, rule):
        best.add(row, listed[found], bits)
    for of, row, bits in _near(hashes[:, 0], test_hashes, rule):
        best.add(row, of, bits)
    return best.pairs()


def _near(
    whole: NDArray[np.uint8], hashes: NDArray[np.uint8], rule: Rule
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]]:
    """Rows of `hashes` whose picture, whole or cropped, resembles a whole picture (`[m, 32]`); that one; the bits."""
    crops = hashes.shape[1]
    for near in Index(whole).search(hashes.reshape(-1, _BYTES), rule.radius):
        yield near.query // crops, near.found, near.bits


def _few_of_each(whole: NDArray[np.uint8], most: int) -> NDArray[np.int64]:
    """Rows of which at most `most` have the same hash, the first ones: a blank page may stand there 100,000 times."""
    import numpy as np

    same = np.unique(whole, axis=0, return_inverse=True)[1].ravel()
    order = np.argsort(same, kind="stable")
    starts = np.searchsorted(same[order], same[order])
    return np.sort(order[np.arange(len(order)) - starts < most])


def _looked_at(
    pairs: pl.DataFrame, ours: Fetch, theirs: Fetch, rule: Rule, passed_over: Callable[[int], bool]
) -> Iterator[Copy]:
    """The first of each row's pairs that a second look confirms. Small pictures are fetched for some rows at a time."""
    confirmed = -1
    for start in range(0, len(pairs), _LOOKED_AT_ONCE):
        block = pairs[start : start + _LOOKED_AT_ONCE]
        mine = ours(sorted(set(block["row"])))
        others = theirs(sorted(set(block["of"])))
        for row, of in block.iter_rows():
            if row == confirmed or passed_over(of):
                continue
            seen = look(pixels(mine[row]), pixels(others[of]))
            if rule.same(seen):
                confirmed = row
                yield Copy(row, of, seen.worst)
