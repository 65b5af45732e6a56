"""An explanation as sentences of tokens: words in lower case, marks, and the texts that it names. Linear in time."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

MAX_CHARS = 4000  # what is longer is rejected for that; hostile lengths must cost nothing
_LONGEST = 200  # tokens of a sentence, so that looking back in it stays cheap

_QUOTED = re.compile(
    r"\"([^\"]{1,200})\"|“([^”]{1,200})”|«([^»]{1,200})»|「([^」]{1,200})」|`([^`]{1,200})`"
    r"|(?<!\w)‘([^’]{1,200})’(?!\w)|(?<!\w)'([^']{2,200})'(?!\w)"
)
_CHUNK = re.compile(r"\S+")
_ORDINAL = re.compile(r"\d{1,3}(?:st|nd|rd|th)", re.IGNORECASE)
_PART = re.compile(r"[^\W_]+(?:['’][^\W_]+)*|[()]")
_EDGES = ".,;:!?()[]{}*—–-…\"'“”‘’"


@dataclass(frozen=True, slots=True)
class Token:
    """`quote` and `name` tokens hold a text as the explanation gives it; `word`s are in lower case; a `mark` is
    punctuation. A `name` is not quoted but looks like print: a figure, or words in capitals.
    """

    kind: Literal["word", "mark", "quote", "name"]
    text: str
    start: int
    end: int


def sentences(text: str) -> list[list[Token]]:
    """The sentences of `text`, of which the first `MAX_CHARS` characters count."""
    found: list[list[Token]] = [[]]
    for token in _joined(_tokens(text[:MAX_CHARS])):
        if token.kind == "mark" and token.text in ".;!?\n":
            if found[-1]:
                found.append([])
        elif len(found[-1]) < _LONGEST:
            found[-1].append(token)
        else:
            found.append([token])
    return [sentence for sentence in found if sentence]


def _tokens(text: str) -> list[Token]:
    found: list[Token] = []
    at = 0
    for match in _QUOTED.finditer(text):
        found += _plain(text, at, match.start())
        # American punctuation stands before the closing mark.
        inside = next(part for part in match.groups() if part).strip()
        found.append(Token("quote", inside.rstrip(",;"), match.start(), match.end()))
        at = match.end()
    return found + _plain(text, at, len(text))


def _plain(text: str, start: int, end: int) -> list[Token]:
    found: list[Token] = []
    for chunk in _CHUNK.finditer(text, start, end):
        found += _chunk(chunk[0], chunk.start())
    return found


def _chunk(chunk: str, at: int) -> list[Token]:
    """The tokens of what stands between two blanks."""
    body = chunk.strip(_EDGES)
    if not body:
        return [Token("mark", char, at + i, at + i + 1) for i, char in enumerate(chunk)]
    lead = chunk.index(body)
    found = [Token("mark", char, at + i, at + i + 1) for i, char in enumerate(chunk[:lead])]
    start, stop = at + lead, at + lead + len(body)
    if _looks_printed(body):
        found.append(Token("name", body, start, stop))
    else:
        parts = _PART.finditer(body)
        found += [Token("word", part[0].lower(), start + part.start(), start + part.end()) for part in parts]
    tail = chunk[lead + len(body) :]
    return found + [Token("mark", char, stop + i, stop + i + 1) for i, char in enumerate(tail)]


def _looks_printed(body: str) -> bool:
    if _ORDINAL.fullmatch(body):
        return False
    letters = sum(map(str.isalpha, body))
    return sum(map(str.isdigit, body)) >= 2 or (letters >= 2 and body.isupper())


def _joined(tokens: list[Token]) -> list[Token]:
    """Neighbouring words in capitals are one name ("GRAND TOTAL")."""
    found: list[Token] = []
    for token in tokens:
        last = found[-1] if found else None
        if last and last.kind == token.kind == "name" and _capitals(last.text) and _capitals(token.text):
            found[-1] = Token("name", f"{last.text} {token.text}", last.start, token.end)
        else:
            found.append(token)
    return found


def _capitals(text: str) -> bool:
    return not any(map(str.isdigit, text))
