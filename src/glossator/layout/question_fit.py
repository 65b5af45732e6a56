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
from glossator.records import Box, Evidence, Span
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
_DRAWN = re.compile(r"chart|graph|plot|figure|diagram|\bmap\b|\baxis\b|\bbars?\b|legend|poster|comic", re.I)
_LINES_ABOVE = 2.2  # times the answer's height: a label often stands over its value
_MIN_ANSWER = 3  # letters and figures; an X stands in many places
_NAMED = 0.3  # the least share of the question's words that makes a place worth comparing with
_NEAR_LABEL = 85  # similarity of two words, 0..100


def question_fit(
    question: str, answer: str, evidence: Sequence[Evidence], spans: Sequence[Span], kind: str = ""
) -> float | None:
    """How well answer and question belong together, 0..1; None where neither type nor label tells anything.

    Args:
        question, answer: of one pair.
        evidence: where the answer stands.
        spans: the page, in reading order.
        kind: of the image or of the question; in a chart a value stands apart from its label.
    """
    by_type = type_fit(question, answer)
    drawn = _DRAWN.search(kind) or _DRAWN.search(question)
    by_label = None if drawn else label_fit(question, answer, evidence, spans)
    if by_type == 0.0 and '"' in question and by_label is None:
        return None  # a quoted label need not mean its words: "Total V.O.C.s" may be a percentage
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

    1 if no other place holds more of the question's words. Where the answer is printed more than once, the best place
    counts. None if the page holds none of the words, the answer has no place, or is too short to have a certain one.
    """
    words = [word for word in _words(question) if word not in _SAYS_NOTHING and fold(word) not in fold(answer)]
    if not words or not evidence or len(fold(answer)) < _MIN_ANSWER:
        return None
    boxes = [piece.box for piece in evidence]
    places = [boxes] + [[span.box] for span in spans if fold(answer) in fold(span.text)]
    beside = max(_share(words, _beside(place, spans, answer)) for place in places)
    elsewhere = max((_share(words, _words(" ".join(span.text for span in row))) for row in lines(spans)), default=0.0)
    best = max(beside, elsewhere)
    return beside / best if best > _NAMED else None


def _beside(boxes: Sequence[Box], spans: Sequence[Span], answer: str) -> list[str]:
    """The words at a place: of the answer's own spans, on the same line, and above it within some lines' height."""
    x0, y0 = min(box[0] for box in boxes), min(box[1] for box in boxes)
    x1, y1 = max(box[2] for box in boxes), max(box[3] for box in boxes)
    height = max(1.0, min(box[3] - box[1] for box in boxes))
    found: list[str] = []
    for span in spans:
        left, top, right, bottom = span.box
        same_line = min(y1, bottom) - max(y0, top) > 0.4 * min(height, max(1.0, bottom - top))
        above = 0 <= y0 - (top + bottom) / 2 <= _LINES_ABOVE * height and min(x1, right) > max(x0, left) - 2 * height
        if same_line or above:
            found += _words(span.text.replace(answer, " "))
    return found


def _share(wanted: Sequence[str], words: Sequence[str]) -> float:
    return sum(any(_alike(one, other) for other in words) for one in wanted) / len(wanted)


def _alike(one: str, other: str) -> bool:
    return one == other or (min(len(one), len(other)) > 3 and fuzz.ratio(one, other) >= _NEAR_LABEL)


def _words(text: str) -> list[str]:
    return [word.casefold() for word in _WORD.findall(text)]
