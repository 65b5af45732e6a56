"""One shard of one stage, from stored tables to a stored table. Runs in the main process or in any worker."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from glossator.earlier import same_images
from glossator.engines.base import Runtime, Session
from glossator.engines.registry import build
from glossator.errors import GlossatorError
from glossator.fingerprint import canonical
from glossator.meter import Meter
from glossator.recipe import EngineSpec
from glossator.records import Failure, Sample, ShardReport
from glossator.replies import ReplyLogs
from glossator.results import Failed, Usage
from glossator.stages.base import MapStage, StagePlan
from glossator.stages.resolve import live, stage_class
from glossator.store import Store


@dataclass(frozen=True, slots=True)
class Task:
    """What a worker has to do. Plain data, picklable.

    `only` holds the image ids to do again (their old rows are replaced); None means the whole shard. `before` is the
    same stage over earlier captions: what it has of images whose inputs are the same is taken over.
    """

    workspace: Path
    plan: StagePlan
    shard: int
    runtime: Runtime = field(default_factory=Runtime)
    only: frozenset[str] | None = None
    before: StagePlan | None = None


_stages: dict[str, MapStage[Any]] = {}
_building = threading.Lock()


def work(task: Task, progress: Callable[[int], None], meter: Meter | None = None) -> ShardReport:
    """Do one task and commit its part.

    Args:
        task: what to do.
        progress: told how many samples have just been finished.
        meter: the run's; without it (in a process of its own) purchases are counted for the report only.

    Raises:
        GlossatorError: if the run must not go on; nothing of this shard is committed then but its bought replies.
    """
    started = time.monotonic()
    store = Store(task.workspace)
    stage = _stage(task)
    only = None if stage.whole_shard else task.only
    samples = load_samples(store, task.plan, task.shard, only)
    reused = _reusable(store, task, samples, whole_shard=stage.whole_shard)
    images = len(samples)
    samples = [sample for sample in samples if sample.image.image_id not in reused]
    with ReplyLogs(store.replies_folder).open(task.plan.kind, task.shard) as replies:
        session = Session(replies=replies, progress=progress, meter=meter or Meter(), retry=task.only is not None)
        results, attempts = _run(stage, samples, session)
    records, failures = _split(task.plan.kind, samples, results, attempts)
    if only is not None:
        known = {image.image_id for image in store.read_part(task.plan.parents["images"], "images", task.shard)}
        records, failures = _merge(store, task, task.plan, known - only, records, failures)
    elif task.before is not None and reused:
        records, failures = _merge(store, task, task.before, reused, records, failures)
    report = _report(task, session, images, len(records), len(failures), time.monotonic() - started, len(reused))
    store.write_part(task.plan.folder, task.plan.writes, task.shard, records, failures, report)
    return report


def _reusable(store: Store, task: Task, samples: Sequence[Sample], *, whole_shard: bool) -> frozenset[str]:
    """Ids of the images whose rows are taken over from before."""
    if task.before is None:
        return frozenset()
    return same_images(samples, load_samples(store, task.before, task.shard), whole_shard=whole_shard)


def _report(
    task: Task, session: Session, images: int, rows: int, failed: int, seconds: float, reused: int
) -> ShardReport:
    usage = session.usage
    if task.only is not None:  # to what the part has cost before, a second try adds only what it bought
        usage = _added(task, task.plan, session.bought)
    elif task.before is not None and reused:
        usage = _added(task, task.before, session.usage)
    paid = session.paid
    total = sum(usage.values(), Usage())
    return ShardReport(
        stage=task.plan.kind,
        shard=task.shard,
        images=images,
        rows=rows,
        failed=failed,
        seconds=round(seconds, 3),
        models={model: asdict(one) for model, one in sorted(usage.items())},
        bought_calls=paid.calls,
        bought_tokens=paid.tokens_in + paid.tokens_out,
        bought_usd=paid.usd,
        reused=reused,
        **asdict(total),
    )


def _added(task: Task, plan: StagePlan, more: Mapping[str, Usage]) -> dict[str, Usage]:
    """By model, what the shard's part of `plan` has cost, and `more`."""
    known = Store(task.workspace).report(plan.folder, task.shard).get("models", {})
    return {model: Usage(**known.get(model, {})) + more.get(model, Usage()) for model in {**known, **more}}


def load_samples(store: Store, plan: StagePlan, shard: int, only: frozenset[str] | None = None) -> list[Sample]:
    """The shard's samples with all tables that the stage reads; images that lack a required one are left out."""
    root = str(store.source_root)
    samples = {
        image.image_id: Sample(root, image) for image in store.read_part(plan.parents["images"], "images", shard)
    }
    required = stage_class(plan.kind).reads
    for table, folder in plan.parents.items():
        if table == "images":
            continue
        part = 0 if table == "edits" else shard  # what people write is little: one part for all shards
        samples = _join(samples, table, store.read_part(folder, table, part), required=table in required)
    return [sample for sample in samples.values() if only is None or sample.image.image_id in only]


