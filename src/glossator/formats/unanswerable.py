"""Format `unanswerable`: LLaVA's JSON list of questions that their image does not answer, with an honest reply.

Beside LLaVA's keys a row has `sort` (`unanswerable`), `missing` (what the question names and the image lacks) and
`asked_of` (the pair whose question it is).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from glossator.formats import llava
from glossator.formats.base import BadSample, Message, TrainingSample, write_json_list
from glossator.formats.conversations import from_turns, to_turns
from glossator.formats.jsonl import read_rows

name = "unanswerable"
file_name = "unanswerable.json"
SORT = "unanswerable"


@dataclass(frozen=True, slots=True)
class Unanswerable:
    """A question that belongs to another image, and the reply that says so.

    Attributes:
        id: unique in its set.
        image: path relative to the image root.
        missing: what the question names and the image lacks.
        asked_of: pair_id of the pair, of another image, whose question it is.
    """

    id: str
    image: str
    question: str
    reply: str
    missing: str
    asked_of: str


def write(samples: Iterable[Unanswerable], path: Path) -> int:
    """Returns how many. Equal samples give equal bytes."""
    return write_json_list(
        (
            {
                "id": sample.id,
                "image": sample.image,
                "conversations": to_turns(_conversation(sample)),
                "sort": SORT,
                "missing": sample.missing,
                "asked_of": sample.asked_of,
            }
            for sample in samples
        ),
        path,
    )


def _conversation(sample: Unanswerable) -> TrainingSample:
    messages = (Message("user", sample.question), Message("assistant", sample.reply))
    return TrainingSample(sample.id, sample.image, messages)


def read(path: Path) -> Iterator[Unanswerable | BadSample]:
    """The samples of a file that `write` has written."""
    return read_rows(path, (SORT,), _parse)


def _parse(row: Mapping[str, Any]) -> Unanswerable:
    found = from_turns("", str(row["id"]), row["image"], row["conversations"])
    if isinstance(found, BadSample):
        raise ValueError(found.message)
    question, reply = (message.text for message in found.messages)
    return Unanswerable(found.id, str(row["image"]), question, reply, str(row["missing"]), str(row["asked_of"]))


def check(path: Path, image_root: Path) -> Iterator[BadSample]:
    """What LLaVA's trainer would trip over, and rows of another sort."""
    yield from (found for found in read(path) if isinstance(found, BadSample))
    yield from llava.check(path, image_root)
