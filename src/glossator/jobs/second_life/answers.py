"""Whether two answers may be the same, said differently. Pure functions.

A rejected answer that is right all the same would teach a model to be wrong, so doubt counts as sameness.
"""

from __future__ import annotations

import re
from collections import Counter

from rapidfuzz.distance import Levenshtein

from glossator.derived import number
from glossator.text import fold

_PARTS = re.compile(r"[^\W\d_]+|\d+(?:[.,:/-]\d+)*")
_DIGITS = re.compile(r"\d+")
_MONTH = re.compile(r"\b(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\b", re.IGNORECASE)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_SLIP = 0.15  # of the characters may differ between two readings of one print


def same_answer(one: str, other: str) -> bool:
    """Whether one answer may be said to give the other: equal when folded, the same number, the same date, or all words
    of the shorter one in the longer one."""
    if fold(one) == fold(other):
        return True
    first, second = number(one), number(other)
    if first is not None and first == second:
        return True
    words, others = _words(one), _words(other)
    return not words or not others or words <= others or others <= words or _same_date(one, other)


def alike(one: str, other: str) -> bool:
    """Whether two answers may be two readings of one print: hardly a character in seven differs, or a single one."""
    first, second = fold(one), fold(other)
    return Levenshtein.distance(first, second) <= max(1.0, _SLIP * max(len(first), len(second)))


def _words(text: str) -> set[str]:
    return {word for part in _PARTS.findall(text) if (word := fold(part))}


def _same_date(one: str, other: str) -> bool:
    """Day, month and year in whatever order and form: 19 Mar 2018 and 2018-03-19."""
    first, second = _date(one), _date(other)
    return first is not None and first == second


def _date(text: str) -> Counter[int] | None:
    parts = [int(digits) % 100 for digits in _DIGITS.findall(text)]
    parts += [_MONTHS.index(month.casefold()) + 1 for month in _MONTH.findall(text)]
    return Counter(parts) if len(parts) == 3 else None
