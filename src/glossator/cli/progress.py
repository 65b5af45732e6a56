"""Progress bars: what is done, rate, cost so far, time left. On stderr, and only on a terminal."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text


class _Rate(ProgressColumn):
    """Images a second, or seconds an image where it is slow; nothing for steps of other work."""

    def render(self, task: Task) -> Text:
        speed = (task.finished_speed or task.speed) if task.fields["images"] else None
        if not speed:
            return Text("")
        return Text(f"{speed:.1f} images/s" if speed >= 1 else f"{1 / speed:.1f} s/image", style="dim")


class ProgressEvents:
    """Shows `runner.Events` as one bar a stage, and work that counts its own steps as one bar a name (`told`)."""

    def __init__(self, *, visible: bool) -> None:
        self._console = Console(stderr=True)
        self._progress = Progress(
            TextColumn("{task.description:<8}"),
            BarColumn(bar_width=32),
            MofNCompleteColumn(),
            _Rate(),
            TextColumn("{task.fields[cost]}"),
            TimeRemainingColumn(),
            console=self._console,
            disable=not (visible and self._console.is_terminal),
        )
        self._task: TaskID | None = None
        self._counted: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._progress.stop()

    def stage_started(self, stage: str, images: int) -> None:
        """See `runner.Events`."""
        self._task = self._progress.add_task(stage, total=images or None, cost="", images=True)

    def advanced(self, images: int) -> None:
        """See `runner.Events`."""
        if self._task is not None:
            self._progress.advance(self._task, images)

    def spent(self, usd: float, tokens: int) -> None:
        """See `runner.Events`."""
        if self._task is not None and tokens:
            cost = f"{usd:.2f} $" if usd else f"{tokens:,} tokens"
            self._progress.update(self._task, cost=cost)

    def stage_finished(self, _stage: str) -> None:
        """See `runner.Events`."""
        if self._task is not None:
            done = self._progress.tasks[self._task].completed
            self._progress.update(self._task, total=done, completed=done)
        self._task = None

    def told(self, name: str, done: int, all_: int) -> None:
        """So much of some other work is done."""
        if name not in self._counted:
            self._counted[name] = self._progress.add_task(name, total=all_, cost="", images=False)
        self._progress.update(self._counted[name], completed=done, total=all_)
