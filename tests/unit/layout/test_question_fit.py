"""A question fits its answer by type and by the label beside it; where neither tells anything, there is no verdict."""

from __future__ import annotations

import pytest

from glossator.grounding import locate
from glossator.layout.question_fit import question_fit, type_fit
from glossator.records import Span

PAGE = (
    Span("CORNER SHOP SDN BHD", (10, 10, 200, 30)),
    Span("12 MAIN STREET, 53100 KUALA LUMPUR", (10, 40, 300, 60)),
    Span("Date: 17/01/2018", (10, 70, 150, 90)),
    Span("TOTAL", (10, 100, 60, 120)),
    Span("29.70", (200, 100, 250, 120)),
    Span("CASH", (10, 130, 60, 150)),
    Span("30.00", (200, 130, 250, 150)),
    Span("Porosity", (10, 160, 80, 180)),
    Span("Non porous", (200, 160, 280, 180)),
    Span("Substance", (10, 190, 80, 210)),
    Span("36 nm", (200, 190, 280, 210)),
)
TOTAL, DATE, COMPANY, ADDRESS = "29.70", "17/01/2018", "CORNER SHOP SDN BHD", "12 MAIN STREET, 53100 KUALA LUMPUR"


def fit(question: str, answer: str) -> float | None:
    return question_fit(question, answer, locate(answer, PAGE)[1], PAGE)


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("What is the total on this receipt?", TOTAL),
        ("How much was paid in total?", "RM 29.70"),
        ("What is the date on this receipt?", DATE),
        ("Which company issued this receipt?", COMPANY),
        ("What is the address of the shop?", ADDRESS),
        ('What is printed for "Porosity" on this form?', "Non porous"),
        ('What is printed for "Substance" on this form?', "36 nm"),
        ("What is the date on this receipt?", "The receipt is dated 17 January 2018."),
    ],
)
def test_a_question_fits_its_answer(question: str, answer: str) -> None:
    found = fit(question, answer)
    assert found is not None and found >= 0.5


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("What is the total on this receipt?", DATE),
        ("What is the total on this receipt?", COMPANY),
        ("What is the date on this receipt?", TOTAL),
        ("Which company issued this receipt?", ADDRESS),
        ("Which company issued this receipt?", TOTAL),
        ("What is the address of the shop?", COMPANY),
        ('What is printed for "Porosity" on this form?', "36 nm"),
        ('What is printed for "Substance" on this form?', "Non porous"),
    ],
)
def test_another_questions_answer_does_not(question: str, answer: str) -> None:
    found = fit(question, answer)
    assert found is not None and found < 0.3


def test_no_verdict_without_a_type_or_a_label() -> None:
    assert fit("What does the slogan promise?", "Non porous") is None
    assert type_fit("What colour is it?", "red") is None
    assert question_fit("What is the motto?", "x", (), ()) is None


def test_in_a_chart_labels_stand_apart_from_their_values() -> None:
    bars = (Span("410", (40, 20, 60, 30)), Span("128", (80, 60, 100, 70)), Span("2019", (40, 190, 60, 200)),
            Span("2020", (80, 190, 100, 200)))  # fmt: skip
    asked = "Which value belongs to 2019?"
    evidence = locate("410", bars)[1]
    assert question_fit(asked, "410", evidence, bars, "receipt") == 0.0
    assert question_fit(asked, "410", evidence, bars, "chart chart-value") is None
