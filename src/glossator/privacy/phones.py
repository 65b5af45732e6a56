"""Telephone numbers by Google's libphonenumber, and by the words that stand before them.

Receipts are full of numbers. A number counts as a telephone number if (1) a word such as "tel" or "fax" stands before
it, or (2) it is written with its country's code and is valid there, or (3) it is valid in one of the named countries
and its digits are grouped as that country groups them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from glossator.errors import MissingExtraError
from glossator.layout.typed import value_type

_NAMES = (
    r"tel(?:e(?:phone|fone|fon|foon|fono|copy|copier|fax))?|phone|ph|fax|facsimile|mobile|mobil|movil|mob|cell|cellular"
    r"|cellulare|portable|hand ?phone|h/p|hp|gsm|hot ?line|care ?line|whats ?app|handy|тел|телефон|факс|моб|мобильный"
)
_CALLS = r"|call|dial|ring|bellen|appelez|anrufen"
_ELSEWHERE = r"电话|電話|手机|手機|传真|傳真|携帯|전화|팩스|هاتف|جوال|فاكس|फोन|मोबाइल|โทร"  # no blanks between words
_CUE = re.compile(rf"(?<![^\W\d_])(?:{_NAMES}{_CALLS})(?![^\W\d_])|{_ELSEWHERE}", re.IGNORECASE)
_ASKED = re.compile(rf"(?<![^\W\d_])(?:{_NAMES})(?![^\W\d_])|{_ELSEWHERE}", re.IGNORECASE)
_NEXT = re.compile(r" ?(?:[,;/&|]|or|and|und|et|y) ?")
_RUN = re.compile(r"[+(]{0,2}\d(?:[ ()./+-]{0,3}\d){2,22}")
_SOON = re.compile(rf"[^\d\n]{{0,24}}?(?P<run>{_RUN.pattern})")
_TWO = re.compile(r" ?/ ?")
_PARTED = re.compile(r"\+|\d\D+\d")
# A part of something longer; but "/5003" behind a number names its neighbour.
_JOINED_BEFORE = re.compile(r"[\w/#.-]$")
_JOINED_AFTER = re.compile(r"[\w#]|/(?!\d{1,4}(?![\w/]))|[.-]\w")
_DIGITS = range(6, 16)  # E.164 allows 15
_OTHER = frozenset(("date", "time", "money", "percentage"))
_SURE_LENGTH = 10  # digits from which on a bare number is no count


def asks_for_phone(question: str) -> bool:
    """Whether a question (as a `view`) names a telephone, so that a number in its answer is one."""
    return bool(_ASKED.search(question))


def unknown_regions(regions: Sequence[str]) -> list[str]:
    """Those that libphonenumber knows no numbers of.

    Raises:
        MissingExtraError: if phonenumbers is not installed.
    """
    try:
        from phonenumbers import SUPPORTED_REGIONS
    except ImportError as error:
        raise MissingExtraError("finding telephone numbers", "inspect") from error
    return [region for region in regions if region not in SUPPORTED_REGIONS]


def phones(text: str, regions: Sequence[str] = (), *, cued: bool = False) -> list[tuple[int, int]]:
    """Start and end of the telephone numbers in `text` (as a `view`), in their order; none overlaps another.

    Args:
        text: what to look through.
        regions: countries (ISO 3166-1) whose numbers are known without their country's code.
        cued: whether what stands before the text names a telephone.

    Raises:
        MissingExtraError: if phonenumbers is not installed.
    """
    if sum(map(str.isdigit, text)) < _DIGITS.start:
        return []
    taken: list[tuple[int, int]] = []
    for start, end in [*_after_cues(text, cued=cued), *_valid(text, regions)]:
        if all(end <= first or start >= last for first, last in taken):
            taken.append((start, end))
    return sorted(taken)


def _after_cues(text: str, *, cued: bool) -> Iterator[tuple[int, int]]:
    runs = [found for cue in _CUE.finditer(text) if (found := _SOON.match(text, cue.end()))]
    places = [found.start("run") for found in runs]
    if cued:
        places += [found.start() for found in _RUN.finditer(text)]
    for first in places:
        place: int | None = first
        while place is not None and (run := _RUN.match(text, place)):
            yield from _numbers(run)
            after = _NEXT.match(text, run.end())
            place = after.end() if after else None


def _numbers(run: re.Match[str]) -> Iterator[tuple[int, int]]:
    """The numbers in a run of digits: "07-5547360 / 016-7993391" are two, "212/ 545-3297" is one."""
    start, end = run.span()
    for slash in _TWO.finditer(run.string, start, end):
        if _count(run.string[start : slash.start()]) >= _DIGITS.start + 1:
            yield from _number(run.string, start, slash.start())
            start = slash.end()
    yield from _number(run.string, start, end)


def _number(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    shown = text[start:end]
    count, kind = _count(shown), value_type(shown)
    if count not in _DIGITS or kind in _OTHER or _in_date(text, start):
        return
    # "1234567" after "mobile" may count subscribers.
    if kind == "number" and shown[0] not in "0+" and count < _SURE_LENGTH:
        return
    yield start, end


def _valid(text: str, regions: Sequence[str]) -> Iterator[tuple[int, int]]:
    try:
        from phonenumbers import Leniency, PhoneNumberMatcher
    except ImportError as error:
        raise MissingExtraError("finding telephone numbers", "inspect") from error
    for run in _RUN.finditer(text):
        if not _PARTED.search(run[0]) or _count(run[0]) <= _DIGITS.start:
            continue  # a bare number is told by nothing; and the library takes its time
        for region in ("ZZ", *regions):  # ZZ: nowhere, so only with the country's code
            for match in PhoneNumberMatcher(run[0], region, leniency=Leniency.STRICT_GROUPING):
                start, end = run.start() + match.start, run.start() + match.end
                if _count(match.raw_string) <= _DIGITS.start or _in_date(text, start):
                    continue
                if not (_JOINED_BEFORE.search(text[:start]) or _JOINED_AFTER.match(text, end)):
                    yield start, end


def _in_date(text: str, start: int) -> bool:
    """Whether what begins there is a date, whatever follows: "05-06-2018 20:23"."""
    return value_type(text[start:].split(maxsplit=1)[0]) in _OTHER


def _count(text: str) -> int:
    return sum(map(str.isdigit, text))
