"""Label-value pairs: a printed name and the value that belongs to it. Pure functions over spans."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from glossator.layout.facts import Fact, Relation, ValueType
from glossator.layout.place import overlap_x
from glossator.layout.reading_order import lines
from glossator.layout.typed import looks_like_organisation, value_type
from glossator.records import Span
from glossator.text import fold

MIN_CONFIDENCE = 0.85
MAX_LABEL_CHARS = 40
MAX_VALUE_CHARS = 90
_INLINE = re.compile(r"^(?P<label>[^:：]{2,60}?)\s*[:：]\s*(?P<value>\S.*)$")
_LABEL_END = re.compile(r"\s*[:：]\s*$")
_COLON_OF_TIME = re.compile(
    r"^[^:：]*\d[:：]\d\d(?!\d)"
)  # the first colon parts hours from minutes, not label from value
_SECOND_LABEL = re.compile(r"[^\W\d]{2}[\w .#/()-]{0,30}[:：](?!//)")
_PERSON_LABEL = re.compile(
    r"\b(name|cashier|manager|from|to|by|attn|attention|signed|operator|salesperson|served by|contact|author"
    r"|investigator|customer|bill to|ship to|staff|waiter|server|employee|patient|student|teacher|doctor|cc)\b",
    re.IGNORECASE,
)
_THING_LABEL = re.compile(
    r"\b(project|event|product|item|brand|div|division|file|group|firm|company)\b|/", re.IGNORECASE
)
_PERSON = re.compile(r"(?:[A-Z][\w'’-]*\.? ){1,4}[A-Z][\w'’-]+\.?")
_PHONE_LABEL = re.compile(r"\b(tel|telephone|phone|fax|mobile|h/?p|hotline|facsimile|telecopy)\b", re.IGNORECASE)
_ADDRESS_LABEL = re.compile(r"\b(address|location|addr)\b", re.IGNORECASE)
_ID_LABEL = re.compile(
    r"\b(no|nos|id|number|num|ref|code|#|reg|invoice|receipt|order|bill|account)\b\.?|#", re.IGNORECASE
)


def label_values(spans: Sequence[Span]) -> list[Fact]:
    """Facts from labels that end with a colon: the value in the same span, to the right of it, or right below it.

    A label that occurs twice with different values names nothing and is left out, as is what was read with little
    confidence. In reading order.
    """
    rows = lines(spans)
    found = [fact for number, row in enumerate(rows) for fact in _row_facts(row, rows[number + 1 : number + 2])]
    values: dict[str, set[str]] = {}
    for fact in found:
        values.setdefault(fold(fact.label), set()).add(fold(fact.value))
    unique: dict[str, Fact] = {}
    for fact in found:
        if len(values[fold(fact.label)]) == 1:
            unique.setdefault(fold(fact.label), fact)
    return list(unique.values())


def typed_by_label(label: str, value: str) -> ValueType:
    """The value's type, with the label's help where the text alone does not tell."""
    kind = value_type(value)
    digits = sum(map(str.isdigit, value))
    if _PHONE_LABEL.search(label) and digits >= 6:
        return "phone"
    if (
        kind in ("number", "phone", "text", "money")
        and value.strip()[0].isalnum()
        and _ID_LABEL.search(label)
        and digits
    ):
        return "identifier"
    if kind == "text" and _ADDRESS_LABEL.search(label):
        return "address"
    if kind == "text" and looks_like_organisation(value) and not digits:
        return "organisation"
    if kind == "text" and _PERSON_LABEL.search(label) and not _THING_LABEL.search(label) and _PERSON.fullmatch(value):
        return "person"
    return kind


def is_label(text: str) -> bool:
    """Whether a text can serve as a label: short, mostly letters, at least two of them."""
    text = text.strip(" .:：")
    letters = sum(map(str.isalpha, text))
    return letters >= 2 and len(text) <= MAX_LABEL_CHARS and letters >= 0.6 * len(text.replace(" ", ""))


def is_value(text: str) -> bool:
    """Whether a text can serve as a value: not empty, not too long, not a label itself, not a blank to fill in."""
    text = text.strip()
    if not text or len(text) > MAX_VALUE_CHARS or _LABEL_END.search(text) or _SECOND_LABEL.search(text):
        return False
    if "_" in text or text.endswith(("/", "-", "&")) or re.fullmatch(r"\(.*\)", text):
        return False  # a blank to fill in, or a hint how to
    if re.search(r"\w{3,}\. [^\W\d_]", text):
        return False  # a sentence ends and another begins: where the value stops is not sure
    solid = sum(map(str.isalnum, text))
    return solid >= 1 and solid >= 0.5 * len(text.replace(" ", ""))


def _row_facts(row: Sequence[Span], below: Sequence[Sequence[Span]]) -> Iterator[Fact]:
    for i, span in enumerate(row):
        if span.confidence < MIN_CONFIDENCE:
            continue
        after = row[i + 1] if i + 1 < len(row) else None
        inline = _INLINE.match(span.text.strip())
        if inline and is_label(inline["label"]) and is_value(inline["value"]) and not _COLON_OF_TIME.search(span.text):
            # Text that goes on in the next span of the line may belong to the value; then it is not whole.
            if after is None or _apart(span, after):
                yield _fact(inline["label"], inline["value"], "same_line", (span,), (span,))
        elif _LABEL_END.search(span.text) and is_label(span.text):
            yield from _outside(span, after, row[i + 2] if i + 2 < len(row) else None, below)


def _outside(label: Span, after: Span | None, second: Span | None, below: Sequence[Sequence[Span]]) -> Iterator[Fact]:
    """The value that stands to the right of a label, or else right below it."""
    if after is not None:
        near = after.box[0] - label.box[2] < 8 * (label.box[3] - label.box[1])
        whole = second is None or _apart(after, second)
        if near and whole and is_value(after.text) and after.confidence >= MIN_CONFIDENCE:
            yield _fact(label.text, after.text, "right", (after,), (label,))
        return
    for row in below:
        under = [span for span in row if overlap_x(label.box, span.box) > 0.5]
        if len(row) == 1 and len(under) == 1 and _close_below(label, under[0]):
            value = under[0]
            typed = typed_by_label(label.text, value.text) not in ("text", "organisation")
            if typed and is_value(value.text) and value.confidence >= MIN_CONFIDENCE:
                yield _fact(label.text, value.text, "below", (value,), (label,))


def _fact(
    label: str, value: str, relation: Relation, evidence: tuple[Span, ...], label_evidence: tuple[Span, ...]
) -> Fact:
    label, value = _balanced(_LABEL_END.sub("", label).strip(" .,*•·-")), _balanced(value.strip(" ,;"))
    confidence = min(span.confidence for span in (*evidence, *label_evidence))
    return Fact(label, value, typed_by_label(label, value), relation, evidence, label_evidence, confidence=confidence)


def _balanced(text: str) -> str:
    """Without a bracket whose other half stands in the label or the value beside it: `(GST No` and `123)`."""
    for opening, closing in ("()", "[]"):
        if text.count(opening) > text.count(closing):
            text = text.removeprefix(opening) if text.startswith(opening) else text
        elif text.count(closing) > text.count(opening):
            text = text.removesuffix(closing) if text.endswith(closing) else text
    return text.strip()


def _apart(left: Span, right: Span) -> bool:
    """Whether so much blank lies between two spans of a line that they belong to different columns."""
    return right.box[0] - left.box[2] > 1.2 * min(left.box[3] - left.box[1], right.box[3] - right.box[1])


def _close_below(label: Span, value: Span) -> bool:
    height = label.box[3] - label.box[1]
    return value.box[1] - label.box[3] < 1.2 * height and abs(value.box[0] - label.box[0]) < 3 * height
