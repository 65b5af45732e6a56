"""The metrics with their edges, as the projects' own code has them."""

from __future__ import annotations

import pytest

from glossator.metrics import (
    anls_lmms_eval,
    anls_papers,
    contained,
    exact,
    kie_2023,
    ocrbench,
    ocrbench_folded,
    relaxed_accuracy,
    rouge_l,
    token_f1,
    vqa_accuracy,
)
from glossator.vqa_text import normalised, normalised_2023


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
        ("\ufb01", ["fi"], 0.0, 0.0),  # a ligature is two letters in upper case: 2 edits of 2
        ("x\ufb01", ["x\ufb02"], 1 - 1 / 3, 1 - 1 / 3),
    ],
)
def test_anls(prediction: str, golds: list[str], papers: float, lmms: float) -> None:
    assert anls_papers(prediction, golds) == pytest.approx(papers)
    assert anls_lmms_eval(prediction, golds) == pytest.approx(lmms)


@pytest.mark.parametrize(
    ("prediction", "gold", "right"),
    [
        ("105", "100", True),
        ("105.1", "100", False),
        ("94.9", "100", False),
        ("-100", "100", False),
        ("-96", "-100", True),
        ("5%", "0.05", True),
        ("5%", "5%", True),
        ("5", "5%", False),
        ("0", "0", True),
        ("0.0", "0", False),
        ("0.01", "0", False),
        ("1920", "2010", True),  # 4.5 % off: a year passes
        ("1_000", "1000", True),
        ("1e3", "1000", True),
        (" 5", "5", True),
        ("1,000", "1000", False),
        ("$5", "5", False),
        ("5 million", "5", False),
        ("977,633", "977633", False),
        ("Yes", "yes", True),
        ("Yes ", "yes", False),
        ("", "", True),
        ("nan", "1", False),
        ("1", "nan", False),
        ("inf", "1", False),
        ("inf", "inf", False),
    ],
)
def test_relaxed_accuracy(prediction: str, gold: str, right: bool) -> None:
    assert relaxed_accuracy(prediction, gold) == right


@pytest.mark.parametrize(("same", "score"), [(0, 0.0), (1, 0.3), (2, 0.6), (3, 0.9), (4, 1.0), (10, 1.0)])
def test_vqa_accuracy_counts_the_people_who_agree(same: int, score: float) -> None:
    assert vqa_accuracy("Red!", ["red"] * same + ["blue"] * (10 - same)) == pytest.approx(score)


def test_vqa_accuracy_of_no_people_is_nothing() -> None:
    assert vqa_accuracy("red", []) == 0


@pytest.mark.parametrize(
    ("text", "evalai", "year_2023"),
    [
        ("The Red, a door", "red door", "red door"),
        ("Ten", "10", "10"),
        ("none of nine", "0 of 9", "0 of 9"),
        ("1,000", "1000", "1000"),
        ("a,b", "ab", "b"),  # its first step takes the comma out; without it "a" is an article
        ("x,y", "xy", "x y"),
        ("shop's", "shop 's", "shop's"),
        ("dont", "don't", "don't"),
        ("somebody'd", "somebodyd", "somebodyd"),
        ("3.50.", "3.50", "3.50"),
        ("u.s.a.", "usa", "usa"),
        (".5", ".5", ".5"),
        ("co-op", "co op", "co op"),
        ("well- known co-op", "well known coop", "well known coop"),  # one beside a blank drops all of its kind
        ("7,000 co-op", "7000 co op", "7000 coop"),  # grouped digits drop every sign
        ("what? yes?", "what yes", "what yes"),
        ("a\nb\tc", "b c", "b c"),
        ("!?", "", ""),
        ("the", "", ""),
    ],
)
def test_answers_of_vqa_are_normalised(text: str, evalai: str, year_2023: str) -> None:
    assert normalised(text) == evalai
    assert normalised_2023(text) == year_2023


