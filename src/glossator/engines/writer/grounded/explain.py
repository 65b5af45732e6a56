"""Self-explain turns: the question that asks how an answer was found, and truthful words for the evidence."""

from __future__ import annotations

from collections.abc import Sequence

from glossator.engines.base import Explanation
from glossator.engines.writer.grounded.document import Document, quoted
from glossator.layout.facts import Fact
from glossator.layout.place import place, union
from glossator.records import Evidence, Pair
from glossator.text import fold

_ASK = (
    "How can you tell?",
    "How did you find this?",
    "Where on the {noun} is this shown?",
    "What on the {noun} supports this answer?",
    "Which part of the {noun} gives the answer?",
    "Can you explain how you got that from the {noun}?",
    "What makes you sure of this?",
)


def ask_why(document: Document, *salt: str) -> str:
    """One wording of the question for the evidence."""
    return document.pick(_ASK, "ask", *salt).format(noun=document.noun)


def why_field(document: Document, fact: Fact) -> str:
    """How a label led to its value."""
    where = document.where(fact.evidence)
    label = quoted(fact.label)
    options: tuple[str, ...]
    if fact.relation == "below":
        options = (
            f"The label {label} is printed {where}, and the value stands right below it.",
            f"Directly under {label}, {where}, the {document.noun} shows this value.",
        )
    elif fact.relation == "right":
        options = (
            f"The label {label} is printed {where}, and the value stands to the right of it on the same line.",
            f"On the line with the label {label}, {where}, this is the text to its right.",
        )
    else:
        options = (
            f"The line {where} reads the label {label} first, and what follows the colon is the value.",
            f"It follows the label {label} on the same line, {where}.",
            f"The colon behind {label}, {where}, leads to this value.",
        )
    above = document.text_above(fact.evidence)
    near = (
        f" The line above it reads {quoted(above)}."
        if above and document.pick("012", fact.label, "near") == "1"
        else ""
    )
    return document.pick(options, fact.label, fact.value) + near


def why_cell(document: Document, fact: Fact) -> str:
    """How row and column led to a cell."""
    row, column = quoted(fact.row), quoted(fact.column)
    options = (
        f"The row that begins with {row} and the column headed {column} cross at this cell.",
        f"Going right along the row {row} until it stands under the heading {column} leads to this entry.",
        f"{column} heads the column, {row} starts the row; where they meet, this is printed.",
    )
    return document.pick(options, fact.row, fact.column)


def why_printed(document: Document, text: str, held: Sequence[Evidence]) -> str:
    """Where a text is printed, and what stands around it."""
    image = document.sample.image
    where = place(union([piece.box for piece in held]), image.width, image.height)
    line = " ".join(piece.text.strip() for piece in held)
    if len(text) < len(line) <= 120:
        return f"The line {quoted(line)} {where} holds it."
    return f"The text {quoted(text[:120])} is printed {where}."


def generic(document: Document, pair: Pair) -> Explanation:
    """An explanation for a pair that somebody else wrote, from its evidence alone."""
    question = ask_why(document, pair.pair_id)
    if not pair.evidence:
        return Explanation(question, "No text on the page holds this answer word for word.")
    image = document.sample.image
    where = place(union([piece.box for piece in pair.evidence]), image.width, image.height)
    text = " ".join(piece.text for piece in pair.evidence)
    what = "holds the answer" if fold(pair.answer) in fold(text) else "comes nearest to the answer"
    return Explanation(question, f"The text {quoted(text[:120])} {where} {what}.")
