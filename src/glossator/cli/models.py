"""Commands that work with models: assemble, train, eval, study."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from glossator.cli.options import Mode
from glossator.cli.progress import ProgressEvents
from glossator.errors import UsageError


def assemble(name: str, out: Path, mode: Mode, settings: dict[str, Any]) -> int:
    """Join models, and print what came of it."""
    from glossator.training import assemble as job

    made = job.assemble(job.load(name, settings), out)
    mode.result(asdict(made), job.summary_text(made))
    return 0


def train(dataset: Path, out: Path, recipe: str, mode: Mode, *, images: Path | None, settings: dict[str, Any]) -> int:
    """Train, and print what came of it."""
    from glossator.training import processes, run
    from glossator.training.settings import load

    with ProgressEvents(visible=not (mode.quiet or mode.json) and processes.is_first()) as bar:
        trained = run.train(dataset, out, load(recipe, settings), images=images, progress=bar.told)
    if processes.is_first():
        mode.result({"folder": str(out), **asdict(trained)}, run.summary_text(trained, out))
    return 0


def evaluate(model: str, named: tuple[str, ...], out: Path, mode: Mode, **chosen: Any) -> int:
    """Evaluate, and print the results."""
    from glossator.evaluation import run

    with ProgressEvents(visible=not (mode.quiet or mode.json)) as bar:
        found = run.evaluate(model, [_split(text, "--benchmark") for text in named], out, progress=bar.told, **chosen)
    mode.result(found, run.table_text(found) + f"\nresults: {out / run.RESULTS}")
    return 0


def testset(named: tuple[str, ...], out: Path, mode: Mode, *, name: str | None, words: int) -> int:
    """Write a test set's file, and print what it holds. Exit code 1 if a picture could not be read."""
    from glossator.evaluation import test_sets

    pairs = [_split(text, "testset") for text in named]
    with ProgressEvents(visible=not (mode.quiet or mode.json)) as bar:
        written = test_sets.write(pairs, out, name=name, words=words, progress=bar.told)
    text = f"{written.pictures:,} pictures and {written.questions:,} questions: {out}"
    lost = "".join(f"\n  {file}: {why}" for file, why in written.unread.items())
    mode.result(
        {"file": str(out), **asdict(written)}, text + (f"\nnot read: {len(written.unread)}{lost}" if lost else "")
    )
    return 1 if written.unread else 0


def study(
    names: tuple[str, ...],
    out: Path,
    mode: Mode,
    *,
    sources: tuple[Path, ...],
    only: tuple[str, ...],
    workers: int | None,
) -> int:
    """Run studies one after the other, and print their tables."""
    from glossator.study import run, tables
    from glossator.study.settings import load

    plans = [load(name, sources) for name in names]  # all are checked before the first runs
    unknown = set(only).difference(*(plan.arms for plan in plans))
    if unknown:
        raise UsageError(f"--arm {sorted(unknown)[0]}: no such arm in {', '.join(plan.name for plan in plans)}")
    found = {}
    for plan in plans:
        with ProgressEvents(visible=not (mode.quiet or mode.json)) as bar:
            found[plan.name] = run.study(plan, out, workers=workers, only=only, events=bar, progress=bar.told)
        if not mode.json:
            mode.result({}, tables.markdown(found[plan.name]))
    mode.result(found, f"tables: {out}")
    return 0


def _split(text: str, what: str) -> tuple[str, str]:
    name, separator, path = text.partition("=")
    if not separator or not path:
        raise UsageError(f"{what} {text}: write it as NAME=PATH, such as docvqa=val_v1.0_withQT.json")
    return name, path
