"""Benchmarks from our own kinds of data: a source file with ground truth, and the test split of a workspace."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from glossator.errors import SourceError, UsageError
from glossator.evaluation.benchmarks.files import is_file
from glossator.evaluation.questions import Benchmark
from glossator.jobs.ingest import locate
from glossator.jobs.sources import IMAGE_KEYS, Source
from glossator.results import Failed
from glossator.truth import truths

_METRICS = ("anls", "anls_lmms_eval", "relaxed_accuracy", "contained", "exact", "token_f1")
_DEFAULT_TEST_SHARE = 0.1
_LONG_ANSWER = 64  # addresses are answers, too


def records(path: Path) -> Benchmark:
    """A source whose records carry `qa` or `fields`; kinds are those of its images.

    Raises:
        SourceError: if it can't be read, or no record has ground truth.
    """
    source = Source.open(path)
    found = Benchmark("records", [], _METRICS, max_new_tokens=_LONG_ANSWER)
    for raw in source.records():
        if raw.problem:
            found.leave_out("bad record")
            continue
        picture = _picture(source.root, raw.fields)
        spans = raw.fields.get("ocr")
        if picture is not None and isinstance(spans, list):
            found.given_ocr[picture] = spans
        id_ = str(raw.fields.get("id") or raw.where)
        kind = raw.fields.get("kind")
        for number, one in enumerate(truths(raw.fields)):
            shown = kind if isinstance(kind, str) else ""
            found.add(f"{id_}-{number}", picture, one.question, one.answers, kind=shown, image_id=id_)
    if not found.questions and not found.left_out:
        raise SourceError(f"{path}: no record has ground truth; give it keys 'fields' or 'qa'")
    return found


def _picture(root: Path, record: Mapping[str, Any]) -> Path | None:
    """The record's picture, if it is there and inside the source's folder."""
    image = next((record[key] for key in IMAGE_KEYS if record.get(key) is not None), None)
    inner = locate(root.resolve(), image) if isinstance(image, str) and image.strip() else None
    if inner is None or isinstance(inner, Failed) or not is_file(root / inner):
        return None
    return root / inner


def workspace(path: Path) -> Benchmark:
    """The kept extractive pairs of the images that `glossator train` holds out by default; kinds are the images'."""
    metrics = ("anls", "anls_lmms_eval", "exact", "contained", "token_f1", "rouge_l")
    return _held_out(Benchmark("workspace", [], metrics, max_new_tokens=_LONG_ANSWER), path, captions=False)


def captions(path: Path) -> Benchmark:
    """The enriched captions of the same images, by ROUGE-L and by the words in common: a description is asked for."""
    found = Benchmark("captions", [], ("rouge_l", "token_f1"), prompt="{question}", max_new_tokens=256)
    return _held_out(found, path, captions=True)


def _held_out(found: Benchmark, path: Path, *, captions: bool) -> Benchmark:
    from glossator.training.samples import from_workspace, held_out
    from glossator.training.settings import DataSettings
    from glossator.workspace import open as open_workspace

    opened = open_workspace(path)
    kinds = {row["image_id"]: row["kind"] for row in opened.table("images").to_pylist()}
    spans = {row["image_id"]: row["spans"] for row in opened.table("ocr").to_pylist()}
    settings = DataSettings(
        pairs=not captions,
        pairs_per_sample=1,
        explanations=False,
        captions="enriched" if captions else "none",
        test_share=_DEFAULT_TEST_SHARE,
    )
    for one in from_workspace(path, settings):
        if held_out(one.image_id, settings):
            picture = next((path for path in one.pictures if path.is_file()), None)
            if picture is not None and spans.get(one.image_id):
                found.given_ocr[picture] = spans[one.image_id]
            for number, (asked, answer) in enumerate(one.exchanges):
                golds = (answer.text,) if answer.text.strip() else ()
                kind = kinds.get(one.image_id) or ""
                found.add(f"{one.id}-{number}", picture, asked.text, golds, kind=kind, image_id=one.image_id)
    if not found.questions and not found.left_out:
        raise UsageError(f"{path}: the test split ({_DEFAULT_TEST_SHARE:.0%} of the images) holds nothing to ask")
    return found
