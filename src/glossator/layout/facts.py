"""A fact: one thing that an image says, and where. Layout finds facts; the grounded writer asks about them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from glossator.records import Span

ValueType = Literal[
    "text", "number", "date", "time", "money", "percentage", "phone", "email", "url", "address", "identifier",
    "person", "organisation",
]  # fmt: skip
Relation = Literal["same_line", "right", "below", "cell", "heading", "title", "axis", "legend", "place", "none"]


@dataclass(frozen=True, slots=True)
class Fact:
    """A value that the image prints, with the label that names it.

    Attributes:
        label: the name as the image prints it (`TOTAL`, `Invoice No`), or empty where nothing names the value.
        value: the text as the image prints it.
        type: what kind of value it is.
        relation: how the label stands to the value.
        evidence: the spans that hold the value.
        label_evidence: the spans that hold the label; for a table cell, row header then column header.
        row, column: the headers of a table cell or the category and series of a chart value; empty elsewhere.
        confidence: 0..1, how sure the layout is that label and value belong together.
    """

    label: str
    value: str
    type: ValueType
    relation: Relation
    evidence: tuple[Span, ...]
    label_evidence: tuple[Span, ...] = ()
    row: str = ""
    column: str = ""
    confidence: float = 1.0
