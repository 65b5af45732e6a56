"""Pairs about what any page may hold: labelled fields, table cells, a heading, an e-mail address, a phone number."""

from __future__ import annotations

import re
from collections.abc import Iterator

from glossator.engines.base import PairDraft
from glossator.engines.writer.grounded.document import Document, evidence, quoted
from glossator.engines.writer.grounded.explain import ask_why, why_cell, why_field
from glossator.layout.facts import Fact, ValueType
from glossator.layout.headings import find_heading
from glossator.layout.labels import label_values
from glossator.layout.tables import table_cells
from glossator.layout.typed import find
from glossator.text import fold

MAX_CELLS = 4
_PROSE = (
    "comic", "photo", "illustration", "diagram", "screenshot", "web page", "handwritten page", "typewritten page"
)  # fmt: skip
_SHORT_LABELS = ("to", "no", "id", "hp", "po")
# Labels that print an abbreviation of what everybody would say in full.
_SPOKEN = {
    "tel": "telephone number",
    "telno": "telephone number",
    "phone": "phone number",
    "phoneno": "phone number",
    "telephone": "telephone number",
    "fax": "fax number",
    "faxno": "fax number",
    "email": "e-mail address",
    "invoiceno": "invoice number",
    "invoicenumber": "invoice number",
    "receiptno": "receipt number",
    "billno": "bill number",
    "orderno": "order number",
    "gstid": "GST ID",
    "gstno": "GST number",
    "gstregno": "GST registration number",
    "gstidno": "GST ID number",
    "vatno": "VAT number",
    "date": "date",
    "time": "time",
    "cashier": "cashier",
    "tableno": "table number",
    "subject": "subject",
    "customer": "customer",
    "address": "address",
}
_OPTIONS: dict[ValueType, tuple[str, ...]] = {
    "date": ("Which date is given for {label} on this {noun}?", "What date does this {noun} show for {label}?"),
    "time": ("What time is given for {label} on this {noun}?", "Which time does this {noun} show for {label}?"),
    "money": ("What amount is given for {label} on this {noun}?", "How much does this {noun} show for {label}?"),
    "percentage": (
        "What percentage is given for {label} on this {noun}?",
        "What share does this {noun} show for {label}?",
    ),
    "person": ("Who is named under {label} on this {noun}?", "Which name does this {noun} give for {label}?"),
    "organisation": (
        "Which organisation is named under {label} on this {noun}?",
        "What does this {noun} give for {label}?",
    ),
}
_PLAIN = (
    "What is given for {label} on this {noun}?",
    "What does this {noun} show for {label}?",
    "What is entered for {label} on this {noun}?",
    "Can you read what this {noun} says under {label}?",
)
_SPOKEN_OPTIONS = (
    "What is the {label} on this {noun}?",
    "Which {label} does this {noun} show?",
    "What {label} is printed on this {noun}?",
)
_TYPED: dict[ValueType, tuple[str, ...]] = {
    "email": ("Which e-mail contact is printed on this {noun}?", "What e-mail contact does this {noun} give?"),
    "url": ("Which website is printed on this {noun}?", "Which website does this {noun} name?"),
    "date": ("Which date is printed on this {noun}?", "What date does this {noun} show?"),
    "time": ("What time is printed on this {noun}?", "Which time of day does this {noun} show?"),
}


def propose(document: Document) -> list[PairDraft]:
    """Pairs about fields, cells, heading and unique typed values, best first."""
    fields = [_field(document, fact) for fact in label_values(document.spans) if askable(document, fact)]
    prose = document.noun in ("comic", "photo", "receipt", "web page", "handwritten page")
    cells = [] if prose else [_cell(document, fact) for fact in _spread(table_cells(document.spans))]
    asked = [fold(draft.answer) for draft in (*fields, *cells)]
    typed = [draft for draft in _typed(document) if not any(fold(draft.answer) in answer for answer in asked)]
    return [*_heading(document), *fields, *cells, *typed]


