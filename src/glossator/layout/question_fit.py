"""Whether an answer can belong to its question: by type, and by the label that stands beside it. Pure functions.

No loss of a small language model sees that a question was exchanged: the answer is on the page, and nothing about it is
surprising. But a question that asks for a date wants a date, and one that names a label wants what stands beside it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from rapidfuzz import fuzz

from glossator.layout.facts import ValueType
from glossator.layout.reading_order import lines
from glossator.layout.typed import find, looks_like_address, looks_like_organisation, value_type
from glossator.records import Evidence, Span
from glossator.text import fold

_ASKS: tuple[tuple[ValueType, re.Pattern[str]], ...] = (
    ("phone", re.compile(r"\b(?:tele)?phone\b|\bfax\b|\btel\b|\bmobile number\b", re.I)),
    ("email", re.compile(r"\be-?mail\b", re.I)),
    ("url", re.compile(r"\bweb ?site\b|\burl\b|\bweb address\b", re.I)),
    ("percentage", re.compile(r"\bper ?cent(?:age)?\b", re.I)),
    ("address", re.compile(r"\baddress\b|\bwhere is\b.*\blocated\b", re.I)),
    ("date", re.compile(r"\bdated?\b|\bwhen\b|\bwhat day\b|\bwhich day\b", re.I)),
    ("time", re.compile(r"\b(?:what|which|at what) time\b", re.I)),
    (
        "money",
        re.compile(
            r"\bhow much\b|\b(?:sub|grand )?-?total\b(?! (?:number|count|pages?|items?|weight|length))"
            r"|\b(?:amount|price|cost|cash|change|fee|sum|charge|tax|gst|vat)\b(?! (?:no|number|reg|id)\b)",
            re.I,
        ),
    ),
    (
        "organisation",
        re.compile(
            r"\b(?:company|store|shop|business|vendor|seller|merchant|issuer|restaurant|firm|retailer)\b"
            r"(?! (?:no|number|reg|id|code)\b)"
            r"|\bwho (?:issued|sold)\b",
            re.I,
        ),
    ),
    ("number", re.compile(r"\bhow many\b|\bthe number of\b", re.I)),
)
_FITS: dict[ValueType, frozenset[ValueType]] = {
    "money": frozenset({"money", "number"}),
    "phone": frozenset({"phone", "number", "identifier"}),
    "percentage": frozenset({"percentage", "number"}),
    "number": frozenset({"number", "money", "percentage"}),
    "organisation": frozenset({"organisation", "text", "person"}),
}
_FINDABLE: tuple[ValueType, ...] = ("date", "time", "money", "phone", "percentage", "email", "url")
_LISTED_PLACE = re.compile(r"\d[^,]*,.*[^\W\d]{4}.*,|\d[^,]*,[^,]*[^\W\d]{4}")  # "109, SS21/1A, DAMANSARA UTAMA"
_NUMBERED_WORDS = re.compile(r"^(?=.*\d)(?=(?:.*?[^\W\d_]{2,}){4})")  # a house number and words, whatever the country
_COMPACT_DATE = re.compile(r"(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])")
_WORD = re.compile(r"[^\W_]+(?:['’.-][^\W_]+)*")
_SAYS_NOTHING = frozenset(
    """
    what which who whose when where how much many is are was were does do did the a an of on in at for to from by and or
    this that it its as with be there here you can tell me please given give shown show shows listed list printed print
    written stated state according indicated appear appears mentioned value field entry text name named called receipt
    form document page image picture invoice chart bill table label labelled labeled reads read say says one
    """.split()  # noqa: SIM905
)
_NEAR_LABEL = 85  # similarity of two words, 0..100


def question_fit(question: str, answer: str, evidence: Sequence[Evidence], spans: Sequence[Span]) -> float | None:
    """How well answer and question belong together, 0..1; None where neither type nor label tells anything.

    Args:
        question, answer: of one pair.
        evidence: where the answer stands.
        spans: the page, in reading order.
    """
    by_type, by_label = type_fit(question, answer), label_fit(question, answer, evidence, spans)
    if by_type == 0.0:
        return 0.5 if by_label == 1.0 else 0.0  # the label stands right there: the type was misjudged
    known = [value for value in (by_type, by_label) if value is not None]
    return sum(known) / len(known) if known else None


def type_fit(question: str, answer: str) -> float | None:
    """1 if the answer is of the type that the question asks for, 0 if not; None if it asks for no certain type."""
    asked = next((kind for kind, pattern in _ASKS if pattern.search(question)), None)
    if asked is None:
        return None
    return float(bool(_types(answer) & _FITS.get(asked, frozenset({asked}))))


def _types(answer: str) -> set[ValueType]:
    """What an answer may be taken for; a sentence around a value counts as that value."""
    whole = value_type(answer)
    found: set[ValueType] = {whole}
    found.update(kind for kind in _FINDABLE if find(kind, answer))
    if len(found) > 1:
        found.discard("text")
    if looks_like_address(answer) or _LISTED_PLACE.search(answer):
        found.add("address")
        found.discard("text")
    if looks_like_organisation(answer) and not found & {"date", "money", "phone"}:
        found.add("organisation")
    if "address" in found and answer.count(",") >= 2:
        found.discard("organisation")
    if _COMPACT_DATE.fullmatch(answer.strip()):
        found.add("date")
    if not found & {"date", "time", "money", "phone"} and _NUMBERED_WORDS.search(answer):
        found.add("address")
    return found


def label_fit(question: str, answer: str, evidence: Sequence[Evidence], spans: Sequence[Span]) -> float | None:
    """How much of what the question names stands beside the answer, against the place on the page that has most of it.

    1 if no other line holds more of the question's words; None if the page holds none of them, or the answer has no
    place.
    """
    words = [word for word in _words(question) if word not in _SAYS_NOTHING and fold(word) not in fold(answer)]
    if not words or not evidence:
        return None
    near, rest = _split(evidence, spans, answer)
    elsewhere = max((_share(words, line) for line in rest), default=0.0)
    beside = _share(words, near)
    best = max(beside, elsewhere)
    return beside / best if best > 0.3 else None


def _split(evidence: Sequence[Evidence], spans: Sequence[Span], answer: str) -> tuple[list[str], list[list[str]]]:
    """The words beside the answer (on its lines; if it stands alone there, on the line before), and those of all
    other lines."""
    boxes = {piece.box for piece in evidence}
    texts, held = [], []
    for number, row in enumerate(lines(spans)):
        texts.append(" ".join(span.text for span in row))
        if any(span.box in boxes for span in row):
            held.append(number)
    own = [word for number in held for word in _words(texts[number].replace(answer, " ")) if word not in fold(answer)]
    beside = held if own or not held else [held[0] - 1, *held]
    near = own or [word for number in beside[:1] if number >= 0 for word in _words(texts[number])]
    return near, [_words(text) for number, text in enumerate(texts) if number not in beside]


def _share(wanted: Sequence[str], words: Sequence[str]) -> float:
    return sum(any(_alike(one, other) for other in words) for one in wanted) / len(wanted)


def _alike(one: str, other: str) -> bool:
    return one == other or (min(len(one), len(other)) > 3 and fuzz.ratio(one, other) >= _NEAR_LABEL)


def _words(text: str) -> list[str]:
    return [word.casefold() for word in _WORD.findall(text)]
