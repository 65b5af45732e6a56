"""Which pairs say what a question of a test set says."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import polars as pl

from glossator.copies.test_sets import TestSet, whole
from glossator.copies.words import grams, stable_hash, words


@dataclass(frozen=True, slots=True)
class Rule:
    """When a text in common tells something.

    Attributes:
        words: question and answer as a whole count if they have at least so many words.
        common: what stands in more items of the test set, or beside more images of the set, tells nothing.
    """

    words: int
    common: int


@dataclass(frozen=True, slots=True)
class Hit:
    """Row `row` of the pairs says what `item` of the test set says; `how` says in a few words what they share."""

    row: int
    item: str
    how: str


@dataclass(frozen=True, slots=True)
class _Found:
    row: int
    image: str
    key: int
    item: int
    how: str


def leaks(pairs: Iterable[tuple[str, str, str]], test_set: TestSet, rule: Rule) -> list[Hit]:
    """Pairs that share a long run of words, or question and answer as a whole, with a question of the test set.

    Args:
        pairs: image id, question and answer of each.
        test_set: what they are checked against.
        rule: what tells nothing.

    Returns:
        At most one hit a pair, by row: a run of words before the whole.
    """
    index = _Index(test_set, rule)
    found: list[_Found] = []
    askers: dict[int, set[str]] = defaultdict(set)
    for row, (image, question, answer) in enumerate(pairs):
        asked, said = words(question), words(answer)
        key = stable_hash(" ".join(asked))
        if key in index.asked and len(askers[key]) <= rule.common:
            askers[key].add(image)
        found.extend(index.found(row, image, asked, said, key))
    beside: dict[int, set[str]] = defaultdict(set)
    for one in found:
        beside[one.key].add(one.image)
    hits: dict[int, Hit] = {}
    for one in found:
        images = askers[one.key] if one.key in index.asked else beside[one.key]
        if len(images) <= rule.common:
            hits.setdefault(one.row, Hit(one.row, index.items[one.item], one.how))
    return list(hits.values())


class _Index:
    """A test set's texts by hash; of what is common in it, nothing."""

    def __init__(self, test_set: TestSet, rule: Rule) -> None:
        rows = test_set.questions()
        self.items: list[str] = rows["item"].to_list()
        self._words, self._least = test_set.words, rule.words
        asked: list[int] = rows["asked"].to_list()
        often = Counter(asked)
        self.asked = {key for key, count in often.items() if count <= rule.common}
        self._grams = _by_hash(rows["grams"], rule.common)
        alone = pl.Series([key in self.asked for key in asked], dtype=pl.Boolean)
        self._wholes = _by_hash(rows.select(pl.when(alone).then("wholes"))["wholes"], rule.common)

    def found(self, row: int, image: str, asked: list[str], said: list[str], key: int) -> Iterator[_Found]:
        """What a pair shares with the test set, common or not in the pairs."""
        if len(asked) + len(said) >= self._words:
            for gram in sorted(grams(asked + said, self._words)):
                if gram in self._grams:
                    yield _Found(row, image, gram, self._grams[gram], f"{self._words} words in a row")
        if len(asked) + len(said) >= self._least:
            item = self._wholes.get(whole(asked, said))
            if item is not None:
                yield _Found(row, image, key, item, "question and answer")


def _by_hash(listed: pl.Series, common: int) -> dict[int, int]:
    """The first row that holds each hash, for hashes that at most `common` rows hold."""
    rows = listed.to_frame("hash").with_row_index("row").explode("hash").drop_nulls()
    counted = rows.group_by("hash").agg(pl.col("row").min(), pl.col("row").n_unique().alias("rows"))
    kept = counted.filter(pl.col("rows") <= common)
    return dict(zip(kept["hash"].to_list(), kept["row"].to_list(), strict=True))
