"""Commands that look at a workspace or a recipe: status, export, gc, recipe."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

import glossator
from glossator.cli.options import INTERRUPTED, Mode
from glossator.earlier import with_edition
from glossator.errors import SourceError
from glossator.jobs import plan
from glossator.jobs.known_records import captions_waiting
from glossator.jobs.written_captions import build_command
from glossator.recipe import load
from glossator.stages.resolve import resolve
from glossator.store import Store
from glossator.workspace import dump


def status(workspace: Path, mode: Mode) -> int:
    """Print what is done, failed and spent. Exit code 1 where rows have failed."""
    opened = glossator.open(workspace)
    found = opened.status() | {"captions_waiting": _captions_waiting(opened.store)}
    counts = found["counts"]
    lines = [", ".join(f"{value:,} {name.replace('_', ' ')}" for name, value in counts.items()), ""]
    lines.append(
        f"{'stage':<9}{'engine':<11}{'shards':>9}{'rows':>10}{'failed':>8}{'seconds':>10}{'tokens':>12}{'usd':>9}"
    )
    for row in found["stages"]:
        shards = f"{row['shards_done']}/{row['shards_done'] + row['shards_missing']}"
        tokens = row["tokens_in"] + row["tokens_out"]
        lines.append(
            f"{row['stage']:<9}{row['engine']:<11}{shards:>9}{row['rows']:>10,}{row['failed']:>8,}"
            f"{row['seconds']:>10,.1f}{tokens:>12,}{row['usd']:>9.2f}"
        )
        for model, costs in row["models"].items():
            tokens = int(costs["tokens_in"] + costs["tokens_out"])
            priced = f"{costs['usd']:>9.2f}" if not costs["unpriced"] else f"{'unknown':>9}"
            lines.append(f"         {model:<48}{tokens:>12,}{priced}")
    lines += [_asked_and_possible(row) for row in found["mix"]]
    lines += [f"failed: {row['len']:,} {row['stage']}: {row['category']}" for row in found["failures"]]
    if found["captions_waiting"]:
        lines.append(f"captions: {found['captions_waiting']:,} new or changed; next: {build_command(opened.store)}")
    mode.result(found, "\n".join(lines))
    return 1 if found["failed"] else 0


def _captions_waiting(store: Store) -> int | None:
    """How many captions the next build takes in; None if the source is not there any more."""
    try:
        return captions_waiting(store, Path(store.info["source"]))
    except SourceError:
        return None


def _asked_and_possible(row: dict[str, Any]) -> str:
    """One line of the mix; shares in percent."""
    form = "{:,}" if row["by"] == "size" else "{:.2f}" if row["by"] == "explain_ratio" else "{:.1%}"
    asked, possible = ("-" if value is None else form.format(value) for value in (row["asked"], row["possible"]))
    name = f"{row['by']}: {row['name']}"
    return f"mix: {name:<36} asked {asked:>8}, got {possible:>8} ({row['pairs']:,} of {row['available']:,})"


def export(workspace: Path, format_: str, out: Path, mode: Mode, **chosen: Any) -> int:
    """Export, and print what was written."""
    summary = glossator.open(workspace).export(format_, out, **chosen)
    mode.result(summary.to_json(), summary.text())
    return 0


def gc(workspace: Path, mode: Mode, *, delete: bool) -> int:
    """List or delete stage folders that the last recipe does not use."""
    store = Store(workspace)
    with store.lock():
        used = set(store.read_json("current.json").get("stages", []))
        old = [(folder, size) for folder, size in store.folders() if folder not in used]
        if delete:
            for folder, _ in old:
                store.remove(folder)
    verb = "deleted" if delete else "would delete"
    total = sum(size for _, size in old)
    lines = [f"{verb} {folder} ({size / 1e6:.1f} MB)" for folder, size in old]
    lines.append(f"{verb} {len(old)} folders, {total / 1e6:.1f} MB" + ("" if delete or not old else "; add --delete"))
    mode.result({"folders": [folder for folder, _ in old], "bytes": total, "deleted": delete}, "\n".join(lines))
    return 0


def recipe_check(name: str, settings: dict[str, Any], mode: Mode) -> int:
    """Resolve a recipe and print which stage feeds which."""
    plans = resolve(load(name, settings))
    feeds: list[dict[str, Any]] = [
        {
            "stage": step.kind,
            "writes": step.writes,
            "columns": plan.columns(step.writes),
            "reads": {table: folder.split("/")[0] for table, folder in step.parents.items()},
        }
        for step in plans
    ]
    lines = [
        f"{row['stage']:<8} reads {', '.join(f'{t} (from {s})' for t, s in row['reads'].items())}; "
        f"writes {row['writes']}: {', '.join(row['columns'])}"
        for row in feeds
    ]
    mode.result({"ok": True, "stages": feeds}, "\n".join([*lines, "the recipe is sound"]))
    return 0


def recipe_show(name: str, settings: dict[str, Any], mode: Mode) -> int:
    """Print a recipe in full, with fingerprints."""
    recipe = load(name, settings)
    plans = resolve(recipe)
    shown = [{"stage": p.kind, "fingerprint": p.fingerprint, "engine": p.engine, "settings": p.settings} for p in plans]
    lines = [dump(recipe).rstrip(), "", "# resolved"]
    lines += [f"# {row['stage']:<8} {row['fingerprint']}  {row['engine'] or ''} {row['settings']}" for row in shown]
    mode.result({"recipe": recipe.model_dump(mode="json"), "stages": shown}, "\n".join(lines))
    return 0


def review(workspace: Path, **chosen: Any) -> int:
    """Serve the review page until it is interrupted; the start URL is the first line on stdout."""
    from glossator.review.serve import serve

    serve(glossator.open(workspace), started=click.echo, ended=lambda told: click.echo(f"\n{told}", err=True), **chosen)
    return INTERRUPTED  # as any command that is ended from outside


def recipe_diff(old: str, new: str, settings: dict[str, Any], mode: Mode) -> int:
    """Print what would run again between two recipes, or a workspace's last one and a recipe."""
    before = glossator.open(old).recipe if (Path(old) / "workspace.json").exists() else load(old)
    changes = plan.diff(resolve(before), resolve(with_edition(load(new, settings), before.data.captions)))
    if not changes:
        mode.result({"changes": []}, "nothing would run again")
        return 0
    lines = [f"{change['stage']:<8} {change['why']}" for change in changes]
    mode.result({"changes": changes}, "\n".join(lines))
    return 0
