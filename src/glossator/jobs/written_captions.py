"""Where the captioning page keeps what people write, and what of it a source file takes in.

A folder reads `captions.jsonl` by itself. A source that is a file does not look beside itself, but what was written on
the page about its own records belongs to them.
"""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass
from pathlib import Path

from glossator.jobs.sources import Source
from glossator.store import Store

FILE = "captions.jsonl"
OTHER_FILE = "captions-written.jsonl"  # where the source itself has the name
BY, AT = "captioned_by", "captioned_at"  # keys of a line of the page: who wrote it, and when


def build_command(store: Store) -> str:
    """The command that makes the set with what was written: as it was built last, with thresholds that were moved."""
    root = store.root.resolve()
    words = ["glossator", "build", store.info["source"], "-o", root, "-r", root / "recipe.yaml"]
    return shlex.join(map(str, words))


def captions_file(source: Path) -> Path:
    """The file that takes what people write of a source's images."""
    if source.is_dir():
        return source / FILE
    return source.parent / (OTHER_FILE if source.name == FILE else FILE)


@dataclass(frozen=True, slots=True)
class Written:
    """A caption from the page, and the image that it is about (an absolute path)."""

    image: str
    caption: str


def written_captions(source: Path) -> dict[str, Written]:
    """What the page has kept about a source file, by the record's id; nothing for a folder, which reads it itself."""
    path = captions_file(source)
    if source.is_dir() or not path.is_file():
        return {}
    found = {}
    for raw in Source(path, path.parent).records():
        said = raw.fields
        if BY in said and all(isinstance(said.get(key), str) for key in ("id", "image", "caption")):
            found[said["id"]] = Written(os.path.normpath(path.parent.resolve() / said["image"]), said["caption"])
    return found
