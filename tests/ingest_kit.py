"""What the tests of ingest share: sources that are drawn and written, and what a run took in of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from PIL import Image

from glossator.jobs import ingest
from glossator.recipe import DataSpec
from glossator.records import Alias, Failure, ImageRecord
from glossator.store import IMAGES, SOURCES, Store

Tables = tuple[list[ImageRecord], list[Alias], list[Failure]]


def draw(path: Path, shade: int = 0) -> Path:
    """A picture of 30 x 20 pixels; each shade gives other bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (30, 20), (shade % 256, shade // 256, 200)).save(path)
    return path


def write(folder: Path, *records: Any) -> Path:
    path = folder / "records.jsonl"
    lines = [record if isinstance(record, str) else json.dumps(record) for record in records]
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def take_in(source: Path, limit: int | None = None, **data: Any) -> Store:
    workspace = (source if source.is_dir() else source.parent).parent / "ws"
    spec = DataSpec(**data)
    store = ingest.open_store(source, workspace, spec)
    ingest.run(store, source, spec, limit)
    return store


def tables(store: Store) -> Tables:
    images = [row for shard in store.shards(IMAGES) for row in store.read_part(IMAGES, "images", shard)]
    aliases = [row for shard in store.shards(SOURCES) for row in store.read_part(SOURCES, "sources", shard)]
    return images, aliases, [row for shard in store.shards(IMAGES) for row in store.read_failures(IMAGES, shard)]


def failures(store: Store) -> dict[str, str]:
    """Category by id."""
    return {failure.id: failure.category for failure in tables(store)[2]}


def only_image(store: Store) -> ImageRecord:
    (image,) = tables(store)[0]
    return image
