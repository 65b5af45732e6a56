"""Human ground truth in a source's records: `fields` (name to value) and `qa` (questions with their answers)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_ASK = "What is the {name} on this {kind}?"
_ASK_PRINTED = 'What is printed for "{name}" on this {kind}?'


@dataclass(frozen=True, slots=True)
class Truth:
    """A question with its right answers. `name` is the field's; `human` is what the record says of who asked."""

    question: str
    answers: tuple[str, ...]
    name: str | None = None
    human: Any = None


def truths(record: Mapping[str, Any]) -> Iterator[Truth]:
    """The ground truth of a record; what is empty or no text is passed over.

    A field is asked for by its name: "What is the total on this receipt?" for a name in plain small letters, "What is
    printed for "TO:" on this form?" for one that the page prints.
    """
    given = record.get("kind")
    kind = given if isinstance(given, str) and given.strip() else "document"
    fields = record.get("fields")
    for name, value in fields.items() if isinstance(fields, dict) else ():
        label = str(name).strip(" :_")
        if isinstance(value, str) and value.strip() and label:
            ask = _ASK if label.replace(" ", "").replace("_", "").islower() else _ASK_PRINTED
            yield Truth(ask.format(name=label.replace("_", " "), kind=kind), (value,), name=label)
    listed = record.get("qa")
    for one in listed if isinstance(listed, list) else ():
        if not isinstance(one, dict) or not isinstance(one.get("question"), str):
            continue
        answers = one.get("answers") or [one.get("answer")]
        good = tuple(a for a in answers if isinstance(a, str)) if isinstance(answers, list) else ()
        if good and isinstance(answers[0], str):
            yield Truth(one["question"], good, human=one.get("human"))
