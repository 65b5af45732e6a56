"""The spans that hold an answer word by word, wherever they stand: in cells, on torn or interleaved lines. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rapidfuzz import fuzz

from glossator.records import Box, Evidence, Span
from glossator.text import fold

MAX_WORDS = 80  # of one answer; what follows is not looked for
_MIN_WORDS = 2
_SURE, _ALIKE = 5, 0.85  # characters from which on a slip of OCR is forgiven, and how much must agree
_BELOW = 2.5  # line heights down to which the other half of a torn word stands
_PARTS = re.compile(r"[^\W_]+")
_TORN = re.compile(r"[^\W\d_]{2,}[-\u00ad\u2010\u2011]$")


@dataclass(frozen=True, slots=True)
class _Piece:
    """A run of words and the places that it may be in: each one span, or two for a word that is torn."""

    words: int
    chars: int
    places: tuple[tuple[int, ...], ...]


def gather(answer: str, spans: Sequence[Span]) -> tuple[float, tuple[Evidence, ...]]:
    """The share (0..1, by characters) of an answer's words that stand on the page, and the spans that hold them.

    Runs of words that stand in one span are kept together; of several places of a run the one nearest to what is found
    already is taken, and a second time the same word takes another span if there is one. A word torn by a hyphen at
    the end of a line is looked for in both halves. Long words may have a slip of OCR.

    Args:
        answer: the text to find; of fewer than two words, nothing is found unless it is a torn word.
        spans: the page's spans in reading order.

    Returns:
        The share, and the spans in the order of the answer, each once.
    """
    words = [word for piece in answer.split()[:MAX_WORDS] if (word := fold(piece))]
    page = _Page(spans)
    pieces = _pieces(words, page)
    if len(words) < _MIN_WORDS and not any(len(place) > 1 for piece in pieces for place in piece.places):
        return 0.0, ()
    found = sum(piece.chars for piece in pieces if piece.places)
    chosen = _choose(pieces, page)
    order = dict.fromkeys(index for place in chosen for index in place)
    return found / max(1, sum(map(len, words))), tuple(Evidence(spans[i].text, spans[i].box) for i in order)


class _Page:
    """The words of each span, and words that are torn over two."""

    def __init__(self, spans: Sequence[Span]) -> None:
        self.boxes = [span.box for span in spans]
        self.folded = [fold(span.text) for span in spans]
        self.words: dict[str, list[int]] = {}
        for index, span in enumerate(spans):
            tokens = span.text.split()
            for word in {fold(part) for token in tokens for part in (token, *_PARTS.findall(token))}:
                self.words.setdefault(word, []).append(index)
        self.long = [word for word in self.words if len(word) >= _SURE]
        self.torn = self._torn(spans)

    def _torn(self, spans: Sequence[Span]) -> dict[str, list[tuple[int, ...]]]:
        """Words whose first half ends a span with a hyphen and whose second begins one below."""
        found: dict[str, list[tuple[int, ...]]] = {}
        for i, span in enumerate(spans):
            head = span.text.rstrip().rsplit(maxsplit=1)[-1:] or [""]
            if not _TORN.search(head[0]):
                continue
            for j, other in enumerate(spans):
                if j != i and other.text.strip() and _continues(span.box, other.box):
                    found.setdefault(fold(head[0] + other.text.split()[0]), []).append((i, j))
        return found

    def places(self, word: str) -> list[tuple[int, ...]]:
        """Where one word stands."""
        exact: list[tuple[int, ...]] = [(index,) for index in self.words.get(word, ())]
        exact = exact or self.torn.get(word, [])
        if exact or len(word) < _SURE:
            return exact
        alike = [one for one in self.long if fuzz.ratio(word, one) >= 100 * _ALIKE]
        return [(index,) for one in alike for index in self.words[one]]

    def gap(self, first: int, second: int) -> float:
        """The blank between two spans in pixels; what stands on one line or in one column counts as nearer."""
        a, b = self.boxes[first], self.boxes[second]
        across = max(0.0, max(a[0], b[0]) - min(a[2], b[2]))
        down = max(0.0, max(a[1], b[1]) - min(a[3], b[3]))
        return across + down + (0.0 if not across or not down else max(across, down))


def _continues(first: Box, second: Box) -> bool:
    """Whether a line goes on in another box: further down, not far, and one above the other."""
    height = first[3] - first[1]
    down = (second[1] + second[3] - first[1] - first[3]) / 2
    return 0.4 * height < down < _BELOW * height and min(first[2], second[2]) > max(first[0], second[0])


def _pieces(words: Sequence[str], page: _Page) -> list[_Piece]:
    """The answer as the longest runs of words that stand together in a span."""
    found = []
    at = 0
    while at < len(words):
        places = page.places(words[at])
        length = 1
        run = words[at]
        here = {place[0] for place in places if len(place) == 1}
        while at + length < len(words) and here:
            longer = run + words[at + length]
            held = {index for index in here if longer in page.folded[index]}
            if not held:
                break
            here, run, length = held, longer, length + 1
        if length > 1:
            places = [(index,) for index in sorted(here)]
        found.append(_Piece(length, len(run), tuple(places)))
        at += length
    return found


def _choose(pieces: Sequence[_Piece], page: _Page) -> list[tuple[int, ...]]:
    """One place for each piece that has any: the surest first, then each beside its neighbours in the answer."""
    chosen: dict[int, tuple[int, ...]] = {}
    todo = [i for i, piece in enumerate(pieces) if piece.places]
    while todo:
        at = min(todo, key=lambda i: (_distance(i, chosen), len(pieces[i].places), -pieces[i].chars))
        todo.remove(at)
        near = [chosen[i] for i in sorted(chosen, key=lambda i: abs(i - at))[:2]]
        used = {index for i, place in chosen.items() for index in place if _repeats(pieces[i], pieces[at])}
        chosen[at] = min(
            pieces[at].places,
            key=lambda place: (place[0] in used, sum(page.gap(place[0], other[-1]) for other in near), place),
        )
    return [chosen[i] for i in sorted(chosen)]


def _distance(at: int, chosen: dict[int, tuple[int, ...]]) -> int:
    """How far a piece is in the answer from one that has its place; 0 before there is any."""
    return min((abs(at - other) for other in chosen), default=0)


def _repeats(first: _Piece, second: _Piece) -> bool:
    """Whether two pieces are the same text."""
    return bool(first.places) and first.places == second.places
