"""What people do on the page: verdicts (written at once, taken back on wish), and thresholds that are applied."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Literal

import polars as pl
from pydantic import BaseModel, ConfigDict, Field, model_validator

from glossator.errors import UsageError, WorkspaceError
from glossator.records import HumanVerdict
from glossator.review.catalog import Catalog
from glossator.text import clean, one_line
from glossator.verdict_log import TEXTS, VerdictLog, fold, last_words
from glossator.workspace import Workspace


class Said(BaseModel):
    """A verdict as the page sends it. An edit holds all four texts as they should be."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    pair_id: str = Field(max_length=200)
    verdict: Literal["keep", "reject", "edit"]
    reason: str = Field("", max_length=80)
    note: str = Field("", max_length=2000)
    sampling: str = Field("", max_length=40)
    question: str = Field("", max_length=20_000)
    answer: str = Field("", max_length=20_000)
    explain_question: str = Field("", max_length=20_000)
    explain_answer: str = Field("", max_length=40_000)

    @model_validator(mode="after")
    def _edits_say_something(self) -> Said:
        if self.verdict == "edit" and not (self.question.strip() and self.answer.strip()):
            raise ValueError("an edit needs a question and an answer")
        return self


class Desk:
    """One reviewer's desk. A verdict is on the disk when `judge` returns; the tables follow with `settle`.

    Args:
        workspace: what is judged.
        catalog: its pairs.
        log: its verdicts.
        reviewer: whose verdicts they are.

    Attributes:
        applied: how often the filter has run from here.
    """

    def __init__(self, workspace: Workspace, catalog: Catalog, log: VerdictLog, reviewer: str) -> None:
        self._workspace = workspace
        self._catalog = catalog
        self.reviewer = reviewer
        self._log = log
        self._done: list[str] = []
        self._counted = 0  # of what was done
        self._lock = threading.Lock()
        self.applied = 0

    def judge(self, said: Said) -> str:
        """Write one verdict and give its id.

        Raises:
            KeyError: for an unknown pair.
            UsageError: for an edit that changes nothing.
            WorkspaceError: if it can't be written; then nothing has been said.
        """
        row = self._catalog.row(said.pair_id)
        image_id, texts = row["image_id"], dict.fromkeys(TEXTS, "")
        if said.verdict == "edit":
            texts = {name: clean(getattr(said, name)) for name in TEXTS}
            self._refuse_same(said.pair_id, row["shard"], texts)
        verdict = HumanVerdict(
            said.pair_id, image_id, self.reviewer, said.verdict, one_line(said.reason), clean(said.note),
            sampling=one_line(said.sampling), **texts,
        )  # fmt: skip
        with self._lock:
            (id_,) = self._log.put(verdict)
            self._done.append(id_)
        return id_

    def _refuse_same(self, pair_id: str, shard: int, texts: Mapping[str, str]) -> None:
        """An empty text stands for the one that the pair has."""
        found = self._workspace.scan_shard("pairs", shard).filter(pl.col("pair_id") == pair_id).select(TEXTS).collect()
        if any(all(text in ("", clean(row[name] or "")) for name, text in texts.items()) for row in found.to_dicts()):
            raise UsageError("this edit changes none of the four texts; say keep, or change one")

    def undo(self) -> str | None:
        """Take this reviewer's last verdict of this session back, and give its pair's id; None if there is none."""
        with self._lock:
            if not self._done:
                return None
            pair_id = self._log.undo(self._done[-1], self.reviewer).pair_id
            self._done.pop()  # only now: a full disk must not make it forget
            return pair_id

    def take_back(self, pair_id: str) -> str | None:
        """Take this reviewer's last word on a pair back, whenever it was said; None if there is none."""
        with self._lock:
            entry = self._log.last(pair_id, self.reviewer)
            if entry is None:
                return None
            self._log.undo(entry.id, self.reviewer)
            self._done = [id_ for id_ in self._done if id_ != entry.id]
            return pair_id

    def words(self, pair_id: str) -> list[HumanVerdict]:
        """What each person has said of a pair, this reviewer first."""
        found = last_words(entry for entry in self._log.standing() if entry.verdict.pair_id == pair_id)
        return sorted(found, key=lambda word: (word.reviewer != self.reviewer, word.reviewer))

    def everything(self) -> list[HumanVerdict]:
        """The last word of each person on each pair, as the log has it now."""
        self._log.read()
        return last_words(self._log.standing())

    def said(self) -> dict[str, str]:
        """This reviewer's verdicts that stand, by pair."""
        return {
            entry.verdict.pair_id: entry.verdict.verdict
            for entry in self._log.standing()
            if entry.verdict.reviewer == self.reviewer
        }

    def look(self) -> None:
        """Take in what other people have said since."""
        self._log.read()

    def close(self) -> None:
        """Leave the desk: what was said stands in the table `human`, for the next run of the filter."""
        with self._lock:
            self._log.close()
            # Where it can't be written the next run of the filter does it: the log has every word.
            with suppress(OSError):
                if self._workspace.store.is_there():
                    self._log.read()
                    fold(self._workspace.store, self._log)

    def farewell(self) -> str:
        """What was said in this session, and what has to follow."""
        path = self._workspace.path
        if not self._workspace.store.is_there():
            return f"stopped; {path} is not there any more"
        said = [entry.verdict.verdict for entry in self._log.standing() if entry.id in self._done]
        if not said:
            return "stopped; no verdict was given in this session"
        told = f"stopped; {len(said):,} verdict{'s' if len(said) > 1 else ''} given in this session"
        told += f": they count from the next glossator filter {path} on" if len(said) > self._counted else ", applied"
        return told + ("; edits become pairs at the next glossator build" if "edit" in said else "")

    def settle(self, settings: Mapping[str, Any] | None = None) -> dict[str, int]:
        """Make verdicts (and other settings of the filter) count: the table `human` and the verdicts are written anew.
        The catalog does not know of it yet.

        Raises:
            RecipeError: if a setting does not fit.
            WorkspaceError: if it can't be written.
            WorkspaceBusyError: if a run is under way.
        """
        with self._lock:
            done = len(self._done)
            try:
                # Over the tables as they are by now, not those that the page holds.
                counts = Workspace(self._workspace.store).filter(**(settings or {}))
            except (OSError, pl.exceptions.ComputeError) as error:
                raise WorkspaceError(f"the filter could not write its verdicts, the old ones stay: {error}") from error
            self._counted = done
            self.applied += 1
        return counts
