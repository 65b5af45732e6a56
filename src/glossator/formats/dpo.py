"""Format `dpo`: preference pairs as TRL's `DPOTrainer` takes them (conversational, explicit prompt).

One JSON object a line: `images` (paths; not there in a set without pictures), `prompt`, `chosen` and `rejected` as
lists of messages. `load_dataset("json", ...)` reads it; `cast_column("images", List(Image()))` opens the pictures. TRL
puts the images before the first question itself, so no text holds an image tag.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from glossator.formats.base import IMAGE_TAG, BadSample, Message, checked_turns, neutral, original
from glossator.formats.jsonl import bad_images, read_rows, write_rows

name = "dpo"
file_name = "dpo.jsonl"
SORTS = ("preference-answer", "preference-explanation")


@dataclass(frozen=True, slots=True)
class Preference:
    """Two replies to the same conversation, of which the first is better.

    Attributes:
        id: of the kept pair and the rejected one.
        sort: `preference-answer` or `preference-explanation`.
        origin: `repair` (the chosen one repairs the rejected one), `person` (a person has rewritten it) or
            `same question`.
        images: paths relative to the image root.
        prompt: the conversation before the reply, the user's turn last.
        reasons: why the rejected one was rejected.
        chosen_id, rejected_id: the two pairs.
    """

    id: str
    sort: str
    origin: str
    images: tuple[str, ...]
    prompt: tuple[Message, ...]
    chosen: str
    rejected: str
    reasons: tuple[str, ...]
    chosen_id: str
    rejected_id: str


def write(samples: Iterable[Preference], path: Path) -> int:
    """Returns how many. Equal samples give equal bytes."""
    rows = list(samples)
    pictured = any(row.images for row in rows)
    return write_rows((_row(sample, pictured=pictured) for sample in rows), path)


def _row(sample: Preference, *, pictured: bool) -> dict[str, Any]:
    prompt = [_message(message.role, message.text) for message in sample.prompt]
    return {
        "id": sample.id,
        "sort": sample.sort,
        "origin": sample.origin,
        # All rows or none: TRL looks at the first row to see whether the set has pictures.
        **({"images": list(sample.images)} if pictured else {}),
        "prompt": prompt,
        "chosen": [_message("assistant", sample.chosen)],
        "rejected": [_message("assistant", sample.rejected)],
        "reasons": list(sample.reasons),
        "chosen_id": sample.chosen_id,
        "rejected_id": sample.rejected_id,
    }


def _message(role: str, text: str) -> dict[str, str]:
    return {"role": role, "content": neutral(text)}


def read(path: Path) -> Iterator[Preference | BadSample]:
    """The preference pairs of a file that `write` has written."""
    return read_rows(path, SORTS, _parse)


def _parse(row: Mapping[str, Any]) -> Preference:
    return Preference(
        str(row["id"]),
        row["sort"],
        str(row["origin"]),
        tuple(row.get("images", ())),
        tuple(Message(turn["role"], original(turn["content"])) for turn in row["prompt"]),
        original(row["chosen"][0]["content"]),
        original(row["rejected"][0]["content"]),
        tuple(row["reasons"]),
        str(row["chosen_id"]),
        str(row["rejected_id"]),
    )


def check(path: Path, image_root: Path) -> Iterator[BadSample]:
    """What TRL would trip over: roles, empty turns, image tags, images that are not there; and equal replies."""
    for number, sample in enumerate(read(path)):
        where = f"row {number}"
        if isinstance(sample, BadSample):
            yield sample
            continue
        for reply in (sample.chosen, sample.rejected):
            texts = [*(neutral(message.text) for message in sample.prompt), neutral(reply)]
            roles: list[str] = [*(message.role for message in sample.prompt), "assistant"]
            wrong = checked_turns(sum(text.count(IMAGE_TAG) for text in texts), roles, texts, images=0)
            if wrong:
                yield BadSample(where, wrong)
        if sample.chosen == sample.rejected:
            yield BadSample(where, "chosen and rejected are the same")
        yield from bad_images(where, sample.images, image_root)
