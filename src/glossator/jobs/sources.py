"""Reading a source: a folder of images, or a JSONL, CSV or Parquet file, as a stream of raw records.

Nothing is judged here. What can't be read as a record comes out as a `RawRecord` with a `problem`; memory does not grow
with the number of records (of a folder, only the names in one directory at a time are held).
"""

from __future__ import annotations

import csv
import json
import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from glossator.errors import SourceError
from glossator.images import SUFFIXES

MAX_LINE = 32 << 20  # bytes of one record
MAX_TEXT_FILE = 1 << 18  # bytes of a caption's own file; a longer one is too long for a caption anyway
CAPTION_FILES = ("captions.jsonl", "captions.csv", "captions.parquet")
IMAGE_KEYS = ("image", "file_name", "file")
JSON_LINES = (".jsonl", ".ndjson")


@dataclass(frozen=True, slots=True)
class RawRecord:
    """One record as the source has it.

    Attributes:
        where: its place in the source, for messages and as an id: `line 7`, `row 7`, or a path.
        fields: its keys and values; of any type.
        problem: why it is no record at all; empty if it is one.
    """

    where: str
    fields: dict[str, Any] = field(default_factory=dict)
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """A folder or a file of records. Paths in it are relative to `root`, which they must not leave."""

    path: Path
    root: Path

    @classmethod
    def open(cls, path: Path) -> Source:
        """The source at `path`. Raises `SourceError` if there is none, or it is of no known kind."""
        if path.is_dir():
            return cls(path, path)
        if not path.is_file():
            raise SourceError(f"{path}: no such folder or file")
        if path.suffix.lower() not in (*JSON_LINES, ".csv", ".parquet"):
            raise SourceError(
                f"{path}: a source is a folder of images, or a .jsonl, .csv or .parquet file of records; "
                "a finished set of conversations is read by: glossator score"
            )
        return cls(path, path.parent)

    def records(self) -> Iterator[RawRecord]:
        """All records, always in the same order. Raises `SourceError` if the source can't be read at all."""
        try:
            yield from _folder(self.path) if self.path.is_dir() else _file(self.path)
        except OSError as error:
            raise SourceError(f"{self.path}: can't be read ({error.strerror or type(error).__name__})") from error

    def count(self) -> int:
        """About how many records there are, without reading them. Same errors as `records`."""
        try:
            if self.path.is_dir():
                return sum(1 for name, _ in _walk(self.path) if _is_image(name))
            if self.path.suffix.lower() == ".parquet":
                return int(_parquet(self.path).metadata.num_rows)
            return _count_lines(self.path)
        except OSError as error:
            raise SourceError(f"{self.path}: can't be read ({error.strerror or type(error).__name__})") from error


def _count_lines(path: Path) -> int:
    lines, last = 0, b"\n"
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            lines += chunk.count(b"\n")
            last = chunk[-1:]
    header = 1 if path.suffix.lower() == ".csv" else 0
    return max(0, lines + (last != b"\n") - header)


# Files of records


def _file(path: Path) -> Iterator[RawRecord]:
    kind = path.suffix.lower()
    if kind in JSON_LINES:
        with path.open("rb") as file:
            yield from _json_lines(file)
    elif kind == ".csv":
        yield from _csv_rows(path)
    else:
        yield from _parquet_rows(path)


def _json_lines(file: BinaryIO) -> Iterator[RawRecord]:
    number = 0
    while line := file.readline(MAX_LINE):
        number += 1
        if len(line) == MAX_LINE and not line.endswith(b"\n"):
            while (rest := file.readline(MAX_LINE)) and not rest.endswith(b"\n"):
                pass
            yield RawRecord(f"line {number}", problem=f"the line is longer than {MAX_LINE >> 20} MiB")
            continue
        line = line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line
        if line.strip():
            yield _json_record(f"line {number}", line)


def _json_record(where: str, line: bytes) -> RawRecord:
    try:
        value = json.loads(line.decode("utf-8"))
    except UnicodeDecodeError:
        return RawRecord(where, problem="the line is not UTF-8; save the file as UTF-8")
    except RecursionError:
        return RawRecord(where, problem="the line is nested too deeply")
    except ValueError as error:
        return RawRecord(where, problem=f"the line is not valid JSON ({str(error)[:80]})")
    if not isinstance(value, dict):
        return RawRecord(where, problem="the line holds no JSON object ({...})")
    return RawRecord(where, value)


def _csv_rows(path: Path) -> Iterator[RawRecord]:
    csv.field_size_limit(max(csv.field_size_limit(), MAX_LINE))  # a limit of the whole process; only ever raised
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        reader = csv.reader(file)
        names = next(_csv_lines(reader), (1, [], ""))[1]
        if not names:
            return
        _require_image(path, names)
        for line, cells, problem in _csv_lines(reader):
            if problem:
                yield RawRecord(f"line {line}", problem=problem)
            elif cells:
                named = dict(zip(names, cells, strict=False))
                yield RawRecord(f"line {line}", {key: _cell(text) for key, text in named.items() if text})


def _csv_lines(reader: Any) -> Iterator[tuple[int, list[str], str]]:
    """Number of the line on which each row ends, its cells, and what is wrong with it."""
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield reader.line_num, [], f"not valid CSV ({error})"
        else:
            yield reader.line_num, cells, ""


def _cell(text: str) -> Any:
    """Lists and objects are written as JSON in CSV; everything else is text."""
    if text[:1] in ("[", "{"):
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            return text
    return text


def _parquet(path: Path) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(path)
    except pa.ArrowException as error:
        raise SourceError(f"{path}: not a Parquet file ({str(error)[:80]})") from error