def _join(samples: dict[str, Sample], table: str, rows: list[Any], *, required: bool) -> dict[str, Sample]:
    by_image: dict[str, list[Any]] = {}
    for row in rows:
        by_image.setdefault(row.image_id, []).append(row)
    joined = {}
    for image_id, sample in samples.items():
        found = by_image.get(image_id)
        if found is None:
            if not required:
                joined[image_id] = sample
        elif table == "ocr":
            joined[image_id] = replace(sample, page=found[0])
        elif table == "captions":
            joined[image_id] = replace(sample, caption=found[0])
        elif table == "losses":
            joined[image_id] = replace(sample, losses=tuple(found))
        elif table == "edits":
            joined[image_id] = replace(sample, edits=tuple(found))
        else:
            joined[image_id] = replace(sample, pairs=tuple(found))
    return joined


def _stage(task: Task) -> MapStage[Any]:
    """The live stage; kept, so that a process loads each model once."""
    runtime = task.runtime
    key = canonical([task.plan.identity, runtime.threads, _plain(runtime.endpoints), _plain(runtime.prices)])
    with _building:
        return _built(task, key)


def _plain(models: Mapping[str, BaseModel]) -> dict[str, Any]:
    return {name: model.model_dump(mode="json") for name, model in models.items()}


def _built(task: Task, key: str) -> MapStage[Any]:
    if key not in _stages:
        cls = stage_class(task.plan.kind)
        assert issubclass(cls, MapStage)
        spec = task.plan.engine
        engine = build(cls.family, EngineSpec.model_validate(spec), task.runtime) if cls.family else None
        stage = live(task.plan, engine)
        assert isinstance(stage, MapStage)
        _stages.clear()  # one stage at a time: two models need not share the memory
        _stages[key] = stage
    return _stages[key]


def _run(stage: MapStage[Any], samples: Sequence[Sample], session: Session) -> tuple[list[list[Any]], list[int]]:
    """The stage's results and the attempts each took: what failed but may succeed is tried once more at the end."""
    results = _guarded(stage, samples, session)
    attempts = [1] * len(samples)
    again = [i for i, rows in enumerate(results) if any(isinstance(row, Failed) and row.retriable for row in rows)]
    if again and stage.whole_shard:
        again = list(range(len(samples)))
    if again:
        session.retry = True
        session.progress(-len(again))
        for i, rows in zip(again, _guarded(stage, [samples[i] for i in again], session), strict=True):
            results[i] = rows
            attempts[i] = 2
    return results, attempts


def _guarded(stage: MapStage[Any], samples: Sequence[Sample], session: Session) -> list[list[Any]]:
    """Run the stage; if an unforeseen error ends it, go on sample by sample so that only the culprits fail."""
    if not samples:
        return []
    try:
        return stage.run(samples, session)
    except GlossatorError:
        raise
    except Exception as error:
        if len(samples) == 1:
            return [[Failed("engine", f"{type(error).__name__}: {error}"[:500])]]
        return [rows for sample in samples for rows in _guarded(stage, [sample], session)]


def _split(
    kind: str, samples: Sequence[Sample], results: Sequence[Sequence[Any]], attempts: Sequence[int]
) -> tuple[list[Any], list[Failure]]:
    records, failures = [], []
    for sample, rows, tries in zip(samples, results, attempts, strict=True):
        image_id = sample.image.image_id
        for row in rows:
            if isinstance(row, Failed):
                failures.append(Failure(kind, row.id or image_id, image_id, row.category, row.message, tries))
            else:
                records.append(row)
    return records, failures


def _merge(
    store: Store, task: Task, before: StagePlan, kept: AbstractSet[str], records: list[Any], failures: list[Failure]
) -> tuple[list[Any], list[Failure]]:
    """The new rows, and those of `before` about the images `kept`, in the order of the shard's images."""
    old = store.read_part(before.folder, before.writes, task.shard)
    rows = [row for row in old if row.image_id in kept] + records
    failed = [row for row in store.read_failures(before.folder, task.shard) if row.image_id in kept]
    images = store.read_part(task.plan.parents["images"], "images", task.shard)
    place = {image.image_id: i for i, image in enumerate(images)}
    return (
        sorted(rows, key=lambda row: place[row.image_id]),
        sorted(failed + failures, key=lambda row: place[row.image_id]),
    )
