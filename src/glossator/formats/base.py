"""What every data-set format reads and writes: training samples, and what trainers trip over."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from glossator.errors import UsageError

IMAGE_TAG = "<image>"
# A tag that is only text (an image printed it, a person typed it) must not call for a picture. The zero-width joiner
# between the letters is invisible and can be taken out again.
_NEUTRAL_TAG = "<im\u200dage>"
Role = Literal["user", "assistant"]


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation, without any image tag."""

    role: Role
    text: str


@dataclass(frozen=True, slots=True)
class TrainingSample:
    """One conversation about one image (or about none).

    Attributes:
        id: unique in its set.
        image: path relative to the image root, or None for text only.
        messages: alternating, the user's first.
        kind: `conversation` (a pair and its explanation) or `caption`.
        verdict: `keep` and `reasons`, where rejected samples are exported too.
        more_images: further images, in their order.
        meta: what else the set says of the sample, as JSON.
    """

    id: str
    image: str | None
    messages: tuple[Message, ...]
    kind: str = "conversation"
    verdict: dict[str, Any] | None = field(default=None, compare=False)
    more_images: tuple[str, ...] = ()
    meta: str = field(default="", compare=False)

    @property
    def images(self) -> tuple[str, ...]:
        """All its images."""
        return (self.image, *self.more_images) if self.image is not None else ()


@dataclass(frozen=True, slots=True)
class BadSample:
    """A row of a set that can't be taken: where it stands and what is wrong with it."""

    where: str
    message: str


class Format(Protocol):
    """One data-set format, as a module."""

    name: str

    def write(self, samples: Iterable[TrainingSample], path: Path) -> int:
        """Write all samples, streaming; returns how many. Equal samples give equal bytes."""

    def read(self, path: Path) -> Iterator[TrainingSample | BadSample]:
        """The samples of a file, somebody else's included; what can't be taken is a `BadSample`."""

    def check(self, path: Path, image_root: Path) -> Iterator[BadSample]:
        """What a trainer would trip over."""


def neutral(text: str) -> str:
    """The text with any image tag in it made harmless."""
    return text.replace(IMAGE_TAG, _NEUTRAL_TAG)


def original(text: str) -> str:
    """The text as it was before `neutral`."""
    return text.replace(_NEUTRAL_TAG, IMAGE_TAG)


def write_json_list(rows: Iterable[dict[str, Any]], path: Path) -> int:
    """A JSON list, one row a line, written row by row so that memory does not grow with the set."""
    path.parent.mkdir(parents=True, exist_ok=True)
    count = 0
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write("[")
        for row in rows:
            file.write(",\n" if count else "\n")
            file.write(json.dumps(row, ensure_ascii=False))
            count += 1
        file.write("\n]\n")
    return count


def read_json_rows(path: Path) -> Iterator[tuple[str, Any]]:
    """The rows of a JSON list, or of a file with one JSON value a line, each with its place.

    Raises:
        UsageError: if the file is neither.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} can't be read: {error}") from error
    if text.lstrip()[:1] == "[":
        try:
            rows = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise UsageError(f"{path} is no valid JSON: {error}") from error
        yield from ((f"row {number}", row) for number, row in enumerate(rows))
        return
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                yield f"line {number}", json.loads(line)
            except (ValueError, RecursionError):
                yield f"line {number}", None


def checked_turns(tags: int, roles: list[str], texts: list[str], *, images: int) -> str | None:
    """What is wrong with a conversation, or None.

    Args:
        tags: how many image tags stand in it.
        roles: `user` and `assistant`, in order.
        texts: the texts without the leading image tag.
        images: how many images the row names.
    """
    if tags != images:
        return f"{tags} image tags for {images} images"
    if any(IMAGE_TAG in text for text in texts):
        return "an image tag astray in a text"
    if not roles or len(roles) % 2 or roles != ["user", "assistant"] * (len(roles) // 2):
        return "roles do not alternate, the user first"
    if any(not text.strip() for text in texts):
        return "an empty turn"
    return None


def as_list(value: Any) -> list[Any]:
    """A list as it is, None as an empty one, anything else as a list of one."""
    return [] if value is None else list(value) if isinstance(value, list | tuple) else [value]


def missing_image(image: str | None, root: Path) -> str | None:
    """What is wrong with where a sample's image is said to be, or None."""
    if image is None:
        return None
    if not (root / image).resolve().is_relative_to(root.resolve()):
        return f"the image path {image} leaves the image root"
    return None if (root / image).is_file() else f"no image {image} in the image root"
