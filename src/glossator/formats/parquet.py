"""Format `parquet`: one row a pair with everything that is known of it; the form to study, filter and score again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from glossator.errors import UsageError
from glossator.formats import forms
from glossator.formats.base import BadSample, Message, TrainingSample, missing_image

if TYPE_CHECKING:
    import polars as pl

name = "parquet"
file_name = "pairs.parquet"
_READ = ("pair_id", "source_id", "image", "question", "answer", "explain_question", "explain_answer")
_MAY_READ = ("more_images", "context", "meta", "form")
COLUMNS = (
    "source_id", "image_id", "pair_id", "image", "kind", "question", "answer", "evidence", "grounding",
    "explain_question", "explain_answer", "enriched_caption", "writer", "scorer", "definition",
    "ifd", "vfd", "mifd", "ffd", "keep", "reasons", "more_images", "context", "meta", "form",
)  # fmt: skip


def write_frame(rows: pl.LazyFrame, path: Path) -> int:
    """Write the rows (columns as in `COLUMNS`), streaming; returns how many."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows.select(COLUMNS).sink_parquet(path, compression="zstd", maintain_order=True)
    return int(pq.read_metadata(path).num_rows)


def is_ours(path: Path) -> bool:
    """Whether a Parquet file has the columns of this format."""
    try:
        return set(_READ) <= set(pq.read_schema(path).names)
    except (OSError, pa.ArrowException):
        return False


def read(path: Path) -> Iterator[TrainingSample | BadSample]:
    """Each row as a conversation. Raises `UsageError` if the file is no such Parquet file."""
    return (_sample(where, row) for where, row in _rows(path))


def read_formed(path: Path) -> Iterator[TrainingSample | BadSample]:
    """What is to be learnt: as `read`, each row in its `form` (see `formats.forms`), which may give two samples."""
    for where, row in _rows(path):
        alone = forms.explained_alone(row)
        if forms.in_conversation(row):
            kept = row if forms.explained_there(row) else {**row, "explain_question": "", "explain_answer": ""}
            yield _sample(where, kept)
        if alone:
            texts = {"context": "", "question": forms.explain_alone(row), "answer": row["explain_answer"]}
            name = f"{row['pair_id']}{forms.EXPLAINED}"
            yield _sample(where, {**row, **texts, "pair_id": name, "explain_question": "", "explain_answer": ""})


def _rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    try:
        file = pq.ParquetFile(path)
        wanted = [*_READ, *(name for name in _MAY_READ if name in file.schema_arrow.names)]
        batches = file.iter_batches(columns=wanted)
        for number, row in enumerate(row for batch in batches for row in batch.to_pylist()):
            yield f"row {number}", row
    except (OSError, pa.ArrowException, KeyError) as error:
        raise UsageError(f"{path} is no Parquet file of pairs: {error}") from error


def check(path: Path, image_root: Path) -> Iterator[BadSample]:
    """No empty question or answer, and every image there."""
    for number, sample in enumerate(read(path)):
        if isinstance(sample, BadSample):
            yield sample
            continue
        for image in sample.images:
            missing = missing_image(image, image_root)
            if missing:
                yield BadSample(f"row {number}", missing)


def _sample(where: str, row: dict[str, Any]) -> TrainingSample | BadSample:
    texts = [text for _, text in json.loads(row.get("context") or "[]")] + [row["question"], row["answer"]]
    if row["explain_question"] and row["explain_answer"]:
        texts += [row["explain_question"], row["explain_answer"]]
    if not all(texts):
        return BadSample(where, "an empty question or answer")
    messages = tuple(Message("assistant" if i % 2 else "user", str(text)) for i, text in enumerate(texts))
    more = tuple(row.get("more_images") or ())
    return TrainingSample(
        str(row["pair_id"]), row["image"], messages, "pair", more_images=more, meta=row.get("meta") or ""
    )
