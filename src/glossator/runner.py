"""From a recipe to finished tables: what is missing is planned, mapped over an executor, and recorded."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from glossator.engines.base import Runtime
from glossator.engines.registry import engine_class
from glossator.errors import BudgetError, TooManyFailuresError
from glossator.executors.base import Executor
from glossator.executors.local import LocalExecutor
from glossator.fingerprint import fingerprint
from glossator.recipe import Recipe, RunSpec
from glossator.records import ShardReport
from glossator.stages.base import MapStage, StagePlan, TableStage
from glossator.stages.resolve import live, resolve, stage_class
from glossator.store import IMAGES, SOURCES, Store
from glossator.worker import Task

MIN_ROWS_FOR_SHARE = 20


class Events(Protocol):
    """What a run tells while it goes on. The command line shows it; the Python API is silent."""

    def stage_started(self, stage: str, images: int) -> None:
        """A stage begins; `images` are still to do."""

    def advanced(self, images: int) -> None:
        """So many more images of the current stage are done (negative: to be tried again)."""

    def spent(self, usd: float, tokens: int) -> None:
        """Money and tokens spent so far in this run."""

    def stage_finished(self, _stage: str) -> None:
        """The current stage is done."""


class Silent:
    """Events that nobody watches."""

    def stage_started(self, stage: str, images: int) -> None:
        """See `Events`."""

    def advanced(self, images: int) -> None:
        """See `Events`."""

    def spent(self, usd: float, tokens: int) -> None:
        """See `Events`."""

    def stage_finished(self, _stage: str) -> None:
        """See `Events`."""


@dataclass(frozen=True, slots=True)
class StageTodo:
    """What a stage still has to do. `images` counts those in missing shards; `calls` estimates the paid calls."""

    plan: StagePlan
    shards: tuple[int, ...]
    images: int
    calls: int = 0


@dataclass(slots=True)
class Spent:
    """What this run has cost so far."""

    seconds: float = 0.0
    calls: int = 0
    tokens: int = 0
    usd: float = 0.0
    images: dict[str, int] = field(default_factory=dict)

    def add(self, report: ShardReport) -> None:
        """Count one shard."""
        self.seconds += report.seconds
        self.calls += report.calls
        self.tokens += report.tokens_in + report.tokens_out
        self.usd += report.usd
        self.images[report.stage] = self.images.get(report.stage, 0) + report.images


def make_executor(run: RunSpec) -> Executor:
    """The executor that the recipe names. Raises `MissingExtraError` if its package is not installed."""
    if run.executor == "ray":
        from glossator.executors.ray import RayExecutor

        return RayExecutor()
    return LocalExecutor()


def todo(store: Store, plans: Iterable[StagePlan]) -> list[StageTodo]:
    """What each stage still has to do, in order. Table stages have one shard, number 0."""
    shards = store.shards()
    sizes = {shard: store.rows(IMAGES, shard) for shard in shards}
    result = []
    for plan in plans:
        cls = stage_class(plan.kind)
        if issubclass(cls, MapStage):
            done = set(store.shards(plan.folder))
            missing = tuple(shard for shard in shards if shard not in done)
            images = sum(sizes[shard] for shard in missing)
            paid = bool(getattr(engine_class(cls.family, str((plan.engine or {})["kind"])), "paid", False))
            result.append(StageTodo(plan, missing, images, images if paid else 0))
        else:
            stale = store.read_json(f"{plan.folder}/manifest.json").get("inputs") != _inputs(store, plan)
            result.append(StageTodo(plan, (0,) if stale else (), 0))
    return result


def run(store: Store, recipe: Recipe, events: Events | None = None) -> Spent:
    """Run what is missing, stage by stage. The caller holds the store's lock and has run ingest.

    Raises:
        StopRun: if the run must not go on; finished shards are kept and a later run goes on after them.
    """
    events = events or Silent()
    plans = resolve(recipe)
    spent = Spent()
    set_current(store, plans)
    executor: Executor | None = None
    for plan in plans:
        (step,) = todo(store, [plan])
        if not step.shards:
            continue
        if issubclass(stage_class(plan.kind), TableStage):
            run_table_stage(store, plan)
            continue
        executor = executor or make_executor(recipe.run)
        _map_stage(store, recipe.run, step, executor, events, spent)
    return spent


def retry(store: Store, recipe: Recipe, events: Events | None = None) -> Spent:
    """Do the failed rows again, with all that follows from them, and nothing else."""
    events = events or Silent()
    plans = resolve(recipe)
    spent = Spent()
    again: dict[int, set[str]] = {}
    executor = make_executor(recipe.run)
    for plan in plans:
        if issubclass(stage_class(plan.kind), TableStage):
            run_table_stage(store, plan)
            continue
        for shard in store.shards(plan.folder):
            failed = {failure.image_id for failure in store.read_failures(plan.folder, shard)}
            again.setdefault(shard, set()).update(failed)
        step = StageTodo(plan, tuple(s for s, ids in sorted(again.items()) if ids), sum(map(len, again.values())))
        if step.shards:
            _map_stage(store, recipe.run, step, executor, events, spent, again)
    return spent


def run_table_stage(store: Store, plan: StagePlan) -> int:
    """Rewrite one table stage's output. Returns its number of rows."""
    stage = live(plan, None)
    assert isinstance(stage, TableStage)
    tables = {table: store.scan(folder, table) for table, folder in plan.parents.items()}
    rows = store.sink(plan.folder, plan.writes, stage.run(tables))
    manifest = {"identity": plan.identity, "rows": rows, "inputs": _inputs(store, plan)}
    store.write_json(f"{plan.folder}/manifest.json", manifest)
    return rows


