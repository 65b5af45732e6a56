"""Files of people's verdicts: CSV, JSONL, JSON, and what Label Studio and Argilla write. Nothing in them is trusted.

A record that can't be used is a `Problem` with its place in the file; the others are taken all the same.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from glossator.errors import SourceError
from glossator.jobs import argilla_answers, label_studio
from glossator.jobs.argilla import RECORDS
from glossator.records import HumanVerdict
from glossator.text import clean, one_line
from glossator.verdict_log import EDIT, KEEP, REJECT, TEXTS, UNDO, image_of, stamp

WORDS = {
    KEEP: KEEP, "kept": KEEP, "accept": KEEP, "accepted": KEEP,
    REJECT: REJECT, "rejected": REJECT,
    EDIT: EDIT, "edited": EDIT,
    UNDO: UNDO,
}  # fmt: skip
EDITED = {name: f"edited_{name}" for name in TEXTS}
COLUMNS = ("pair_id", "verdict", "reason", "note", "reviewer", "time", "sampling")
_ALSO = {"reviewer": ("annotator", "completed_by"), "time": ("updated_at", "created_at")}  # as Label Studio calls them
_PAIR_ID = re.compile(r"[0-9a-f]{16}-[0-9a-f]{12}")
_LONGEST = {"reviewer": 100, "reason": 100, "sampling": 50, "note": 2_000}
_LONGEST_TEXT = 20_000
_FORMULA = ("=", "+", "-", "@")


@dataclass(frozen=True, slots=True)
class Row:
    """One usable verdict of a file. `verdict.time` is empty where the file gives none.

    Attributes:
        where: its place, for people.
        remark: what was not taken over of it; empty if all was.
    """

    where: str
    verdict: HumanVerdict
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Problem:
    """A record that can't be used, and why."""

    where: str
    message: str


@dataclass(frozen=True, slots=True)
class Open:
    """A record that nobody has judged yet; `remark` says what stands there instead of a verdict (a draft, say)."""

    where: str
    remark: str = ""


def read(path: Path, by: str = "", sampling: str = "") -> Iterator[Row | Problem | Open]:
    """What a file says, in its order.

    Args:
        path: `.csv` or `.tsv`; `.jsonl`; `.json` (a list of records, of Label Studio's tasks, or of Argilla's records);
            a folder as Argilla writes it to disk.
        by: who judged, where a record does not say.
        sampling: how the pairs were chosen, where a record does not say.

    Raises:
        SourceError: if it can't be read as a whole.
    """
    path = path / RECORDS if path.is_dir() else path
    try:
        text = _decoded(path.read_bytes())
    except OSError as error:
        raise SourceError(f"{path} can't be read: {error}") from error
    if path.suffix.lower() in (".csv", ".tsv"):
        records = _csv(text, path)
    elif path.suffix.lower() in (".jsonl", ".ndjson"):
        records = _jsonl(text)
    elif path.suffix.lower() == ".json":
        records = _json(text, path)
    else:
        raise SourceError(f"{path}: verdicts are read from .csv, .jsonl and .json")
    for where, record in _unfolded(records, path.parent):
        if isinstance(record, dict):
            yield _parse(where, record, {"reviewer": by, "sampling": sampling})
        elif isinstance(record, argilla_answers.Passed):
            yield Open(where, one_line(record.message))
        else:
            yield Problem(where, record)


def _unfolded(
    records: Iterator[tuple[str, dict[str, Any] | str]], folder: Path
) -> Iterator[tuple[str, dict[str, Any] | str | argilla_answers.Passed]]:
    """The records, and for each one of Argilla's those of the people who answered it."""
    beside = None
    for where, record in records:
        if isinstance(record, dict) and argilla_answers.fits(record):
            beside = beside or argilla_answers.beside(folder)
            yield from argilla_answers.records(where, record, beside)
        else:
            yield where, record


def _decoded(data: bytes) -> str:
    """The text of a file: UTF-8, or UTF-16 where it says so, as Excel's "Unicode text"."""
    coding = "utf-16" if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
    return data.decode(coding, errors="replace")


