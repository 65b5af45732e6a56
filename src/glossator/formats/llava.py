"""Format `llava`: the JSON list that LLaVA's trainer reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from glossator.formats.base import BadSample, TrainingSample, missing_image, read_json_rows, write_json_list
from glossator.formats.conversations import check_turns, from_turns, to_turns

name = "llava"
file_name = "llava.json"


def write(samples: Iterable[TrainingSample], path: Path) -> int:
    """See `formats.base.Format`."""
    return write_json_list(
        (
            {"id": sample.id}
            | ({"image": sample.image} if sample.image is not None else {})
            | {"conversations": to_turns(sample)}
            | ({"verdict": sample.verdict} if sample.verdict is not None else {})
            for sample in samples
        ),
        path,
    )


def read(path: Path) -> Iterator[TrainingSample | BadSample]:
    """See `formats.base.Format`."""
    for where, row in read_json_rows(path):
        if not isinstance(row, dict):
            yield BadSample(where, "no JSON object")
            continue
        image = row.get("image")
        if image is not None and not isinstance(image, str):
            yield BadSample(where, "the image is no path")
            continue
        yield from_turns(where, str(row.get("id", where)), image, row.get("conversations"))


def check(path: Path, image_root: Path) -> Iterator[BadSample]:
    """See `formats.base.Format`."""
    for where, row in read_json_rows(path):
        problem = check_turns(where, row.get("conversations"), image="image" in row)
        if problem:
            yield problem
        missing = missing_image(row.get("image"), image_root)
        if missing:
            yield BadSample(where, missing)
