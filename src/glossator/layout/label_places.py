"""Where a known label is printed: misread by OCR, without its colon, with its value behind it. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rapidfuzz import fuzz

from glossator.layout.place import union
from glossator.records import Box, Span
from glossator.text import fold

MARKED, BARE = 99.0, 70.0  # scores of a label whose value follows in the same span, with a colon and without
ITEM = re.compile(r"\(?(?:\d{1,2}[.)]|[a-z]\)) ", re.IGNORECASE)
NAMES_LABEL = re.compile(
    r"^(?:no|nos|date|name|tel|fax|title|by|from|to|page|number|phone|approvals?|signature|code|dept|division)\b[.:#]*$",
    re.IGNORECASE,
)
_ALIKE = 83  # similarity of two labels, 0..100, that makes them one
_SHORT = 5  # folded characters; shorter labels must be read without a slip
_LONGER = 3  # characters that OCR may add or lose
END = re.compile(r"[:：=?_]\s*$")
_SEPARATOR = re.compile(r"^\s*[:：=._\-–#)]*\s*")
LABEL_INSIDE = re.compile(r"[^\W\d][\w .,#/()$%'&-]{1,70}[:：](?!//)(?!\d\d)")


@dataclass(frozen=True, slots=True)
class Label:
    """Where a label stands.

    Attributes:
        spans, row: what holds it, and the number of their line.
        after: from which span of the line on others follow.
        rest: what follows the label inside its last span.
        score: how sure it is the label, 0..100.
        marked: whether a colon or the like ends it.
    """

    spans: tuple[Span, ...]
    row: int
    after: int
    rest: str
    score: float
    marked: bool

    @property
    def box(self) -> Box:
        """The box around it."""
        return union([span.box for span in self.spans])


def label_places(label: str, rows: Sequence[Sequence[Span]]) -> Iterator[Label]:
    """Everywhere that the label may stand, from the top of the page to its foot."""
    wanted = fold(label)
    if not wanted:
        return
    for number, row in enumerate(rows):
        for i, span in enumerate(row):
            inside = _begins(wanted, span.text)
            if inside:
                marked = bool(END.search(span.text)) or (bool(inside[1]) and inside[0] == MARKED)
                yield Label((span,), number, i + 1, inside[1], inside[0], marked)
                continue
            # OCR may part a label from its last words.
            for end in range(i + 2, min(i + 4, len(row) + 1)):
                text = " ".join(one.text for one in row[i:end])
                inside = _begins(wanted, text)
                if inside and len(fold(row[i].text)) < len(wanted) and not inside[1]:
                    yield Label(tuple(row[i:end]), number, end, "", inside[0], bool(END.search(text)))
                    break


def is_label(span: Span, place: Label) -> bool:
    """Whether a span near the label at `place` is a label itself, and no value."""
    text = span.text.strip()
    if place.marked and place.rest == "" and capitals(place.spans[0].text) and capitals(text) and " " not in text:
        return sum(map(str.isalpha, text)) >= 5 and not any(map(str.isdigit, text))
    return bool(END.search(text) or LABEL_INSIDE.match(text) or NAMES_LABEL.match(text) or ITEM.match(text))


def _begins(wanted: str, text: str) -> tuple[float, str] | None:
    """How well a text begins with the label (0..100) and what follows it; None if it does not."""
    folded = fold(text)
    if folded == wanted:
        return 100.0, ""
    cut = _cut(wanted, text)
    head, rest = fold(text[:cut]), _SEPARATOR.sub("", text[cut:])
    glued = text[cut : cut + 2]
    new_word = text[cut - 1].isupper() and glued[:1].isupper() and glued[1:].islower()
    parted = new_word or rest[:1].isdigit() != text[cut - 1].isdigit()
    bounded = not fold(rest) or not glued[:1].isalnum() or parted
    if head == wanted and bounded:
        marked = re.match(r"\s*[)\]]?\s*[:：=]", text[cut:])
        return (MARKED if marked else BARE), rest
    if len(wanted) < _SHORT:
        return None
    colon = re.search(r"[:：]", text)
    whole, behind = (text[: colon.start()], text[colon.end() :].strip()) if colon else (text, "")
    if abs(len(wanted) - len(fold(whole))) > _LONGER:
        return None
    alike = fuzz.ratio(wanted, fold(whole))
    return (alike, behind) if alike >= _ALIKE else None


def _cut(wanted: str, text: str) -> int:
    """Behind which character of the text as many letters and figures stand as the label has."""
    count = 0
    for at, char in enumerate(text):
        count += len(fold(char))
        if count >= len(wanted):
            return at + 1
    return len(text)


def capitals(text: str) -> bool:
    """Whether a text is written in capitals."""
    return text.isupper()
