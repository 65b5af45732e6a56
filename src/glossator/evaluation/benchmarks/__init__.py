"""The benchmarks that `glossator eval` knows, each read from its authors' own files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from glossator.errors import UsageError
from glossator.evaluation.benchmarks import chartqa, kie, ocrbench, ours, robust_reading, textvqa
from glossator.evaluation.questions import Benchmark

BENCHMARKS: dict[str, Callable[[Path], Benchmark]] = {
    "docvqa": robust_reading.docvqa,
    "infovqa": robust_reading.infovqa,
    "stvqa": robust_reading.stvqa,
    "chartqa": chartqa.chartqa,
    "textvqa": textvqa.textvqa,
    "ocrbench": ocrbench.ocrbench,
    "funsd": kie.funsd,
    "funsd-2023": kie.funsd_2023,
    "sroie": kie.sroie,
    "sroie-2023": kie.sroie_2023,
    "records": ours.records,
    "workspace": ours.workspace,
    "captions": ours.captions,
}


def load(name: str, path: str | Path) -> Benchmark:
    """The benchmark `name` from its files.

    Raises:
        UsageError: if there is no such benchmark, or its files are not there or have another shape.
    """
    if name not in BENCHMARKS:
        raise UsageError(f"no benchmark '{name}'; known: {', '.join(BENCHMARKS)}")
    if not Path(path).exists():
        raise UsageError(f"{path} is not there; see docs/evaluation.md for the files of {name}")
    found = BENCHMARKS[name](Path(path))
    if not found.questions:
        raise UsageError(f"{path}: no question of {name} can be asked; left out: {found.left_out or 'nothing'}")
    return found
