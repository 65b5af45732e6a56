from __future__ import annotations

import pytest

from glossator.grounding import claims_grounding, locate, question_similarity, words_found
from glossator.records import Span
from glossator.stages.filter import FilterSettings

GROUNDED = FilterSettings().grounding_min or 0.0

SPANS = [
    Span(text, (0, 20 * i, 100, 20 * i + 15))
    for i, text in enumerate(["BLUE DOOR CAFE", "14 Mill Street,", "Leeds LS1 4QT", "TOTAL", "£14.00", "Change 1500"])
]


def test_a_literal_answer_points_at_its_span() -> None:
    assert locate("£14.00", SPANS) == (1.0, locate("14.00", SPANS)[1])
    assert [piece.text for piece in locate("£14.00", SPANS)[1]] == ["£14.00"]


def test_case_blanks_and_punctuation_do_not_matter() -> None:
    ratio, found = locate("blue-door  Cafe", SPANS)
    assert ratio == 1.0
    assert [piece.text for piece in found] == ["BLUE DOOR CAFE"]


def test_an_answer_over_several_spans() -> None:
    ratio, found = locate("14 Mill Street, Leeds LS1 4QT", SPANS)
    assert ratio == 1.0
    assert [piece.text for piece in found] == ["14 Mill Street,", "Leeds LS1 4QT"]


def test_ocr_noise_is_tolerated_and_invention_is_not() -> None:
    assert locate("BLUE D0OR CAFE", SPANS)[0] > 0.9
    assert locate("Grand Hotel Budapest", SPANS)[0] < 0.6


@pytest.mark.parametrize("answer", ["50", "5", "ee", "OO", "14.90", "£14.90", "1501"])
def test_what_stands_only_inside_something_longer_or_with_another_figure_is_no_sighting(answer: str) -> None:
    assert locate(answer, SPANS)[0] < GROUNDED


@pytest.mark.parametrize("text", ["TEL: 03-4161 8936", "12/03/2018", "11:03", "4.03"])
def test_two_figures_of_a_date_or_a_number_are_no_sighting(text: str) -> None:
    assert locate("03", [Span(text, (0, 0, 100, 15))])[0] < GROUNDED
    ratio, (found, *_) = locate("03", [Span(text, (0, 0, 100, 15)), Span("TABLE: 03", (0, 20, 100, 35))])
    assert (ratio >= GROUNDED, found.text) == (True, "TABLE: 03")


def test_long_figures_are_forgiven_a_slip() -> None:
    assert locate("000181747717", [Span("GST ID 000181747712", (0, 0, 100, 15))])[0] >= GROUNDED


@pytest.mark.parametrize(
    ("answer", "text"),
    [("03", "Table: 03"), ("No", "GST: no"), ("XL", "Size XL, blue"), ("0.5", "0.5 %"), ("5", "RM5")],
)
def test_a_short_answer_that_stands_by_itself_is_one(answer: str, text: str) -> None:
    assert locate(answer, [Span(text, (0, 0, 100, 15))])[0] >= GROUNDED


@pytest.mark.parametrize("answer", ["", "...", "  "])
def test_nothing_stands_nowhere(answer: str) -> None:
    assert locate(answer, SPANS) == (0.0, ())
    assert locate("x", []) == (0.0, ())


def test_similarity_of_questions() -> None:
    earlier = ["What is the total on this receipt?", "When was it issued?"]
    assert question_similarity("what is the total on this receipt", earlier) == 1.0
    assert question_similarity("Who is the cashier?", earlier) < 0.8
    assert question_similarity("Anything?", []) == 0.0


def test_one_pattern_about_different_things_is_no_repetition() -> None:
    assert question_similarity("What value does it show for 2016?", ["What value does it show for 2018?"]) < 0.85
    assert question_similarity('What is given for "To"?', ['What is given for "Tx"?']) < 0.85


CLAIMED = (Span("TOTAL 29.70", (0, 0, 10, 10)), Span("CORNER SHOP", (0, 10, 10, 20)))


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ('The text "TOTAL 29.70" near the bottom holds it.', 1.0),
        ("29.70 stands right of the word TOTAL.", 1.0),
        ('The label "T0TAL 29.70" is printed there.', 1.0),
        ('The text "JAPANESE RESTAURANT" near the top holds it.', 0.0),
        ('The text "TOTAL 29.70" holds it. Right beside it, 47800 SELANGOR is printed.', 1 / 3),
        ("It stands in the upper half, right of its label.", None),
        ("The year 2018 was asked for.", 1.0),
    ],
)
def test_what_an_explanation_claims_stands_on_the_page(text: str, share: float | None) -> None:
    assert claims_grounding(text, "Which year, 2018 or 2019?", CLAIMED) == share
    assert claims_grounding(text, "", ()) is None


@pytest.mark.parametrize("text", ["GST NO: 000800589824", "41800 KLANG", "18.00", "8.005"])
def test_figures_inside_longer_ones_are_no_sighting(text: str) -> None:
    other = Span("Total RM 8.00", (0, 50, 10, 60))
    assert locate("18-03-2018", [Span("18-03-201811:23", (0, 0, 10, 10))])[0] == 1.0  # a date and its time
    ratio, _ = locate("8.00", [Span(text, (0, 0, 10, 10))])
    assert ratio < 0.85
    assert locate("8.00", [Span(text, (0, 0, 10, 10)), other])[1][0].text == other.text


CELLS = (
    Span("99 mm", (0, 0, 10, 10)),
    Span("Total: $43,335.00", (0, 20, 10, 30)),
    Span("Julie Richman", (50, 0, 90, 10)),
    Span("4/22/90", (0, 40, 10, 50)),
    Span("Philip Morris Inc", (50, 40, 90, 50)),
)


@pytest.mark.parametrize(
    ("answer", "share"),
    [
        ("99 mm 99 mm", 1.0),
        ("$ 43.335.00 $ 43.335.00", 1.0),
        ("4/ 22/ 90", 1.0),
        ("Julie Richman Phillip Morris", 1.0),
        ("Anna Schmidt 77", 0.0),
        ("Julie", 0.0),
    ],
)
def test_values_out_of_several_cells_are_found_word_by_word(answer: str, share: float) -> None:
    assert words_found(answer, CELLS) == pytest.approx(share, abs=0.01)
