"""From a recipe to finished tables: what is missing is planned, mapped over an executor, and recorded."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from glossator.earlier import Earlier, earlier_plans, giver, other_captions, same_inputs
from glossator.engines.base import Runtime
from glossator.engines.endpoint.prices import usd
from glossator.engines.registry import parse_spec
from glossator.errors import TooManyFailuresError, UsageError
from glossator.executors.base import Executor
from glossator.executors.local import LocalExecutor
from glossator.fingerprint import fingerprint
from glossator.meter import Meter
from glossator.recipe import EngineSpec, Recipe, RunSpec
from glossator.stages.base import MapStage, StagePlan, TableStage
from glossator.stages.resolve import engine_of, live, resolve, stage_class
from glossator.store import HUMAN, IMAGES, Store, images_folder, sources_folder
from glossator.worker import Task

MIN_ROWS_FOR_SHARE = 20
MOST_SHARDS_AT_ONCE = 32
COSTS = ("calls", "tokens_in", "tokens_out", "usd", "cached", "unpriced")


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
    """What a stage still has to do. `images` counts those in missing shards that were not done over earlier captions;
    `calls` estimates the paid calls.
    """

    plan: StagePlan
    shards: tuple[int, ...]
    images: int
    calls: int = 0
    before: Mapping[int, StagePlan] = field(default_factory=dict)


@dataclass(slots=True)
class Run:
    """One run: what it works on, where it works, what it may spend.

    Attributes:
        images: how many images each stage has done so far, by stage.
        meter: what it has bought.
        earlier: by a stage's fingerprint, the same stage over earlier captions.
    """

    store: Store
    spec: RunSpec
    events: Events
    meter: Meter
    earlier: Earlier = field(default_factory=dict)
    images: dict[str, int] = field(default_factory=dict)
    _executor: Executor | None = None

    @property
    def executor(self) -> Executor:
        """Made when it is first needed."""
        self._executor = self._executor or make_executor(self.spec)
        return self._executor


def make_executor(run: RunSpec) -> Executor:
    """The executor that the recipe names. Raises `MissingExtraError` if its package is not installed."""
    if run.executor == "ray":
        from glossator.executors.ray import RayExecutor

        return RayExecutor()
    return LocalExecutor()


def todo(
    store: Store, plans: Iterable[StagePlan], among: frozenset[int] | None = None, earlier: Earlier | None = None
) -> list[StageTodo]:
    """What each stage still has to do, in order; of the shards `among` if given. Table stages have one, number 0."""
    shards = [shard for shard in store.shards() if among is None or shard in among]
    sizes = {shard: store.rows(IMAGES, shard) for shard in shards}
    result = []
    for plan in plans:
        cls = stage_class(plan.kind)
        if issubclass(cls, MapStage):
            done = set(store.shards(plan.folder))
            missing = tuple(shard for shard in shards if shard not in done)
            found = {shard: giver(store, plan, earlier or {}, shard) for shard in missing}
            before = {shard: old for shard, old in found.items() if old is not None}
            images = sum(
                other_captions(store, plan, before[shard], shard) if shard in before else sizes[shard]
                for shard in missing
            )
            paid = bool(getattr(engine_of(plan), "paid", False))
            result.append(StageTodo(plan, missing, images, images if paid else 0, before))
        else:
            stale = store.read_json(f"{plan.folder}/manifest.json").get("inputs") != _inputs(store, plan)
            result.append(StageTodo(plan, (0,) if stale else (), 0))
    return result


def run(store: Store, recipe: Recipe, events: Events | None = None) -> Run:
    """Run what is missing, stage by stage, or until the target is reached. The caller holds the store's lock and has
    run ingest.

    Raises:
        StopRun: if the run must not go on; finished shards are kept and a later run goes on after them.
        UsageError: if dollars are limited and a model's price is unknown.
    """
    plans = resolve(recipe)
    set_current(store, plans, recipe.data.captions)
    this = _begin(store, recipe, plans, events)
    if recipe.run.target_kept is None:
        _stages(this, plans)
    else:
        _until_enough(this, plans, recipe.run.target_kept)
    return this


def retry(store: Store, recipe: Recipe, events: Events | None = None) -> Run:
    """Do the failed rows again, with all that follows from them, and nothing else."""
    plans = resolve(recipe)
    this = _begin(store, recipe, plans, events)
    again: dict[int, set[str]] = {}
    for plan in plans:
        if issubclass(stage_class(plan.kind), TableStage):
            run_table_stage(store, plan)
            continue
        for shard in store.shards(plan.folder):
            failed = {failure.image_id for failure in store.read_failures(plan.folder, shard)}
            if failed and stage_class(plan.kind).whole_shard:  # it may change the rows of any of them
                failed = {image.image_id for image in store.read_part(IMAGES, "images", shard)}
            again.setdefault(shard, set()).update(failed)
        step = StageTodo(plan, tuple(s for s, ids in sorted(again.items()) if ids), sum(map(len, again.values())))
        if step.shards:
            _map_stage(this, step, again)
    return this


def _begin(store: Store, recipe: Recipe, plans: Sequence[StagePlan], events: Events | None) -> Run:
    if recipe.run.budget.usd is not None:
        for model in sorted(paid_models(plans)):
            if usd(recipe.run.prices, model, 1, 0, 1) is None:
                raise UsageError(
                    f"run.budget.usd is set, but nobody knows the price of {model}: add run.prices.{model} "
                    "({input, output}: US dollars for a million tokens; 0 for your own server), or set "
                    "run.budget.tokens instead"
                )
    events = events or Silent()
    return Run(store, recipe.run, events, Meter(recipe.run.budget, events.spent), earlier_plans(store, recipe))


def paid_models(plans: Iterable[StagePlan]) -> set[str]:
    """Names of the models that the stages pay for."""
    found: set[str] = set()
    for plan in plans:
        engine = engine_of(plan)
        if engine is not None and hasattr(engine, "models"):
            cls = stage_class(plan.kind)
            assert issubclass(cls, MapStage) and cls.family is not None
            found |= set(engine.models(parse_spec(cls.family, EngineSpec.model_validate(plan.engine))))
    return found


def _stages(this: Run, plans: Sequence[StagePlan], among: frozenset[int] | None = None) -> None:
    """Each stage's missing shards, of those `among` if it is given."""
    for plan in plans:
        _take_over(this.store, todo(this.store, [plan], among, this.earlier)[0])
        (step,) = todo(this.store, [plan], among, this.earlier)
        if not step.shards:
            continue
        if issubclass(stage_class(plan.kind), TableStage):
            run_table_stage(this.store, plan)
        else:
            _map_stage(this, step)


