"""How the filter's rules do against people, and people against each other. Pure functions over tables.

A rule is right where it rejects what people reject. Of pairs drawn at random for review (`sampling` is `random`) both
its precision and its recall can be told for the whole set. Pairs that came before people for another reason, such as a
score near its bound, are no sample of the set: what they tell is reported apart, and recall not at all.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

import polars as pl

from glossator import intervals
from glossator.intervals import Interval
from glossator.people import decided
from glossator.verdict_log import FROM_EDIT

RANDOM, OTHER = "random", "other"
_WORK = 400_000  # clusters drawn for one interval, at most


@dataclass(frozen=True, slots=True)
class RuleAgainstPeople:
    """One rule over the pairs that people decided.

    Attributes:
        rejects: how many of them it rejects.
        right: how many of those people reject too.
        precision: `right` of `rejects`; None where it rejects none.
        recall: `right` of all that people reject; None where they reject none, and for pairs not drawn at random.
    """

    rule: str
    rejects: int
    right: int
    precision: Interval | None
    recall: Interval | None


@dataclass(frozen=True, slots=True)
class FilterAgainstPeople:
    """All rules together over the pairs that people decided and that came before them in one way.

    Attributes:
        sampling: `random`, or `other`.
        pairs: how many there are.
        people_reject, rules_reject, both_reject: how many are rejected by whom.
        precision: of what the rules reject, the share that people reject.
        recall: of what people reject, the share that the rules reject (only for pairs drawn at random).
        accuracy: the share on which rules and people agree.
        kappa: the same beyond chance (Cohen 1960); None where one of the two always says the same.
        wrong_of_kept: of what the rules keep, the share that people reject: how bad the kept set is.
        rules: one each, those that reject most first.
    """

    sampling: str
    pairs: int
    people_reject: int
    rules_reject: int
    both_reject: int
    precision: Interval | None
    recall: Interval | None
    accuracy: Interval | None
    kappa: Interval | None
    wrong_of_kept: Interval | None
    rules: tuple[RuleAgainstPeople, ...]


@dataclass(frozen=True, slots=True)
class TwoReviewers:
    """How far two people agree on the pairs that both judged. An edit counts as a rejection of the pair as it was."""

    one: str
    other: str
    pairs: int
    same: Interval
    kappa: Interval | None


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A pair on which people differ.

    Attributes:
        keep: what the majority says; None where it is even.
        said: for each person: name, verdict, reason.
    """

    pair_id: str
    image_id: str
    keep: bool | None
    said: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, slots=True)