def _parquet_rows(path: Path) -> Iterator[RawRecord]:
    with _parquet(path) as file:
        _require_image(path, file.schema_arrow.names)
        number = 0
        try:
            for batch in file.iter_batches(batch_size=256):
                for row in batch.to_pylist():
                    number += 1
                    yield RawRecord(f"row {number}", {key: value for key, value in row.items() if value is not None})
        except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
            problem = f"the file is broken from here on ({str(error)[:80]}); copy it again"
            yield RawRecord(f"row {number + 1}", problem=problem)


def _require_image(path: Path, names: Iterable[str]) -> None:
    if not set(names) & set(IMAGE_KEYS):
        raise SourceError(f"{path}: has no column 'image' (its columns: {', '.join(map(str, names))[:200]})")


# Folders


def _folder(root: Path) -> Iterator[RawRecord]:
    """Every image below `root`, with what its caption files say; then what they say about images that aren't there."""
    with closing(sqlite3.connect("")) as captions:  # a private database on disk: captions need no memory
        captions.execute("CREATE TABLE captions (image TEXT PRIMARY KEY, place INTEGER, record TEXT) WITHOUT ROWID")
        yield from _load_captions(root, captions)
        for name, foreign in _walk(root):
            if foreign or _is_image(name):
                yield _image_record(root, name, captions)
        for (record,) in captions.execute("SELECT record FROM captions ORDER BY place"):
            fields = json.loads(record)
            yield RawRecord(str(fields["image"]), fields)


def _image_record(root: Path, name: str, captions: sqlite3.Connection) -> RawRecord:
    if not _is_text(name):
        shown = name.encode("utf-8", "backslashreplace").decode("utf-8")
        return RawRecord(shown, problem="the file's name is not valid UTF-8; rename it")
    row = captions.execute("SELECT record FROM captions WHERE image = ?", (name,)).fetchone()
    if row is None:
        return RawRecord(name, {"image": name, **_own_text(root / name)})
    captions.execute("DELETE FROM captions WHERE image = ?", (name,))
    return RawRecord(name, json.loads(row[0]))


def _own_text(image: Path) -> dict[str, str]:
    """The caption in a `.txt` file with the image's name."""
    try:
        with image.with_suffix(".txt").open("rb") as file:
            return {"caption": file.read(MAX_TEXT_FILE).decode("utf-8-sig", "replace")}
    except OSError:
        return {}


def _load_captions(root: Path, captions: sqlite3.Connection) -> Iterator[RawRecord]:
    """Fill the table from all caption files; yields the lines that are no records."""
    place = 0
    for name, foreign in _walk(root):
        folder, _, base = name.rpartition("/")
        if foreign or base not in CAPTION_FILES or not _is_text(name):
            continue
        for raw in _file(root / name):
            image = next((raw.fields[key] for key in IMAGE_KEYS if isinstance(raw.fields.get(key), str)), None)
            if raw.problem or image is None:
                problem = raw.problem or "names no image; give it a key 'image'"
                yield RawRecord(f"{name} {raw.where}", problem=problem)
                continue
            path = os.path.normpath(f"{folder}/{image}" if folder and not image.startswith("/") else image)
            record = {key: value for key, value in raw.fields.items() if key not in IMAGE_KEYS} | {"image": path}
            place += 1
            _keep_caption(captions, place, record)


def _keep_caption(captions: sqlite3.Connection, place: int, record: dict[str, Any]) -> None:
    """Several lines about one image become one record with several captions."""
    key = record["image"].encode("utf-8", "replace").decode("utf-8")
    row = captions.execute("SELECT place, record FROM captions WHERE image = ?", (key,)).fetchone()
    if row is not None:
        place, first = row[0], json.loads(row[1])
        more = first.get("captions")
        first["captions"] = [*(more if isinstance(more, list) else []), record.get("caption")]
        record = first
    captions.execute("INSERT OR REPLACE INTO captions VALUES (?, ?, ?)", (key, place, _dump(record)))


def _dump(record: dict[str, Any]) -> str:
    try:
        return json.dumps(record, default=str)
    except (ValueError, RecursionError):
        return json.dumps({"image": record["image"]})


def _walk(root: Path) -> Iterator[tuple[str, bool]]:
    """Each file below `root`, sorted, as a path relative to it; True marks a folder that must not be read.

    Hidden files and workspaces are passed over, and no link to a folder is followed: what lies inside the source is met
    anyway.
    """
    folders = [""]
    while folders:
        below = folders.pop()
        try:
            with os.scandir(root / below) as entries:
                listed = sorted(entries, key=lambda entry: entry.name)
        except OSError:
            if not below:
                raise
            yield below, True  # a folder that can't be opened is refused like a picture that can't
            continue
        if any(entry.name == "workspace.json" for entry in listed):
            continue
        inner = []
        for entry in listed:
            name = f"{below}/{entry.name}" if below else entry.name
            if entry.name.startswith("."):
                continue
            if entry.is_dir(follow_symlinks=False):
                inner.append(name)
            elif not (entry.is_symlink() and Path(entry.path).is_dir()):
                yield name, False
            elif not Path(entry.path).resolve().is_relative_to(root.resolve()):
                yield name, True
        folders += reversed(inner)


def _is_image(name: str) -> bool:
    return name.lower().endswith(SUFFIXES)


def _is_text(name: str) -> bool:
    """Whether a file's name is valid Unicode; names on disk may be any bytes."""
    return not any("\ud800" <= char <= "\udfff" for char in name)
