"""What people read on a picture, and how far a reading differs from it. Used by ocr_ensemble.py.

Character error must not hang on reading order. Human spans are joined to lines by place. Each word that was read goes
to the human line it lies on (or to none), and the words of a line stand from left to right. The error of a line is the
edit distance of its characters without blanks (word recall sees these) and case (SROIE's people wrote capitals only);
words on no line count as inserted.
"""

from __future__ import annotations

import json
import re
import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import Levenshtein

from glossator.engines.ocr.align import letters
from glossator.records import Box, Span

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Truth:
    """One picture: `lines` as people read them, `high` the median height of their boxes in pixels."""

    id: str
    kind: str
    path: Path
    lines: tuple[Span, ...]
    high: float


@dataclass(frozen=True)
class Marks:
    """Counts of one reading: words that people read and that were found, characters, edits, and of these the inserted
    on no line."""

    words: int
    found: int
    characters: int
    edits: int
    extra: int


def truths(folder: Path) -> list[Truth]:
    """All pictures of both sources with human boxes and Latin script."""
    pages = []
    for name in ("records.jsonl", "more.jsonl"):
        with (folder / name).open(encoding="utf-8") as file:
            for record in map(json.loads, file):
                if not record.get("ocr") or not _is_latin(record["ocr"]) or record["kind"] == "handwriting":
                    continue
                spans = [Span(str(s["text"]), _box(s["box"])) for s in record["ocr"] if s.get("box")]
                if spans:
                    kind = record["kind"] if record["kind"] in ("receipt", "form") else "other"
                    high = statistics.median(s.box[3] - s.box[1] for s in spans)
                    pages.append(Truth(record["id"], kind, folder / record["image"], tuple(lines(spans)), high))
    return pages


def _box(values: Sequence[float]) -> Box:
    x0, y0, x1, y1 = map(float, values)
    return (x0, y0, x1, y1)


def _is_latin(spans: Sequence[dict[str, str]]) -> bool:
    text = "".join(s["text"] for s in spans)
    letters = [c for c in text if c.isalpha()]
    return bool(letters) and sum(c < "\u0250" for c in letters) > 0.95 * len(letters)


def lines(spans: Sequence[Span]) -> list[Span]:
    """Spans joined to lines: neighbours that stand level, less than 1.5 heights apart."""
    open_lines: list[list[Span]] = []
    for span in sorted(spans, key=lambda s: s.box[0]):
        for line in open_lines:
            last = line[-1].box
            level = min(last[3], span.box[3]) - max(last[1], span.box[1])
            least = min(last[3] - last[1], span.box[3] - span.box[1])
            if level > 0.5 * least and -least < span.box[0] - last[2] < 1.5 * least:
                line.append(span)
                break
        else:
            open_lines.append([span])
    return [Span(" ".join(s.text for s in line), _union([s.box for s in line])) for line in open_lines]


def _union(boxes: Sequence[Box]) -> Box:
    x0, y0, x1, y1 = zip(*boxes, strict=True)
    return (min(x0), min(y0), max(x1), max(y1))


def words(text: str) -> Counter[str]:
    """As benchmarks/ocr.py counts them."""
    return Counter(re.findall(r"[^\W_]+", text.casefold()))


def marks(truth: Truth, spans: Sequence[Span], matrix: Matrix) -> Marks:
    """How a reading of a degraded picture compares; `matrix` takes its points to the clean picture."""
    wanted = words(" ".join(line.text for line in truth.lines))
    found = wanted & words(" ".join(span.text for span in spans))
    texts: list[list[tuple[float, str]]] = [[] for _ in truth.lines]
    extra = 0
    for span in spans:
        for word, x, y in placed_words(span, matrix):
            at = line_at(truth.lines, x, y)
            if at is None:
                extra += len(word)
            else:
                texts[at].append((x, word))
    edits = extra
    for line, parts in zip(truth.lines, texts, strict=True):
        edits += Levenshtein.distance(letters(line.text), letters("".join(word for _, word in sorted(parts))))
    characters = sum(len(letters(line.text)) for line in truth.lines)
    return Marks(wanted.total(), found.total(), characters, edits, extra)


def placed_words(span: Span, matrix: Matrix) -> list[tuple[str, float, float]]:
    """Words with the middle of each on the clean picture, where lines lie level. Letters are taken as equally wide."""
    x0, y0, x1, y1 = span.box
    x, y = matrix @ np.array([(x0 + x1) / 2, (y0 + y1) / 2, 1.0])
    along = matrix[:, :2]
    # On a picture that lies on its side, a line's length is the height of its box.
    length = (x1 - x0) * abs(along[0, 0]) if abs(along[0, 0]) > abs(along[0, 1]) else (y1 - y0) * abs(along[0, 1])
    placed, at = [], 0
    for word in span.text.split(" "):
        middle = (at + len(word) / 2) / max(1, len(span.text)) - 0.5
        placed.append((word, float(x + middle * length), float(y)))
        at += len(word) + 1
    return placed


def line_at(truth: Sequence[Span], x: float, y: float) -> int | None:
    """The number of the human line at a point of the clean picture."""
    best, least = None, 0.75  # heights of the line from its middle
    for i, line in enumerate(truth):
        x0, y0, x1, y1 = line.box
        high = y1 - y0
        away = abs(y - (y0 + y1) / 2) / high
        if away < least and x0 - high <= x <= x1 + high:
            best, least = i, away
    return best
