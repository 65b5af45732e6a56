"""Rules against people, and people against each other: the figures of a small set, counted by hand."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from glossator.against_people import against_people, disagreements, kappa, reviewers
from glossator.people import decided
from glossator.records import HumanVerdict
from glossator.schemas import SCHEMAS, to_arrow


def human(*rows: tuple[str, str, str, str]) -> pl.LazyFrame:
    """From (pair, reviewer, verdict, sampling)."""
    records = [HumanVerdict(pair, pair[:1], who, verdict, "", sampling=how) for pair, who, verdict, how in rows]
    return pl.DataFrame(pl.from_arrow(to_arrow("human", records))).lazy()


def verdicts(rules: dict[str, list[str]]) -> pl.LazyFrame:
    rows = [
        {"pair_id": pair, "image_id": pair[:1], "keep": not said, "reasons": said, "rules": said, "decided_by": "rules"}
        for pair, said in rules.items()
    ]
    schema = pl.DataFrame(pl.from_arrow(SCHEMAS["verdicts"].empty_table())).schema
    return pl.LazyFrame(rows, schema=schema)


# Ten pairs of five images. People reject a1 a2 b1 c1; the rules reject a1 a2 b1 d1 e1.
RULES: dict[str, list[str]] = {
    "a1": ["long"], "a2": ["long", "misfit"], "b1": ["misfit"], "b2": [], "c1": [], "c2": [], "d1": ["long"],
    "d2": [], "e1": ["long"], "e2": [],
}  # fmt: skip
BAD = {"a1", "a2", "b1", "c1"}


def judged(how: str = "random") -> list[tuple[str, str, str, str]]:
    return [(pair, "ann", "reject" if pair in BAD else "keep", how) for pair in RULES]


def test_figures_counted_by_hand() -> None:
    found = against_people(human(*judged()), verdicts(RULES))
    (one,) = found.filters
    assert (one.sampling, one.pairs, one.people_reject, one.rules_reject, one.both_reject) == ("random", 10, 4, 5, 3)
    values = {
        name: value.value
        for name in ("precision", "recall", "accuracy", "wrong_of_kept")
        if (value := getattr(one, name))
    }
    assert values == pytest.approx({"precision": 3 / 5, "recall": 3 / 4, "accuracy": 7 / 10, "wrong_of_kept": 1 / 5})
    # p_o = .7, p_e = .4 * .5 + .6 * .5 = .5
    assert one.kappa is not None and one.kappa.value == pytest.approx(0.4)
    rules = {rule.rule: rule for rule in one.rules}
    assert list(rules) == ["long", "misfit"]
    assert (rules["long"].rejects, rules["long"].right) == (4, 2)
    assert rules["long"].precision.value == 0.5 and rules["long"].recall.value == 0.5  # type: ignore[union-attr]
    assert rules["misfit"].precision.value == 1.0 and rules["misfit"].recall.value == 0.5  # type: ignore[union-attr]
    for rule in one.rules:
        assert (
            rule.precision is not None and 0 <= rule.precision.low <= rule.precision.value <= rule.precision.high <= 1
        )
    assert rules["long"].precision.clusters == 3  # type: ignore[union-attr]


def test_only_a_random_sample_tells_recall_and_the_rest_stands_apart() -> None:
    rows = judged()
    near = [(pair, who, verdict, "near_threshold") for pair, who, verdict, _ in rows[:4]]
    found = against_people(human(*near, *rows[4:]), verdicts(RULES))
    assert [(one.sampling, one.pairs) for one in found.filters] == [("random", 6), ("other", 4)]
    other = found.filters[1]
    assert other.recall is None and all(rule.recall is None for rule in other.rules)
    assert other.precision is not None and other.precision.value == 1.0
    # Drawn at random by one, found by another on the way: it is of the random sample.
    again = against_people(human(*rows, *[(pair, "bob", verdict, "") for pair, _, verdict, _ in rows]), verdicts(RULES))
    assert [(one.sampling, one.pairs) for one in again.filters] == [("random", 10)]


def test_a_tie_counts_in_no_figure_and_is_told() -> None:
    found = against_people(human(*judged(), ("a1", "bob", "keep", ""), ("b1", "bob", "edit", "")), verdicts(RULES))
    assert (found.judged, found.undecided, found.filters[0].pairs) == (10, 1, 9)
    assert found.filters[0].people_reject == 3
    (pair,) = found.disagreements
    assert (pair.pair_id, pair.keep, pair.said) == ("a1", None, (("ann", "reject", ""), ("bob", "keep", "")))


def test_the_majority_decides() -> None:
    rows = human(("a1", "ann", "reject", ""), ("a1", "bob", "keep", ""), ("a1", "cat", "keep", ""))
    assert decided(rows).select("pair_id", "person_keep").collect().rows() == [("a1", True)]
    assert [(pair.pair_id, pair.keep) for pair in disagreements(rows)] == [("a1", True)]


def test_pairs_of_another_recipe_are_counted_apart() -> None:
    found = against_people(human(*judged(), ("z1", "ann", "keep", "random")), verdicts(RULES))
    assert (found.judged, found.not_here, found.filters[0].pairs) == (11, 1, 10)


def test_who_made_a_pair_is_no_judge_of_it() -> None:
    found = against_people(human(*judged(), ("e2", "bob", "keep", "edit")), verdicts(RULES))
    assert found.reviewers == () and found.filters[0].pairs == 10
    made = against_people(human(("e2", "bob", "keep", "edit"), ("e2", "ann", "reject", "")), verdicts(RULES))
    assert [pair.pair_id for pair in made.disagreements] == ["e2"]


def test_verdicts_that_people_have_overridden_are_measured_by_what_the_rules_say() -> None:
    overridden = verdicts(RULES).with_columns(
        pl.lit("person").alias("decided_by"),
        pl.lit([], pl.List(pl.String)).alias("reasons"),
        pl.lit(True).alias("keep"),
    )
    assert against_people(human(*judged()), overridden) == against_people(human(*judged()), verdicts(RULES))


def test_old_verdicts_without_a_column_of_rules_are_measured_by_their_reasons() -> None:
    old = verdicts(RULES).with_columns(pl.lit(None, pl.List(pl.String)).alias("rules"))
    assert against_people(human(*judged()), old).filters[0].both_reject == 3


def test_nothing_judged_is_nothing_told() -> None:
    found = against_people(human(), verdicts(RULES))
    assert (found.judged, found.filters, found.reviewers, found.disagreements) == (0, (), (), ())


def test_cohens_kappa_of_a_known_table() -> None:
    # Cohen's kappa of 20 yes-yes, 5 yes-no, 10 no-yes, 15 no-no is 0.4.
    one = [True] * 25 + [False] * 25
    other = [True] * 20 + [False] * 5 + [True] * 10 + [False] * 15
    found = kappa(one, other, [str(number) for number in range(50)])
    assert found is not None and found.value == pytest.approx(0.4)
    # The textbook's large-sample standard error is 0.127 (Fleiss, Cohen and Everitt 1969).
    assert found.low == pytest.approx(0.4 - 1.96 * 0.127, abs=0.05)
    assert found.high == pytest.approx(0.4 + 1.96 * 0.127, abs=0.05)


@pytest.mark.parametrize(
    ("one", "other", "value"),
    [([True, True], [True, True], None), ([True, False], [True, False], 1.0), ([True, False], [True, True], 0.0)],
)
def test_kappa_at_its_ends(one: list[bool], other: list[bool], value: float | None) -> None:
    found = kappa(one, other, ["a", "b"])
    assert (found.value if found else None) == value
    if found:
        assert found.low < -0.5 and found.high == 1.0  # two pictures tell next to nothing of its width


def test_people_who_never_differ_may_yet_do_so() -> None:
    said = [True, False] * 50
    found = kappa(said, said, [str(index) for index in range(100)])
    assert found is not None and (found.value, found.high) == (1.0, 1.0)
    assert found.low == pytest.approx(1 - 0.0362 / 0.5, abs=0.001)  # at most 3.62 % differ, says the exact bound


def test_pairs_of_one_picture_stand_or_fall_together() -> None:
    one = [index % 3 == 0 for index in range(60)]
    other = [index % 3 == 0 or index < 10 for index in range(60)]
    alone = kappa(one, other, [str(index) for index in range(60)])
    together = kappa(one, other, [str(index // 10) for index in range(60)])
    assert alone and together and together.value == alone.value
    assert together.high - together.low > alone.high - alone.low


def test_each_two_reviewers() -> None:
    rows: list[Any] = [*judged(), *[(pair, "bob", "reject" if pair in {"a1", "a2"} else "keep", "") for pair in RULES]]
    (two,) = reviewers(human(*rows, ("z1", "cat", "keep", "")))
    assert (two.one, two.other, two.pairs) == ("ann", "bob", 10)
    assert two.same.value == 0.8
    assert two.kappa is not None and two.kappa.value == pytest.approx((0.8 - 0.56) / 0.44)
