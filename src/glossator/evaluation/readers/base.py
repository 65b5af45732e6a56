"""What answers questions about pages: a model with eyes, one that reads OCR text, an endpoint, or a fake."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from glossator.results import Outcome


@dataclass(frozen=True, slots=True)
class Ask:
    """One question as it is put to a reader.

    Attributes:
        text: the question, with all that the benchmark says beside it.
        picture: the page.
        page: its OCR text, for readers without eyes.
        max_new_tokens: longest answer.
    """

    text: str
    picture: Path
    page: str
    max_new_tokens: int


Told = Callable[[int, Outcome[str]], None]


class Reader(Protocol):
    """Answers questions, each by itself, the same at every run.

    Attributes:
        name: as results name it.
        identity: what decides its answers beside the questions: the model and how it is asked.
        sees: whether it is shown pixels; if not, it needs `Ask.page`.
    """

    name: str
    identity: str
    sees: bool

    def answer(self, asks: Sequence[Ask], told: Told) -> None:
        """Answer each question. `told(i, answer)` hears of each as soon as it is there, in any order."""
