"""The reader `fake`: answers with the page's first line, or the last; for tests, and for a look at the plumbing."""

from __future__ import annotations

from collections.abc import Sequence

from glossator.errors import UsageError
from glossator.evaluation.readers.base import Ask, Told

_PLACES = {"first": 0, "last": -1}


class FakeReader:
    """See `readers.base.Reader`. `fake:first` and `fake:last` say which line.

    Raises:
        UsageError: for any other line.
    """

    sees = False

    def __init__(self, line: str = "first") -> None:
        if line not in _PLACES:
            raise UsageError(f"no reader fake:{line}; there are {', '.join(f'fake:{place}' for place in _PLACES)}")
        self.name = self.identity = f"fake:{line}"
        self._place = _PLACES[line]

    def answer(self, asks: Sequence[Ask], told: Told) -> None:
        """See `readers.base.Reader`."""
        for i, ask in enumerate(asks):
            lines = [line for line in ask.page.splitlines() if line.strip()] or [""]
            told(i, lines[self._place].strip())