def _take_over(store: Store, step: StageTodo) -> None:
    """The shards of which nothing has changed since earlier captions are finished at once."""
    shared = [shard for shard, old in step.before.items() if same_inputs(store, step.plan, old, shard)]
    for shard in shared:
        store.share_part(step.plan.folder, shard, step.before[shard].folder)
    if shared:
        write_manifest(store, step.plan)


def _until_enough(this: Run, plans: Sequence[StagePlan], target: int) -> None:
    """All stages over a few shards at a time, until enough pairs are kept.

    How many shards come next follows from what those before have given, rounded down: rather one more turn than
    shards that nobody needs.
    """
    verdicts = next((plan for plan in plans if plan.kind == "filter"), None)
    if verdicts is None:
        raise UsageError("run.target_kept needs the stage 'filter' in the recipe: it says what is kept")
    shards = this.store.shards()
    upto, kept = 0, 0
    while upto < len(shards) and kept < target:
        by_shard = kept / upto if upto else 0.0
        upto = min(len(shards), upto + max(1, int((target - kept) / by_shard) if by_shard else 1))
        _stages(this, plans, frozenset(shards[:upto]))
        kept = this.store.kept(verdicts.folder)


def run_table_stage(store: Store, plan: StagePlan) -> int:
    """Rewrite one table stage's output. Returns its number of rows."""
    stage = live(plan, None)
    assert isinstance(stage, TableStage)
    inputs = _inputs(store, plan)  # what comes in while this works is for the next run
    tables = {table: store.scan(folder, table) for table, folder in plan.parents.items()}
    rows = store.sink(plan.folder, plan.writes, stage.run(tables))
    manifest = {"identity": plan.identity, "rows": rows, "inputs": inputs}
    store.write_json(f"{plan.folder}/manifest.json", manifest)
    return rows


def set_current(store: Store, plans: Sequence[StagePlan], edition: str) -> None:
    """Note which folder holds each table (images in an edition of the captions), and which folders' failures count."""
    tables = {"images": images_folder(edition), "sources": sources_folder(edition), "human": HUMAN}
    tables |= {plan.writes: plan.folder for plan in plans}
    store.write_json("current.json", {"tables": tables, "stages": [plan.folder for plan in plans]})


