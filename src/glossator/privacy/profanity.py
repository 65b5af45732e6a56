"""Which entries of a word list stand in a text. The list is the recipe's; none comes with Glossator."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

from glossator.privacy.view import view

# Small letters of other scripts that look like Latin ones, and signs and digits that stand for letters.
_LIKE = str.maketrans(
    {**dict(zip("авекмнорстухіјѕԁԛԝһ", "abekmhopctyxijsdqwh", strict=True)),
     **dict(zip("αβεικνορτυχωøıłđ", "abeikvoptuxwoild", strict=True)),
     "@": "a", "$": "s", "€": "e", "£": "l"}
)  # fmt: skip
_DIGITS = dict(zip("034578", "oeastb", strict=True))
_EITHER = "1!|"  # each stands for i or for l
_MOST_DIGITS = 0.5  # of a word's characters: "55" and "A12" are no words
_SIGNS = "@$"
_WORD = re.compile(r"[@$]*[^\W_](?:[\w@$!|€£]*[\w@$])?")
_SPELLED = re.compile(r"(?<![^\W_])[^\W_](?:[ .*_-]{1,2}[^\W_](?![^\W_])){2,}")
# Scripts that are written without blanks between words: an entry is looked for anywhere.
_UNPARTED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")


class WordList:
    """A list of words and phrases, ready to be looked for."""

    def __init__(self, entries: Iterable[str]) -> None:
        self._entries: dict[tuple[str, ...], str] = {}
        self._anywhere: dict[str, str] = {}
        for entry in sorted({entry.strip() for entry in entries} - {""}):
            plain = _plain(entry)
            if _UNPARTED.search(plain):
                self._anywhere.setdefault("".join(plain.split()), entry)
            elif words := tuple(_folded(word, "i") for word in _WORD.findall(plain)):
                self._entries.setdefault(words, entry)
        self._longest = max(map(len, self._entries), default=0)

    def found(self, text: str) -> tuple[str, ...]:
        """The entries that stand in `text`, as the list writes them, in alphabetical order.

        Words have to agree as wholes: an entry inside a longer word is no find. Case, accents, wide forms, unseen
        characters, look-alikes of other scripts and digits for letters are seen through, and a word spelled with blanks
        or dots between its letters is read as one.
        """
        if not self._entries and not self._anywhere:
            return ()
        plain = _plain(text)
        unparted = "".join(plain.split())
        found = {entry for part, entry in self._anywhere.items() if part in unparted}
        for words in _readings(plain):
            found |= self._in_words(words)
        return tuple(sorted(found))

    def _in_words(self, words: Sequence[str]) -> set[str]:
        return {
            self._entries[part]
            for start in range(len(words))
            for end in range(start + 1, min(start + self._longest, len(words)) + 1)
            if (part := tuple(words[start:end])) in self._entries
        }


def _readings(plain: str) -> set[tuple[str, ...]]:
    """The words of a text in each way to read them."""
    joined = _SPELLED.sub(lambda spelled: "".join(filter(str.isalnum, spelled[0])), plain)
    found = set()
    for version in {plain, joined}:
        words = _WORD.findall(version)
        for either in "il":
            found.add(tuple(_folded(word, either) for word in words))
            found.add(tuple(_folded(word.lstrip(_SIGNS), either) for word in words))  # "@name" is a handle too
    return found


def _plain(text: str) -> str:
    return unicodedata.normalize("NFC", view(text).text).casefold()


def _folded(word: str, either: str) -> str:
    """One form for all ways to write a word with look-alikes."""
    if word.isascii() and word.isalpha():
        return word
    digits = sum(map(str.isdigit, word))
    spelled = digits <= _MOST_DIGITS * len(word) and len(word) - digits > 1
    table = (
        _LIKE | {ord(char): either for char in _EITHER} | ({ord(k): v for k, v in _DIGITS.items()} if spelled else {})
    )
    if not spelled:
        table.pop(ord("1"), None)
    return word.translate(table)
