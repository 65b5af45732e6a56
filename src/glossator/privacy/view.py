"""A plain view of a text for patterns to look at, and the way back from it to the text.

What a reader does not see (zero-width and control characters, marks above letters), and forms that he takes for plain
ones (wide, circled and foreign digits, other hyphens and blanks), would else hide a number from every pattern.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

# Han numerals as they stand for digits in numbers; U+25CB is written for zero too.
_HAN_DIGITS = dict(zip("〇零○一二三四五六七八九", "000123456789", strict=True))
_BLANK_LETTERS = frozenset("\u115f\u1160\u2800\u3164\uffa0")  # letters and signs that show nothing
_UNSEEN = frozenset(("Cc", "Cf", "Cs", "Co", "Cn"))
_MARKS = frozenset(("Mn", "Me"))
# Marks above and below letters of any script, and variation selectors. Vowel signs and the like are others: they count.
_ACCENTS = re.compile(
    "[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe00-\ufe0f\ufe20-\ufe2f\U000e0100-\U000e01ef]"
)
_HYPHENS = frozenset("\u2212\u30fc\u2500\u4e28\u00af")  # minus, and strokes that stand for it


@dataclass(frozen=True, slots=True)
class View:
    """`text` as a pattern sees it. `places[i]` is where its character `i` stands in the original; None: at `i`."""

    text: str
    places: tuple[int, ...] | None = None

    def original(self, start: int, end: int) -> tuple[int, int]:
        """Where `text[start:end]` stands in the original. What is unseen inside belongs to it."""
        if self.places is None or start >= end:
            return start, end
        return self.places[start], self.places[end - 1] + 1


def view(text: str) -> View:
    """The plain view of `text`. Line breaks stay line breaks."""
    if text.isascii() and text.isprintable():
        return View(text)
    shown: list[str] = []
    places: list[int] = []
    for place, char in enumerate(text):
        plain = _plain(char)
        if plain and unicodedata.category(char) in _MARKS and shown and shown[-1].isascii():
            continue  # a mark on a digit or on a Latin letter, whatever script it comes from
        if plain:
            shown.append(plain)
            places.extend([place] * len(plain))
    return View("".join(shown), tuple(places))


@lru_cache(maxsize=4096)
def _plain(char: str) -> str:
    category = unicodedata.category(char)
    if char == "\n" or (char.isascii() and char.isprintable()):
        return char
    if char.isspace():
        return " "
    if char in _HAN_DIGITS:
        return _HAN_DIGITS[char]
    if char in _BLANK_LETTERS or category in _UNSEEN:
        return ""
    if char in _HYPHENS or category == "Pd":
        return "-"
    digit = unicodedata.decimal(char, None)
    if digit is not None:
        return str(digit)
    # Of a letter with its accent the letter stays, so that "é" and "e" with a mark are one.
    return unicodedata.normalize("NFC", _ACCENTS.sub("", unicodedata.normalize("NFKD", char)))
