"""The detail-enriched caption: the human sentences as they are, and what the image says beside them."""

from __future__ import annotations

from glossator.engines.writer.grounded import fields, receipts
from glossator.engines.writer.grounded.document import Document, quoted
from glossator.layout.headings import find_heading
from glossator.layout.labels import label_values
from glossator.layout.typed import looks_like_address
from glossator.records import Span
from glossator.text import fold

MAX_FIELDS = 4
MAX_LINES = 4
_SURE = 0.93


def enrich(document: Document, chart: str | None = None) -> str:
    """The enriched caption. `chart` holds sentences about a chart, where the page is one.

    The human caption stands first, verbatim. Without one the text describes what is there. Where OCR is unsure or found
    nothing, little or nothing is added.
    """
    if document.caption:
        opening = document.caption.strip()
        more = chart.split("\n") if chart else _details(document)
        said = fold(document.caption)
        fresh = [sentence for sentence in more if not _said(sentence, said)]
        return " ".join([opening, *fresh]) if fresh else opening
    if chart:
        return chart.replace("\n", " ")
    return " ".join([_opening(document), *_details(document)])


def _opening(document: Document) -> str:
    """The first sentence where no person wrote one."""
    article = "An" if document.noun[0] in "aeio" else "A"
    if document.noun in ("receipt", "invoice"):
        receipt = receipts.Receipt(document)
        parts = [f"{article} {document.noun}"]
        if receipt.issuer:
            parts.append(f"issued by {receipt.issuer.value}")
        if receipt.date:
            parts.append(f"dated {receipt.date.value}")
        text = " ".join(parts)
        return f"{text}, with a total of {receipt.total.text}." if receipt.total else f"{text}."
    if not document.spans:
        return f"{article} {document.noun} without text that could be read."
    return f"{article} {document.noun} with {'a few lines' if len(document.rows) < 12 else 'many lines'} of text."


def _details(document: Document) -> list[str]:
    receipt = receipts.Receipt(document)
    if receipt.is_one():
        return _receipt_details(receipt)
    sentences = []
    heading = find_heading(document.spans, document.sample.image.height)
    if heading is not None:
        sentences.append(f"The heading reads {quoted(heading.value)}.")
    facts = [fact for fact in label_values(document.spans) if fields.askable(document, fact)]
    said = fold(document.caption)
    facts = [fact for fact in facts if fold(fact.value) not in said][:MAX_FIELDS]
    if facts:
        listed = _and([f"{quoted(fact.value)} for {quoted(fact.label)}" for fact in facts])
        sentences.append(f"The {document.noun} gives {listed}.")
    skip = {span for fact in facts for span in (*fact.evidence, *fact.label_evidence)} | set(
        heading.evidence if heading else ()
    )
    lines = _main_lines(document, skip)
    if lines:
        also = "also " if sentences else ""
        sentences.append(f"It {also}reads {_and([quoted(line) for line in lines])}.")
    return sentences


def _receipt_details(receipt: receipts.Receipt) -> list[str]:
    sentences = []
    items = receipt.unique("item")[:3]
    if items:
        listed = _and([f"{one.label} at {one.text}" for one in items])
        sentences.append(f"It lists {listed}.")
    subtotal, cash, change = receipt.only("subtotal"), receipt.only("cash"), receipt.only("change")
    if subtotal and (receipt.total is None or receipt.total.text != subtotal.text):
        sentences.append(f"The subtotal is {subtotal.text}.")
    if cash and change and receipts.PLAIN_CASH.fullmatch(cash.label):
        sentences.append(f"{cash.text} was paid in cash and the change is {change.text}.")
    tax = receipt.unique("tax")[:1]
    if tax:
        sentences.append(f"The line {quoted(tax[0].label)} shows {tax[0].text}.")
    if receipt.issuer and fold(receipt.issuer.value) not in fold(receipt.document.caption) and receipt.document.caption:
        sentences.insert(0, f"The name at its head is {receipt.issuer.value}.")
    return sentences


def _main_lines(document: Document, skip: set[Span]) -> list[str]:
    """The first lines that were surely read and say something, from the top down."""
    said = fold(document.caption)
    found: list[str] = []
    for row in document.rows:
        text = " ".join(span.text.strip() for span in row)
        words = [word for word in text.split() if sum(map(str.isalpha, word)) >= 2]
        sure = min(span.confidence for span in row) >= _SURE
        if not sure or any(span in skip for span in row) or looks_like_address(text):
            continue
        if len(words) >= 2 and len(text) <= 80 and fold(text) not in said:
            found.append(text)
        if len(found) == MAX_LINES:
            break
    return found


def _said(sentence: str, said: str) -> bool:
    """Whether the caption says all that the sentence quotes."""
    pieces = sentence.split('"')[1::2]
    return bool(pieces) and all(fold(piece) in said for piece in pieces)


def _and(pieces: list[str]) -> str:
    return pieces[0] if len(pieces) == 1 else f"{', '.join(pieces[:-1])} and {pieces[-1]}"
