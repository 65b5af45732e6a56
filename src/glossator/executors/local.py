"""Executor `local`: spawned processes on this machine, or this process itself."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import connection
from multiprocessing.queues import SimpleQueue

from glossator.errors import GlossatorError, StopRun, WorkerDiedError
from glossator.meter import Meter
from glossator.records import ShardReport
from glossator.results import Usage
from glossator.worker import Task, work

_to_main: SimpleQueue[int] | None = None


class LocalExecutor:
    """See `executors.base.Executor`. Processes are spawned, not forked: model libraries do not survive a fork."""

    def map(
        self, tasks: Sequence[Task], workers: int, progress: Callable[[int], None], meter: Meter, at_once: int = 1
    ) -> Iterator[ShardReport]:
        """See `executors.base.Executor.map`."""
        if workers == 0 and at_once == 1:
            for task in tasks:
                yield work(task, progress, meter)
        elif workers == 0:
            yield from _threads(tasks, at_once, progress, meter)
        else:
            for report in _spawned(tasks, min(workers, len(tasks)), progress):
                meter.add(Usage(report.bought_calls, report.bought_tokens, 0, report.bought_usd))
                yield report


def _threads(
    tasks: Sequence[Task], at_once: int, progress: Callable[[int], None], meter: Meter
) -> Iterator[ShardReport]:
    """Several shards in flight in this process. After the first error nothing more is begun or bought."""
    pool = ThreadPoolExecutor(min(at_once, len(tasks)), thread_name_prefix="glossator-shard")
    try:
        for future in as_completed([pool.submit(work, task, progress, meter) for task in tasks]):
            yield future.result()
        pool.shutdown()
    except KeyboardInterrupt:
        meter.stop(StopRun("the run was interrupted"))
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    except BaseException as error:
        meter.stop(error if isinstance(error, GlossatorError) else StopRun("the run was given up"))
        pool.shutdown(cancel_futures=True)  # waits for requests under way: they are paid for
        raise


def _spawned(tasks: Sequence[Task], workers: int, progress: Callable[[int], None]) -> Iterator[ShardReport]:
    context = multiprocessing.get_context("spawn")
    queue: SimpleQueue[int] = context.SimpleQueue()
    threading.Thread(target=_listen, args=(queue, progress), daemon=True).start()
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_begin, initargs=(queue,))
    try:
        with interrupt_blocked():
            futures = {pool.submit(_work, task): task for task in tasks}
        for future in as_completed(futures):
            try:
                yield future.result()
            except BrokenProcessPool as error:
                raise WorkerDiedError(
                    f"a worker process of stage '{futures[future].plan.kind}' died, most likely for want of memory; "
                    f"lower run.workers.{futures[future].plan.kind} and run the same command again"
                ) from error
        pool.shutdown()
    finally:
        # On an error or Ctrl-C nobody waits for running shards: parts are committed whole or not at all.
        for process in multiprocessing.active_children():
            process.kill()
        pool.shutdown(wait=False, cancel_futures=True)
        queue.put(0)


@contextmanager
def interrupt_blocked() -> Iterator[None]:
    """Children inherit the blocked signal, so that Ctrl-C reaches this process alone; here it is only delayed."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    old = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, old)


def _listen(queue: SimpleQueue[int], progress: Callable[[int], None]) -> None:
    while done := queue.get():
        progress(done)


def _begin(queue: SimpleQueue[int]) -> None:
    """Runs first in each worker process."""
    global _to_main
    _to_main = queue
    threading.Thread(target=die_with_parent, daemon=True).start()


def die_with_parent() -> None:
    """A worker must not outlive a main process that was killed: the next run would do its work a second time."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)


def _work(task: Task) -> ShardReport:
    assert _to_main is not None
    return work(task, _to_main.put)