def askable(document: Document, fact: Fact) -> bool:
    """Whether a question about a field would be sound: the label is a name, not a sentence, a remark or a code."""
    words = fact.label.split()
    if len(words) > 6 or (sum(map(str.isalpha, fact.label)) < 3 and fold(fact.label) not in _SHORT_LABELS):
        return False
    if len(fold(fact.value)) < 2 or fold(fact.label) == fold(fact.value):
        return False
    if fact.label[0].islower() or "," in fact.label:
        return False  # the middle of a sentence
    if document.noun in _PROSE:
        # Speakers of dialogues, code and prose use colons too: there only values that have a form are certain.
        return fact.type in ("date", "money", "percentage", "email", "phone") and len(words) <= 4
    if re.search(r"\b(?:note|please|www|http|warning|nb|eg|ie|example|fig|figure)\b", fact.label, re.IGNORECASE):
        return False
    return fact.type != "text" or len(fact.value.split()) <= 9


def _field(document: Document, fact: Fact) -> PairDraft:
    spoken = _SPOKEN.get(fold(fact.label))
    options = _SPOKEN_OPTIONS if spoken else _OPTIONS.get(fact.type, _PLAIN)
    label = spoken or quoted(fact.label)
    question = document.pick(options, "field", fact.label).format(label=label, noun=document.noun)
    return _draft(document, "field", question, fact, why_field(document, fact))


def _spread(cells: list[Fact]) -> list[Fact]:
    """A few cells from all over the tables, no two of one row before each row has had its turn."""
    seen: dict[str, int] = {}
    turns = []
    for cell in cells:
        seen[cell.row] = seen.get(cell.row, -1) + 1
        turns.append(seen[cell.row])
    order = sorted(range(len(cells)), key=lambda i: (turns[i], i))
    step = max(1, len(order) // MAX_CELLS)
    return [cells[i] for i in order[::step][:MAX_CELLS] if len(fold(cells[i].value)) >= 2]


def _cell(document: Document, fact: Fact) -> PairDraft:
    row, column = quoted(fact.row), quoted(fact.column)
    options = (
        f"In the row {row}, what is listed under {column}?",
        f"What is the entry for {row} in the column {column}?",
        f"What does the table give under {column} for {row}?",
    )
    return _draft(document, "cell", document.pick(options, fact.row, fact.column), fact, why_cell(document, fact))


def _heading(document: Document) -> Iterator[PairDraft]:
    fact = find_heading(document.spans, document.sample.image.height)
    several_lines = fact is not None and len({span.box[1] for span in fact.evidence}) > 1
    if several_lines and document.noun in ("screenshot", "web page", "diagram"):
        return  # lines of a program's window stand together by chance
    if fact is None or document.noun in ("receipt", "comic", "photo", "handwritten page", "typewritten page"):
        return
    options = (
        f"What is the heading of this {document.noun}?",
        f"What title stands on this {document.noun}?",
        f"What does the largest text on this {document.noun} say?",
    )
    why = document.pick(
        (
            f"It stands {document.where(fact.evidence)} in letters clearly larger than the rest of the text.",
            f"No other line is set as large as the one {document.where(fact.evidence)}, which marks it as the heading.",
        ),
        "heading",
    )
    yield _draft(document, "heading", document.pick(options, fact.value), fact, why)


def _typed(document: Document) -> Iterator[PairDraft]:
    """Values that have a form of their own and occur once on the page, so that no label is needed to ask for them."""
    for kind, options in _TYPED.items():
        if kind in ("date", "time") and document.noun in (
            "receipt",
            "form",
            "chart",
            "comic",
            "screenshot",
            "web page",
            "photo",
        ):
            continue
        found = [(text, span) for span in document.spans for text in find(kind, span.text) if span.confidence >= 0.93]
        if len({fold(text) for text, _ in found}) != 1:
            continue
        text, span = found[0]
        fact = Fact("", text, kind, "none", (span,))
        whole = f", within the line {quoted(span.text)}" if len(text) < len(span.text) <= 60 else ""
        form = f"nothing else on the {document.noun} has the form of {_article(kind)}"
        why = f"It is printed {document.where([span])}{whole}; {form}."
        yield _draft(document, kind, document.pick(options, text).format(noun=document.noun), fact, why)


def _article(kind: ValueType) -> str:
    return {"email": "an e-mail address", "url": "a web address", "date": "a date", "time": "a time"}[kind]


def _draft(document: Document, kind: str, question: str, fact: Fact, why: str) -> PairDraft:
    return PairDraft(
        question,
        fact.value,
        kind,
        evidence(fact.evidence),
        explain_question=ask_why(document, kind, fact.label, fact.value),
        explain_answer=why,
    )
