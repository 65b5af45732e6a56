"""Commands that run stages: build, score, filter, retry."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import glossator
from glossator.cli.options import Mode
from glossator.cli.progress import ProgressEvents
from glossator.jobs import plan
from glossator.recipe import load
from glossator.runner import Events
from glossator.workspace import Workspace


def build(
    source: Path, out: Path, recipe: str, mode: Mode, limit: int | None, settings: dict[str, Any], executor: str | None
) -> int:
    """Run `glossator.build` and print what came of it."""
    settings = _with_executor(settings, executor)
    return _run(mode, lambda events: glossator.build(source, out, recipe, limit=limit, events=events, **settings))


def score(
    dataset: Path,
    out: Path,
    images: Path | None,
    recipe: str,
    mode: Mode,
    limit: int | None,
    settings: dict[str, Any],
    executor: str | None,
) -> int:
    """Run `glossator.score` and print what came of it."""
    settings = _with_executor(settings, executor)
    return _run(
        mode,
        lambda events: glossator.score(dataset, out, recipe, images=images, limit=limit, events=events, **settings),
    )


def retry(workspace: Path, mode: Mode) -> int:
    """Run `Workspace.retry` and print what came of it."""

    def go(events: Events) -> Workspace:
        opened = glossator.open(workspace)
        opened.retry(events)
        return opened

    return _run(mode, go)


def refilter(workspace: Path, settings: dict[str, Any], mode: Mode) -> int:
    """Run `Workspace.filter` and print the counts."""
    plain = {key.removeprefix("filter.").removeprefix("settings."): value for key, value in settings.items()}
    counts = glossator.open(workspace).filter(**plain)
    mode.result(counts, f"kept {counts['kept']:,} of {counts['pairs']:,} pairs")
    return 0


def what_if(workspace: Path, grid: tuple[str, ...], mode: Mode) -> int:
    """Print what other settings of the filter would keep."""
    from glossator.jobs.what_if import parse_grid, table_text

    rows = glossator.open(workspace).what_if(**dict(parse_grid(text) for text in grid))
    mode.result({"grid": rows}, table_text(rows))
    return 0


def defects(
    source: Path, out: Path, mode: Mode, *, recipe: str, kinds: tuple[str, ...], seed: int, settings: dict[str, Any]
) -> int:
    """Plant defects, score and filter them, and print what was seen."""
    from glossator.measure import measure_defects, table_text

    with ProgressEvents(visible=not (mode.quiet or mode.json)) as events:
        found = measure_defects(source, out, recipe, kinds=kinds, seed=seed, events=events, **settings)
    mode.result(found.to_json(), table_text(found))
    return 0


def dry_run(
    source: Path,
    out: Path,
    recipe: str,
    mode: Mode,
    *,
    pilot: int,
    limit: int | None,
    settings: dict[str, Any],
    executor: str | None,
) -> int:
    """Print what a build would do and cost."""
    with ProgressEvents(visible=not (mode.quiet or mode.json)) as events:
        found = plan.dry_run(source, out, load(recipe, _with_executor(settings, executor)), limit, pilot, events)
    lines = [
        f"{step['stage']:<8} {step['images']:>8,} images  {step['calls']:>8,} calls  {step['note']}"
        for step in found["steps"]
    ]
    mode.result(found, "\n".join([*lines, *found["notes"]]))
    return 0


def _run(mode: Mode, go: Callable[[Events], Workspace]) -> int:
    started = time.monotonic()
    with ProgressEvents(visible=not (mode.quiet or mode.json)) as events:
        workspace = go(events)
    status = workspace.status()
    seconds = time.monotonic() - started
    mode.result(status | {"seconds": round(seconds, 1)}, _summary(workspace, status, seconds))
    return 1 if status["failed"] else 0


def _summary(workspace: Workspace, status: dict[str, Any], seconds: float) -> str:
    counts = status["counts"]
    lines = [
        f"{counts['images']:,} images, {counts['pairs']:,} pairs: "
        f"{counts['kept']:,} kept, {counts['rejected']:,} rejected ({seconds:.0f} s)"
    ]
    usd = sum(stage["usd"] for stage in status["stages"])
    tokens = sum(stage["tokens_in"] + stage["tokens_out"] for stage in status["stages"])
    if tokens:
        lines.append(f"{tokens:,} tokens, {usd:.2f} US dollars")
    if status["failed"]:
        kinds = ", ".join(f"{row['len']} {row['stage']} {row['category']}" for row in status["failures"])
        lines.append(f"{status['failed']:,} failed rows: {kinds} (see the table failures, or the report)")
    lines.append(f"next: glossator report {workspace.path}")
    lines.append(f"      glossator export {workspace.path} --format llava -o llava.json")
    return "\n".join(lines)


def _with_executor(settings: dict[str, Any], executor: str | None) -> dict[str, Any]:
    return settings | ({"run.executor": executor} if executor else {})
