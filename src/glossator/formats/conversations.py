"""The `conversations` list with `from` and `value`, which LLaVA and ShareGPT share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from glossator.formats.base import (
    IMAGE_TAG,
    BadSample,
    Message,
    Role,
    TrainingSample,
    as_list,
    checked_turns,
    missing_image,
    neutral,
    original,
    read_json_rows,
)

_FROM: dict[Role, str] = {"user": "human", "assistant": "gpt"}
_ROLE: dict[str, Role] = {"human": "user", "user": "user", "gpt": "assistant", "assistant": "assistant"}


def read_conversations(path: Path, *keys: str) -> Iterator[TrainingSample | BadSample]:
    """The samples of a file (see `formats.base.Format.read`); the first of `keys` that a row has names its images."""
    for where, row, images in _rows(path, keys):
        if isinstance(row, BadSample):
            yield row
        elif not all(isinstance(image, str) for image in images):
            yield BadSample(where, "an image that is no path")
        else:
            first, *more = images or [None]
            yield from_turns(where, str(row.get("id", where)), first, row.get("conversations"), tuple(more))


def check_conversations(path: Path, image_root: Path, key: str) -> Iterator[BadSample]:
    """What a trainer would trip over in a file whose rows name their images under `key`."""
    for where, row, images in _rows(path, (key,)):
        if isinstance(row, BadSample):
            yield row
            continue
        problem = check_turns(where, row.get("conversations"), images=len(images))
        missing = (missing_image(image, image_root) for image in images)
        yield from ([problem] if problem else [])
        yield from (BadSample(where, text) for text in missing if text)


def _rows(path: Path, keys: tuple[str, ...]) -> Iterator[tuple[str, dict[str, Any] | BadSample, list[Any]]]:
    for where, row in read_json_rows(path):
        if isinstance(row, dict):
            named = next((row[key] for key in keys if key in row), None)
            yield where, row, as_list(named)
        else:
            yield where, BadSample(where, "no JSON object"), []


def to_turns(sample: TrainingSample) -> list[dict[str, str]]:
    """The turns of a sample; one image tag an image stands before the first."""
    turns = [{"from": _FROM[message.role], "value": neutral(message.text)} for message in sample.messages]
    if sample.images:
        turns[0]["value"] = f"{IMAGE_TAG}\n" * len(sample.images) + turns[0]["value"]
    return turns


def from_turns(
    where: str, id_: str, image: str | None, turns: Any, more_images: tuple[str, ...] = ()
) -> TrainingSample | BadSample:
    """A sample from somebody's turns; system turns, a leading answer and image tags are left out."""
    if not isinstance(turns, list):
        return BadSample(where, "no list of conversations")
    messages: list[Message] = []
    for turn in turns:
        if not isinstance(turn, dict) or not isinstance(turn.get("value"), str):
            return BadSample(where, "a turn without a text")
        if turn.get("from") == "system":
            continue
        role = _ROLE.get(str(turn.get("from")))
        if role is None:
            return BadSample(where, f"an unknown speaker {str(turn.get('from'))[:40]!r}")
        if role == "assistant" and not messages:
            continue
        text = turn["value"].replace(f"{IMAGE_TAG}\n", "").replace(f"\n{IMAGE_TAG}", "").replace(IMAGE_TAG, "")
        messages.append(Message(role, original(text).strip()))
    if len(messages) % 2:
        messages.pop()
    wrong = checked_turns(0, [m.role for m in messages], [neutral(m.text) for m in messages], images=0)
    return BadSample(where, wrong) if wrong else TrainingSample(id_, image, tuple(messages), more_images=more_images)


def check_turns(where: str, turns: Any, *, images: int) -> BadSample | None:
    """What a trainer would trip over in one row."""
    if not isinstance(turns, list) or not all(isinstance(turn, dict) for turn in turns):
        return BadSample(where, "no list of conversations")
    values = [str(turn.get("value", "")) for turn in turns]
    tags = sum(value.count(IMAGE_TAG) for value in values)
    texts = [values[0].removeprefix(f"{IMAGE_TAG}\n" * images), *values[1:]] if values else []
    roles = [str(_ROLE.get(str(turn.get("from")), turn.get("from"))) for turn in turns]
    wrong = checked_turns(tags, roles, texts, images=images)
    return BadSample(where, wrong) if wrong else None
