"""Personal data in a text: what sort, and where.

| sort | what is found |
|---|---|
| `email` | addresses, also with blanks around the dot as OCR reads them, or "(at)" |
| `phone` | see `privacy.phones` |
| `card`, `iban`, `national_id` | see `privacy.identifiers` |
| `ip` | IPv4 and IPv6 addresses |
| `person` | names, only with a model of spaCy (see `privacy.people`) |

Postal addresses, web addresses and names of companies are not looked for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Literal, get_args

from glossator.privacy.identifiers import FINDERS
from glossator.privacy.phones import phones
from glossator.privacy.view import view

Sort = Literal["email", "phone", "card", "iban", "national_id", "ip", "person"]
SORTS: tuple[Sort, ...] = get_args(Sort)
People = Callable[[str], list[tuple[int, int]]]

# Countries whose way of grouping digits tells a telephone number from another one; chosen by benchmarks/privacy.py.
REGIONS = ("US", "GB", "DE", "FR", "ES", "IT", "NL", "IN", "JP", "BR", "MX", "AU")
_AT = r"(?: ?@ ?| ?[(\[{] ?(?:at|AT) ?[)\]}] ?)"
_TOP = r"(?:com|org|net|edu|gov|info|biz|co|io|de|fr|uk|nl|it|es|my|in|jp|cn|br|mx|au|ru|pl|ch|at|be|se|aw)"
_LABEL = r"[\w-]{1,63}"
_DOMAIN = rf"{_LABEL}(?:\.{_LABEL})*\.[^\W\d_]{{2,24}}"
_LOOSE = rf"{_LABEL}(?: ?\. ?{_LABEL}){{0,3}} ?(?:\.|[(\[{{] ?dot ?[)\]}}]) ?{_TOP}"  # with blanks, or "(dot)"
_EMAIL = re.compile(rf"(?<![\w.+-])[\w+-](?:[\w.+-]{{0,62}}[\w+-])?{_AT}(?:{_DOMAIN}|{_LOOSE})(?![\w-])", re.IGNORECASE)
_IP = re.compile(r"(?<![\w.:-])(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,7})(?![\w:]|\.\d)", re.I)
_LEAST_OF_IPV6 = 4  # parts that are not empty: "::1" and "1::2" are rather something else
_LONG_OF_IPV4 = 2  # parts of two digits and more: 3.2.1.4 is rather a version


@dataclass(frozen=True, slots=True)
class Finding:
    """One piece of personal data: its sort and its characters `start:end` of the text."""

    sort: Sort
    start: int
    end: int


def find(
    text: str,
    sorts: Sequence[Sort] = SORTS,
    *,
    regions: Sequence[str] = REGIONS,
    people: People | None = None,
    phone_asked: bool = False,
) -> list[Finding]:
    """The personal data in `text`, in their order; none overlaps another.

    Args:
        text: as it stands; what hides characters is seen through (see `privacy.view`).
        sorts: what to look for.
        regions: countries (ISO 3166-1) whose telephone numbers are known without their country's code.
        people: finds names (see `privacy.people`); without it `person` finds nothing.
        phone_asked: whether the text answers a question for a telephone number.

    Raises:
        MissingExtraError: if a library that finds a sort is not installed.
    """
    seen = view(text)
    found: list[Finding] = []
    for sort in sorts:
        if sort == "person":
            spans = [seen.original(*span) for span in people(seen.text)] if people else []
        elif sort == "phone":
            spans = [seen.original(*span) for span in phones(seen.text, regions, cued=phone_asked)]
        else:
            spans = [seen.original(*span) for span in _finders[sort](seen.text)]
        found += [Finding(sort, start, end) for start, end in spans]
    return _apart(found)


def _apart(found: Sequence[Finding]) -> list[Finding]:
    """Of findings that overlap, the surer sort: a card may look like a telephone number."""
    kept: list[Finding] = []
    for finding in sorted(found, key=lambda one: (_SUREST.index(one.sort), one.start)):
        if all(finding.end <= other.start or finding.start >= other.end for other in kept):
            kept.append(finding)
    return sorted(kept, key=lambda one: one.start)


_SUREST: tuple[Sort, ...] = ("email", "iban", "card", "national_id", "ip", "phone", "person")


def _emails(text: str) -> Iterator[tuple[int, int]]:
    if "@" in text or "at" in text.lower():
        yield from (match.span() for match in _EMAIL.finditer(text))


def _ips(text: str) -> Iterator[tuple[int, int]]:
    if text.count(".") < 3 and text.count(":") < 2:
        return
    for match in _IP.finditer(text):
        try:
            address = ip_address(match[0])
        except ValueError:
            continue
        parts = re.split("[.:]", match[0])
        told = sum(len(part) > 1 for part in parts) >= _LONG_OF_IPV4
        if told if address.version == 4 else sum(map(bool, parts)) >= _LEAST_OF_IPV6:
            yield match.span()


_finders: dict[str, Callable[[str], Iterator[tuple[int, int]]]] = {"email": _emails, "ip": _ips, **FINDERS}