def set_tables(store: Store, plans: Sequence[StagePlan]) -> None:
    """Note the new folders of these table stages; all else stays as the last run has left it."""
    current = store.read_json("current.json")
    tables = current.get("tables", {}) | {plan.writes: plan.folder for plan in plans}
    kinds = {plan.kind for plan in plans}
    others = [folder for folder in current.get("stages", []) if folder.partition("/")[0] not in kinds]
    store.write_json("current.json", {"tables": tables, "stages": [*others, *(plan.folder for plan in plans)]})


def workers_for(plan: StagePlan, run: RunSpec, cores: int) -> tuple[int, int]:
    """Processes and threads each for a stage: the recipe's word, else the engine's own choice; 0 = this process."""
    cls = stage_class(plan.kind)
    assert issubclass(cls, MapStage)
    engine = engine_of(plan)
    wanted = run.workers.get(plan.kind)
    if engine is None:
        return (cores if wanted is None and cls.spawns else wanted or 0), 1
    if not engine.local_cpu:
        return (0 if wanted is None else wanted), 1
    workers, threads = engine.parallelism(cores)
    if wanted is None or wanted == workers:
        return workers, threads
    return wanted, max(1, cores // max(1, wanted))


def _map_stage(this: Run, step: StageTodo, only: dict[int, set[str]] | None = None) -> None:
    plan = step.plan
    workers, threads = workers_for(plan, this.spec, _cores())
    if this.spec.executor == "ray":
        workers = max(1, workers)
    runtime = Runtime(threads=threads, endpoints=this.spec.endpoints, prices=this.spec.prices)
    tasks = [
        Task(this.store.root, plan, shard, runtime, frozenset(only[shard]) if only else None, step.before.get(shard))
        for shard in step.shards
    ]
    this.events.stage_started(plan.kind, step.images)
    this.meter.begin_stage()
    rows = failed = 0
    try:
        at_once = _at_once(plan, this.spec, step)
        for report in this.executor.map(tasks, workers, this.events.advanced, this.meter, at_once):
            this.images[report.stage] = this.images.get(report.stage, 0) + report.images - report.reused
            rows, failed = rows + report.rows, failed + report.failed
            _check_failures(plan, this.spec, rows, failed)
            if workers:
                this.meter.check()  # other processes can't ask it themselves
    finally:
        write_manifest(this.store, plan)
    this.events.stage_finished(plan.kind)


def _at_once(plan: StagePlan, run: RunSpec, step: StageTodo) -> int:
    """Shards in flight in this process: for an endpoint, as many as keep it busy, one for the tail, one to write."""
    if not getattr(engine_of(plan), "paid", False):
        return 1
    if any(endpoint.batch for endpoint in run.endpoints.values()):
        return MOST_SHARDS_AT_ONCE  # each waits for hours
    in_flight = max((endpoint.in_flight for endpoint in run.endpoints.values()), default=1)
    images = max(1, step.images // len(step.shards))
    return min(MOST_SHARDS_AT_ONCE, 2 + -(-in_flight // images))


def _check_failures(plan: StagePlan, run_spec: RunSpec, rows: int, failed: int) -> None:
    most = run_spec.budget.max_failed_share
    if rows + failed >= MIN_ROWS_FOR_SHARE and failed / (rows + failed) > most:
        raise TooManyFailuresError(
            f"stage '{plan.kind}': {failed} of {rows + failed} rows failed, above the limit of "
            f"{most:.0%} (run.budget.max_failed_share); see: glossator status"
        )


def write_manifest(store: Store, plan: StagePlan) -> None:
    """Sum up a stage folder for status and report: what decided it, and what each shard took."""
    reports = store.reports(plan.folder)
    total: dict[str, Any] = {"shards": len(reports)}
    for key in ("images", "rows", "failed", "seconds", *COSTS):
        total[key] = round(sum(report.get(key, 0) for report in reports), 6)
    models: dict[str, dict[str, float]] = {}
    for report in reports:
        for model, costs in report.get("models", {}).items():
            known = models.setdefault(model, dict.fromkeys(COSTS, 0))
            models[model] = {key: round(known[key] + costs.get(key, 0), 6) for key in COSTS}
    total["models"] = models
    store.write_json(f"{plan.folder}/manifest.json", {"identity": plan.identity, "total": total, "shards": reports})


def _inputs(store: Store, plan: StagePlan) -> str:
    return fingerprint([store.part_marks(folder) for folder in plan.parents.values()])


def _cores() -> int:
    """Cores that this process may use, which in a container is fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
