"""Format `sharegpt`: LLaMA-Factory's multimodal ShareGPT, with the `dataset_info.json` that it wants beside it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from glossator.formats.base import BadSample, TrainingSample, missing_image, read_json_rows, write_json_list
from glossator.formats.conversations import check_turns, from_turns, to_turns

name = "sharegpt"
file_name = "sharegpt.json"


def write(samples: Iterable[TrainingSample], path: Path) -> int:
    """See `formats.base.Format`. LLaMA-Factory finds the set as `glossator` in `dataset_info.json`."""
    count = write_json_list(
        (
            {"id": sample.id, "conversations": to_turns(sample)}
            | {"images": [sample.image] if sample.image is not None else []}
            | ({"verdict": sample.verdict} if sample.verdict is not None else {})
            for sample in samples
        ),
        path,
    )
    info = {
        "glossator": {
            "file_name": path.name,
            "formatting": "sharegpt",
            "columns": {"messages": "conversations", "images": "images"},
        }
    }
    (path.parent / "dataset_info.json").write_text(json.dumps(info, indent=2) + "\n", encoding="utf-8")
    return count


def read(path: Path) -> Iterator[TrainingSample | BadSample]:
    """See `formats.base.Format`. Rows with several images are not taken."""
    for where, row in read_json_rows(path):
        if not isinstance(row, dict):
            yield BadSample(where, "no JSON object")
            continue
        images = row.get("images", row.get("image", []))
        images = [images] if isinstance(images, str) else images or []
        if not isinstance(images, list) or len(images) > 1 or not all(isinstance(image, str) for image in images):
            yield BadSample(where, "not one image by path")
            continue
        yield from_turns(where, str(row.get("id", where)), images[0] if images else None, row.get("conversations"))


def check(path: Path, image_root: Path) -> Iterator[BadSample]:
    """See `formats.base.Format`."""
    for where, row in read_json_rows(path):
        images = row.get("images", [])
        problem = check_turns(where, row.get("conversations"), image=bool(images))
        if problem:
            yield problem
        for image in images:
            missing = missing_image(image, image_root)
            if missing:
                yield BadSample(where, missing)
