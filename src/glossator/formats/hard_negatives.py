"""Format `hard-negatives`: questions with wrong answers that stand on the same image, for rerankers and verifiers.

One JSON object a line: `image`, `question`, `answer` (the right one) with its `box`, and `negatives`, the nearest
first, each with `answer`, `box` and `distance` (between the middles of the boxes, as a share of the image's diagonal).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from glossator.formats.base import BadSample
from glossator.formats.jsonl import bad_images, read_rows, write_rows
from glossator.records import Box

name = "hard-negatives"
file_name = "hard-negatives.jsonl"
SORT = "hard-negative"


@dataclass(frozen=True, slots=True)
class Negative:
    """A wrong answer and where it stands, in pixels."""

    answer: str
    box: Box
    distance: float


@dataclass(frozen=True, slots=True)
class HardNegatives:
    """A question, its right answer, and wrong ones of the same type from the same image.

    Attributes:
        id: of the pair.
        image: path relative to the image root.
        type: of the answers: money, date, text and so on (see `layout.facts.ValueType`).
        box: around the right answer, in pixels.
        negatives: at least one, the nearest first.
    """

    id: str
    image: str
    question: str
    answer: str
    type: str
    box: Box
    negatives: tuple[Negative, ...]


def write(samples: Iterable[HardNegatives], path: Path) -> int:
    """Returns how many. Equal samples give equal bytes."""
    return write_rows(({"id": sample.id, "sort": SORT} | asdict(sample) for sample in samples), path)


def read(path: Path) -> Iterator[HardNegatives | BadSample]:
    """The samples of a file that `write` has written."""
    return read_rows(path, (SORT,), _parse)


def _parse(row: Mapping[str, Any]) -> HardNegatives:
    negatives = tuple(
        Negative(str(one["answer"]), _box(one["box"]), float(one["distance"])) for one in row["negatives"]
    )
    name, image, question, answer, kind = (str(row[key]) for key in ("id", "image", "question", "answer", "type"))
    return HardNegatives(name, image, question, answer, kind, _box(row["box"]), negatives)


def _box(values: Any) -> Box:
    x0, y0, x1, y1 = map(float, values)
    return (x0, y0, x1, y1)


def check(path: Path, image_root: Path) -> Iterator[BadSample]:
    """No empty text, no negative that is the right answer, no sample without a negative, every image there."""
    for number, sample in enumerate(read(path)):
        where = f"row {number}"
        if isinstance(sample, BadSample):
            yield sample
            continue
        texts = [sample.question, sample.answer, *(negative.answer for negative in sample.negatives)]
        if not all(text.strip() for text in texts):
            yield BadSample(where, "an empty text")
        if not sample.negatives:
            yield BadSample(where, "no negative")
        if any(negative.answer == sample.answer for negative in sample.negatives):
            yield BadSample(where, "a negative that is the right answer")
        yield from bad_images(where, [sample.image], image_root)
