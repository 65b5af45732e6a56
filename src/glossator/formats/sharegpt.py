"""Format `sharegpt`: LLaMA-Factory's multimodal ShareGPT, with the `dataset_info.json` that it wants beside it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from glossator.formats.base import BadSample, TrainingSample, write_json_list
from glossator.formats.conversations import check_conversations, read_conversations, to_turns

name = "sharegpt"
file_name = "sharegpt.json"


def write(samples: Iterable[TrainingSample], path: Path) -> int:
    """See `formats.base.Format`. LLaMA-Factory finds the set as `glossator` in `dataset_info.json`."""
    count = write_json_list(
        (
            {"id": sample.id, "conversations": to_turns(sample)}
            | {"images": list(sample.images)}
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
    """See `formats.base.Format`."""
    return read_conversations(path, "images", "image")


def check(path: Path, image_root: Path) -> Iterator[BadSample]:
    """See `formats.base.Format`."""
    return check_conversations(path, image_root, "images")
