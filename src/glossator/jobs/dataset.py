"""Somebody's finished set as a source: its conversations become the given pairs of its images."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from glossator.errors import SourceError
from glossator.formats import foreign
from glossator.formats.base import BadSample, Message, TrainingSample
from glossator.formats.pairs import ForeignPair, to_pairs
from glossator.text import clean

_DESCRIPTION_WORDS = 40


def as_source(dataset: Path, workspace: Path) -> tuple[Path, Path | None]:
    """Write the set as a source, one record an image, to `<workspace>.records.jsonl`.

    Samples that can't be taken are records that ingest refuses with a reason, so nothing is lost.

    Args:
        dataset: a file in one of the forms of `formats.foreign`, or our Parquet.
        workspace: where the build will go.

    Returns:
        That file, and the folder with the pictures that the set held as bytes (None where it held none).

    Raises:
        SourceError: if the set is not there, or the file can't be written.
        UsageError: if the set can't be read.
    """
    if not dataset.is_file():
        raise SourceError(f"{dataset} is no file; give a JSON, JSONL or Parquet file of conversations")
    source = workspace.parent / f"{workspace.name}.records.jsonl"
    pictures = _Pictures(workspace.parent / f"{workspace.name}.images")
    try:
        source.parent.mkdir(parents=True, exist_ok=True)
        with source.open("w", encoding="utf-8") as file:
            file.writelines(json.dumps(record) + "\n" for record in _records(dataset, pictures))
    except OSError as error:
        raise SourceError(f"{source} can't be written: {error}") from error
    return source, pictures.folder if pictures.used else None


class _Pictures:
    """Keeps pictures that a set holds as bytes, each once, under the hash of its bytes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.used = False

    def save(self, data: bytes) -> str:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.used = True
        name = f"{hashlib.sha256(data).hexdigest()[:32]}{_suffix(data)}"
        if not (self.folder / name).exists():
            (self.folder / name).write_bytes(data)
        return name


def _suffix(data: bytes) -> str:
    start = io.BytesIO(data).read(4)
    return ".jpg" if start.startswith(b"\xff\xd8") else ".png" if start == b"\x89PNG" else ".img"


def _records(dataset: Path, pictures: _Pictures) -> Iterator[dict[str, Any]]:
    """One record an image (or set of images), with all its pairs, in the order of first sight; one for each sample
    without a picture; then what could not be taken."""
    images: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    conversations: dict[tuple[str, ...], int] = {}
    bad = []
    for sample in foreign.read(dataset, pictures.save):
        if isinstance(sample, BadSample):
            bad.append({"id": f"{dataset.name} {sample.where}", "image": None, "note": sample.message})
        elif not sample.images:
            yield {"id": f"text:{sample.id}", "image": None, "given_pairs": _pairs(sample, 0)}
        else:
            number = conversations[sample.images] = conversations.get(sample.images, -1) + 1
            images.setdefault(sample.images, []).extend(_pairs(sample, number))
    for paths, pairs in images.items():
        more = {"more_images": list(paths[1:])} if len(paths) > 1 else {}
        yield {"id": f"image:{' '.join(paths)}", "image": paths[0], **more, "given_pairs": pairs}
    yield from bad


def _pairs(sample: TrainingSample, conversation: int) -> list[dict[str, Any]]:
    """The sample's pairs. A row of our own Parquet file is one pair, with its context."""
    found = to_pairs(sample.messages)
    if sample.kind == "pair":
        found = found[-1:]
    return [
        {
            "source_id": clean(sample.id),
            "question": clean(pair.question),
            "answer": clean(pair.answer),
            "kind": _kind(pair),
            "explain_question": clean(pair.explain_question),
            "explain_answer": clean(pair.explain_answer),
            "context": _context(pair.context),
            "conversation": conversation,
            "meta": sample.meta,
        }
        for pair in found
    ]


def _kind(pair: ForeignPair) -> str:
    """`extractive` for LLaVAR-2's pattern; a request with a long answer is a `description`, all else is `plain`."""
    if pair.explain_answer:
        return "extractive"
    return "description" if len(pair.answer.split()) > _DESCRIPTION_WORDS else "plain"


def _context(messages: Sequence[Message]) -> str:
    if not messages:
        return ""
    return json.dumps([[message.role, clean(message.text)] for message in messages], ensure_ascii=False)