class AgainstPeople:
    """All that people's verdicts tell.

    Attributes:
        judged: pairs that people have judged.
        undecided: those of them on which people are evenly divided: the rules decide, and they count in no figure.
        not_here: judged pairs that have no verdict of the filter (of another recipe, say).
        filters: over pairs drawn at random, and over the others, where there are any.
        reviewers: each two people that have judged the same pair.
        disagreements: by pair.
    """

    judged: int
    undecided: int
    not_here: int
    filters: tuple[FilterAgainstPeople, ...]
    reviewers: tuple[TwoReviewers, ...]
    disagreements: tuple[Disagreement, ...]

    def to_json(self) -> dict[str, Any]:
        """As plain JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class _Case:
    image_id: str
    person: bool  # rejects it
    rules: frozenset[str]


def against_people(human: pl.LazyFrame, verdicts: pl.LazyFrame) -> AgainstPeople:
    """Measure the rules of `verdicts` against what people said.

    Args:
        human: table `human`. What it says of pairs for the sake of who edited them is no judgement and is left out.
        verdicts: table `verdicts`; its column `rules` has what the rules say, whatever people said.
    """
    judged = human.filter(pl.col("sampling") != FROM_EDIT)
    drawn = judged.group_by("pair_id").agg((pl.col("sampling") == RANDOM).any().alias("random"))
    ruled = verdicts.select("pair_id", "image_id", pl.coalesce("rules", "reasons").alias("rules"))
    known = drawn.join(ruled, on="pair_id").join(decided(judged), on="pair_id", how="left").sort("pair_id").collect()
    cases: dict[str, list[_Case]] = {RANDOM: [], OTHER: []}
    for row in known.filter(pl.col("person_keep").is_not_null()).iter_rows(named=True):
        case = _Case(row["image_id"], not row["person_keep"], frozenset(row["rules"] or ()))
        cases[RANDOM if row["random"] else OTHER].append(case)
    pairs = int(drawn.select(pl.len()).collect().item())
    return AgainstPeople(
        judged=pairs,
        undecided=known["person_keep"].null_count(),
        not_here=pairs - known.height,
        filters=tuple(_filter(sampling, some) for sampling, some in cases.items() if some),
        reviewers=tuple(reviewers(judged)),
        disagreements=tuple(disagreements(human)),
    )


def reviewers(human: pl.LazyFrame) -> list[TwoReviewers]:
    """Each two people that have judged the same pair, by name."""
    said: dict[str, dict[str, tuple[str, bool]]] = {}
    for row in human.sort("reviewer", "pair_id").collect().iter_rows(named=True):
        said.setdefault(row["reviewer"], {})[row["pair_id"]] = (row["image_id"], row["verdict"] == "keep")
    found = []
    for (one, left), (other, right) in combinations(said.items(), 2):
        shared = [(left[pair][1], right[pair][1], left[pair][0]) for pair in left if pair in right]
        if shared:
            a, b, images = (list(column) for column in zip(*shared, strict=True))
            same = _share([x == y for x, y in zip(a, b, strict=True)], images)
            assert same is not None
            found.append(TwoReviewers(one, other, len(shared), same, kappa(a, b, images)))
    return found


def disagreements(human: pl.LazyFrame) -> list[Disagreement]:
    """The pairs that one person would keep as they are and another would not, by pair id.

    Who made a pair by an edit would keep it.
    """
    rows = human.sort("pair_id", "reviewer").collect()
    majority: Mapping[str, bool] = dict(decided(human).select("pair_id", "person_keep").collect().iter_rows())
    said: dict[str, list[dict[str, Any]]] = {}
    for row in rows.iter_rows(named=True):
        said.setdefault(row["pair_id"], []).append(row)
    return [
        Disagreement(
            pair_id,
            some[0]["image_id"],
            majority.get(pair_id),
            tuple((row["reviewer"], row["verdict"], row["reason"]) for row in some),
        )
        for pair_id, some in said.items()
        if len({row["verdict"] == "keep" for row in some}) > 1
    ]


def kappa(one: Sequence[bool], other: Sequence[bool], clusters: Sequence[str]) -> Interval | None:
    """Cohen's kappa of two judges (Cohen 1960), with the 2.5th and 97.5th percentile over draws of whole clusters.

    `(p_o - p_e) / (1 - p_e)`: how far they agree beyond what their own shares of each word give by chance. None where
    chance alone would make them agree always: both say one word throughout. Where they never differ, every draw is the
    same; the lower end is then that of the share on which they agree (see `intervals.mean`). With fewer than two
    clusters, or where one of them says one word throughout, it is the whole range -1..1.
    """
    tables: dict[str, list[int]] = {}
    for a, b, cluster in zip(one, other, clusters, strict=True):
        tables.setdefault(cluster, [0, 0, 0, 0])[2 * a + b] += 1
    cells = [tuple(table) for table in tables.values()]
    value = _kappa(cells)
    if value is None:
        return None
    drawn = _draws(cells, _kappa)
    low, high = (drawn[int(len(drawn) * 0.025)], drawn[int(len(drawn) * 0.975)]) if drawn else (-1.0, 1.0)
    if low == high:
        chance = sum(one) / len(one)
        unseen = (1 - 0.025 ** (1 / len(cells))) / (2 * chance * (1 - chance)) if value == 1 else 2.0
        low, high = max(-1.0, 1 - unseen), 1.0
    return Interval(value, low, high, len(one), len(cells))


def _kappa(tables: Iterable[Sequence[int]]) -> float | None:
    neither, second, first, both = (sum(column) for column in zip(*tables, strict=True))
    n = neither + second + first + both
    observed = (neither + both) / n
    expected = ((first + both) * (second + both) + (neither + second) * (neither + first)) / n**2
    return None if expected == 1 else (observed - expected) / (1 - expected)


def _draws(cells: Sequence[Sequence[int]], value: Callable[[Iterable[Sequence[int]]], float | None]) -> list[float]:
    if len(cells) < 2:
        return []
    rng = random.Random(0)
    drawn = (value(rng.choices(cells, k=len(cells))) for _ in range(_rounds(len(cells))))
    return sorted(one for one in drawn if one is not None)


def _filter(sampling: str, cases: Sequence[_Case]) -> FilterAgainstPeople:
    bad = [case for case in cases if case.person]
    rejected = [case for case in cases if case.rules]
    kept = [case for case in cases if not case.rules]
    at_random = sampling == RANDOM
    images = [case.image_id for case in cases]
    names = {rule for case in cases for rule in case.rules}
    rules = [_rule(name, cases, bad, at_random=at_random) for name in names]
    return FilterAgainstPeople(
        sampling=sampling,
        pairs=len(cases),
        people_reject=len(bad),
        rules_reject=len(rejected),
        both_reject=sum(case.person for case in rejected),
        precision=_share([case.person for case in rejected], [case.image_id for case in rejected]),
        recall=_share([bool(case.rules) for case in bad], [case.image_id for case in bad]) if at_random else None,
        accuracy=_share([bool(case.rules) == case.person for case in cases], images),
        kappa=kappa([bool(case.rules) for case in cases], [case.person for case in cases], images),
        wrong_of_kept=_share([case.person for case in kept], [case.image_id for case in kept]),
        rules=tuple(sorted(rules, key=lambda rule: (-rule.rejects, rule.rule))),
    )


def _rule(name: str, cases: Sequence[_Case], bad: Sequence[_Case], *, at_random: bool) -> RuleAgainstPeople:
    hits = [case for case in cases if name in case.rules]
    return RuleAgainstPeople(
        rule=name,
        rejects=len(hits),
        right=sum(case.person for case in hits),
        precision=_share([case.person for case in hits], [case.image_id for case in hits]),
        recall=_share([name in case.rules for case in bad], [case.image_id for case in bad]) if at_random else None,
    )


def _share(values: Sequence[bool], images: Sequence[str]) -> Interval | None:
    """The share of true ones, with its interval over draws of whole images; None of none."""
    if not values:
        return None
    return intervals.mean([float(value) for value in values], images, rounds=_rounds(len(set(images))))


def _rounds(clusters: int) -> int:
    """Rounds of the bootstrap: fewer where there are so many clusters that it would take minutes."""
    return max(200, min(intervals.ROUNDS, _WORK // clusters))
