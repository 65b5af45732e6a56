"""Spans come in the order in which a person reads them."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from glossator.layout.reading_order import lines, lines_text, reading_order
from glossator.records import Span


def span(text: str, x: float, y: float, width: float | None = None, h: float = 20) -> Span:
    """A line whose top left corner is at (x, y)."""
    return Span(text, (x, y, x + (10 * len(text) if width is None else width), y + h))


def shuffled(spans: list[Span]) -> list[Span]:
    return random.Random(7).sample(spans, len(spans))


def leaning(spans: list[Span], slope: float) -> list[Span]:
    """As in a photo taken slightly askew: the upright box of each rotated line."""
    result = []
    for one in spans:
        x0, y0, x1, y1 = one.box
        result.append(Span(one.text, (x0, y0 + slope * x0, x1, y1 + slope * x1)))
    return result


RECEIPT = [
    span("CORNER SHOP", 150, 10),
    span("12 High Street", 140, 40),
    span("Date", 20, 80),
    span("2018-03-18", 400, 80),
    *(part for i in range(8) for part in (span(f"Item {i}", 20, 120 + 30 * i), span(f"{i}.50", 440, 121 + 30 * i))),
    span("TOTAL", 20, 370, h=28),
    span("28.00", 440, 374),
    span("Thank you", 170, 410),
]
RECEIPT_TEXT = "\n".join(
    [
        "CORNER SHOP",
        "12 High Street",
        "Date 2018-03-18",
        *(f"Item {i} {i}.50" for i in range(8)),
        "TOTAL 28.00",
        "Thank you",
    ]
)


def test_an_amount_belongs_to_its_label() -> None:
    assert lines_text(shuffled(RECEIPT)) == RECEIPT_TEXT


def test_a_receipt_held_askew() -> None:
    for slope in (-0.06, 0.06):
        assert lines_text(shuffled(leaning(RECEIPT, slope))) == RECEIPT_TEXT


def column(name: str, x: float, top: float, count: int = 6, pitch: float = 24) -> list[Span]:
    """A paragraph of even lines; the last one is short."""
    full = [span(f"{name}{i}", x, top + pitch * i, width=300) for i in range(count - 1)]
    return [*full, span(f"{name}{count - 1}", x, top + pitch * (count - 1), width=80)]


def texts(spans: list[Span]) -> list[str]:
    return [one.text for one in reading_order(shuffled(spans))]


def test_columns_are_read_one_after_the_other() -> None:
    page = [
        span("A headline over both columns", 0, 0, width=640, h=36),
        *column("a", 0, 60),
        *column("b", 340, 60),
        span("A footer under both of them", 0, 260, width=640),
    ]
    expected = [page[0].text, *(f"a{i}" for i in range(6)), *(f"b{i}" for i in range(6)), page[-1].text]
    assert texts(page) == expected


def test_columns_whose_lines_do_not_align() -> None:
    page = [*column("a", 0, 60), *column("b", 340, 71, count=5), *column("c", 680, 66, count=7, pitch=22)]
    assert texts(page) == [f"a{i}" for i in range(6)] + [f"b{i}" for i in range(5)] + [f"c{i}" for i in range(7)]


def test_words_make_lines_and_lines_make_columns() -> None:
    def words(name: str, x: float, y: float) -> list[Span]:
        return [span(f"{name}{i}", x + 50 * i, y, width=42) for i in range(6)]

    page = [one for row in range(5) for one in (*words(f"l{row}.", 0, 24 * row), *words(f"r{row}.", 360, 24 * row))]
    expected = [f"{side}{row}.{i}" for side in "lr" for row in range(5) for i in range(6)]
    assert texts(page) == expected


def test_a_form_is_read_line_by_line() -> None:
    form = [
        span("Name:", 0, 0), span("Ada Lovelace", 80, 1), span("Born:", 400, 0), span("1815", 480, 0),
        span("Street:", 0, 40), span("St James's Square", 90, 39), span("City:", 400, 41), span("London", 470, 40),
    ]  # fmt: skip
    assert lines_text(shuffled(form)) == "Name: Ada Lovelace Born: 1815\nStreet: St James's Square City: London"


def test_a_table_keeps_its_rows() -> None:
    table = [span(f"cell {r}{c}", 120 * c, 30 * r) for r in range(5) for c in range(5)]
    assert lines_text(shuffled(table)).split("\n")[2] == "cell 20 cell 21 cell 22 cell 23 cell 24"


def test_right_to_left_lines() -> None:
    spans = [span("שלום", 300, 0), span("עולם", 240, 0), span("סכום", 300, 40), span("12.50", 40, 40)]
    assert lines_text(shuffled(spans)) == "שלום עולם\nסכום 12.50"


def test_right_to_left_columns() -> None:
    page = [
        Span(f"{letter}" * 12 + str(i), (x, 24 * i, x + 300, 24 * i + 20))
        for letter, x in (("א", 340), ("ב", 0))
        for i in range(5)
    ]
    assert texts(page) == [one.text for one in page]


def test_a_latin_line_on_an_arabic_page() -> None:
    page = [span("مرحبا بالعالم", 100, 0), span("سعر المنتج الكلي", 100, 40), span("Made", 0, 80), span("here", 60, 80)]
    assert lines_text(page).split("\n")[-1] == "Made here"


def test_vertical_writing_runs_from_the_right() -> None:
    page = [Span(text, (x, 0, x + 20, 200)) for text, x in (("吾輩は猫である", 200), ("名前はまだ無い", 160))]
    assert texts(page) == ["吾輩は猫である", "名前はまだ無い"]


def test_paragraphs_given_as_one_span() -> None:
    left = Span("a long paragraph " * 12, (0, 0, 300, 200))
    right = Span("another paragraph " * 12, (340, 10, 640, 190))
    head = span("Title", 10, -50)
    assert lines([right, left, head]) == [[head], [left], [right]]


def test_nothing() -> None:
    assert lines([]) == []
    assert lines_text([]) == ""


BOXES = st.tuples(*(st.floats(0, 3000, width=32) for _ in range(4))).map(
    lambda b: (min(b[0], b[2]), min(b[1], b[3]), max(b[0], b[2]), max(b[1], b[3]))
)
SPANS = st.lists(st.builds(Span, st.text(min_size=1, max_size=9), BOXES, st.just(1.0)), max_size=40)


@settings(max_examples=150, deadline=None)
@given(SPANS, st.randoms())
def test_each_span_once_whatever_the_order(spans: list[Span], rng: random.Random) -> None:
    found = reading_order(spans)
    assert sorted(found, key=repr) == sorted(spans, key=repr)
    again = list(found)
    rng.shuffle(again)
    assert reading_order(again) == found
    assert [one for line in lines(spans) for one in line] == found
