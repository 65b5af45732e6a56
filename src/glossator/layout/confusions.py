"""The printed text that a text is a misreading of. Pure functions over spans.

Letters and figures that readers of print take for each other (0 and O, 1 and l, rn and m) are made one; what then
stands on the page is what was misread. A date with another day stays another date.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache

from rapidfuzz import fuzz

from glossator.layout.plausible import misread
from glossator.layout.reading_order import lines
from glossator.records import Span
from glossator.text import fold

_GROUPS = ("o0dqaec", "l1ij|!/", "s5", "b8", "z2", "g6", "f€")
_MANY = (("rn", "m"), ("ri", "n"), ("vv", "w"))
_AS = {char: group[0] for group in _GROUPS for char in group}
_ROWS = 5  # an answer runs over so many lines at most
_LONG, _ALIKE = 16, 0.94  # characters from which on the page may be misread too, and how much must agree
_LEAST = 3


def printed_for(text: str, spans: Sequence[Span]) -> tuple[str, tuple[Span, ...]] | None:
    """The one printed text that `text` is a misreading of, and the spans that hold it; None where there is none, or
    more than one, or where it is printed as it is."""
    wanted = _Skeleton(text)
    if len(wanted.chars) < _LEAST:
        return None
    for exact in (True, False):
        found: dict[str, tuple[str, tuple[Span, ...]]] = {}
        for run, page in _skeletons(tuple(spans)):
            piece = _piece(wanted, page, exact=exact)
            if piece:
                found.setdefault(fold(piece), (piece, run))
        if found:
            printed = next(iter(found.values()))
            as_it_is = "".join(printed[0].split()) == "".join(text.split())
            sound = len(found) == 1 and not as_it_is and not misread(printed[0]) and _as_figured(text, printed[0])
            return printed if sound else None
    return None


class _Skeleton:
    """A text without what readers of print confuse. `at[i]` is the character of the text that `chars[i]` stands for."""

    def __init__(self, text: str) -> None:
        low = text.casefold() if len(text.casefold()) == len(text) else text
        chars, at = [], []
        i = 0
        while i < len(low):
            single = next((one for many, one in _MANY if low.startswith(many, i)), "")
            char = single or low[i]
            if char.isalnum() or char in _AS:
                chars.append("e" if char == "f" else char)
                at.append(i)
            i += 2 if single else 1
        self.text = text
        self.chars = "".join(_AS.get(char, char) for char in chars)
        self.at = at


@lru_cache(maxsize=4)
def _skeletons(spans: tuple[Span, ...]) -> list[tuple[tuple[Span, ...], _Skeleton]]:
    """All runs of a page; kept, because the pairs of a page come one after the other."""
    return [(run, _Skeleton(" ".join(span.text.strip() for span in run))) for run in _runs(spans)]


def _piece(wanted: _Skeleton, page: _Skeleton, *, exact: bool) -> str:
    """The piece of a printed text that the wanted one is a misreading of, whole words; nothing if there is none."""
    printed = page.text
    if exact:
        start = page.chars.find(wanted.chars)
        end = start + len(wanted.chars)
    else:
        found = fuzz.partial_ratio_alignment(wanted.chars, page.chars) if len(wanted.chars) >= _LONG else None
        if found is None or found.score < 100 * _ALIKE or len(page.chars) < len(wanted.chars):
            return ""
        start, end = found.dest_start, found.dest_end
        if _figures(page.chars[start:end]) != _figures(wanted.chars):
            return ""
    if start < 0:
        return ""
    first, last = page.at[start], page.at[end - 1] + 1
    if last < len(printed) and end < len(page.at):
        last = min(page.at[end], len(printed))
        last = len(printed[:last].rstrip())
    whole = _is_border(printed, first) and _is_border(printed, last)
    return printed[first:last].strip(" ,;:([") if whole else ""


def _is_border(text: str, at: int) -> bool:
    return at in (0, len(text)) or not (text[at - 1].isalnum() and text[at].isalnum())


def _as_figured(text: str, printed: str) -> bool:
    """A text of figures alone is not read from words: "100.00" not from "100% OF"."""
    letters = any(map(str.isalpha, text))
    return letters or all(any(map(str.isdigit, word)) or not fold(word) for word in printed.split())


def _figures(chars: str) -> str:
    return "".join(char for char in chars if char.isdigit())


def _runs(spans: Sequence[Span]) -> Iterator[tuple[Span, ...]]:
    """Spans, then pieces of lines, then several lines; the tightest come first."""
    rows = lines(spans)
    for span in spans:
        yield (span,)
    for row in rows:
        for start in range(len(row)):
            for end in range(start + 2, len(row) + 1):
                yield tuple(row[start:end])
    for count in range(2, _ROWS + 1):
        for start in range(len(rows) - count + 1):
            yield tuple(span for row in rows[start : start + count] for span in row)