def test_only_so_many_periods_go_as_a_flag_is_worth() -> None:
    """The reference hands re.UNICODE (32) to `sub` as the number of replacements."""
    assert normalised("." * 40) == "." * 8


def test_ocrbench_takes_parts_of_words() -> None:
    assert ocrbench("The word is CENTRE.", ["centre"]) == 1
    assert ocrbench("concentrated", ["centr"]) == 1
    assert ocrbench("none", ["some"]) == 0
    assert ocrbench("first\nline", ["first line"]) == 1
    assert ocrbench("all of a, b and c", ["x", "b"]) == 1
    assert ocrbench("anything", [""]) == 1
    assert ocrbench("anything", []) == 0


def test_ocrbench_formulas_keep_case_and_lose_blanks() -> None:
    assert ocrbench("x^2 + 1", ["x ^ 2+1"], formula=True) == 1
    assert ocrbench("x^2\n+ 1", ["x^2+1"], formula=True) == 1
    assert ocrbench("X^2 + 1", ["x^2+1"], formula=True) == 0
    assert ocrbench("x\t+ 1", ["x+1"], formula=True) == 0  # blanks and line breaks only


def test_full_width_signs_count_as_plain_ones_for_lmms_eval_alone() -> None:
    assert ocrbench_folded("２０２４", ["2024"]) == 1
    assert ocrbench("２０２４", ["2024"]) == 0
    assert ocrbench_folded("ＡＢ\u3000Ｃ！", ["ab c!"]) == 1
    assert ocrbench_folded("２０", ["20"], formula=True) == 0


@pytest.mark.parametrize(
    ("prediction", "gold", "right"),
    [
        ("The total is 51.00.", "51.00", True),
        ("151.00", "51.00", False),
        ("concentrated", "centr", False),
        ("It was issued by The Corner Shop, Ltd.", "CORNER SHOP LTD", True),
        ("it is $5", "$5", False),  # no word border before a sign after a blank
        ("it is 5", "$5", False),
        ("two", "2", True),
        ("2", "two", True),
        ("anything", "The", True),  # nothing is left of it
        ("!", "The", False),
    ],
)
def test_kie_2023_wants_word_borders(prediction: str, gold: str, right: bool) -> None:
    assert kie_2023(prediction, [gold]) == right
    assert kie_2023(prediction, ["not there", gold]) == right


def test_contained_wants_word_borders() -> None:
    assert contained("the total is 51.00.", ["51.00"]) == 1
    assert contained("it is $5", ["$5"]) == 1
    assert contained("151.00", ["51.00"]) == 0
    assert contained("concentrated", ["centr"]) == 0
    assert contained("anything", [""]) == 0
    assert contained("any  thing", ["x", "ANY thing"]) == 1


def test_exact_looks_past_case_and_white_space() -> None:
    assert exact(" Blue\nDoor", ["blue door"]) == 1
    assert exact("blue door.", ["blue door"]) == 0
    assert exact("", []) == 0


def test_token_f1_counts_words_in_common() -> None:
    assert token_f1("the red door", ["red door"]) == 1
    assert token_f1("red red door", ["red door"]) == pytest.approx(0.8)
    assert token_f1("blue", ["red", "blue door"]) == pytest.approx(2 / 3)
    assert token_f1("", ["the"]) == 1  # nothing against nothing
    assert token_f1("", ["red"]) == 0
    assert token_f1("red", []) == 0


def test_rouge_l_is_the_f1_of_the_longest_common_subsequence() -> None:
    assert rouge_l("A receipt, from the shop.", ["a receipt from the shop"]) == 1
    assert rouge_l("police kill the gunman", ["police killed the gunman"]) == pytest.approx(0.75)
    assert rouge_l("the gunman kill police", ["police killed the gunman"]) == pytest.approx(0.5)
    assert rouge_l("合計 53", ["53", "合計 53"]) == 1
    assert rouge_l("...", ["..."]) == rouge_l("", ["a"]) == rouge_l("a", []) == 0
