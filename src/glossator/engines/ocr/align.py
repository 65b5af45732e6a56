"""Which words of several readings stand at the same place, and what their letters say slot by slot. Pure.

The readings come best first. A span of the first is an anchor; words of the others that lie on it are what they say
there. Words that lie on no anchor are joined to spans again, and those of the best such reading are the next anchors,
so that a line that the first engine missed is a place too.

At a place the texts are laid over the anchor's as in ROVER (Fiscus 1997): its letters and the gaps between them are
slots, and every other text says something in each slot, or nothing at all where it lacks a stretch of letters: an
engine that did not see the end of a line does not deny it.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from rapidfuzz import fuzz
from rapidfuzz.distance import Levenshtein

from glossator.records import Box, Span

NEAR = 0.45  # of the lower one's height: how far the middles of two words of one line may be apart
ALIKE = 40.0  # similarity in percent of two texts (the shorter inside the longer) that may be one
SERIOUS = 0.3  # of the winner's weight: a weaker objection is no dispute
ITS_OWN = 80.0  # such similarity says that a word is the anchor's own
STRETCH = 2  # so many letters in a row that one text lacks it did not see
APART = 1.5  # words further apart than so many heights are no neighbours
_HALF_WIDTH = {full: full - 0xFEE0 for full in range(0xFF01, 0xFF5F)} | {0x3000: 0x20}


@dataclass(frozen=True, slots=True)
class Said:
    """What one engine read at a place."""

    member: int
    text: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Place:
    """A piece of the page and what the engines read there; the first is the anchor, which lent the box."""

    box: Box
    said: tuple[Said, ...]


@dataclass(frozen=True, slots=True)
class Slot:
    """What won in a slot, by which margin of weight, whether it is in dispute, and whether letters are at stake."""

    text: str
    margin: float
    disputed: bool
    counts: bool


@dataclass(frozen=True, slots=True)
class _Word:
    text: str
    box: Box
    confidence: float


def places(readings: Sequence[Sequence[Span]]) -> list[Place]:
    """The places of a page; each word of each reading belongs to at most one.

    Args:
        readings: one a member, the best first.
    """
    left = [[_words(plain(span)) for span in reading] for reading in readings]
    found: list[Place] = []
    for member in range(len(readings)):
        anchors = [(_joined(words), words) for words in left[member]]
        others = range(member + 1, len(readings))
        at = _Places([span for span, _ in anchors])
        taken: list[list[Said]] = [[Said(member, span.text, span.confidence)] for span, _ in anchors]
        for other in others:
            rest: list[list[_Word]] = []
            on: dict[int, list[_Word]] = {}
            for words in left[other]:
                for run_at, run in _runs(words, at):
                    if run_at is None:
                        rest.append(run)
                    else:
                        on.setdefault(run_at, []).extend(run)
            for i, words in on.items():
                span = _joined(sorted(words, key=lambda word: word.box[0]))
                if _alike(anchors[i][0].text, span.text):
                    taken[i].append(Said(other, span.text, span.confidence))
            left[other] = rest
        found += [Place(span.box, tuple(said)) for (span, _), said in zip(anchors, taken, strict=True)]
    return found


class _Places:
    """Anchors, found by where a word's middle is."""

    def __init__(self, anchors: Sequence[Span]) -> None:
        self._boxes = sorted(enumerate(anchor.box for anchor in anchors), key=lambda pair: pair[1][1])
        self._letters = [letters(anchor.text) for anchor in anchors]
        self._tops = [box[1] for _, box in self._boxes]
        self._highest = max((box[3] - box[1] for _, box in self._boxes), default=0.0)

    def at(self, word: _Word) -> int | None:
        """The anchor that a word belongs to: it lies on it, or touches it and is one of its words.

        The second, because across a wide blank the places of words in a line are guesses.
        """
        on = self._on(word)
        return self._own(word) if on is None else on

    def _on(self, word: _Word) -> int | None:
        x0, y0, x1, y1 = word.box
        x, y = (x0 + x1) / 2, (y0 + y1) / 2
        best, least = None, NEAR
        for k in range(bisect_left(self._tops, y - 1.5 * self._highest), bisect_right(self._tops, y + self._highest)):
            i, (left, top, right, bottom) = self._boxes[k]
            if not left - 0.3 * (bottom - top) <= x <= right + 0.3 * (bottom - top):
                continue
            away = abs(y - (top + bottom) / 2) / max(1.0, bottom - top, y1 - y0)
            if away < least:
                best, least = i, away
        return best

    def _own(self, word: _Word) -> int | None:
        x0, y0, x1, y1 = word.box
        own = letters(word.text)
        for i, (left, top, right, bottom) in self._boxes[: bisect_right(self._tops, y1)]:
            level = min(y1, bottom) - max(y0, top)
            touches = level > 0.5 * min(y1 - y0, bottom - top) and left < x1 and x0 < right
            if touches and len(own) > 1 and fuzz.partial_ratio(own, self._letters[i]) >= ITS_OWN:
                return i
        return None


