"""A test set as a small file that sets are checked against: hashes and small grey pictures of its pictures, and hashes
of its texts; neither question nor answer nor a readable page.

One Parquet file, a row a picture or a question:

    item       the benchmark's id of the question, or the name of the picture's file
    picture    number of the picture, from 0; null for a question
    hashes, thumbnail   of a picture (see `copies.pictures`)
    grams      of a question: hashes of all runs of `words` words of question and answer, for each right answer
    wholes     of a question: hashes of question and answer as a whole, for each right answer
    asked      of a question: hash of the question alone
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from glossator.copies.tables import Pictures, pictures
from glossator.copies.words import grams, stable_hash, words
from glossator.errors import UsageError
from glossator.text import one_line

FORMAT = 1
_AT_ONCE = 1_000
_META = b"glossator_test_set"
_HASHES = pa.list_(pa.uint64())
_SCHEMA = pa.schema(
    [
        ("item", pa.string()),
        ("picture", pa.int64()),
        ("hashes", pa.list_(pa.string())),
        ("thumbnail", pa.binary()),
        ("grams", _HASHES),
        ("wholes", _HASHES),
        ("asked", pa.uint64()),
    ]
)


@dataclass(frozen=True, slots=True)
class TestSet:
    """A test set's file, open.

    Attributes:
        name: what hits are told by.
        words: the length of its runs of words.
        table: the file's rows.
    """

    __test__ = False  # pytest takes it for tests otherwise

    name: str
    words: int
    table: pl.LazyFrame

    def pictures(self) -> Pictures:
        """Its pictures; `image_id` is the item's name."""
        return pictures(self.table.filter(pl.col("picture").is_not_null()).rename({"item": "image_id"}))

    def questions(self) -> pl.DataFrame:
        """`item, grams, wholes, asked`, one row a question."""
        rows = self.table.filter(pl.col("picture").is_null())
        return rows.select("item", "grams", "wholes", "asked").collect(engine="streaming")


def picture_row(item: str, number: int, hashes: Sequence[str], thumbnail: bytes) -> dict[str, Any]:
    """A row of the file, for a picture."""
    return {"item": item, "picture": number, "hashes": list(hashes), "thumbnail": thumbnail}


def question_row(item: str, question: str, answers: Iterable[str], length: int) -> dict[str, Any]:
    """A row of the file, for a question with its right answers."""
    asked = words(question)
    runs: set[int] = set()
    wholes: set[int] = set()
    for answer in answers:
        said = words(answer)
        runs |= grams(asked + said, length)
        wholes.add(whole(asked, said))
    return {"item": item, "grams": sorted(runs), "wholes": sorted(wholes), "asked": stable_hash(" ".join(asked))}


def whole(asked: Sequence[str], said: Sequence[str]) -> int:
    """The hash of a question's words together with an answer's."""
    return stable_hash(f"{' '.join(asked)}|{' '.join(said)}")


def write(path: Path, name: str, length: int, rows: Iterable[dict[str, Any]]) -> None:
    """Write a test set's file.

    Raises:
        UsageError: if it can't be written.
    """
    about = json.dumps({"format": FORMAT, "name": name, "words": length})
    table = pa.Table.from_pylist(list(rows), schema=_SCHEMA).replace_schema_metadata({_META: about})
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, temporary, compression="zstd")
        temporary.replace(path)
    except OSError as error:
        raise UsageError(f"{path} can't be written: {error.strerror or error}") from error


def check(path: str | Path) -> None:
    """Read all of a test set's file, so that one that is spoilt in its middle is told before a run and not in it.

    Raises:
        UsageError: if it is not there, or no such file, or spoilt.
    """
    read(path)
    try:
        for _ in pq.ParquetFile(path).iter_batches(batch_size=_AT_ONCE):
            pass
    except (OSError, ValueError, pa.ArrowException) as error:
        raise UsageError(f"{path} is spoilt, make it again: {one_line(str(error))}") from error


def read(path: str | Path) -> TestSet:
    """Open a test set's file.

    Raises:
        UsageError: if it is not there, or no such file.
    """
    try:
        schema = pq.read_schema(path)
        about = json.loads((schema.metadata or {}).get(_META, b"{}"))
    except FileNotFoundError:
        raise UsageError(
            f"{path} is not there (seen from {Path.cwd()}); make it with: glossator testset NAME=PATH -o {path}"
        ) from None
    except (OSError, ValueError, pa.ArrowException) as error:
        raise UsageError(f"{path} can't be read as a test set's file: {one_line(str(error))}") from error
    if not isinstance(about, dict) or about.get("format") != FORMAT or not set(_SCHEMA.names) <= set(schema.names):
        raise UsageError(f"{path} was not made by glossator testset, or by another version: make it again")
    return TestSet(str(about["name"]), int(about["words"]), pl.scan_parquet(path))
