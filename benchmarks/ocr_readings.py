"""Readings of clean and degraded pictures by each engine, kept in a folder. Used by ocr_ensemble.py, ocr_calibrate.py.

Pictures are dealt out once, by a draw from their ids: the first of each kind are for calibration, the next for
measuring.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np
from ocr_degrade import STILL, Matrix, Pixels, degraded
from ocr_truth import Truth, truths

from glossator.engines import registry
from glossator.engines.base import Runtime
from glossator.engines.ocr.ensemble import DEFAULT, member_name
from glossator.engines.ocr.pages import pixels
from glossator.engines.ocr.prepare import Change, Prepared, prepared
from glossator.recipe import EngineSpec
from glossator.records import Span
from glossator.results import Failed

DATA = Path(__file__).parents[2] / "shared/data"
CACHE = Path(__file__).parents[1] / "build/ocr-readings"
FIT = {"receipt": 8, "form": 5, "other": 4}
CHANGES: tuple[Change, ...] = get_args(Change)
MEMBERS = {member_name(member): member for member in DEFAULT}
BEST = next(iter(MEMBERS))
Reading = tuple[list[Span], float]  # what a member read, and its seconds


@dataclass(frozen=True)
class Read:
    """One degraded picture: what each member read on it, and how its points (prepared, if it was) lie on the clean one.

    `done` names the changes of its preparation that were kept; empty without preparation.
    """

    truth: Truth
    way: str
    matrix: Matrix
    done: tuple[str, ...]
    spans: dict[str, list[Span]]
    seconds: dict[str, float]


def dealt(kind: str, *, fit: bool, count: int) -> list[Truth]:
    """So many pictures of a kind, for calibration or for measuring; never the same for both."""
    pages = sorted((t for t in truths(DATA) if t.kind == kind), key=lambda t: random.Random(t.id).random())
    return pages[: FIT[kind]][:count] if fit else pages[FIT[kind] :][:count]


class Readings:
    """Reads what the folder does not hold yet."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._engines: dict[str, Any] = {}

    def read(self, pages: Sequence[tuple[Truth, str]], *, prepare: bool) -> Iterator[Read]:
        """Each picture in its way of being degraded, read by all members."""
        for truth, way in pages:
            page = pixels(truth.path)
            if isinstance(page, Failed):
                raise SystemExit(f"{truth.path}: {page.message}")
            worse, matrix = degraded(page, way, truth.high, truth.id)
            plain = {name: self._cached(f"{truth.id}.{way}.{name}", name, worse) for name in MEMBERS}
            done: tuple[str, ...] = ()
            if prepare:
                done, back, plain = self._prepared(f"{truth.id}.{way}", worse, plain)
                matrix = matrix @ np.vstack([back, [0, 0, 1]])
            spans = {name: found for name, (found, _) in plain.items()}
            yield Read(truth, way, matrix, done, spans, {name: seconds for name, (_, seconds) in plain.items()})

    def _prepared(
        self, stem: str, page: Pixels, plain: dict[str, Reading]
    ) -> tuple[tuple[str, ...], Matrix, dict[str, Reading]]:
        """What was done, how points of the prepared picture lie on the picture, and the readings of the prepared one.

        They stay in its coordinates, as those that the ensemble aligns.
        """
        path = self._folder / f"{stem}.done.json"
        known = json.loads(path.read_text()) if path.exists() else None
        if known is not None and not known["done"]:
            return (), STILL, plain
        better: Prepared = prepared(page, CHANGES, self._engine(BEST).spans)
        path.write_text(json.dumps({"done": better.done}))
        if not better.done:
            return (), STILL, plain
        found = {name: self._cached(f"{stem}.{name}.prepared", name, better.page) for name in plain}
        return better.done, better.matrix, found

    def _cached(self, stem: str, name: str, page: Pixels) -> Reading:
        path = self._folder / f"{stem}.json"
        if not path.exists():
            started = time.perf_counter()
            spans = list(self._engine(name).spans(page))
            seconds = time.perf_counter() - started
            rows = [[span.text, span.box, span.confidence] for span in spans]
            path.write_text(json.dumps({"s": seconds, "spans": rows}))
        known = json.loads(path.read_text())
        return [Span(text, (box[0], box[1], box[2], box[3]), sure) for text, box, sure in known["spans"]], known["s"]

    def _engine(self, name: str) -> Any:
        if name not in self._engines:
            spec = EngineSpec.model_validate(MEMBERS[name])
            self._engines[name] = registry.build("ocr", spec, Runtime(threads=1))
        return self._engines[name]


def rates(edits: Sequence[float], sizes: Sequence[int], ids: Sequence[str]) -> tuple[list[float], list[str]]:
    """Errors by picture as values with clusters for `intervals`: one a character (or word), so that long pages count
    for more."""
    values = [error / size for error, size in zip(edits, sizes, strict=True) for _ in range(size)]
    clusters = [id for id, size in zip(ids, sizes, strict=True) for _ in range(size)]
    return values, clusters