def _runs(words: Sequence[_Word], at: _Places) -> list[tuple[int | None, list[_Word]]]:
    """Words in a row that lie on the same anchor, or on none."""
    runs: list[tuple[int | None, list[_Word]]] = []
    for word in words:
        place = at.at(word)
        if runs and runs[-1][0] == place:
            runs[-1][1].append(word)
        else:
            runs.append((place, [word]))
    return runs


def _words(span: Span) -> list[_Word]:
    """The words of a span; letters are taken as equally wide."""
    x0, y0, x1, y1 = span.box
    wide = (x1 - x0) / max(1, len(span.text))
    words, at = [], 0
    for text in span.text.split(" "):
        words.append(_Word(text, (x0 + at * wide, y0, x0 + (at + len(text)) * wide, y1), span.confidence))
        at += len(text) + 1
    return words


def _joined(words: Sequence[_Word]) -> Span:
    length = sum(len(word.text) for word in words)
    sure = sum(len(word.text) * word.confidence for word in words) / max(1, length)
    return Span(" ".join(word.text for word in words), union([word.box for word in words]), sure)


def _alike(one: str, other: str) -> bool:
    return fuzz.partial_ratio(letters(one), letters(other)) >= ALIKE


def union(boxes: Sequence[Box]) -> Box:
    """The smallest box around all."""
    x0, y0, x1, y1 = zip(*boxes, strict=True)
    return (min(x0), min(y0), max(x1), max(y1))


def plain(span: Span) -> Span:
    """The span with full-width letters and signs as ASCII, unless it holds East Asian letters."""
    if span.text.isascii() or any("\u3040" <= char <= "\u9fff" for char in span.text):
        return span
    return Span(span.text.translate(_HALF_WIDTH), span.box, span.confidence)


def letters(text: str) -> str:
    """What of a text is compared: no blanks, no difference of case."""
    return "".join(text.casefold().split())


def slots(pivot: str, text: str) -> list[str | None]:
    """What `text` says in the slots of `pivot`: gap, letter, gap, letter, ..., gap. None where it says nothing."""
    said: list[str | None] = [""] * (2 * len(pivot) + 1)
    for op in Levenshtein.opcodes(pivot, text):
        tag, start, end = op.tag, op.src_start, op.src_end
        from_, to = op.dest_start, op.dest_end
        if tag == "equal" or (tag == "replace" and end - start == to - from_):
            for i in range(end - start):
                said[2 * (start + i) + 1] = text[from_ + i]
        elif tag == "insert":
            said[2 * start] = text[from_:to]
        elif tag == "replace":
            said[2 * start + 1] = text[from_:to]
        elif len(letters(pivot[start:end])) >= STRETCH or start == 0 or end == len(pivot):
            said[2 * start + 1 : 2 * end] = [None] * (2 * (end - start) - 1)
    return said


def vote(texts: Sequence[str], weights: Sequence[Sequence[float]], pivot: int) -> list[Slot]:
    """What wins in each slot of the pivot.

    Args:
        texts: what each engine read.
        weights: for each engine, how much it counts for letters and digits, for other signs, and for blanks.
        pivot: the text whose slots are used.
    """
    table = [slots(texts[pivot], text) for text in texts]
    won = []
    for row in zip(*table, strict=True):
        votes: dict[str, float] = {}
        for said, weight in zip(row, weights, strict=True):
            if said is not None:
                votes[said] = votes.get(said, 0.0) + weight[_sort(said, row)]
        first, *others = sorted(votes, key=lambda said: -votes[said])
        counts = any(char.isalnum() for said in row if said for char in said)
        second = votes[others[0]] if others else 0.0
        won.append(Slot(first, votes[first] - second, second > SERIOUS * votes[first], counts))
    return won


def _sort(said: str, row: Sequence[str | None]) -> int:
    """0 for a slot of letters and digits, 1 for one of signs, 2 for one of blanks; for nothing, by what others say."""
    texts = [said] if said else [other for other in row if other]
    if any(char.isalnum() for text in texts for char in text):
        return 0
    return 1 if any(text.strip() for text in texts) else 2
