"""An executor maps tasks to reports. It decides where `worker.work` runs, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from glossator.meter import Meter
from glossator.records import ShardReport
from glossator.worker import Task


class Executor(Protocol):
    """Runs tasks somewhere."""

    def map(
        self, tasks: Sequence[Task], workers: int, progress: Callable[[int], None], meter: Meter, at_once: int = 1
    ) -> Iterator[ShardReport]:
        """Yield a report as each task ends, in any order.

        Args:
            tasks: shards of one stage.
            workers: processes to use; 0 means this process.
            meter: where what is bought is counted, and what stops the buying.
            at_once: shards in flight in this process, where `workers` is 0: engines that wait for a network need a
                second shard, so that the first one's last requests leave no place idle.
            progress: told how many samples have just been finished, from any thread.

        Raises:
            GlossatorError: the first one that a task raises; the other tasks are then given up.
        """
