"""Bootstrap intervals over clusters."""

from __future__ import annotations

import random

import pytest

from glossator.intervals import difference, mean


def test_the_mean_is_over_values_and_the_interval_over_clusters() -> None:
    found = mean([1, 1, 1, 0], ["a", "a", "a", "b"])
    assert (found.value, found.n, found.clusters) == (0.75, 4, 2)
    assert (found.low, found.high) == (0.0, 1.0)  # a draw may take either picture twice


def test_questions_of_one_picture_stand_or_fall_together() -> None:
    values = [float(i % 2) for i in range(40) for _ in range(10)]
    by_picture = mean(values, [f"p{i // 10}" for i in range(400)])
    by_question = mean(values, [str(i) for i in range(400)])
    assert by_picture.high - by_picture.low > 2.5 * (by_question.high - by_question.low)


def test_the_interval_covers_the_truth_as_often_as_it_says() -> None:
    rng = random.Random(1)
    covered = 0
    for seed in range(100):
        values, clusters = [], []
        for picture in range(60):
            chance = rng.choice([0.2, 0.8])
            for _ in range(4):
                values.append(float(rng.random() < chance))
                clusters.append(str(picture))
        found = mean(values, clusters, rounds=400, seed=seed)
        covered += found.low <= 0.5 <= found.high
    assert 88 <= covered <= 100


def test_the_same_values_give_the_same_interval() -> None:
    rng = random.Random(2)
    values, clusters = [rng.random() for _ in range(30)], [str(i % 9) for i in range(30)]
    assert mean(values, clusters) == mean(values, clusters)
    assert mean(values, clusters) != mean(values, clusters, seed=1)


@pytest.mark.parametrize(("value", "low", "high"), [(0.0, 0.0, 0.3085), (1.0, 0.6915, 1.0)])
def test_all_wrong_or_all_right_still_leaves_doubt(value: float, low: float, high: float) -> None:
    """Clopper-Pearson of ten without an exception; a bootstrap alone would give an interval of no width."""
    found = mean([value] * 20, [str(i // 2) for i in range(20)])
    assert (found.value, found.low, found.high) == pytest.approx((value, low, high), abs=1e-4)


def test_one_picture_or_none_tells_nothing() -> None:
    assert (mean([1, 0], ["a", "a"]).low, mean([1, 0], ["a", "a"]).high) == (0, 1)
    assert (mean([], []).value, mean([], []).high, mean([], []).n) == (0, 1, 0)
    one = difference([1, 1], [0, 0], ["a", "a"])
    assert (one.value, one.low, one.high, one.excludes_zero) == (1, -1, 1, False)


def test_differences_are_paired() -> None:
    """A small gain on every picture is seen, though the pictures differ far more."""
    rng = random.Random(3)
    base = [rng.random() for _ in range(50)]
    better = [value + 0.02 * rng.random() for value in base]
    clusters = [str(i) for i in range(50)]
    found = difference(better, base, clusters)
    assert found.excludes_zero and found.low > 0
    assert mean(better, clusters).low < mean(base, clusters).value
    assert not difference(base, base, clusters).excludes_zero


def test_it_is_written_in_percent() -> None:
    assert mean([1, 0, 1, 0], list("aabb")).text() == "50.0 [50.0, 50.0]"
