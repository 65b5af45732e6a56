"""Bought replies, kept for ever: appended at once, keyed by a hash of the request, and never bought twice.

    <workspace>/replies/<stage>/part-00042.<n>.jsonl

One JSON object a line: `key`, `reply`. Each writer takes a new file (`n` counts up), so a line that a killed process
left torn is never appended to, and two writers never share a file. A torn or damaged line is passed over when reading.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    import polars as pl


BATCHES = "batches"  # under this key a log keeps which batches have been sent off, and with which requests


class ReplyLogs:
    """All reply logs of a workspace."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def open(self, stage: str, shard: int) -> ShardReplies:
        """The replies of one shard of one stage: what is known, and a place for new ones."""
        return ShardReplies(self.folder / stage, shard)


class ShardReplies:
    """See `engines.base.ReplyLog`. Safe to use from several threads; a file is made with the first new reply.

    Attributes:
        damaged: lines that could not be read (torn by a kill, say).
    """

    def __init__(self, folder: Path, shard: int) -> None:
        self._folder = folder
        self._name = f"part-{shard:05d}"
        self._known: dict[str, dict[str, Any]] = {}
        self._file: IO[bytes] | None = None
        self._lock = threading.Lock()
        self.damaged = 0
        for path in sorted(folder.glob(f"{self._name}.*.jsonl"), key=_number):
            self._read(path)

    def get(self, key: str) -> dict[str, Any] | None:
        """See `engines.base.ReplyLog.get`."""
        return self._known.get(key)

    def put(self, key: str, reply: dict[str, Any]) -> None:
        """See `engines.base.ReplyLog.put`. The line is with the operating system when this returns: a kill keeps it."""
        line = json.dumps({"key": key, "reply": reply}, ensure_ascii=True, separators=(",", ":")) + "\n"
        with self._lock:
            if self._file is None:
                self._file = self._create()
            self._file.write(line.encode("ascii"))
            self._file.flush()
            self._known[key] = reply

    def close(self) -> None:
        """Push the file to the disk and close it."""
        with self._lock:
            if self._file is not None:
                os.fsync(self._file.fileno())
                self._file.close()
                self._file = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def _read(self, path: Path) -> None:
        with path.open("rb") as file:
            for line in file:
                try:
                    entry = json.loads(line)
                    self._known[entry["key"]] = entry["reply"]
                except (ValueError, KeyError, TypeError):
                    self.damaged += 1

    def _create(self) -> IO[bytes]:
        self._folder.mkdir(parents=True, exist_ok=True)
        taken = [_number(path) for path in self._folder.glob(f"{self._name}.*.jsonl")]
        number = max(taken, default=-1) + 1
        while True:
            try:
                return (self._folder / f"{self._name}.{number}.jsonl").open("xb")
            except FileExistsError:
                number += 1


def calls(folder: Path) -> pl.LazyFrame:
    """Every reply that was ever bought for a workspace (table `calls`), whatever recipe it was for."""
    import polars as pl

    rows = {
        "stage": pl.String, "shard": pl.Int64, "image_id": pl.String, "model": pl.String, "served": pl.String,
        "tokens_in": pl.Int64, "cached": pl.Int64, "tokens_out": pl.Int64, "usd": pl.Float64, "refused": pl.Boolean,
    }  # fmt: skip
    return pl.LazyFrame(list(_calls(folder)), schema=rows, orient="row")


def _calls(folder: Path) -> Iterator[tuple[Any, ...]]:
    for path in _logs(folder):
        for _key, reply in _lines(path):
            yield (
                path.parent.name, int(path.name.split(".")[0].removeprefix("part-")), reply.get("image", ""),
                reply.get("asked", reply.get("model", "")), reply.get("model", ""), reply.get("tokens_in", 0),
                reply.get("cached", 0), reply.get("tokens_out", 0), reply.get("usd"),
                reply.get("finish") == "content_filter" or bool(reply.get("refusal")),
            )  # fmt: skip


def read_lines(folder: Path) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Stage, key and reply of everything in the logs of a workspace."""
    for path in _logs(folder):
        for key, reply in _lines(path):
            yield path.parent.name, key, reply


def of_image(folder: Path, stage: str, shard: int, image_id: str) -> list[tuple[str, dict[str, Any]]]:
    """Key and reply of all that a stage has bought about one image, oldest first; reads only its shard's logs."""
    paths = sorted((folder / stage).glob(f"part-{shard:05d}.*.jsonl"), key=_number)
    return [(key, reply) for path in paths for key, reply in _lines(path) if reply.get("image") == image_id]


def _logs(folder: Path) -> list[Path]:
    return sorted(folder.glob("*/part-*.jsonl"))


def _lines(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """The sound lines of one log; torn or damaged ones are passed over."""
    with path.open("rb") as file:
        for line in file:
            with suppress(ValueError, KeyError, TypeError):
                entry = json.loads(line)
                if isinstance(entry["reply"], dict) and entry["key"] != BATCHES:
                    yield str(entry["key"]), entry["reply"]


def _number(path: Path) -> int:
    text = path.name.split(".")[1]
    return int(text) if text.isdigit() else -1
