"""Numbers that name a person or an account: cards, IBANs, national identity numbers, by python-stdnum.

A check digit alone lets every tenth receipt number through. So a number has to be written as such numbers are printed,
or to have a word before it that says what it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache
from importlib import import_module
from typing import Any

from glossator.errors import MissingExtraError

Span = tuple[int, int]
# Visa, Mastercard, American Express, Diners, Discover, JCB, UnionPay: how their numbers begin, and their lengths.
_CARD = re.compile(
    r"(?<![\w.-])(?:4\d{3}|5[1-5]\d\d|2[2-7]\d\d|3[047]\d\d|3[68]\d\d|35[2-8]\d|6011|65\d\d|62\d\d)"
    r"(?:[ -]?\d){10,15}(?![\w-])"
)
_CARD_LENGTHS = {"3": (14, 15, 16), "4": (16, 19), "6": (16, 19)}
_IBAN = re.compile(r"(?<!\w)[A-Z]{2} ?\d{2}(?: ?[A-Z0-9]){11,30}(?!\w)", re.IGNORECASE)
_BLANK = re.compile(r" ")

# Country, module of python-stdnum, how it is printed. Where that could be any number, a word must stand before it.
_PRINTED: tuple[tuple[str, str], ...] = (
    ("us.ssn", r"\d{3}-\d{2}-\d{4}"),
    ("my.nric", r"\d{6}-\d{2}-\d{4}"),
    ("br.cpf", r"\d{3}\.\d{3}\.\d{3}-\d{2}"),
    ("cn.ric", r"\d{17}[\dXx]"),
    ("in_.aadhaar", r"\d{4} \d{4} \d{4}|\d{4}-\d{4}-\d{4}"),
    ("it.codicefiscale", r"[A-Za-z]{6}\d{2}[A-Za-z]\d{2}[A-Za-z]\d{3}[A-Za-z]"),
    ("fr.nir", r"[12] \d{2} \d{2} (?:\d{2}|2[ABab]) \d{3} \d{3}(?: \d{2})"),
    ("es.dni", r"\d{8}-?[A-Za-z]"),
    ("kr.rrn", r"\d{6}-\d{7}"),
    ("mx.curp", r"[A-Za-z]{4}\d{6}[HMhm][A-Za-z]{5}[\dA-Za-z]\d"),
)
_NAMED: tuple[tuple[str, str, str], ...] = (
    ("us.ssn", r"\d{9}|\d{3} \d{2} \d{4}", r"ssn|social security"),
    ("my.nric", r"\d{12}", r"nric|mykad|ic no|i/c"),
    ("in_.aadhaar", r"\d{12}", r"aadhaar|aadhar|uidai"),
    ("fr.nir", r"[12]\d{14}", r"s[eé]curit[eé] sociale|nir|insee"),
    ("pl.pesel", r"\d{11}", r"pesel"),
    ("nl.bsn", r"\d{9}", r"bsn|burgerservicenummer|sofinummer"),
    ("de.idnr", r"\d{2} ?\d{3} ?\d{3} ?\d{3}", r"idnr|steuer-?id|identifikationsnummer"),
    ("tr.tckimlik", r"\d{11}", r"t\.?c\.? ?kimlik|kimlik no"),
    ("za.idnr", r"\d{13}", r"id (?:no|number)|identity number"),
    ("se.personnummer", r"(?:\d{2})?\d{6}[-+]?\d{4}", r"personnummer|pnr"),
    ("gb.nhs", r"\d{3} ?\d{3} ?\d{4}", r"nhs"),
)


def cards(text: str) -> Iterator[Span]:
    """Payment cards: the issuers' first digits and lengths, and the check digit of ISO/IEC 7812."""
    luhn = _module("luhn")
    for match in _CARD.finditer(text):
        digits = re.sub(r"\D", "", match[0])
        if len(digits) in _CARD_LENGTHS.get(digits[0], (16,)) and luhn.is_valid(digits):
            yield match.span()


def ibans(text: str) -> Iterator[Span]:
    """IBANs: country, length and check digits of ISO 13616. A word behind one is no part of it."""
    if not _IBAN.search(text):
        return
    iban = _module("iban")
    for match in _IBAN.finditer(text):
        ends = [match.end(), *(match.start() + blank.start() for blank in reversed([*_BLANK.finditer(match[0])]))]
        for end in ends:
            if iban.is_valid(text[match.start() : end]):
                yield match.start(), end
                break


def national_ids(text: str) -> Iterator[Span]:
    """National identity numbers of the countries in `_PRINTED` and `_NAMED`."""
    if sum(map(str.isdigit, text)) < 7:
        return
    for number, pattern in _patterns():
        for match in pattern.finditer(text):
            if _module(number).is_valid(match["number"]):
                yield match.span("number")


@cache
def _patterns() -> tuple[tuple[str, re.Pattern[str]], ...]:
    alone = [(name, re.compile(rf"(?<![\w.-])(?P<number>{form})(?![\w-])")) for name, form in _PRINTED]
    # Flags at once: the pattern of the word is tried first, so that other text costs little.
    named = [
        (name, re.compile(rf"(?<!\w)(?:{word})(?!\w)[^\d\n]{{0,16}}?(?P<number>{form})(?![\w-])", re.IGNORECASE))
        for name, form, word in _NAMED
    ]
    return (*alone, *named)


@cache
def _module(name: str) -> Any:
    try:
        return import_module(f"stdnum.{name}")
    except ImportError as error:
        raise MissingExtraError("finding cards, IBANs and identity numbers", "inspect") from error


FINDERS: dict[str, Callable[[str], Iterator[Span]]] = {"iban": ibans, "card": cards, "national_id": national_ids}
