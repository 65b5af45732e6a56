"""Executor `ray`: a pool of actors on a Ray cluster that run the same worker code."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from glossator.errors import MissingExtraError, WorkerDiedError
from glossator.meter import Meter
from glossator.records import ShardReport
from glossator.results import Usage
from glossator.worker import Task, work


class _Worker:
    """The actor. It keeps its engine from one shard to the next (see `worker.work`)."""

    def work(self, task: Task) -> ShardReport:
        return work(task, lambda _done: None)


class RayExecutor:
    """See `executors.base.Executor`. Joins the cluster that `RAY_ADDRESS` names, or starts one on this machine.

    The workspace and the source must lie on storage that every node sees under the same path.
    """

    def __init__(self) -> None:
        try:
            import ray
        except ModuleNotFoundError as error:
            raise MissingExtraError("the executor 'ray'", "ray") from error
        self._ray: Any = ray
        if not ray.is_initialized():
            ray.init(log_to_driver=False, include_dashboard=False, configure_logging=False)

    def map(
        self, tasks: Sequence[Task], workers: int, progress: Callable[[int], None], meter: Meter, _at_once: int = 1
    ) -> Iterator[ShardReport]:
        """See `executors.base.Executor.map`. Progress comes shard by shard."""
        from ray.util import ActorPool

        threads = max(1, max(task.runtime.threads for task in tasks))
        actor = self._ray.remote(_Worker).options(num_cpus=threads)
        actors = [actor.remote() for _ in range(min(max(1, workers), len(tasks)))]
        pool = ActorPool(actors)
        try:
            for report in pool.map_unordered(lambda worker, task: worker.work.remote(task), tasks):
                progress(report.images - report.reused)
                meter.add(Usage(report.bought_calls, report.bought_tokens, 0, report.bought_usd))
                yield report
        except self._ray.exceptions.RayTaskError as error:
            raise error.cause from None
        except self._ray.exceptions.RayActorError as error:
            raise WorkerDiedError(f"a Ray worker died: {error}; run the same command again") from error
        finally:
            for worker in actors:
                self._ray.kill(worker)
