"""What layout reads from small pages drawn as spans: types, labels, sums, issuer, tables, headings."""

from __future__ import annotations

import pytest

from glossator.layout.amounts import amounts, total
from glossator.layout.headings import find_heading
from glossator.layout.issuer import address, date, issuer
from glossator.layout.labels import label_values
from glossator.layout.place import place
from glossator.layout.tables import table_cells
from glossator.layout.typed import amount, find, trailing_money, value_type
from glossator.records import Span


def page(*rows: str | tuple[str, ...], size: float = 20, gap: float = 300) -> list[Span]:
    """One span a text; the texts of a tuple stand on one line, `gap` pixels apart."""
    spans = []
    for y, row in enumerate(rows):
        for x, text in enumerate((row,) if isinstance(row, str) else row):
            left, top = 40 + gap * x, 30 + 40 * y
            spans.append(Span(text, (left, top, left + size * 0.5 * len(text), top + size), 0.98))
    return spans


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("12/03/2018", "date"), ("2018-03-12", "date"), ("12 March 2018", "date"), ("Oct 3, 2016", "date"),
        ("2026年3月14日", "date"), ("17:34:00", "time"), ("RM 8.00", "money"), ("€1.234,50", "money"),
        ("$1,200", "money"), ("53.60", "money"), ("6 %", "percentage"), ("a.b@shop.com", "email"),
        ("www.shop.com", "url"), ("03-7852 6929", "phone"), ("42", "number"), ("CS00085298", "identifier"),
        ("27, Jalan Dedap 13", "address"), ("Peter Hatch", "text"),
    ],
)  # fmt: skip
def test_types(text: str, kind: str) -> None:
    assert value_type(text) == kind


def test_a_date_glued_to_a_time_is_found() -> None:
    assert find("date", "REG CASHIER 18-03-201811:23") == ["18-03-2018"]
    assert find("date", "GST ID 000801234567") == []
    assert find("url", "mail: a@shop.org") == []


def test_money_at_the_end_of_a_line() -> None:
    assert trailing_money("Total (RM) : 8.00") == ("Total (RM)", "8.00")
    assert trailing_money("COKE RM4.40 S") == ("COKE", "RM4.40")
    assert trailing_money("TOTAL 10 174.90") == ("TOTAL 10", "174.90")
    assert trailing_money("see page 12") is None
    assert amount("RM 1,234.50") == 1234.5
    assert amount("-0.80") == -0.8


def test_labels_and_values() -> None:
    facts = label_values(
        page(
            "Invoice No: CS-4711",
            ("Cashier:", "Maya Brown"),
            ("TO:", "JACK REILLY"),
            "Doors open at 19:30",
            "Note:",
            gap=120,
        )
    )
    assert [(f.label, f.value, f.type, f.relation) for f in facts] == [
        ("Invoice No", "CS-4711", "identifier", "same_line"),
        ("Cashier", "Maya Brown", "person", "right"),
        ("TO", "JACK REILLY", "person", "right"),
    ]


@pytest.mark.parametrize(
    "rows",
    [
        (("Date:", "Time:"),),  # a label is no value
        ("Tel: 03-1234567 Fax: 03-7654321",),  # two labels in one span
        (("Name:", "______"),),  # a blank to fill in
        ("Sum: 4.00", "Sum: 5.00"),  # one label, two values
    ],
)
def test_what_is_not_sure_is_no_fact(rows: tuple[str | tuple[str, ...], ...]) -> None:
    assert label_values(page(*rows)) == []


RECEIPT = (
    "BLUE DOOR CAFE SDN BHD (123456-X)", "14 Jalan Mill,", "47400 Petaling Jaya.", "Tel: 03-7852 6929",
    "Date: 14/03/2026 10:42", ("Flat White", "3.40"), ("Scone", "2.60"), ("Sub Total", "6.00"),
    ("GST 6%", "0.36"), ("Rounding Adj", "-0.01"), ("TOTAL", "6.35"), ("CASH", "10.00"), ("CHANGE", "3.65"),
)  # fmt: skip


