"""The metrics with their edges, as the projects' own code has them."""

from __future__ import annotations

import pytest

from glossator.metrics import anls_lmms_eval, anls_papers, contained, ocrbench, relaxed_accuracy


@pytest.mark.parametrize(
    ("prediction", "golds", "papers", "lmms"),
    [
        ("51.00", ["51.00"], 1.0, 1.0),
        ("Blue  Door", ["blue door", "x"], 1.0, 1.0),
        ("1,000", ["1000"], 0.8, 0.8),
        ("ab", ["ac"], 0.0, 0.5),  # exactly one half
        ("abc", ["xyz"], 0.0, 0.0),
        ("", [""], 1.0, 1.0),
        ("", ["a"], 0.0, 0.0),
        ("a", [], 0.0, 0.0),
        ("cat      ", ["car"], 2 / 3, 1 - 1 / 9),  # spare blanks raise the one
    ],
)
def test_anls(prediction: str, golds: list[str], papers: float, lmms: float) -> None:
    assert anls_papers(prediction, golds) == pytest.approx(papers)
    assert anls_lmms_eval(prediction, golds) == pytest.approx(lmms)


@pytest.mark.parametrize(
    ("prediction", "gold", "right"),
    [
        ("105", "100", True),
        ("94.9", "100", False),
        ("5%", "0.05", True),
        ("5", "5%", False),
        ("0", "0", True),
        ("0.0", "0", False),
        ("1920", "2010", True),  # 4.5 % off: a year passes
        ("1_000", "1000", True),
        ("1,000", "1000", False),
        ("Yes", "yes", True),
        ("Yes ", "yes", False),
        ("nan", "1", False),
    ],
)
def test_relaxed_accuracy(prediction: str, gold: str, right: bool) -> None:
    assert relaxed_accuracy(prediction, gold) == right


def test_ocrbench_takes_parts_of_words() -> None:
    assert ocrbench("The word is CENTRE.", ["centre"]) == 1
    assert ocrbench("x^2 + 1", ["x ^ 2+1"], formula=True) == 1
    assert ocrbench("X^2 + 1", ["x^2+1"], formula=True) == 0
    assert ocrbench("concentrated", ["centr"]) == 1
    assert ocrbench("none", ["some"]) == 0


def test_contained_wants_word_borders() -> None:
    assert contained("the total is 51.00.", ["51.00"]) == 1
    assert contained("151.00", ["51.00"]) == 0
    assert contained("concentrated", ["centr"]) == 0
    assert contained("anything", [""]) == 0
