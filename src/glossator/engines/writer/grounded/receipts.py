"""Pairs about receipts and invoices: who issued it, when, for how much, and how it was paid."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from glossator.engines.base import PairDraft
from glossator.engines.writer.grounded.document import Document, evidence, quoted
from glossator.engines.writer.grounded.explain import ask_why
from glossator.layout import issuer
from glossator.layout.amounts import Amount, amounts, total
from glossator.layout.facts import Fact
from glossator.layout.typed import amount, find
from glossator.text import fold

MAX_ITEMS = 3
PLAIN_CASH = re.compile(r"cash(?: paid| payment| tendered)?", re.IGNORECASE)


@dataclass(frozen=True)
class Receipt:
    """What a receipt or an invoice says, as far as it is certain."""

    document: Document

    @cached_property
    def amounts(self) -> list[Amount]:
        """All lines that end in a sum."""
        return amounts(self.document.spans)

    @cached_property
    def total(self) -> Amount | None:
        """The final total."""
        stated = [value for text in find("money", self.document.caption) if (value := amount(text)) is not None]
        return total(self.amounts, stated)

    @cached_property
    def issuer(self) -> Fact | None:
        """The company that issued it."""
        return issuer.issuer(self.document.spans, self.document.caption)

    @cached_property
    def address(self) -> Fact | None:
        """Its address."""
        return issuer.address(self.document.spans, self.issuer, self.document.caption)

    @cached_property
    def date(self) -> Fact | None:
        """The date of the purchase."""
        return issuer.date(self.document.spans, self.document.caption)

    def is_one(self) -> bool:
        """Whether the page is a receipt or an invoice at all."""
        if self.document.noun in ("receipt", "invoice"):
            return True
        return self.document.noun == "image" and self.total is not None and len(self.amounts) >= 3

    def only(self, role: str) -> Amount | None:
        """The one amount of that role whose sum is not in doubt, or None."""
        found = [one for one in self.amounts if one.role == role]
        return found[0] if found and len({one.text for one in found}) == 1 else None

    def unique(self, role: str) -> list[Amount]:
        """The amounts of that role whose label occurs once on the page and is fit to be named."""
        labels = [fold(one.label) for one in self.amounts]
        return [
            one for one in self.amounts if one.role == role and labels.count(fold(one.label)) == 1 and _nameable(one)
        ]


def propose(document: Document) -> list[PairDraft]:
    """Pairs about a receipt, best first."""
    receipt = Receipt(document)
    noun = document.noun if document.noun != "image" else "receipt"
    drafts = [*head(receipt, noun), *_sums(receipt, noun)]
    drafts += [_item(receipt, one, noun) for one in receipt.unique("item")[:MAX_ITEMS]]
    return drafts


def head(receipt: Receipt, noun: str) -> Iterator[PairDraft]:
    """Company, total, date and address, as far as they are certain."""
    yield from (draft for draft in (_company(receipt, noun), _total(receipt, noun)) if draft)
    yield from (draft for draft in (_date(receipt, noun), _address(receipt, noun)) if draft)


def _company(receipt: Receipt, noun: str) -> PairDraft | None:
    fact, document = receipt.issuer, receipt.document
    if fact is None:
        return None
    options = (
        f"Which company issued this {noun}?",
        f"What is the name of the company on this {noun}?",
        f"Who issued this {noun}?",
    )
    below = document.text_below(fact.evidence)
    tail = f", directly above the line {quoted(below)}" if below else ""
    why = (
        f"The name stands {document.where(fact.evidence)} of the page{tail}; that is where a business prints its name."
    )
    return _draft(document, "company", options, fact.value, fact.evidence, why)


def _total(receipt: Receipt, noun: str) -> PairDraft | None:
    found, document = receipt.total, receipt.document
    if found is None:
        return None
    options = (
        f"What is the total amount on this {noun}?",
        f"How much is the total on this {noun}?",
        f"What total does this {noun} show?",
        f"What is the total of this {noun}?",
    )
    return _draft(document, "total", options, found.text, found.spans, _why_total(receipt, found))


def _date(receipt: Receipt, noun: str) -> PairDraft | None:
    fact, document = receipt.date, receipt.document
    if fact is None:
        return None
    options = (
        f"What is the date on this {noun}?",
        f"When was this {noun} issued?",
        f"Which date is printed on this {noun}?",
    )
    label = f", behind the label {quoted(fact.label)}" if fact.label else ""
    why = f"The date is printed {document.where(fact.evidence)} of the page{label}."
    return _draft(document, "date", options, fact.value, fact.evidence, why)


def _address(receipt: Receipt, noun: str) -> PairDraft | None:
    fact, document = receipt.address, receipt.document
    if fact is None:
        return None
    options = (
        f"What is the address printed on this {noun}?",
        f"What address does this {noun} give for the company?",
        f"Where is the company located, according to this {noun}?",
    )
    count = len({span.box[1] for span in fact.evidence})
    run = f"It runs over {count} lines" if count > 1 else "It stands on one line"
    under = f" below the name {quoted(receipt.issuer.value)}" if receipt.issuer else ""
    why = f"{run}{under} in the head of the {noun}, where a business prints its address."
    return _draft(document, "address", options, fact.value, fact.evidence, why)


def _sums(receipt: Receipt, noun: str) -> Iterator[PairDraft]:
    document = receipt.document
    change, cash, subtotal = receipt.only("change"), receipt.only("cash"), receipt.only("subtotal")
    if change:
        options = (f"How much change does this {noun} show?", f"What is the change on this {noun}?")
        yield _draft(document, "change", options, change.text, change.spans, _same_line(document, change))
    if cash and PLAIN_CASH.fullmatch(cash.label):
        options = (f"How much was paid in cash according to this {noun}?", f"What cash amount does this {noun} show?")
        yield _draft(document, "cash", options, cash.text, cash.spans, _same_line(document, cash))
    if subtotal and (receipt.total is None or subtotal.text != receipt.total.text):
        options = (f"What is the subtotal on this {noun}?", f"Which subtotal does this {noun} show?")
        yield _draft(document, "subtotal", options, subtotal.text, subtotal.spans, _same_line(document, subtotal))
    for role in ("tax", "service", "discount"):
        for one in [one for one in receipt.unique(role) if one.value][:1]:
            options = (
                f"What amount is printed for {quoted(one.label)} on this {noun}?",
                f"How much is listed under {quoted(one.label)} on this {noun}?",
            )
            yield _draft(document, role, options, one.text, one.spans, _same_line(document, one))


def _item(receipt: Receipt, one: Amount, noun: str) -> PairDraft:
    options = (
        f"What amount is printed for {quoted(one.label)} on this {noun}?",
        f"How much is charged for {quoted(one.label)} on this {noun}?",
        f"What is the amount beside {quoted(one.label)}?",
    )
    return _draft(receipt.document, "item", options, one.text, one.spans, _same_line(receipt.document, one))


def _draft(
    document: Document, kind: str, options: Sequence[str], answer: str, spans: Sequence[object], why: str
) -> PairDraft:
    return PairDraft(
        document.pick(options, kind, answer),
        answer,
        kind,
        evidence(spans),  # type: ignore[arg-type]
        explain_question=ask_why(document, kind, answer),
        explain_answer=why,
    )


def _same_line(document: Document, one: Amount) -> str:
    where = document.where(one.spans)
    above = document.text_above(one.spans)
    options = (
        f"The line {where} that begins with {quoted(one.label)} ends in this amount.",
        f"The label {quoted(one.label)} stands {where}, and the amount is on the same line, at its right end.",
        f"Reading along the line labelled {quoted(one.label)} from left to right leads to this amount.",
    )
    near = f" It comes right after the line {quoted(above)}." if above and document.pick("01", one.label) == "1" else ""
    return document.pick(options, one.label, one.text) + near


def _why_total(receipt: Receipt, found: Amount) -> str:
    base = _same_line(receipt.document, found)
    cash, change = receipt.only("cash"), receipt.only("change")
    if cash and change and abs(cash.value - abs(change.value) - found.value) < 0.005 and change.value:
        return f"{base} It fits the payment: {cash.text} given less {change.text} change is the same sum."
    subtotal = receipt.only("subtotal")
    if subtotal and subtotal.row < found.row and subtotal.value != found.value:
        return f"{base} The subtotal of {subtotal.text} stands above it, so this is the final sum."
    return base


def _nameable(one: Amount) -> bool:
    letters = sum(map(str.isalpha, one.label))
    if re.search(r"total", one.label, re.IGNORECASE):
        return False  # sums of parts: a question that quotes them would seem to ask for the total
    if one.label[0].islower() and one.label[1:2].isupper():
        return False  # an icon that OCR took for a letter
    return letters >= 4 and letters >= 0.6 * len(one.label.replace(" ", "")) and len(one.label) <= 40
