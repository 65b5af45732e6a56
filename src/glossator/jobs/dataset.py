"""Somebody's finished set as a source: its conversations become the given pairs of its images."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from glossator.errors import SourceError
from glossator.formats import llava, parquet, sharegpt
from glossator.formats.base import BadSample, TrainingSample, read_json_rows
from glossator.formats.pairs import to_pairs
from glossator.text import clean

_DESCRIPTION_WORDS = 40


def as_source(dataset: Path, workspace: Path) -> Path:
    """Write the set as a source, one record an image, to `<workspace>.records.jsonl`, and return that file.

    Samples that can't be taken are records that ingest refuses with a reason, so nothing is lost.

    Args:
        dataset: LLaVA JSON, ShareGPT JSON, or our Parquet.
        workspace: where the build will go.

    Raises:
        SourceError: if the set is not there, or the file can't be written.
        UsageError: if the set can't be read.
    """
    if not dataset.is_file():
        raise SourceError(f"{dataset} is no file; give a LLaVA or ShareGPT JSON file, or a Parquet file of pairs")
    source = workspace.parent / f"{workspace.name}.records.jsonl"
    lines = "".join(json.dumps(record) + "\n" for record in _records(dataset))
    try:
        source.parent.mkdir(parents=True, exist_ok=True)
        source.write_text(lines, encoding="utf-8")
    except OSError as error:
        raise SourceError(f"{source} can't be written: {error}") from error
    return source


def _records(dataset: Path) -> Iterator[dict[str, Any]]:
    """One record an image, with all its pairs, in the order of first sight; then what could not be taken."""
    images: dict[str, list[dict[str, str]]] = {}
    bad = []
    for sample in _samples(dataset):
        if isinstance(sample, BadSample):
            bad.append({"id": f"{dataset.name} {sample.where}", "image": None, "note": sample.message})
        elif sample.image is None:
            bad.append({"id": sample.id, "image": None, "note": "a sample without an image"})
        else:
            images.setdefault(sample.image, []).extend(_pairs(sample))
    for image, pairs in images.items():
        yield {"id": f"image:{image}", "image": image, "given_pairs": pairs}
    yield from bad


def _samples(dataset: Path) -> Iterator[TrainingSample | BadSample]:
    if dataset.suffix == ".parquet":
        return parquet.read(dataset)
    first = next((row for _, row in read_json_rows(dataset) if isinstance(row, dict)), {})
    return sharegpt.read(dataset) if "images" in first else llava.read(dataset)


def _pairs(sample: TrainingSample) -> list[dict[str, str]]:
    """The sample's pairs; a request for a description with a long answer is a caption and no extractive pair."""
    return [
        {
            "source_id": clean(sample.id),
            "question": clean(pair.question),
            "answer": clean(pair.answer),
            "kind": "description" if len(pair.answer.split()) > _DESCRIPTION_WORDS else "",
            "explain_question": clean(pair.explain_question),
            "explain_answer": clean(pair.explain_answer),
        }
        for pair in to_pairs(sample.messages)
    ]
