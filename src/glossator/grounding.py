"""Where an answer stands on the page, and whether two questions ask the same. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rapidfuzz import fuzz, utils

from glossator.records import Evidence, Span
from glossator.text import fold

# A window of spans may be this many times as long as the answer before it is given up.
_MAX_WINDOW = 12
_CUT = 0.75  # figures that stand only inside longer ones, and others than the few that are wanted
_QUOTED = re.compile(r"\"([^\"]{2,200})\"|“([^”]{2,200})”|「([^」]{1,200})」|(?<!\w)'([^']{2,200})'(?!\w)")
_PRINTED = re.compile(r"[^\s\"]*\d[^\s\"]*\d[^\s\"]*|\b[A-Z]{4,}\b")
_PARTS = re.compile(r"[^\W_]+")
_MIN_WORDS = 2
_SHORT = 2  # characters that may stand in a longer word by chance
_SURE, _ALIKE = 5, 0.85  # characters from which on a slip is forgiven, and how much must agree
_FEW_FIGURES = re.compile(r"[^\W\d]{0,3}\d{1,4}")  # an amount of money: with another figure it is another amount


def locate(answer: str, spans: Sequence[Span]) -> tuple[float, tuple[Evidence, ...]]:
    """The spans that hold `answer`, tolerant of OCR noise and of answers that run over several spans.

    Args:
        answer: the text to find.
        spans: the page's spans in reading order.

    Returns:
        How much of the answer stands there (0..1; 1 means literally, with case, blanks and punctuation folded), and
        the spans as evidence. `(0.0, ())` if nothing of it is on the page.
    """
    wanted = fold(answer)
    if not wanted or not spans:
        return 0.0, ()
    folded = [fold(span.text) for span in spans]
    whole = _as_printed(wanted)
    exact = _FEW_FIGURES.fullmatch(wanted) is not None

    def sighting(start: int, end: int) -> float:
        """How much of the answer stands in the spans `start:end` together."""
        text = "".join(folded[start:end])
        ratio = _ratio(wanted, text)
        if wanted in text:
            printed = whole.search(" ".join(span.text for span in spans[start:end]))
            return ratio if printed else min(ratio, _CUT)
        return min(ratio, _CUT) if exact else ratio

    best_ratio, best = 0.0, (0, 0)
    for start, text in enumerate(folded):
        if not text:
            continue
        for end in range(start + 1, min(start + _MAX_WINDOW, len(folded)) + 1):
            ratio = sighting(start, end)
            # A longer window must be clearly better, so that evidence stays tight.
            if ratio > best_ratio + 1e-9:
                best_ratio, best = ratio, (start, end)
            # The answer may begin at the end of the window's first span ("CASH RM" "10.00").
            if ratio == 1.0 or sum(map(len, folded[start + 1 : end])) >= len(wanted):
                break
        if best_ratio == 1.0:
            break
    first, end = best
    while end - first > 1 and sighting(first + 1, end) >= best_ratio:
        first += 1
    evidence = tuple(Evidence(span.text, span.box) for span in spans[first:end])
    return best_ratio, evidence if best_ratio > 0 else ()


def words_found(answer: str, spans: Sequence[Span]) -> float:
    """The share of an answer's words that stand on the page as words, wherever: for values out of several cells.

    Tolerant of a slip of OCR in words of five characters and more. 0 for an answer of fewer than two words.
    """
    wanted = [(word, piece) for piece in answer.split() if (word := fold(piece))]
    if len(wanted) < _MIN_WORDS:
        return 0.0
    tokens = [token for span in spans for token in span.text.split()]
    # Whole ("$43,335.00") and in their parts: annotators and OCR part words differently.
    printed = {fold(part) for token in tokens for part in (token, *_PARTS.findall(token))}
    long = [word for word in printed if len(word) >= _SURE]

    def found(word: str) -> bool:
        return word in printed or (len(word) >= _SURE and any(fuzz.ratio(word, one) >= 100 * _ALIKE for one in long))

    hits = sum(
        len(word) for word, piece in wanted if found(word) or all(found(fold(part)) for part in _PARTS.findall(piece))
    )
    return hits / sum(len(word) for word, _ in wanted)


def _as_printed(wanted: str) -> re.Pattern[str]:
    """Finds a folded text in print, whatever stands between its characters; figures only with their first and last.

    Without that "8.00" would stand in "000800589824", and "no" in "notice".
    """
    between = r"[\W_]*"
    if len(wanted) <= _SHORT and wanted.isascii() and wanted.isalpha():
        return re.compile(rf"\b{between.join(wanted)}\b", re.IGNORECASE)
    if len(wanted) <= _SHORT and wanted.isascii() and wanted.isdigit():
        # Nor as a part of a date, a time or a telephone number.
        return re.compile(rf"(?<!\d)(?<!\d[-./,:]){between.join(wanted)}(?![-./,:]?\d)")
    first = rf"(?<!\d)(?<!\d[.,]){between}" if wanted[0].isdigit() else ""
    last = r"(?!\d)|(?=\d{1,2}:\d\d)" if wanted[-1].isdigit() else ""  # OCR glues a time to a date
    return re.compile(f"{first}{between.join(map(re.escape, wanted))}(?:{last})", re.IGNORECASE)


def claims(text: str) -> list[str]:
    """What an explanation says is printed: its quoted texts, figures of two digits and more, words in capitals."""
    quoted = [next(part for part in match if part) for match in _QUOTED.findall(text)]
    rest = _QUOTED.sub(" ", text)
    return [*quoted, *(match[0].strip(".,;:") for match in _PRINTED.finditer(rest))]


def claims_grounding(text: str, known: str, spans: Sequence[Span]) -> float | None:
    """The share of an explanation's `claims` that stand on the page or in `known` (the question and the answer).

    None where it claims nothing, or nothing was read.
    """
    found = [wanted for claim in claims(text) if (wanted := fold(claim))]
    if not found or not spans:
        return None
    page = fold(known) + "\n" + "".join(fold(span.text) for span in spans)
    return sum(wanted in page or _stands_in(wanted, page) for wanted in found) / len(found)


def _stands_in(wanted: str, page: str) -> bool:
    """Tolerant of a slip of OCR in what is long enough."""
    return len(wanted) > _SURE and fuzz.partial_ratio(wanted, page) >= 100 * _ALIKE


def question_similarity(question: str, earlier: Sequence[str]) -> float:
    """Highest similarity (0..1) of `question` to one of the `earlier` ones; 1 means the same words.

    Questions of one pattern that name different things (other figures, other quoted words) are not the same however
    alike their letters are: their similarity is cut by a fifth.
    """
    return max((_similarity(question, other) for other in earlier), default=0.0)


def _similarity(question: str, other: str) -> float:
    ratio = fuzz.ratio(question, other, processor=utils.default_process) / 100
    return ratio if _subject(question) == _subject(other) else 0.8 * ratio


def _subject(question: str) -> tuple[str, ...]:
    """What a question is about: its quoted words and its words with figures."""
    figures = [word.strip("?.,") for word in question.split() if any(map(str.isdigit, word))]
    return (*question.split('"')[1::2], *figures)


def _ratio(wanted: str, text: str) -> float:
    if wanted in text:
        # A short answer inside a longer word is no sighting: "5" does not stand in "1500".
        return 1.0 if len(wanted) > _SHORT or wanted == text else 0.9
    if len(text) < len(wanted):
        return fuzz.ratio(wanted, text) / 100
    return fuzz.partial_ratio(wanted, text) / 100
