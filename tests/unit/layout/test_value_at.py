"""The value at a label that somebody names; and no value where the page leaves it open."""

from __future__ import annotations

import pytest

from glossator.layout.value_at import value_at
from glossator.records import Span


def span(text: str, x: float, y: float, confidence: float = 0.98) -> Span:
    return Span(text, (x, y, x + 9 * len(text), y + 18), confidence)


def found(label: str, *spans: Span) -> tuple[str, str] | None:
    fact = value_at(label, spans)
    return None if fact is None else (fact.value, fact.relation)


def test_to_the_right_of_its_label() -> None:
    left = (span("SOURCE:", 20, 20), span("Organic Chemistry", 120, 20))
    page = (*left, span("LOT NO:", 500, 20), span("A123", 600, 20))
    assert found("SOURCE", *page) == ("Organic Chemistry", "right")
    assert found("LOT NO", *page) == ("A123", "right")


@pytest.mark.parametrize(
    "line", ["Phone Number: 7970", "Phone Number 7970", "Phone Number_7970", "phone number = 7970"]
)
def test_behind_its_label_in_one_text(line: str) -> None:
    assert found("Phone Number", span(line, 20, 20)) == ("7970", "same_line")


def test_glued_to_its_label() -> None:
    assert found("DATE", span("DATE3/17/82", 20, 20)) == ("3/17/82", "same_line")
    assert found("PRODUCT", span("PRODUCTNew Products", 20, 20)) == ("New Products", "same_line")


def test_a_longer_name_is_another_label() -> None:
    assert found("Product", span("Product Manager", 20, 20)) is None
    assert found("DATE", span("DATED 3/17/82", 20, 20)) is None


def test_a_label_may_be_misread_by_a_letter_or_so() -> None:
    page = (span("COMPOUNO:", 20, 20), span("Diethyl ether", 130, 20))
    assert found("COMPOUND", *page) == ("Diethyl ether", "right")
    assert found("AMOUNT", *page) is None


def test_two_places_with_different_values_leave_it_open() -> None:
    page = [span("Agency:", 20, 20), span("North Media", 120, 20), span("Agency:", 20, 60), span("816.00", 120, 60)]
    assert found("Agency", *page) is None
    assert found("Agency", *page[:2]) == ("North Media", "right")


def test_several_lines_that_begin_at_one_place_are_one_value() -> None:
    page = (
        span("Address:", 20, 20), span("575 Lexington Avenue,", 120, 20), span("New York", 120, 42),
        span("Phone:", 20, 64), span("555 0134", 120, 64),
    )  # fmt: skip
    assert found("Address", *page) == ("575 Lexington Avenue, New York", "right")


def test_columns_give_their_one_entry() -> None:
    head = (span("BRAND", 20, 20), span("MEDIUM", 220, 20), span("PLACE", 420, 20))
    one = (span("Lucky", 20, 42), span("Outdoor", 220, 42), span("Tampa", 420, 42))
    assert found("MEDIUM", *head, *one) == ("Outdoor", "below")
    two = (span("Camel", 20, 64), span("Radio", 220, 64), span("Leeds", 420, 64))
    assert found("MEDIUM", *head, *one, *two) is None


def test_the_next_label_below_is_no_value() -> None:
    assert found("Porosity", span("Porosity", 20, 20), span("Bobbin Width", 20, 42), span("Substance", 20, 64)) is None


def test_a_date_that_cannot_be_read_as_one_is_no_value() -> None:
    assert found("Date", span("Date:", 20, 20), span("Aprir 27. I981", 100, 20)) is None
    assert found("Date", span("Date:", 20, 20), span("27/04/1981", 100, 20)) == ("27/04/1981", "right")


def test_what_was_read_with_little_confidence_is_no_value() -> None:
    assert found("Client", span("Client:", 20, 20), span("Amerlcan", 110, 20, 0.5)) is None


def test_ticks_and_numbered_lines_are_no_fields() -> None:
    assert found("1. Enhancement", span("1. Enhancement", 20, 20), span("Immediate", 200, 20)) is None
    assert found("Decision", span("Decision:", 20, 20), span("X approve", 120, 20)) is None


def test_values_side_by_side_are_sure_only_if_they_are_alike() -> None:
    label = span("Color", 20, 20)
    assert found("Color", label, span("N/A", 200, 20), span("N/A", 320, 20)) == ("N/A N/A", "right")
    assert found("Color", label, span("72", 200, 20), span("72mm", 320, 20)) is None


def test_an_exact_label_needs_its_colon() -> None:
    page = (span("Cashier", 20, 20), span("Ann", 120, 20))
    assert value_at("Cashier", page) is not None
    assert value_at("Cashier", page, exact=True) is None


def test_an_empty_page_has_no_value() -> None:
    assert value_at("Total", ()) is None
    assert value_at("", (span("Total: 3", 20, 20),)) is None
