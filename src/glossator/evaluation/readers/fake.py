"""The reader `fake`: answers with the page's first line, or the last; for tests, and for a look at the plumbing."""

from __future__ import annotations

from collections.abc import Sequence

from glossator.evaluation.readers.base import Ask, Told


class FakeReader:
    """See `readers.base.Reader`. `fake:first` and `fake:last` say which line."""

    sees = False

    def __init__(self, line: str = "first") -> None:
        self.name = f"fake:{line}"
        self._place = -1 if line == "last" else 0

    def answer(self, asks: Sequence[Ask], told: Told) -> None:
        """See `readers.base.Reader`."""
        for i, ask in enumerate(asks):
            lines = [line for line in ask.page.splitlines() if line.strip()] or [""]
            told(i, lines[self._place])