def test_the_head_of_a_receipt() -> None:
    spans = page(*RECEIPT)
    who = issuer(spans, "")
    assert who is not None and who.value == "BLUE DOOR CAFE SDN BHD"
    where = address(spans, who, "")
    assert where is not None and where.value == "14 Jalan Mill, 47400 Petaling Jaya."
    when = date(spans, "")
    assert when is not None and when.value == "14/03/2026"


def test_sums_and_their_roles() -> None:
    found = amounts(page(*RECEIPT))
    assert [(one.label, one.role) for one in found] == [
        ("Flat White", "item"), ("Scone", "item"), ("Sub Total", "subtotal"), ("GST 6%", "tax"),
        ("Rounding Adj", "rounding"), ("TOTAL", "total"), ("CASH", "cash"), ("CHANGE", "change"),
    ]  # fmt: skip
    best = total(found)
    assert best is not None and best.text == "6.35"


@pytest.mark.parametrize(
    ("rows", "stated", "wanted"),
    [
        ([("Total", "5.00"), ("Total", "7.00")], (), None),  # two totals, no reason for either
        ([("Total", "5.00"), ("Total", "7.00")], (7.0,), "7.00"),  # a person says which
        ([("Total", "5.00")], (9.0,), None),  # a person says something else
        ([("Total", "60.31"), ("Rounding Adj", "-0.01")], (), None),  # the final sum is another
        ([("Total", "5.00"), ("Grand Total", "5.50")], (), "5.50"),
        ([("Total Qty", "5.00")], (), None),
        ([("Total", "9.00"), ("Total", "8.00"), ("Cash", "10.00"), ("Change", "2.00")], (), "8.00"),
    ],
)
def test_which_total_is_the_total(rows: list[tuple[str, str]], stated: tuple[float, ...], wanted: str | None) -> None:
    best = total(amounts(page(*rows)), stated)
    assert (best.text if best else None) == wanted


def test_a_caption_that_disagrees_makes_silent() -> None:
    spans = page(*RECEIPT)
    assert issuer(spans, "A receipt from Blue Boar Cafe, dated 15/03/2026.") is None
    assert date(spans, "A receipt dated 15/03/2026.") is None


def test_tables_of_figures_but_not_of_prose() -> None:
    cells = table_cells(page(("Club", "Points", "Goals"), ("Carlton", "31", "12.4"), ("Geelong", "28", "10.9")))
    assert [(c.row, c.column, c.value) for c in cells] == [
        ("Carlton", "Points", "31"), ("Carlton", "Goals", "12.4"),
        ("Geelong", "Points", "28"), ("Geelong", "Goals", "10.9"),
    ]  # fmt: skip
    assert table_cells(page(("How one", "would see"), ("values in", "the plot"), ("that are", "shown here"))) == []


def test_a_heading_is_clearly_larger() -> None:
    body = [Span(f"line {i} of the text", (40, 200 + 40 * i, 300, 220 + 40 * i), 0.99) for i in range(5)]
    big = Span("SUMMER JAZZ NIGHT", (40, 40, 500, 90), 0.99)
    heading = find_heading([big, *body], 600)
    assert heading is not None and heading.value == "SUMMER JAZZ NIGHT"
    assert find_heading(body, 600) is None
    second = Span("AND MORE MUSIC", (40, 540, 500, 588), 0.99)
    assert find_heading([big, *body, second], 600) is None


@pytest.mark.parametrize(
    ("box", "words"),
    [
        ((0, 0, 10, 10), "at the top left"),
        ((45, 45, 55, 55), "in the middle"),
        ((90, 95, 99, 99), "at the bottom right"),
        ((90, 45, 99, 50), "at the middle right"),
        ((5, 0, 95, 5), "near the top"),
    ],
)  # fmt: skip
def test_places_in_words(box: tuple[float, float, float, float], words: str) -> None:
    assert place(box, 100, 100) == words
