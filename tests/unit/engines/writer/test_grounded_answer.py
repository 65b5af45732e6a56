"""What the grounded writer answers to other people's questions, and what it mends of rejected pairs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from glossator.engines.base import Mended, Part, Rejected
from glossator.engines.writer.grounded import propose
from glossator.engines.writer.grounded.answer import find_answer
from glossator.engines.writer.grounded.document import Document
from glossator.engines.writer.grounded.repair import mend
from glossator.grounding import locate
from glossator.layout.reading_order import lines_text, reading_order
from glossator.records import ImageRecord, Page, Pair, Sample, Span

RECEIPT = (
    ("BLUE DOOR TRADING SDN BHD",), ("14 Mill Street,",), ("81200 Leeds",), ("Tel: 07-555 0134",),
    ("Date: 14/03/2026",), ("Scone", "2.60"), ("Flat White", "3.40"), ("TOTAL", "6.00"),
    ("Cash", "10.00"), ("Change", "4.00"),
)  # fmt: skip
FORM = (
    ("PROJECT APPROVAL",), ("Supplier:", "Kapuler Marketing"), ("Phone No:", "555 0134"),
    ("TOTAL COST:", "$ 28,880.00"),
)  # fmt: skip
CHART = (("UK", "25"), ("Germany", "12"), ("Spain", "5"))


def sample(rows: tuple[tuple[str, ...], ...], kind: str) -> Sample:
    spans = [
        Span(text, (30 + 300 * column, 40 * i + 20, 30 + 300 * column + 11 * len(text), 40 * i + 44), 0.98)
        for i, row in enumerate(rows)
        for column, text in enumerate(row)
    ]
    ordered = tuple(reading_order(spans))
    image = ImageRecord("a", "a", "a.png", "0" * 64, 800, 900, kind)
    return Sample("", image, Page("a", "test", ordered, lines_text(ordered)))


def answer(rows: tuple[tuple[str, ...], ...], kind: str, question: str) -> str | None:
    found = find_answer(Document(sample(rows, kind)), question)
    return found.answer if found else None


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("What is the total on this receipt?", "6.00"),
        ("What is the date on this receipt?", "14/03/2026"),
        ("What is the company on this receipt?", "BLUE DOOR TRADING SDN BHD"),
        ("What is the address on this receipt?", "14 Mill Street, 81200 Leeds"),
        ("What is the subtotal on this receipt?", None),
        ("Who is the cashier?", None),
        ("Is it expensive?", None),
    ],
)
def test_what_a_receipt_says(question: str, said: str | None) -> None:
    assert answer(RECEIPT, "receipt", question) == said


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ('What is printed for "Supplier" on this form?', "Kapuler Marketing"),
        ('What is printed for "TOTAL COST" on this form?', "$ 28,880.00"),
        ("What is the phone no on this form?", "555 0134"),
        ('What is printed for "Agency" on this form?', None),
        ('What stands between "Supplier" and "Phone No"?', None),
    ],
)
def test_what_a_form_says_at_a_label(question: str, said: str | None) -> None:
    assert answer(FORM, "form", question) == said


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("What is the value for Germany?", "12"),
        ("Which country has the highest value?", "UK"),
        ("Which country has the lowest value?", "Spain"),
        ("What is the difference between UK and Spain?", None),
        ("What is the value for France?", None),
        ("What is the average value?", None),
    ],
)
def test_what_a_chart_says_at_a_name(question: str, said: str | None) -> None:
    assert answer(CHART, "chart", question) == said


def test_its_own_questions_are_answered_as_it_would() -> None:
    document = Document(sample(FORM, "form"))
    own = propose(document)
    assert own
    for draft in own:
        found = find_answer(document, draft.question, own)
        assert found is not None
        assert (found.answer, found.explain_answer) == (draft.answer, draft.explain_answer)


def mended(question: str, said: str, part: Part, explained: str = "It is so.") -> Mended | None:
    document = Document(sample(RECEIPT, "receipt"))
    evidence = locate(said, document.spans)[1]
    pair = Pair("p", "a", "a", question, said, evidence=evidence, explain_question="Why?", explain_answer=explained)
    return mend(document, Rejected(pair, part, ("x",)), propose(document))


def test_a_wrong_answer_is_found_again() -> None:
    new = mended("What is the total on this receipt?", "9.99", "answer")
    assert new is not None
    assert (new.answer, new.evidence[0].text) == ("6.00", "6.00")
    assert "TOTAL" in new.explain_answer


def test_a_misread_answer_is_rewritten_from_the_print() -> None:
    new = mended("Which town is it?", "8l2OO Lceds", "answer")
    assert new is not None
    assert new.answer == "81200 Leeds"
    assert [piece.text for piece in new.evidence] == ["81200 Leeds"]


def test_an_answer_of_another_type_is_not_taken_from_the_print() -> None:
    assert mended("How much was paid?", "8l2OO Lceds", "answer") is None


def test_what_the_page_does_not_say_stays_unmended() -> None:
    assert mended("Who was the waiter?", "Ann", "answer") is None


def test_an_explanation_is_told_from_the_evidence() -> None:
    new = mended("How much is a scone?", "2.60", "explanation", "The answer is 2.60.")
    assert new is not None
    assert (new.question, new.answer) == ("How much is a scone?", "2.60")
    assert new.explain_answer != "The answer is 2.60."
    again = mended("How much is a scone?", "2.60", "explanation", new.explain_answer)
    assert again is None


def test_an_answer_that_stands_nowhere_gets_no_explanation() -> None:
    assert mended("Who was the waiter?", "Ann Miller", "explanation") is None


def test_an_empty_page_mends_nothing() -> None:
    one = sample((), "receipt")
    for document in (Document(one), Document(replace(one, page=None))):
        for part in ("answer", "explanation"):
            pair = Pair("p", "a", "a", "What is the total?", "3.00")
            assert mend(document, Rejected(pair, part, ()), []) is None  # type: ignore[arg-type]
