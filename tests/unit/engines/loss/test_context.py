"""The OCR text that a text model sees keeps to its budget and to the questions, never to the answers."""

from __future__ import annotations

from glossator.engines.loss.context import ocr_context

PAGE = "CORNER SHOP\nMain street 4\nInvoice No\n4711-0815\nTOTAL 53.60\nCASH 60.00\nThank you"


def fit(text: str, budget: int) -> tuple[int, int]:
    """A word is a token."""
    words = text.split()
    return len(words), len(" ".join(words[:budget]))


def words(text: str) -> int:
    return len(text.split())


def test_a_short_page_stays_whole() -> None:
    assert ocr_context(PAGE, ["What is the total?"], 100, fit) == PAGE


def test_a_long_page_keeps_what_the_questions_name_in_reading_order() -> None:
    assert ocr_context(PAGE, ["What total is printed?", "How much CASH?"], 4, fit) == "TOTAL 53.60\nCASH 60.00"


def test_a_value_below_its_label_comes_along() -> None:
    assert ocr_context(PAGE, ["What is the invoice number?"], 3, fit) == "Invoice No\n4711-0815"


def test_the_budget_holds() -> None:
    for budget in range(12):
        assert words(ocr_context(PAGE, ["total cash invoice"], budget, fit)) <= budget


def test_a_word_that_stands_everywhere_weighs_little() -> None:
    page = "total\n" * 20 + "cash 60.00\n" + "total\n" * 20
    assert "cash 60.00" in ocr_context(page, ["What is the total cash?"], 4, fit)


def test_one_line_longer_than_the_budget_is_cut() -> None:
    assert ocr_context("one two three four five", ["three?"], 2, fit) == "one two"


def test_a_page_without_text() -> None:
    assert ocr_context("\n \n", ["What?"], 10, fit) == ""
