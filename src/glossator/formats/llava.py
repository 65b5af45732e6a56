"""Format `llava`: the JSON list that LLaVA's trainer reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from glossator.formats.base import BadSample, TrainingSample, write_json_list
from glossator.formats.conversations import check_conversations, read_conversations, to_turns

name = "llava"
file_name = "llava.json"


def write(samples: Iterable[TrainingSample], path: Path) -> int:
    """See `formats.base.Format`."""
    return write_json_list(
        (
            {"id": sample.id}
            | ({"image": sample.image if len(sample.images) == 1 else list(sample.images)} if sample.images else {})
            | {"conversations": to_turns(sample)}
            | ({"verdict": sample.verdict} if sample.verdict is not None else {})
            for sample in samples
        ),
        path,
    )


def read(path: Path) -> Iterator[TrainingSample | BadSample]:
    """See `formats.base.Format`."""
    return read_conversations(path, "image")


def check(path: Path, image_root: Path) -> Iterator[BadSample]:
    """See `formats.base.Format`."""
    return check_conversations(path, image_root, "image")
