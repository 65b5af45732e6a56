"""Format `llava`: the JSON list that LLaVA's trainer reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from glossator.formats.base import BadSample, TrainingSample, as_list, missing_image, read_json_rows, write_json_list
from glossator.formats.conversations import check_turns, from_turns, to_turns

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
    for where, row in read_json_rows(path):
        if not isinstance(row, dict):
            yield BadSample(where, "no JSON object")
            continue
        images = as_list(row.get("image"))
        if not all(isinstance(image, str) for image in images):
            yield BadSample(where, "the image is no path")
            continue
        first, *more = images or [None]
        yield from_turns(where, str(row.get("id", where)), first, row.get("conversations"), tuple(more))


def check(path: Path, image_root: Path) -> Iterator[BadSample]:
    """See `formats.base.Format`."""
    for where, row in read_json_rows(path):
        if not isinstance(row, dict):
            yield BadSample(where, "no JSON object")
            continue
        images = as_list(row.get("image"))
        problem = check_turns(where, row.get("conversations"), images=len(images))
        if problem:
            yield problem
        for image in images:
            missing = missing_image(image, image_root)
            if missing:
                yield BadSample(where, missing)