def set_current(store: Store, plans: Sequence[StagePlan]) -> None:
    """Note which folder holds each table, and which folders' failures count."""
    tables = {"images": IMAGES, "sources": SOURCES} | {plan.writes: plan.folder for plan in plans}
    store.write_json("current.json", {"tables": tables, "stages": [plan.folder for plan in plans]})


def workers_for(plan: StagePlan, run: RunSpec, cores: int) -> tuple[int, int]:
    """Processes and threads each for a stage: the recipe's word, else the engine's own choice; 0 = this process."""
    cls = stage_class(plan.kind)
    assert issubclass(cls, MapStage)
    engine = engine_class(cls.family, str((plan.engine or {})["kind"]))
    wanted = run.workers.get(plan.kind)
    if not engine.local_cpu:
        return (0 if wanted is None else wanted), 1
    workers, threads = engine.parallelism(cores)
    if wanted is None or wanted == workers:
        return workers, threads
    return wanted, max(1, cores // max(1, wanted))


def _map_stage(
    store: Store,
    run_spec: RunSpec,
    step: StageTodo,
    executor: Executor,
    events: Events,
    spent: Spent,
    only: dict[int, set[str]] | None = None,
) -> None:
    plan = step.plan
    workers, threads = workers_for(plan, run_spec, _cores())
    if run_spec.executor == "ray":
        workers = max(1, workers)
    runtime = Runtime(threads=threads, endpoints=run_spec.endpoints)
    tasks = [Task(store.root, plan, shard, runtime, frozenset(only[shard]) if only else None) for shard in step.shards]
    events.stage_started(plan.kind, step.images)
    rows = failed = 0
    try:
        for report in executor.map(tasks, workers, events.advanced):
            spent.add(report)
            events.spent(spent.usd, spent.tokens)
            rows, failed = rows + report.rows, failed + report.failed
            _check_limits(plan, run_spec, spent, rows, failed)
    finally:
        write_manifest(store, plan)
    events.stage_finished(plan.kind)


def _check_limits(plan: StagePlan, run_spec: RunSpec, spent: Spent, rows: int, failed: int) -> None:
    budget = run_spec.budget
    if rows + failed >= MIN_ROWS_FOR_SHARE and failed / (rows + failed) > budget.max_failed_share:
        raise TooManyFailuresError(
            f"stage '{plan.kind}': {failed} of {rows + failed} rows failed, above the limit of "
            f"{budget.max_failed_share:.0%} (run.budget.max_failed_share); see: glossator status"
        )
    if budget.usd is not None and spent.usd >= budget.usd:
        raise BudgetError(
            f"the budget of {budget.usd} US dollars is used up ({spent.usd:.2f} spent); finished work is kept"
        )
    if budget.tokens is not None and spent.tokens >= budget.tokens:
        raise BudgetError(
            f"the budget of {budget.tokens} tokens is used up ({spent.tokens} used); finished work is kept"
        )


def write_manifest(store: Store, plan: StagePlan) -> None:
    """Sum up a stage folder for status and report: what decided it, and what each shard took."""
    reports = store.reports(plan.folder)
    total: dict[str, Any] = {"shards": len(reports)}
    for key in ("images", "rows", "failed", "seconds", "calls", "tokens_in", "tokens_out", "usd"):
        total[key] = round(sum(report[key] for report in reports), 6)
    store.write_json(f"{plan.folder}/manifest.json", {"identity": plan.identity, "total": total, "shards": reports})


def _inputs(store: Store, plan: StagePlan) -> str:
    return fingerprint([store.part_marks(folder) for folder in plan.parents.values()])


def _cores() -> int:
    """Cores that this process may use, which in a container is fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
