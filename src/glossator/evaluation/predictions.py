"""Answers as they come, one a line, on disk at once: what a killed evaluation has answered is not asked again.

    <out>/<benchmark>/predictions.jsonl              who answers, then {id, asked, question, said | problem}
    <out>/<benchmark>/predictions.<reader>.jsonl     those of another reader, set aside until it comes back

`asked` is a hash of all that decides the answer beside the reader: text, picture, page and longest answer. A line whose
hash is another is passed over, so that a question which has changed is asked again and the others are not.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from glossator.errors import UsageError
from glossator.evaluation.questions import Question
from glossator.results import Failed, Outcome

FILE = "predictions.jsonl"


class Predictions:
    """What one reader has said of one benchmark's questions.

    Args:
        folder: the benchmark's folder.
        reader: hash of who answers.
        asked: for each question's id, the hash of how it is asked.

    Attributes:
        known: for each question's id, its row.
    """

    def __init__(self, folder: Path, reader: str, asked: Mapping[str, str]) -> None:
        self._path = folder / FILE
        self._asked = asked
        folder.mkdir(parents=True, exist_ok=True)
        self._set_aside(reader)
        rows = list(_lines(self._path))
        answers = [row for row in rows if _is_answer(row) and row["id"] in asked]
        self.known = {row["id"]: row for row in answers if row.get("asked") == asked[row["id"]]}
        begun = any("reader" in row for row in rows)
        self._file = self._path.open("a" if begun else "w", encoding="utf-8")
        # A line that a killed run left torn ends here, so that it can't swallow the next.
        self._file.write("\n" if begun else json.dumps({"reader": reader}) + "\n")

    def put(self, question: Question, outcome: Outcome[str]) -> None:
        """Keep an answer. What another try may mend is known now, and asked again by the next run."""
        row = {"id": question.id, "asked": self._asked[question.id], "question": question.text}
        if isinstance(outcome, Failed):
            row["problem"] = f"{outcome.category}: {outcome.message}"
        else:
            row["said"] = outcome
        self.known[question.id] = row
        if not isinstance(outcome, Failed) or not outcome.retriable:
            self._file.write(json.dumps(row) + "\n")
            self._file.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._file.close()

    def _set_aside(self, reader: str) -> None:
        """Answers of another reader out of the way, and this one's back, if there are any."""
        owner = next((str(row["reader"]) for row in _lines(self._path) if "reader" in row), None)
        if owner is not None and owner != reader:
            self._path.replace(self._aside(owner))
        if owner != reader and self._aside(reader).is_file():
            self._aside(reader).replace(self._path)

    def _aside(self, reader: str) -> Path:
        return self._path.with_name(f"predictions.{reader[:12]}.jsonl")


def read(folder: Path) -> dict[str, dict[str, Any]]:
    """Another evaluation's answers to one benchmark, by question id.

    Raises:
        UsageError: if there are none.
    """
    found = {row["id"]: row for row in _lines(folder / FILE) if _is_answer(row)}
    if not found:
        raise UsageError(f"{folder} holds no answers; evaluate the other model on this benchmark first")
    return found


def _is_answer(row: Mapping[str, Any]) -> bool:
    return isinstance(row.get("id"), str) and isinstance(row.get("said", row.get("problem")), str)


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    if not path.is_file():
        return
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            try:
                row = json.loads(line)
            except (ValueError, RecursionError):  # torn by a kill
                continue
            if isinstance(row, dict):
                yield row
