"""The amounts of a receipt or an invoice: lines that end in a sum of money, and which of them is the total."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from glossator.layout.labels import MIN_CONFIDENCE
from glossator.layout.reading_order import lines
from glossator.layout.typed import amount, trailing_money
from glossator.records import Span

Role = Literal["total", "subtotal", "tax", "rounding", "discount", "cash", "change", "service", "other", "item"]

_ROLES: tuple[tuple[Role, re.Pattern[str]], ...] = (
    ("rounding", re.compile(r"\bround(?:ing|ed)? ?(?:adj|diff|amt|off)|^rounding\b|adjust?ment", re.I)),
    ("subtotal", re.compile(r"\bsub[ -]?total\b|sub ?t[o0]tal|zwischensumme|sous-total|before (?:tax|discount)", re.I)),
    ("change", re.compile(r"\bchange\b|\bbalance\b(?! due)|wechselgeld|rückgeld|cambio|rendu", re.I)),
    ("discount", re.compile(r"\bdisc(?:ount)?\b|\bsavings?\b|\brabatt\b|\bpromo", re.I)),
    ("service", re.compile(r"serv(?:ice|\.)? ?c|\bsvc\b|\btips?\b|gratuity", re.I)),
)
_NOT_TOTAL = re.compile(
    r"\b(?:qty|quantity|items?|excl\w*|summary|saved?|points?|supplies|taxable|vat|nett? of|before|average)\b"
    r"|\btotal (?:gst|tax|disc)"
    r"|\b(?:gst|tax|sst|vat) (?:total|amt|amount)\b",
    re.I,
)
_TOTAL = re.compile(
    r"\b(?:grand|net+|final|bill|invoice)? ?t[o0]tal\b|\bamount (?:due|payable|paid)\b"
    r"|\b(?:amt|total) (?:due|payable)\b"
    r"|\bbalance due\b|\bto pay\b|\bsumme\b|\bgesamt(?:betrag)?\b|\bzu zahlen\b|\btotale\b|\bmontant\b"
    r"|合计|合計|总计|總計|итого",
    re.I,
)
_TAX = re.compile(r"\b(?:gst|tax|vat|sst|mwst|tva|iva)\b", re.I)
_CASH = re.compile(r"\b(?:cash|tendered|paid|payment|visa|master ?card|card|bar|espèces|contanti|efectivo)\b", re.I)
_QUANTITY = re.compile(r"^\d{1,3} ?[xX]? (?=\S*[^\W\d]{3})")
_STRONG = re.compile(
    r"round(?:ed)? ?total|total rounded|after (?:round|adj)|grand|net+ total|payable|amount due|balance due",
    re.I,
)


@dataclass(frozen=True, slots=True)
class Amount:
    """One line that ends in a sum of money."""

    label: str
    text: str
    value: float
    role: Role
    label_spans: tuple[Span, ...]
    spans: tuple[Span, ...]
    row: int


def amounts(spans: Sequence[Span]) -> list[Amount]:
    """All lines of the form `label ... money`, in reading order. Lines read with little confidence are left out."""
    found = []
    for number, row in enumerate(lines(spans)):
        text = " ".join(span.text.strip() for span in row)
        split = trailing_money(text)
        if split is None or min(span.confidence for span in row) < MIN_CONFIDENCE:
            continue
        label, money = _QUANTITY.sub("", split[0]), split[1]
        if trailing_money(label):
            continue  # several figures on the line: which of them is meant is not sure
        value = amount(money)
        if value is None or sum(map(str.isalpha, label)) < 2:
            continue
        holders = tuple(span for span in row if money in span.text) or tuple(row)
        names = tuple(span for span in row if any(word in span.text for word in label.split())) or holders
        found.append(Amount(label, money, value, _role(label), names, holders, number))
    return _items_before_total(found)


def total(found: Sequence[Amount], stated: Sequence[float] = ()) -> Amount | None:
    """The line with the final total, or None where the page leaves it open.

    A line counts if what was paid less the change given equals it, or if a person stated that sum; otherwise the
    strongest wording must name one sum only, and no other line of the kind may stand against it.

    Args:
        found: the page's amounts.
        stated: sums of money that the human caption mentions.
    """
    candidates = [one for one in found if one.role == "total" and one.value > 0]
    for wanted in (*stated, *_paid_less_change(found)):
        exact = [one for one in candidates if abs(one.value - wanted) < 0.005]
        if exact:
            return _best(exact)
    if stated:
        return None  # a person names another sum: one of the two is wrong
    strong = [one for one in candidates if _STRONG.search(one.label)]
    for group in (strong, candidates):
        values = {round(one.value, 2) for one in group}
        if len(values) == 1:
            return None if _rounded_later(group[0], found) else _best(group)
        if group is candidates and len(values) == 2 and _differ_by_rounding(values, found):
            return _best([one for one in group if one.value == group[-1].value])
    return None


def _rounded_later(candidate: Amount, found: Sequence[Amount]) -> bool:
    """Whether a rounding other than zero follows, so that the final sum is another one."""
    return any(one.role == "rounding" and one.row > candidate.row and abs(one.value) > 0.001 for one in found)


def _differ_by_rounding(values: set[float], found: Sequence[Amount]) -> bool:
    gap = abs(max(values) - min(values))
    return gap <= 0.05 and any(one.role == "rounding" and abs(abs(one.value) - gap) < 0.005 for one in found)


def _paid_less_change(found: Sequence[Amount]) -> list[float]:
    paid = [one.value for one in found if one.role == "cash" and one.value > 0]
    change = [abs(one.value) for one in found if one.role == "change"]
    return [round(sum_paid - back, 2) for sum_paid in paid for back in change] if len(paid) == len(change) == 1 else []


def _best(group: Sequence[Amount]) -> Amount:
    """The plainest wording: the shortest label that says total."""
    return min(group, key=lambda one: (not re.search(r"total", one.label, re.I), len(one.label), one.row))


def _role(label: str) -> Role:
    for role, pattern in _ROLES:
        if pattern.search(label):
            return role
    if _TOTAL.search(label) and not _NOT_TOTAL.search(label):
        return "total"
    if _TAX.search(label):
        return "tax"
    if _CASH.search(label):
        return "cash"
    return "other"


def _items_before_total(found: list[Amount]) -> list[Amount]:
    """Unnamed amounts above the first sum are bought items; below it they are left as they are."""
    sums = [one.row for one in found if one.role in ("subtotal", "total")]
    first = min(sums, default=-1)
    return [
        Amount(one.label, one.text, one.value, "item", one.label_spans, one.spans, one.row)
        if one.role == "other" and one.row < first
        else one
        for one in found
    ]
