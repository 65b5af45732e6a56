"""Benchmarks from our own kinds of data: a source file with ground truth, and the test split of a workspace."""

from __future__ import annotations

from pathlib import Path

from glossator.errors import SourceError, UsageError
from glossator.evaluation.questions import Benchmark, Question
from glossator.jobs.sources import Source
from glossator.truth import truths

_METRICS = ("anls", "anls_lmms_eval", "relaxed_accuracy", "contained", "exact", "token_f1")
_DEFAULT_TEST_SHARE = 0.1


def records(path: Path) -> Benchmark:
    """A source whose records carry `qa` or `fields`; kinds are those of its images.

    Raises:
        SourceError: if it can't be read, or no record has ground truth.
    """
    source = Source.open(path)
    found = Benchmark("records", [], _METRICS)
    for raw in source.records():
        record = raw.fields
        asked = [] if raw.problem else list(truths(record))
        image = record.get("image")
        picture = source.root / image if isinstance(image, str) else None
        if raw.problem or picture is None or not picture.is_file():
            reason = "bad record" if raw.problem else "no picture"
            found.left_out[reason] = found.left_out.get(reason, 0) + max(1, len(asked))
            continue
        if isinstance(record.get("ocr"), list):
            found.given_ocr[picture] = record["ocr"]
        id_, kind = str(record.get("id") or image), str(record.get("kind") or "")
        found.questions += [
            Question(f"{id_}-{number}", picture, one.question, one.answers, kind, id_)
            for number, one in enumerate(asked)
        ]
    if not found.questions:
        raise SourceError(f"{path}: no record has ground truth; give it keys 'fields' or 'qa'")
    return found


def workspace(path: Path) -> Benchmark:
    """The kept extractive pairs of the images that `glossator train` holds out by default; kinds are the images'."""
    found = Benchmark("workspace", [], ("anls", "exact", "contained", "token_f1"))
    for question in _held_out(path, captions=False):
        found.questions.append(question)
    return _checked(found, path)


def captions(path: Path) -> Benchmark:
    """The enriched captions of the same images, by the words in common: a description is asked for."""
    found = Benchmark("captions", [], ("token_f1", "anls"), prompt="{question}", max_new_tokens=256)
    found.questions = list(_held_out(path, captions=True))
    return _checked(found, path)


def _checked(found: Benchmark, path: Path) -> Benchmark:
    if not found.questions:
        raise UsageError(f"{path}: the test split ({_DEFAULT_TEST_SHARE:.0%} of the images) holds nothing to ask")
    return found


def _held_out(path: Path, *, captions: bool) -> list[Question]:
    from glossator.training.samples import from_workspace, share_of
    from glossator.training.settings import DataSettings
    from glossator.workspace import open as open_workspace

    kinds = {row["image_id"]: row["kind"] for row in open_workspace(path).table("images").to_pylist()}
    settings = DataSettings(pairs=not captions, explanations=False, captions="enriched" if captions else "none")
    return [
        Question(f"{one.id}-{number}", one.pictures[0], asked.text, (answer.text,), kinds[one.image_id], one.image_id)
        for one in from_workspace(path, settings)
        if one.pictures and share_of(one.image_id) < _DEFAULT_TEST_SHARE
        for number, (asked, answer) in enumerate(one.exchanges)
    ]
