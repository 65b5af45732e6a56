"""Commands that work with models: train, eval, study."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from glossator.cli.options import Mode
from glossator.cli.progress import Count
from glossator.errors import UsageError


def train(dataset: Path, out: Path, recipe: str, mode: Mode, *, images: Path | None, settings: dict[str, Any]) -> int:
    """Train, and print what came of it."""
    from glossator.training import run
    from glossator.training.settings import load

    with Count(visible=not (mode.quiet or mode.json)) as bar:
        trained = run.train(dataset, out, load(recipe, settings), images=images, progress=bar.told)
    mode.result({"folder": str(out), **asdict(trained)}, run.summary_text(trained, out))
    return 0


def evaluate(model: str, named: tuple[str, ...], out: Path, mode: Mode, **chosen: Any) -> int:
    """Evaluate, and print the results."""
    from glossator.evaluation import run

    with Count(visible=not (mode.quiet or mode.json)) as bar:
        found = run.evaluate(model, [_split(text) for text in named], out, progress=bar.told, **chosen)
    mode.result(found, run.table_text(found) + f"\nresults: {out / run.RESULTS}")
    return 0


def study(
    name: str, out: Path, mode: Mode, *, sources: tuple[Path, ...], only: tuple[str, ...], workers: int | None
) -> int:
    """Run a study, and print its tables."""
    from glossator.study import run, tables
    from glossator.study.settings import load

    with Count(visible=not (mode.quiet or mode.json)) as bar:
        found = run.study(load(name, sources), out, workers=workers, only=only, progress=bar.told)
    mode.result(found, tables.markdown(found) + f"\ntables: {out}")
    return 0


def _split(text: str) -> tuple[str, str]:
    name, separator, path = text.partition("=")
    if not separator or not path:
        raise UsageError(f"--benchmark {text}: write it as NAME=PATH, such as docvqa=val_v1.0_withQT.json")
    return name, path
