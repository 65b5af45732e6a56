"""What a run would do, before it does it: the dry run, and the difference between two recipes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from glossator import runner
from glossator.earlier import earlier_plans, with_captions
from glossator.engines.endpoint.client import endpoint_of
from glossator.engines.endpoint.prices import usd
from glossator.engines.registry import parse_spec
from glossator.errors import UsageError
from glossator.jobs import ingest, pilot
from glossator.jobs.known_records import captions_waiting
from glossator.recipe import EngineSpec, Price, Recipe
from glossator.schemas import SCHEMAS
from glossator.stages.base import MapStage, StagePlan
from glossator.stages.resolve import engine_of, resolve, stage_class
from glossator.store import IMAGES, Store


def preview(source: Path, workspace: Path, recipe: Recipe, limit: int | None) -> list[dict[str, Any]]:
    """For each stage: images still to do, paid calls, and an estimate of their tokens and cost.

    Raises:
        UsageError: if the recipe, the source or the workspace can't be used.
    """
    records = ingest.count(source)
    if limit is not None:
        records = min(records, limit)
    if not (workspace / "workspace.json").exists():
        return [_step(plan, records, recipe.run.prices) for plan in resolve(recipe)]
    store = Store(workspace)
    recipe = with_captions(store, recipe)
    todo = runner.todo(store, resolve(recipe), earlier=earlier_plans(store, recipe))
    new = max(0, records - store.known_records())
    known = sum(store.rows(IMAGES, shard) for shard in store.shards())
    later = captions_waiting(store, source, limit)
    images = [min(known, step.images + (later if _sees_captions(step.plan) else 0)) for step in todo]
    return [_step(step.plan, count + new, recipe.run.prices) for step, count in zip(todo, images, strict=True)]


def new_captions(source: Path, workspace: Path, limit: int | None) -> int:
    """How many captions of known images are new or changed. Raises `UsageError` if one of the two can't be read."""
    return captions_waiting(Store(workspace), source, limit) if (workspace / "workspace.json").exists() else 0


def _sees_captions(plan: StagePlan) -> bool:
    cls = stage_class(plan.kind)
    return issubclass(cls, MapStage) and cls.sees_captions


def dry_run(
    source: Path, workspace: Path, recipe: Recipe, limit: int | None, images: int, events: runner.Events | None = None
) -> dict[str, Any]:
    """The preview, with a pilot over so many images behind its figures where stages are paid for.

    Returns:
        `steps` (see `preview`), sums `calls`, `tokens`, `usd` with `usd_low` and `usd_high` (95 %), `pilot` (what it
        tried and cost, or None), `captions` (how many are new or changed), and `notes` in plain words.
    """
    plans = resolve(recipe)
    captions = new_captions(source, workspace, limit)  # before the pilot takes them in
    paid = pilot.paid_stages(plans)
    tried, why_not = None, ""
    if paid and images:
        why_not = _without_key(plans, recipe)
        if not why_not:
            tried = pilot.run(source, workspace, recipe, limit, images, events)
    steps = preview(source, workspace, recipe, limit)
    if tried:
        steps = [pilot.estimate(step, tried) for step in steps]
    total: dict[str, Any] = {key: sum(step[key] for step in steps) for key in ("calls", "tokens", "usd")}
    spread = tried.spread if tried else 0.0
    total |= {"usd_low": total["usd"] * (1 - spread), "usd_high": total["usd"] * (1 + spread)}
    notes = _notes(total, tried, why_not) if runner.paid_models(plans) else ["paid calls: none"]
    if captions:
        notes.insert(0, f"captions: {captions:,} new or changed; what follows from them is made again, no more")
    return {
        "steps": steps, **total, "pilot": asdict(tried) if tried else None, "notes": notes, "captions": captions
    }  # fmt: skip


def _notes(total: Mapping[str, Any], tried: pilot.Pilot | None, why_not: str) -> list[str]:
    if tried is None:
        guess = f"estimated cost: {total['usd']:.2f} US dollars, a guess by typical sizes"
        return [f"paid calls: {total['calls']:,}; {guess}" + (f" (no pilot: {why_not})" if why_not else "")]
    return [
        f"paid calls: {total['calls']:,}; tokens: {total['tokens']:,}; estimated cost: {total['usd']:.2f} US dollars "
        f"(95 %: {total['usd_low']:.2f} to {total['usd_high']:.2f})",
        f"measured on {tried.images} images, which cost {tried.bought_usd:.4f} US dollars now ({tried.bought_calls} "
        "calls); the build will not pay for them again",
    ]


def _without_key(plans: Sequence[StagePlan], recipe: Recipe) -> str:
    """Why the endpoints can't be asked; empty if they can."""
    for model in sorted(runner.paid_models(plans)):
        try:
            endpoint_of(recipe.run.endpoints, model)
        except UsageError as error:
            return str(error)
    return ""


def _step(plan: StagePlan, images: int, prices: Mapping[str, Price]) -> dict[str, Any]:
    cls = stage_class(plan.kind)
    step: dict[str, Any] = {"stage": plan.kind, "images": images, "calls": 0, "tokens_in": 0, "tokens_out": 0}
    step |= {"tokens": 0, "usd": 0.0, "model": "", "note": ""}
    if not issubclass(cls, MapStage):
        return step | {"note": "on tables, in seconds"}
    if cls.family is None:
        return step | {"note": "on this machine"}
    engine, kind = engine_of(plan), str((plan.engine or {})["kind"])
    estimate = getattr(engine, "estimate", None)
    if estimate is None:
        return step | {"note": f"{kind}, on this machine"}
    costs = estimate(parse_spec(cls.family, EngineSpec.model_validate(plan.engine)), plan.kind)
    step["model"] = ", ".join(costs)
    unknown = False
    for model, (share, one) in costs.items():
        price = usd(prices, model, one.tokens_in, 0, one.tokens_out)
        unknown = unknown or price is None
        step["calls"] += round(share * one.calls * images)
        step["tokens_in"] += round(share * one.tokens_in * images)
        step["tokens_out"] += round(share * one.tokens_out * images)
        step["usd"] += share * (price or 0.0) * images
    step["tokens"] = step["tokens_in"] + step["tokens_out"]
    note = f"{step['model']}, about {step['tokens']:,} tokens" + (", price unknown" if unknown else "")
    return step | {"note": note}


def diff(old: Sequence[StagePlan], new: Sequence[StagePlan]) -> list[dict[str, str]]:
    """Which stages of `new` have no output from `old`, and why: what of their identity has changed."""
    before, after = _by_name(old), _by_name(new)
    changes = []
    for name, plan in after.items():
        known = before.get(name)
        if known is None:
            changes.append({"stage": name, "why": "runs: the stage is new"})
        elif known.fingerprint != plan.fingerprint:
            changes.append({"stage": name, "why": "runs again: " + "; ".join(_reasons(known, plan))})
    return changes + [{"stage": name, "why": "left out; its output stays"} for name in before if name not in after]


def _by_name(plans: Sequence[StagePlan]) -> dict[str, StagePlan]:
    """The plans by the stage's kind; a stage that stands there before has its turn in the name (`score 2`)."""
    named: dict[str, StagePlan] = {}
    for plan in plans:
        turn = sum(known.kind == plan.kind for known in named.values()) + 1
        named[plan.kind if turn == 1 else f"{plan.kind} {turn}"] = plan
    return named


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
