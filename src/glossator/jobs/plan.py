"""What a run would do, before it does it: the dry run, and the difference between two recipes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from glossator import runner
from glossator.engines.registry import engine_class, parse_spec
from glossator.jobs import ingest
from glossator.recipe import EngineSpec, Recipe
from glossator.schemas import SCHEMAS
from glossator.stages.base import MapStage, StagePlan
from glossator.stages.resolve import resolve, stage_class
from glossator.store import Store


def preview(source: Path, workspace: Path, recipe: Recipe, limit: int | None) -> list[dict[str, Any]]:
    """For each stage: images still to do, paid calls, and an estimate of their tokens and cost.

    Raises:
        UsageError: if the recipe, the source or the workspace can't be used.
    """
    plans = resolve(recipe)
    records = ingest.count(source)
    if limit is not None:
        records = min(records, limit)
    todo: dict[str, int] = {}
    new = records
    if (workspace / "workspace.json").exists():
        store = Store(workspace)
        todo = {step.plan.kind: step.images for step in runner.todo(store, plans)}
        new = max(0, records - store.known_records())
    return [_step(plan, todo.get(plan.kind, 0) + new) for plan in plans]


def _step(plan: StagePlan, images: int) -> dict[str, Any]:
    cls = stage_class(plan.kind)
    step: dict[str, Any] = {"stage": plan.kind, "images": images, "calls": 0, "tokens": 0, "usd": 0.0, "note": ""}
    if not issubclass(cls, MapStage) or plan.engine is None:
        return step | {"note": "on tables, in seconds"}
    kind = str(plan.engine["kind"])
    engine = engine_class(cls.family, kind)
    estimate = getattr(engine, "estimate", None)
    if estimate is None:
        return step | {"note": f"{kind}, on this machine"}
    usage = estimate(parse_spec(cls.family, EngineSpec.model_validate(plan.engine)), plan.kind)
    tokens = (usage.tokens_in + usage.tokens_out) * images
    return step | {
        "calls": usage.calls * images,
        "tokens": tokens,
        "usd": usage.usd * images,
        "note": f"{kind} {plan.engine.get('model', '')}, about {tokens:,} tokens",
    }


def diff(old: Sequence[StagePlan], new: Sequence[StagePlan]) -> list[dict[str, str]]:
    """Which stages of `new` have no output from `old`, and why: what of their identity has changed."""
    before = {plan.kind: plan for plan in old}
    changes = []
    for plan in new:
        known = before.get(plan.kind)
        if known is None:
            changes.append({"stage": plan.kind, "why": "runs: the stage is new"})
        elif known.fingerprint != plan.fingerprint:
            changes.append({"stage": plan.kind, "why": "runs again: " + "; ".join(_reasons(known, plan))})
    gone = [kind for kind in before if kind not in {plan.kind for plan in new}]
    return changes + [{"stage": kind, "why": "left out; its output stays"} for kind in gone]


def _reasons(old: StagePlan, new: StagePlan) -> list[str]:
    parents = [f"its input {table} changes" for table in new.parents if old.parents.get(table) != new.parents[table]]
    return _changed("", {**old.identity, "parents": {}}, {**new.identity, "parents": {}}) + parents


def _changed(where: str, old: Any, new: Any) -> list[str]:
    """Dotted names of the leaves that differ, with short values."""
    if isinstance(old, dict) and isinstance(new, dict):
        keys = [*old, *(key for key in new if key not in old)]
        return [line for key in keys for line in _changed(f"{where}.{key}".strip("."), old.get(key), new.get(key))]
    if old == new:
        return []
    return [f"{where}: {_short(old)} -> {_short(new)}"]


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."


def columns(table: str) -> list[str]:
    """Names of a table's columns."""
    return list(SCHEMAS[table].names)
