"""`glossator study`: builds what the arms choose from, computes the cells that are missing, and writes the tables."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glossator import runner
from glossator.errors import UsageError, WorkerDiedError
from glossator.evaluation.questions import Question
from glossator.evaluation.readers import Ask
from glossator.executors.local import die_with_parent, interrupt_blocked
from glossator.study import cells, pool, tables
from glossator.study.cells import Cell
from glossator.study.pool import Pool
from glossator.study.settings import Arm, Study

if TYPE_CHECKING:
    import polars as pl

Progress = Callable[[str, int, int], None]


def _silent(_name: str, _done: int, _all: int) -> None:
    """Progress that nobody watches."""


@dataclass(frozen=True, slots=True)
class _Planned:
    """A cell that may have to be computed."""

    arm: str
    seed: int
    chosen: pl.DataFrame
    asked: list[Question]
    asks: list[Ask]
    folder: Path


def study(
    plan: Study,
    out: str | Path,
    *,
    workers: int | None = None,
    only: Sequence[str] = (),
    events: runner.Events | None = None,
    progress: Progress = _silent,
) -> dict[str, Any]:
    """Run a study, or what of it is missing, and write `<name>.json`, `<name>.md` and its plots.

    Args:
        plan: the study.
        out: the folder; studies that share it share data sets and equal cells.
        workers: processes that compute cells, one core each; by default one a core. 0: in this process.
        only: compute only these arms now; tables show what is there of the arms that need no other data sets.
        events: told how data sets are built.
        progress: told how many cells are done, and of how many.

    Returns:
        What the JSON file holds.

    Raises:
        UsageError: for settings or sources that can't be used.
        StopRun: if a run must not go on; finished cells are kept.
    """
    folder = Path(out)
    arms = _reached(plan, only)
    pools = _pools(plan, arms, folder / "data", events)
    planned = list(_plan(plan, arms, pools, folder / "cells"))
    missing = [one for one in planned if cells.read(one.folder) is None and (not only or one.arm in only)]
    unique = list({one.folder: one for one in missing}.values())
    progress("cells", len(planned) - len(missing), len(planned))
    for number, _ in enumerate(_computed(plan, pools, unique, workers), start=1):
        progress("cells", len(planned) - len(unique) + number, len(planned))
    found: dict[str, list[Cell]] = {}
    for one in planned:
        cell = cells.read(one.folder)
        if cell is not None:
            found.setdefault(one.arm, []).append(cell)
    return tables.write(plan, found, folder)


def _reached(plan: Study, only: Sequence[str]) -> dict[str, Arm]:
    """The arms to compute, and those that need no more than their data sets."""
    chosen = [arm for name, arm in plan.arms.items() if not only or name in only]
    chosen += [plan.arms[arm.like] for arm in chosen if arm.like is not None]
    data = {arm.data for arm in chosen}
    noisy = {arm.data for arm in chosen if arm.noise}

    def ready(arm: Arm) -> bool:
        own = arm.data in (noisy if arm.noise else data)
        return own and (arm.like is None or ready(plan.arms[arm.like]))

    return {name: arm for name, arm in plan.arms.items() if ready(arm)}


def _pools(plan: Study, arms: Mapping[str, Arm], folder: Path, events: runner.Events | None) -> dict[str, Pool]:
    """The data sets that these arms name, each built once for all studies in the folder."""
    sources = [Path(source).resolve() for source in plan.sources]
    made = {}
    for name, data in plan.data.items():
        used = [arm for arm in arms.values() if arm.data == name]
        noise = any(arm.noise for arm in used)
        if used or name == plan.test.data:
            key = tables.data_key(data, sources)
            made[name] = pool.make(data, sources, folder / key, noise=noise, events=events)
    return made


def _plan(plan: Study, arms: Mapping[str, Arm], pools: dict[str, Pool], folder: Path) -> Iterator[_Planned]:
    """All cells of these arms, each with the pairs that it trains on and the questions that it is asked."""
    asked = cells.questions(plan.sources, plan.test.max_per_image)
    for seed in plan.seeds:
        held = {image_id for image_id in asked if cells.fold_of(image_id, plan.test.folds) == seed % plan.test.folds}
        questions = [question for image_id in sorted(held) for question in asked[image_id]]
        if not questions:
            raise UsageError(f"fold {seed % plan.test.folds} of {plan.name} has no questions; use fewer folds")
        counts: dict[str, int] = {}
        for name, arm in sorted(arms.items(), key=lambda item: item[1].like is not None):
            chosen = _chosen(plan, pools[arm.data], arm, held, counts.get(arm.like or ""), seed)
            counts[name] = chosen.height
            asks = cells.asks_of(questions, pools[plan.test.data].pages, plan.test.max_new_tokens)
            key = cells.key_of(plan, pools[arm.data], arm, seed, chosen, asks)
            yield _Planned(name, seed, chosen, questions, asks, folder / key)


def _chosen(plan: Study, pool_: Pool, arm: Arm, held: set[str], like: int | None, seed: int) -> pl.DataFrame:
    images = {
        image_id
        for image_id in pool_.pages
        if image_id not in held and cells.fold_of(image_id, plan.test.folds) != seed % plan.test.folds
    }
    return pool.choose(pool_, arm, images, like=like, seed=seed)


def _computed(plan: Study, pools: dict[str, Pool], missing: Sequence[_Planned], workers: int | None) -> Iterator[Cell]:
    """Each missing cell as it is done."""
    wanted = [
        (plan, pools[plan.arms[one.arm].data], one.arm, one.seed, one.chosen, one.asked, one.asks, one.folder)
        for one in missing
    ]
    count = min(len(wanted), workers if workers is not None else os.cpu_count() or 1)
    if workers == 0 or _has_accelerator():
        yield from (cells.compute(*one) for one in wanted)
    elif wanted:
        yield from _spawned(wanted, count)


def _has_accelerator() -> bool:
    """Then one cell at a time has it for itself."""
    import torch

    return bool(torch.cuda.is_available())


def _spawned(wanted: Sequence[tuple[Any, ...]], workers: int) -> Iterator[Cell]:
    context = multiprocessing.get_context("spawn")
    threads = max(1, (os.cpu_count() or 1) // workers)
    executor = ProcessPoolExecutor(workers, mp_context=context, initializer=_begin, initargs=(threads,))
    try:
        with interrupt_blocked():
            futures = [executor.submit(cells.compute, *one) for one in wanted]
        for future in as_completed(futures):
            try:
                yield future.result()
            except BrokenProcessPool as error:
                raise WorkerDiedError(
                    "a process that computed a cell died, most likely out of memory; run again with fewer --workers"
                ) from error
        executor.shutdown()
    finally:
        for process in multiprocessing.active_children():
            process.kill()
        executor.shutdown(wait=False, cancel_futures=True)


def _begin(threads: int) -> None:
    """Runs first in each process: so small a model fills one core better than two halves."""
    os.environ["OMP_NUM_THREADS"] = str(threads)
    threading.Thread(target=die_with_parent, daemon=True).start()
    import torch

    torch.set_num_threads(threads)
