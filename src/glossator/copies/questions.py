"""Which questions with their answers are asked before, in nearly the same words: MinHash by the library rensa.

Only texts of one *scope* are compared (pairs with the same answer and figures, of one image or of all), so that a
question that fits thousands of images costs nothing.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from glossator.copies.words import stable_hash, words
from glossator.errors import MissingExtraError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_PERMUTATIONS = 64
_BANDS = 16  # of 4 values each: at a similarity of 0.8, one in 5,000 pairs has no band in common
_SEED = 1
_BLOCK = 50_000
_MIX = 0x9E3779B97F4A7C15


def copies(scopes: Sequence[str], families: Sequence[str], questions: Sequence[str], least: float) -> dict[int, int]:
    """For each row that copies an earlier one which itself copies none: that row.

    Args:
        scopes: `[n]`; rows of different scopes are never compared. A row of the empty scope is compared with none.
        families: `[n]`; rows of one family (a pair and its repairs) are no copies of one another.
        questions: `[n]`.
        least: the lowest similarity of copies: words and pairs of words in common, as a share of all (Jaccard).

    Raises:
        MissingExtraError: if rensa is not installed.
    """
    import numpy as np

    seen = Counter(scopes)
    rows = [row for row, scope in enumerate(scopes) if scope and seen[scope] > 1]
    keys = np.array([stable_hash(scopes[row]) for row in rows], dtype=np.uint64)
    candidates = _candidates(_bands([questions[row] for row in rows]), keys)
    found: dict[int, int] = {}
    for place in sorted(candidates):
        row = rows[place]
        mine = _features(questions[row])
        for earlier in (rows[one] for one in sorted(candidates[place])):
            if earlier in found or families[earlier] == families[row]:
                continue
            if _similarity(mine, _features(questions[earlier])) >= least:
                found[row] = earlier
                break
    return found


def _features(question: str) -> set[str]:
    """Words and pairs of neighbouring words."""
    listed = words(question)
    return {*listed, *(" ".join(pair) for pair in pairwise(listed))}


def _similarity(a: set[str], b: set[str]) -> float:
    return len(a & b) / len(a | b) if a or b else 1.0


def _bands(questions: Sequence[str]) -> NDArray[np.uint64]:
    """Each question's bands of its MinHash signature, mixed to 64 bits each: `[n, bands]`."""
    import numpy as np

    try:
        from rensa import RMinHash
    except ImportError:
        raise MissingExtraError("near-duplicate questions", "copies") from None
    parts = [np.zeros((0, _BANDS), dtype=np.uint64)]
    for start in range(0, len(questions), _BLOCK):
        features = [sorted(_features(question)) for question in questions[start : start + _BLOCK]]
        signatures = np.array(RMinHash.digests_from_token_sets(features, _PERMUTATIONS, _SEED), dtype=np.uint64)
        rows = signatures.reshape(len(features), _BANDS, -1)
        mixed = np.zeros(rows.shape[:2], dtype=np.uint64)
        for column in range(rows.shape[2]):
            mixed = _mixed(mixed, rows[:, :, column])
        parts.append(mixed)
    return np.concatenate(parts)


def _mixed(key: NDArray[np.uint64], value: NDArray[np.uint64]) -> NDArray[np.uint64]:
    import numpy as np

    mixed: NDArray[np.uint64] = (key ^ value) * np.uint64(_MIX)
    return mixed ^ (mixed >> np.uint64(29))


def _candidates(bands: NDArray[np.uint64], scopes: NDArray[np.uint64]) -> dict[int, set[int]]:
    """For each row the first and the last earlier row that share a band (and the scope) with it."""
    found: dict[int, set[int]] = defaultdict(set)
    for band in range(bands.shape[1]):
        for row, earlier in _earlier(_mixed(bands[:, band], scopes)):
            found[row].add(earlier)
    return found


def _earlier(keys: NDArray[np.uint64]) -> Iterator[tuple[int, int]]:
    import numpy as np

    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    again = np.flatnonzero(ordered[1:] == ordered[:-1]) + 1
    first = np.searchsorted(ordered, ordered[again])
    yield from zip(order[again].tolist(), order[first].tolist(), strict=True)
    yield from zip(order[again].tolist(), order[again - 1].tolist(), strict=True)
