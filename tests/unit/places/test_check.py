"""What explanations say of places, against a page whose boxes are known."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from glossator.places.check import check, share_true
from glossator.places.page import PageText
from glossator.records import Evidence, Span

WORDINGS = Path(__file__).parents[3] / "benchmarks" / "place_wordings.tsv"


def _span(text: str, x: float, y: float, width: float = 0) -> Span:
    return Span(text, (x, y, x + (width or 10.0 * len(text)), y + 20))


SPANS = (
    _span("HARBOUR SHOP", 60, 40),
    _span("Page 1 of 1", 700, 40),
    _span("12 Quay Road", 60, 80),
    _span("Original", 700, 80),
    _span("Invoice No:", 520, 120),
    _span("INV-2044", 700, 120),
    _span("copy", 860, 120),
    _span("Cash desk", 690, 160),
    _span("Opened at 10:30", 60, 200),
    _span("Item", 60, 400), _span("Price", 300, 400), _span("Stock", 500, 400),
    _span("Pens", 60, 440), _span("2.50", 300, 440), _span("12", 500, 440),
    _span("Ink", 60, 480), _span("7.20", 300, 480), _span("5", 500, 480),
    _span("Glue", 60, 520), _span("3.10", 300, 520), _span("9", 500, 520),
    _span("TOTAL", 60, 700), _span("12.80", 300, 700),
    _span("Thank you", 60, 900),
)  # fmt: skip
PAGE = PageText(SPANS, 1000, 1000)


def verdict(text: str, answer: str, question: str = "What is it?", page: PageText = PAGE) -> float | None:
    """The share of true claims of an explanation about an answer that is one span of the page."""
    evidence = tuple(Evidence(span.text, span.box) for span in page.spans if span.text == answer)
    return share_true(check(text, question, answer, evidence, page))


SLOTS = {
    "A": "INV-2044", "noun": "receipt", "v": "top", "vv": "upper", "h": "right", "over": "Original",
    "over2": "Page 1 of 1", "under": "Cash desk", "left": "Invoice No:", "label": "Invoice No", "right": "copy",
    "far": "Thank you", "nth": "third", "n": "3",
}  # fmt: skip
OPPOSITE = {"v": "bottom", "vv": "lower", "h": "left", "nth": "ninth", "n": "9"}
CELL = {"A": "7.20", "row": "Ink", "row2": "Glue", "col": "Price", "col2": "Stock", "noun": "receipt"}


def _wordings(*parts: str) -> list[tuple[str, str]]:
    found, part = [], ""
    for line in WORDINGS.read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            part = line[1:].split(":")[0].strip()
        elif part in parts:
            sort, _, text = line.partition("\t")
            found.append((sort, text))
    return found


def _filled(wording: str, slots: dict[str, str], which: int) -> str:
    text = re.sub(r"\[([^|\]]*)\|([^\]]*)\]", rf"\{which}", wording)
    return re.sub(r"<(\w+)\|(\w+)>", rf"{{\{which}}}", text).format(**slots)


@pytest.mark.parametrize(("sort", "wording"), _wordings("develop", "held-out", "fresh"))
def test_wordings_of_large_models(sort: str, wording: str) -> None:
    slots = CELL if sort == "table" else SLOTS
    true, false = _filled(wording, slots, 1), _filled(wording, slots | OPPOSITE, 2)
    if "|" in wording:
        false = _filled(wording, slots, 2)
    assert verdict(true, slots["A"]) == 1.0, true
    assert (verdict(false, slots["A"]) or 0) < 1.0, false


@pytest.mark.parametrize(("sort", "wording"), _wordings("last"))
def test_no_true_wording_is_flagged(sort: str, wording: str) -> None:
    slots = CELL if sort == "table" else SLOTS
    assert verdict(_filled(wording, slots, 1), slots["A"]) in (None, 1.0)


# The grounded writer's own sentences, true and false.
@pytest.mark.parametrize(
    ("true", "false", "answer"),
    [
        ("The label \"Price\" is printed in the middle, and the value stands right below it.",
         "The label \"Price\" is printed in the middle, and the value stands right above it.", "2.50"),
        ("Directly under \"Price\", in the middle, the form shows this value.",
         "Directly above \"Price\", in the middle, the form shows this value.", "2.50"),
        ("The label \"TOTAL\" is printed at the bottom left, and the value stands to the right of it on the same line.",
         "The label \"TOTAL\" is printed at the bottom left, and the value stands to the left of it on the same line.",
         "12.80"),
        ("On the line with the label \"TOTAL\", at the bottom left, this is the text to its right.",
         "On the line with the label \"TOTAL\", at the top left, this is the text to its right.", "12.80"),
        ("The line near the top reads the label \"Invoice No\" first, and what follows the colon is the value.",
         "The line near the top reads the label \"Invoice No\" first, and what precedes the colon is the value.",
         "INV-2044"),
        ("The colon behind \"Invoice No\", near the top, leads to this value.",
         "The colon behind \"Invoice No\", near the bottom, leads to this value.", "INV-2044"),
        ("It follows the label \"Invoice No\" on the same line. The line above it reads \"Original\".",
         "It follows the label \"Invoice No\" on the same line. The line above it reads \"Cash desk\".", "INV-2044"),
        ("The row that begins with \"Ink\" and the column headed \"Price\" cross at this cell.",
         "The row that begins with \"Pens\" and the column headed \"Price\" cross at this cell.", "7.20"),
        ("Going right along the row \"Ink\" until it stands under the heading \"Price\" leads to this entry.",
         "Going right along the row \"Ink\" until it stands under the heading \"Stock\" leads to this entry.", "7.20"),
        ("\"Price\" heads the column, \"Ink\" starts the row; where they meet, this is printed.",
         "\"Price\" heads the column, \"Glue\" starts the row; where they meet, this is printed.", "7.20"),
        ("The name stands at the top left of the page, directly above the line \"12 Quay Road\"; that is where a "
         "business prints its name.",
         "The name stands at the top left of the page, directly below the line \"12 Quay Road\"; that is where a "
         "business prints its name.", "HARBOUR SHOP"),
        ("The line at the bottom left that begins with \"TOTAL\" ends in this amount.",
         "The line at the bottom left that begins with \"Pens\" ends in this amount.", "12.80"),
        ("Reading along the line labelled \"TOTAL\" from left to right leads to this amount.",
         "Reading along the line labelled \"Thank you\" from left to right leads to this amount.", "12.80"),
        ("The label \"TOTAL\" stands at the bottom left, and the amount is on the same line, at its right end.",
         "The label \"TOTAL\" stands at the bottom left, and the amount is on the same line, at its left end.",
         "12.80"),
        ("The value is printed straight above the label \"7.20\" on the horizontal axis.",
         "The value is printed straight below the label \"7.20\" on the horizontal axis.", "2.50"),
        ("The chart prints 7.20 only once, in the column above the label \"12.80\".",
         "The chart prints 7.20 only once, in the column below the label \"12.80\".", "12.80"),
    ],
)  # fmt: skip
def test_sentences_of_the_grounded_writer(true: str, false: str, answer: str) -> None:
    assert verdict(true, answer) == 1.0
    assert (verdict(false, answer) or 0) < 1.0


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("It stands in the second row of the table.", "7.20"),  # or the third, with the header
        ("It stands in the third row of the table.", "7.20"),
        ("The price is in the second column.", "7.20"),
        ("It is in the last column.", "9"),
        ("It is the last line of the page.", "Thank you"),
        ("It stands between \"Pens\" and \"Glue\".", "Ink"),
        ("It is printed before the colon.", "Invoice No:"),
        ("\"Cash desk\" is printed under it.", "INV-2044"),
        ("The total is written below the stock list, beside the word TOTAL.", "12.80"),
    ],
)  # fmt: skip
def test_true_claims_about_lists_and_lines(text: str, answer: str) -> None:
    assert verdict(text, answer) in (None, 1.0)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("It stands in the eleventh row of the table.", "7.20"),
        ("It is in the first column.", "9"),
        ("It is in the last line of the page.", "HARBOUR SHOP"),
        ("It stands between \"Glue\" and \"TOTAL\".", "Ink"),
        ("\"Cash desk\" is printed above it.", "INV-2044"),
    ],
)  # fmt: skip
def test_false_claims_about_lists_and_lines(text: str, answer: str) -> None:
    assert verdict(text, answer) == 0.0


@pytest.mark.parametrize(
    "text",
    [
        "",
        "The value answers the question.",
        "That is the right answer, and all that is left to say.",
        "Over 50 people were asked, and the top five are named; under the law it is on top of that.",
        "It is not at the bottom.",
        "Nothing stands to the left of it.",
        "The logo is at the bottom of the page.",  # no text: nobody knows
        "It is printed below the photograph.",
        "It is above average.",
        "Read it in the right order, from left to right.",
        "It stands at the top of the bar.",  # of what has no box
        "The label \"No such text\" stands above it.",
    ],
)  # fmt: skip
def test_what_nothing_tells_is_left_open(text: str) -> None:
    assert verdict(text, "INV-2044") is None


def test_borders_are_forgiven_and_opposites_are_not() -> None:
    page = PageText((_span("edge", 400, 380), _span("low", 10, 950), _span("high", 950, 10)), 1000, 1000)
    assert verdict("It stands at the top.", "edge", page=page) == 1.0
    assert verdict("It stands in the middle.", "edge", page=page) == 1.0
    assert verdict("It stands at the bottom.", "edge", page=page) == 0.0
    assert verdict("It stands in the upper left corner.", "high", page=page) == 0.0


def test_a_small_receipt_in_a_large_photo_has_its_own_top() -> None:
    page = PageText((_span("SHOP", 600, 500), _span("TOTAL", 600, 700), _span("9.50", 750, 700)), 1000, 1000)
    assert verdict("The name stands at the top of the receipt.", "SHOP", page=page) == 1.0
    assert verdict("The name stands at the bottom of the receipt.", "SHOP", page=page) == 0.0


def test_label_and_value_in_one_span() -> None:
    page = PageText((Span("Date: 12/03/2018", (0, 0, 160, 20)),), 200, 400)
    evidence = (Evidence("Date: 12/03/2018", (0, 0, 160, 20)),)
    told = {
        text: share_true(check(text, "When was it?", "12/03/2018", evidence, page))
        for text in ('It stands to the right of "Date".', 'It stands to the left of "Date".', "It follows the colon.")
    }
    assert list(told.values()) == [1.0, 0.0, 1.0]


def test_a_page_without_text_says_nothing() -> None:
    assert share_true(check("It stands at the top.", "What?", "x", (), PageText((), 100, 100))) is None


@pytest.mark.parametrize(
    "unit",
    ['"', "'a ", "at the top ", '"a" below "b" ', "the row the column ", "below the ", "“", "first line of ", "right ",
     "between a and "],
)  # fmt: skip
def test_hostile_lengths_give_few_claims(unit: str) -> None:
    checked = check(unit * (200_000 // len(unit)), "What?", "7.20", (Evidence("7.20", (300, 480, 340, 500)),), PAGE)
    assert len(checked) <= 40
