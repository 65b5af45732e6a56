"""The OCR text that a text model sees keeps to its budget and to the questions, never to the answers."""

from __future__ import annotations

from glossator.engines.loss.context import ocr_context

PAGE = "CORNER SHOP\nMain street 4\nInvoice No\n4711-0815\nTOTAL 53.60\nCASH 60.00\nThank you"


def words(text: str) -> int:
    return len(text.split())


def test_a_short_page_stays_whole() -> None:
    assert ocr_context(PAGE, ["What is the total?"], 100, words) == PAGE


def test_a_long_page_keeps_what_the_questions_name_in_reading_order() -> None:
    assert ocr_context(PAGE, ["What total is printed?", "How much CASH?"], 4, words) == "TOTAL 53.60\nCASH 60.00"


def test_a_value_below_its_label_comes_along() -> None:
    assert ocr_context(PAGE, ["What is the invoice number?"], 3, words) == "Invoice No\n4711-0815"


def test_the_budget_holds() -> None:
    for budget in range(12):
        assert words(ocr_context(PAGE, ["total cash invoice"], budget, words)) <= budget


def test_a_page_without_text() -> None:
    assert ocr_context("\n \n", ["What?"], 10, words) == ""
