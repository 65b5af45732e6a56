"""Personal data of each sort, and what only looks like it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glossator.privacy.personal import SORTS, find


def found(text: str, **how: object) -> list[tuple[str, str]]:
    return [(one.sort, text[one.start : one.end]) for one in find(text, **how)]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "sort", "value"),
    [
        ("Mail a.b+c@shop.com.my now", "email", "a.b+c@shop.com.my"),
        ("EMAIL: SHOP88@GMAIL . COM", "email", "SHOP88@GMAIL . COM"),
        ("anna (at) example.org", "email", "anna (at) example.org"),
        ("почта@пример.рф", "email", "почта@пример.рф"),
        ("a\u200bnna@exam\u200bple.com", "email", "a\u200bnna@exam\u200bple.com"),
        ("TEL-03 77282288 (GST ID 001382293504)", "phone", "03 77282288"),
        ("fax (502- 568- 7189) OR", "phone", "(502- 568- 7189"),
        ("TELECOPY NO: 212/ 545- 3297", "phone", "212/ 545- 3297"),
        ("電話：０３－６２５８４０８８", "phone", "０３－６２５８４０８８"),
        ("TEL 〇一七二（七二）一二三九", "phone", "〇一七二（七二）一二三九"),
        ("هاتف: ٠٣-٦٢٥٨ ٤٠٨٨", "phone", "٠٣-٦٢٥٨ ٤٠٨٨"),
        ("फोन: ०३-६२५८ ४०८८", "phone", "०३-६२५८ ४०८८"),
        ("call +44 20 7946 0958 today", "phone", "+44 20 7946 0958"),
        ("(206) 623-7292", "phone", "(206) 623-7292"),
        ("card 4111 1111 1111 1111 exp", "card", "4111 1111 1111 1111"),
        ("378282246310005", "card", "378282246310005"),
        ("IBAN DE89 3704 0044 0532 0130 00 please", "iban", "DE89 3704 0044 0532 0130 00"),
        ("gb82west12345698765432", "iban", "gb82west12345698765432"),
        ("SSN 536-90-4399", "national_id", "536-90-4399"),
        ("IC NO: 850212105123", "national_id", "850212105123"),
        ("DNI 12345678Z", "national_id", "12345678Z"),
        ("from 192.168.10.24 at", "ip", "192.168.10.24"),
        ("fe80::1ff:fe23:4567:890a", "ip", "fe80::1ff:fe23:4567:890a"),
    ],
)
def test_what_is_personal_is_found_as_it_is_written(text: str, sort: str, value: str) -> None:
    assert found(text) == [(sort, value)]


@pytest.mark.parametrize(
    "text",
    [
        "GST ID: 001661886464", "INVOICE NO : 18291/102/T0163", "9556939040116", "TOTAL RM 1,234.50",
        "18-03-2018 11:23",
        "05-06-2018 20:23:14", "(519537-X)", "4 BAG @ 5.50", "65045039@2.33", "GST @6%: $0.46", "RICE@PERMAS JAYA",
        "6018840059147765", "4111 1111 1111 1112", "DE89 3704 0044 0532 0130 01", "SSN 000-12-3456", "version 3.2.1.4",
        "999.1.1.1", "12:30:45", "What is the total?", "", "Fax date 12/05/2018 10:00", "Mobile users: 1234567",
        "12X13 (1X180)", "47400 PETALING JAYA", "-14, 165. 00", "9/23 10/11 11/16",
    ],
)  # fmt: skip
def test_the_numbers_of_receipts_and_charts_are_nobodys(text: str) -> None:
    assert found(text) == []


def test_two_numbers_behind_one_word_are_two() -> None:
    assert found("TEL : 07-5547360 / 016-7993391, 012-659 9829") == [
        ("phone", "07-5547360"), ("phone", "016-7993391"), ("phone", "012-659 9829"),
    ]  # fmt: skip


def test_a_country_tells_its_own_numbers_without_a_word_before_them() -> None:
    assert found("03-6057 1377", regions=()) == []
    assert found("03-6057 1377", regions=("MY",)) == [("phone", "03-6057 1377")]


def test_the_answer_to_a_question_for_a_telephone_needs_no_word_before_it() -> None:
    assert found("03-62584088", regions=()) == []
    assert found("03-62584088", regions=(), phone_asked=True) == [("phone", "03-62584088")]
    assert found("53.60", phone_asked=True) == found("12/05/2018", phone_asked=True) == []


def test_only_the_sorts_that_are_asked_for_are_found() -> None:
    assert found("TEL 03-6258 4088 a@b.com", sorts=["email"]) == [("email", "a@b.com")]


def test_names_are_found_by_a_model_alone() -> None:
    def people(text: str) -> list[tuple[int, int]]:
        place = text.find("Ann Lee")
        return [(place, place + 7)] if place >= 0 else []

    assert found("To Ann Lee") == []
    assert found("To A\u200bnn Lee", people=people) == [("person", "A\u200bnn Lee")]


@given(st.text())
def test_any_text_is_looked_through(text: str) -> None:
    last = 0
    for one in find(text, phone_asked=True):
        assert one.sort in SORTS
        assert last <= one.start < one.end <= len(text)
        last = one.end


def test_absurd_texts_take_no_absurd_time() -> None:
    for part, after in (("9", ""), ("a@", ""), ("a.", "@"), ("1-", ""), ("tel ", "1"), ("::", ""), ("GB82 ", "")):
        text = part * 10_000 + after
        assert find(text) is not None