def guarded(text: str) -> str:
    """`text` so that a spreadsheet does not take it for a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text


_LONGEST_CELL = 131_072


def _csv(text: str, path: Path) -> Iterator[tuple[str, dict[str, Any] | str]]:
    head = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=head.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    names = [one_line(name).lower() for name in _next(reader) or []]
    for name in ("pair_id", "verdict"):
        if name not in names:
            raise SourceError(f"{path} has no column '{name}' in its first line; it needs pair_id and verdict")
    while (cells := _next(reader)) is not None:
        where = f"line {reader.line_num}"
        if isinstance(cells, str):
            yield where, cells
        elif any(len(cell) > _LONGEST_CELL for cell in cells):  # the csv module's own limit is the whole process's
            yield where, "no CSV: a cell is longer than 131,072 characters; is a quote missing?"
        elif len(cells) > len(names):
            yield where, f"{len(cells)} cells under {len(names)} names: is a quote missing?"
        elif cells:
            yield where, {name: _unguarded(cell) for name, cell in zip(names, cells, strict=False)}


def _next(reader: Any) -> list[str] | str | None:
    """The next line's cells, or what is wrong with it; None at the end."""
    try:
        return next(reader, None)
    except csv.Error as error:
        return f"no CSV: {error}"


def _unguarded(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(_FORMULA) else cell


def _jsonl(text: str) -> Iterator[tuple[str, dict[str, Any] | str]]:
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                record = json.loads(line)
            except (ValueError, RecursionError) as error:
                yield f"line {number}", f"no JSON: {error}"
                continue
            yield f"line {number}", record if isinstance(record, dict) else "no JSON object"


def _json(text: str, path: Path) -> Iterator[tuple[str, dict[str, Any] | str]]:
    try:
        tree = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SourceError(f"{path} is no JSON: {error}") from error
    if not isinstance(tree, list):
        raise SourceError(f"{path} holds no list: export as JSON or JSON-MIN from Label Studio, or give JSONL")
    for number, record in enumerate(tree, 1):
        if not isinstance(record, dict):
            yield f"record {number}", "no JSON object"
        elif "annotations" in record:
            yield from label_studio.records(f"task {number}", record)
        else:
            yield f"record {number}", record


def _parse(where: str, record: Mapping[str, Any], default: Mapping[str, str]) -> Row | Problem | Open:
    word = label_studio.text(record.get("verdict"))
    if not word.strip():
        return Open(where)
    verdict = WORDS.get(one_line(word).lower())
    if verdict is None:
        return Problem(where, f"verdict {one_line(word)[:40]!r} is none of {', '.join(WORDS)}")
    pair_id = label_studio.text(record.get("pair_id")).strip()
    if not _PAIR_ID.fullmatch(pair_id):
        return Problem(where, f"{one_line(pair_id)[:40]!r} is no pair id")
    said = {name: _field(record, name) or default.get(name, "") for name in _LONGEST}
    if not said["reviewer"]:
        return Problem(where, "does not say who judged; give --by NAME")
    texts = _texts(record, verdict)
    if verdict == KEEP and texts:
        verdict = EDIT  # who changes a text in Label Studio and keeps the pair means the new text
    if verdict == EDIT and not texts:
        return Problem(where, "an edit that changes no text")
    if long := [name for name, text in texts.items() if len(text) > _LONGEST_TEXT]:
        return Problem(where, f"its {' and '.join(long)} is longer than {_LONGEST_TEXT:,} characters")
    time, remark = _time(_field(record, "time"))
    return Row(where, HumanVerdict(pair_id, image_of(pair_id), verdict=verdict, time=time, **said, **texts), remark)


def _field(record: Mapping[str, Any], name: str) -> str:
    found = (label_studio.text(record.get(key)) for key in (name, *_ALSO.get(name, ())))
    text = one_line(next((text for text in found if text.strip()), ""))[: _LONGEST.get(name, 100)]
    # Label Studio's exports name a person by address, or by a bare number.
    return label_studio.person(text) if name == "reviewer" else text


def _texts(record: Mapping[str, Any], verdict: str) -> dict[str, str]:
    """The texts that were changed. In columns of their own (`edited_*`), or, of an edit, in those of the texts."""
    given = {name: _text(record, key) for name, key in EDITED.items()}
    if any(given.values()):
        return {name: text for name, text in given.items() if text and text != _text(record, name)}
    given = {name: _text(record, name) for name in TEXTS} if verdict == EDIT else {}
    return {name: text for name, text in given.items() if text}


def _text(record: Mapping[str, Any], key: str) -> str:
    tidy = one_line if key.endswith("question") else clean
    return tidy(label_studio.text(record.get(key)))


def _time(text: str) -> tuple[str, str]:
    """The time as the log has it, and a remark where it can't be read; a number counts the seconds since 1970."""
    if not text:
        return "", ""
    try:
        if re.fullmatch(r"\d{9,10}(\.\d+)?", text):
            return stamp(datetime.fromtimestamp(float(text), UTC)), ""
        return stamp(datetime.fromisoformat(text)), ""
    except (ValueError, OverflowError, OSError):
        return "", f"{text[:40]!r} is no time (write 2026-01-31T12:00:00Z); the time of the import is taken"
