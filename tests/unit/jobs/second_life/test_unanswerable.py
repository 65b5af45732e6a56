"""Unanswerable questions: nothing on the image, nor in what is said of it, may answer them."""

from __future__ import annotations

from typing import Any

import pytest

from glossator.formats.unanswerable import Unanswerable
from glossator.jobs.second_life.unanswerable import MOST_USES, unanswerable
from second_life_kit import Lines, page, pair, tables

ASK = 'What is given for "Kerosene rebate" on this form?'
OTHER = ("How long is the rope?", "90 feet")
ELSEWHERE: Lines = [("Lantern oil", "17 barrels"), ("Harbour dues", "4 crowns"), ("Rope", "90 feet")]


def asked(lines: Lines, question: str = ASK, answer: str = "12 shillings", **more: Any) -> list[Unanswerable]:
    """What is asked of a page with these lines, of which a kept pair asks something else."""
    donor = page("a", [("Kerosene rebate", "12 shillings"), ("Wicks", "6"), ("Glass", "3")])
    given = {"on": donor, **more.pop("donor", {})}
    pairs = [pair("a", 0, question, answer, **given), pair("b", 9, *OTHER), *more.pop("pairs", ())]
    samples, _ = unanswerable(tables(pairs, pages=[donor, page("b", lines)], **more), 5)
    return samples


def test_another_images_question_is_asked_and_honestly_declined() -> None:
    (one,) = asked(ELSEWHERE)
    assert (one.image, one.question, one.missing, one.asked_of) == ("b.png", ASK, "Kerosene rebate", "a-0")
    assert "12 shillings" not in one.reply and one.reply


@pytest.mark.parametrize(
    "line",
    [
        ("Kerosene rebate", "9 shillings"),
        ("KEROSENE REBATE:", "9 shillings"),
        ("Kerosine", "9 shillings"),
        ("Rebate", "9 shillings"),
        ("Paid", "12 shillings"),
    ],
    ids=["label", "label in capitals", "its name misread", "a part of it", "the answer"],
)
def test_what_may_be_answered_there_is_not_asked(line: tuple[str, str]) -> None:
    assert asked([*ELSEWHERE, line]) == []


def test_what_a_caption_tells_is_not_asked() -> None:
    assert asked(ELSEWHERE, captions={"b": "A form about kerosene."}) == []


def test_what_the_image_is_asked_already_is_not_asked() -> None:
    assert asked(ELSEWHERE, pairs=[pair("b", 0, ASK, "4 crowns")]) == []


@pytest.mark.parametrize(
    "question",
    ["What is the total of this receipt?", "Which date is shown?", 'What is given for "Invoice No" on this form?',
     'What is given for "Customer name" on this form?', 'What is given for "Tolal" on this form?',
     "What value does the chart show for 2014?"],
)  # fmt: skip
def test_questions_that_nearly_every_page_answers_are_never_asked(question: str) -> None:
    assert asked(ELSEWHERE, question) == []


@pytest.mark.parametrize(
    "donor", [{"kind": "yes_no"}, {"grounding": 0.2}, {"context": '[["user", "Hi"], ["assistant", "Ho"]]'}]
)
def test_only_questions_for_printed_answers_are_taken(donor: dict[str, Any]) -> None:
    assert asked(ELSEWHERE, donor=donor) == []


@pytest.mark.parametrize("reason", ["image_in_test_set", "near_duplicate_image", "personal_data"])
def test_nothing_is_asked_of_an_image_that_the_set_does_not_hold(reason: str) -> None:
    assert asked(ELSEWHERE)
    assert asked(ELSEWHERE, rejected={"b-9": [reason]}) == []


def test_a_rejected_question_is_not_asked() -> None:
    assert asked(ELSEWHERE, rejected={"a-0": ["not_grounded"]}) == []


def test_an_unread_page_proves_nothing() -> None:
    assert asked([("Rope", "90 feet")]) == []


def test_a_label_that_many_pages_have_names_nothing_of_one_page() -> None:
    others = [page(f"c{i}", [("Kerosene rebate", "1"), ("Oil", "2"), ("Tar", "3")]) for i in range(3)]
    donor = page("a", [("Kerosene rebate", "12 shillings"), ("Wicks", "6"), ("Glass", "3")])
    given = tables([pair("a", 0, ASK, "12 shillings", donor)], pages=[donor, page("b", ELSEWHERE), *others])
    assert unanswerable(given, 5)[0] == []


def test_a_label_that_looks_misread_is_not_asked_for() -> None:
    others = [page(f"c{i}", [("Kerosene", "1"), ("Oil", "2"), ("Tar", "3")]) for i in range(2)]
    for label in ("Kerosenc", "Kero|sene"):
        donor = page("a", [(label, "12 shillings"), ("Wicks", "6"), ("Glass", "3")])
        asks = [pair("a", 0, f'What is given for "{label}"?', "12 shillings", donor)]
        given = tables(asks, pages=[donor, page("b", ELSEWHERE), *others])
        samples, why = unanswerable(given, 5)
        assert samples == [] and why["questions whose label may be misread"] == 1


def test_images_of_another_kind_are_not_asked() -> None:
    import polars as pl

    donor = page("a", [("Kerosene rebate", "12 shillings"), ("Wicks", "6"), ("Glass", "3")])
    given = tables([pair("a", 0, ASK, "12 shillings", donor)], pages=[donor, page("b", ELSEWHERE)])
    kinds = pl.when(pl.col("image_id") == "b").then(pl.lit("receipt")).otherwise("kind").alias("kind")
    assert unanswerable(given | {"images": given["images"].with_columns(kinds)}, 5)[0] == []


def many(images: int) -> dict[str, Any]:
    names = ["Kerosene", "Lantern", "Tallow", "Hemp", "Oakum", "Pitch", "Resin", "Canvas", "Copper", "Whale"]
    held = ["Adams", "Brown", "Clark", "Dixon", "Evans", "Frost", "Grant", "Hicks", "Irwin", "Jones"]
    pages = [page(f"i{n}", [(names[n], held[n]), ("Ship", "A"), ("Port", "B")]) for n in range(images)]
    asks = [pair(f"i{n}", 0, f'What is given for "{names[n]}" here?', held[n], on) for n, on in enumerate(pages)]
    return tables(asks, pages=pages)


def test_so_many_as_are_wanted_one_of_each_image_first() -> None:
    samples, _ = unanswerable(many(10), 10)
    assert len({one.image for one in samples}) == 10
    samples, _ = unanswerable(many(10), 4)
    assert len(samples) == 4


def test_no_question_is_asked_too_often_and_the_shortfall_is_told() -> None:
    samples, why = unanswerable(many(6), 1000)
    asked_of = [one.asked_of for one in samples]
    assert samples and max(asked_of.count(name) for name in asked_of) <= MOST_USES
    assert len({one.id for one in samples}) == len(samples)
    donor = page("a", [("Kerosene rebate", "12 shillings"), ("Wicks", "6"), ("Glass", "3")])
    _, why = unanswerable(tables([pair("a", 0, ASK, "12 shillings", donor)], pages=[donor]), 3)
    assert why["images that no question of another one fits"] == 1


def test_the_same_seed_asks_the_same_and_replies_vary() -> None:
    one, again, other = (unanswerable(many(10), 10, seed)[0] for seed in (0, 0, 7))
    assert one == again and one != other
    assert len({sample.reply for sample in one}) > 2
