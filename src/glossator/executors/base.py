"""An executor maps tasks to reports. It decides where `worker.work` runs, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from glossator.records import ShardReport
from glossator.worker import Task


class Executor(Protocol):
    """Runs tasks somewhere."""

    def map(self, tasks: Sequence[Task], workers: int, progress: Callable[[int], None]) -> Iterator[ShardReport]:
        """Yield a report as each task ends, in any order.

        Args:
            tasks: shards of one stage.
            workers: processes to use; 0 means this process.
            progress: told how many samples have just been finished, from any thread.

        Raises:
            GlossatorError: the first one that a task raises; the other tasks are then given up.
        """
