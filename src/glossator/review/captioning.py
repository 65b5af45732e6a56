"""Captions that people write on the page: the human half of the hybrid, kept as `captions.jsonl` beside the source.

Each line is a record of a source (`image`, `caption`, `kind`, and who wrote it when). The next build takes it in (see
`jobs.later_captions`), and the file itself can be built from too. Lines of others are left as they are.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from glossator.errors import WorkspaceError
from glossator.jobs.written_captions import AT, BY, build_command, captions_file
from glossator.text import clean
from glossator.verdict_log import now
from glossator.workspace import Workspace

LONGEST = 8000  # characters


@dataclass(frozen=True, slots=True)
class Blank:
    """An image without a human caption, and what was read on it."""

    image_id: str
    source_id: str
    kind: str
    text: str
    caption: str
    place: int
    total: int
    before: str | None
    after: str | None


class CaptionBook:
    """The images of a workspace that came without a caption, and the file that takes what people write of them.

    What was written here can be changed here, also when a build has taken it in.

    Args:
        workspace: its images.
        writer: who writes.
    """

    def __init__(self, workspace: Workspace, writer: str) -> None:
        self._workspace = workspace
        self._writer = writer
        self._lock = threading.Lock()
        source = Path(workspace.store.info["source"])
        self.path = captions_file(source)
        self.load()

    def load(self) -> None:
        """Take the images in as they are now. Nobody may ask anything meanwhile."""
        workspace = self._workspace
        ours = [str(record.get("id")) for record in self._records() if BY in record]
        blank = (pl.col("caption").fill_null("") == "") | pl.col("source_id").is_in(ours)
        images = workspace.scan("images").filter(blank, pl.col("path") != "")
        found = images.select("image_id", "source_id", "path", "kind", "shard").collect().to_dicts()
        # Paths of a record are relative to the file that it stands in.
        root, beside = workspace.store.source_root, self.path.parent.resolve()
        for row in found:
            row["path"] = Path(os.path.relpath(root / row["path"], beside)).as_posix()
        self._images = {row["image_id"]: row for row in found}
        self._ids = list(self._images)

    @property
    def build_command(self) -> str:
        """What makes the set with what was written."""
        return build_command(self._workspace.store)

    def __len__(self) -> int:
        return len(self._ids)

    def written(self) -> dict[str, str]:
        """What has been written here so far, by image id. Looks into the file: it may have been edited."""
        by_path = {row["path"]: image_id for image_id, row in self._images.items()}
        found = {}
        for record in self._records():
            image_id = by_path.get(str(record.get("image")))
            if image_id and BY in record:
                found[image_id] = str(record.get("caption") or "")
        return found

    def blank(self, image_id: str = "", after: str = "") -> Blank | None:
        """One image; or the next behind `after` (from the start again at the end) that nobody has written of yet.

        None if there is none.
        """
        written = self.written()
        start = self._ids.index(after) + 1 if after in self._images else 0
        turned = self._ids[start:] + self._ids[:start]
        chosen = image_id or next((one for one in turned if not written.get(one)), "")
        if chosen not in self._images:
            return None
        row, place = self._images[chosen], self._ids.index(chosen)
        page = self._workspace.scan_shard("ocr", row["shard"]).filter(pl.col("image_id") == chosen)
        texts = page.select("text").collect()["text"].to_list()
        return Blank(
            image_id=chosen,
            source_id=row["source_id"],
            kind=row["kind"],
            text=texts[0] if texts else "",
            caption=written.get(chosen, ""),
            place=place,
            total=len(self._ids),
            before=self._ids[place - 1] if place else None,
            after=self._ids[place + 1] if place + 1 < len(self._ids) else None,
        )

    def write(self, image_id: str, caption: str) -> int:
        """Keep a caption; it is on the disk when this returns. An empty one takes back what was written before.

        Returns:
            How many images have one now.

        Raises:
            KeyError: for an image that is not of this workspace, or has a caption of its own.
            WorkspaceError: if the file can't be written.
        """
        row = self._images[image_id]
        text = clean(caption)[:LONGEST]
        try:
            with self._lock:
                lines = [line for line in self._lines() if not self._is_ours(line, row["path"])]
                _replace(self.path, b"".join(line + b"\n" for line in [*lines, *self._line(row, text)]))
        except OSError as error:
            raise WorkspaceError(f"{self.path} can't be written ({error.strerror}); nothing was kept") from error
        return sum(bool(text) for text in self.written().values())

    def _line(self, row: dict[str, Any], text: str) -> list[bytes]:
        if not text:
            return []
        record = {"id": row["source_id"], "image": row["path"], "caption": text, "kind": row["kind"] or None}
        record |= {BY: self._writer, AT: now()}
        known = {key: value for key, value in record.items() if value is not None}
        return [json.dumps(known, ensure_ascii=False).encode()]

    def _lines(self) -> list[bytes]:
        try:
            return [line for line in self.path.read_bytes().split(b"\n") if line.strip()]
        except FileNotFoundError:
            return []

    def _records(self) -> Iterator[dict[str, Any]]:
        for line in self._lines():
            record = _record(line)
            if record is not None:
                yield record

    def _is_ours(self, line: bytes, image: str) -> bool:
        record = _record(line)
        return record is not None and record.get("image") == image and BY in record


def _record(line: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(line)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _replace(path: Path, data: bytes) -> None:
    """The whole file at once: a reader, or a kill, meets the old one or the new one."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
