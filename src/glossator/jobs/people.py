"""People's verdicts into a workspace: files are taken in, and edits get their place in the recipe."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glossator.jobs.verdict_files import Open, Problem, Row, read
from glossator.recipe import Recipe, StageSpec
from glossator.records import HumanVerdict
from glossator.store import Store
from glossator.verdict_log import EDIT, TEXTS, UNDO, VerdictLog, edition, fold, open_log

if TYPE_CHECKING:
    import polars as pl

_SHOWN = 20


@dataclass(slots=True)
class ImportSummary:
    """What became of a file's records. Every record is in exactly one of these.

    Attributes:
        taken: verdicts that are in the log now, by word.
        known: those that were in it before, or stand in the file before: the same word of the same person, at the same
            time if the file gives one.
        open: records that nobody has judged yet.
        problems: records that could not be used: place and message.
        remarks: place and message of what was taken, but should be looked at: a pair that is not in this workspace now,
            a person who judged a pair twice in one file, a time that can't be read; and drafts, which are open.
    """

    taken: Counter[str] = field(default_factory=Counter)
    known: int = 0
    open: int = 0
    problems: list[Problem] = field(default_factory=list)
    remarks: list[Problem] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """As plain JSON."""
        told = {
            name: [{"where": one.where, "message": one.message} for one in getattr(self, name)]
            for name in ("problems", "remarks")
        }
        return {"taken": dict(sorted(self.taken.items())), "known": self.known, "open": self.open, **told}

    def text(self) -> str:
        """For a person."""
        words = ", ".join(f"{count:,} {word}" for word, count in sorted(self.taken.items()))
        lines = [f"took {self.taken.total():,} verdicts" + (f": {words}" if words else "")]
        if self.known:
            lines.append(f"{self.known:,} were known already")
        if self.open:
            lines.append(f"{self.open:,} have no verdict yet")
        for name, told in (("could not be used", self.problems), ("to look at", self.remarks)):
            if told:
                lines.append(f"{len(told):,} {name}:")
                lines += [f"  {one.where}: {one.message}" for one in told[:_SHOWN]]
                lines += [f"  ... and {len(told) - _SHOWN:,} more (--json has all)"] if len(told) > _SHOWN else []
        return "\n".join(lines)


def take_in(store: Store, pairs: pl.LazyFrame, path: Path, by: str = "", sampling: str = "") -> ImportSummary:
    """Append the verdicts of a file to the log and bring the table `human` up to date.

    Args:
        store: the workspace.
        pairs: its table `pairs`.
        path: the file (see `verdict_files.read`).
        by, sampling: who judged, and how the pairs were chosen, where a record does not say.

    Raises:
        SourceError: if the file can't be read as a whole.
        WorkspaceError: if the verdicts can't be written.
    """
    summary = ImportSummary()
    with open_log(store) as log:
        pending: list[HumanVerdict] = []
        rows = list(read(path, by, sampling))
        for row in _usable(rows, log, _texts_of(pairs, rows), summary):
            if row.verdict.verdict == UNDO:
                log.put(*pending)
                pending.clear()
                _take_back(row, log, summary)
            else:
                pending.append(row.verdict)
                summary.taken[row.verdict.verdict] += 1
        log.put(*pending)
        fold(store, log)
    return summary


def _texts_of(pairs: pl.LazyFrame, rows: Iterable[Row | Problem | Open]) -> dict[str, tuple[str, ...]]:
    """The texts of the pairs that a file speaks of, as far as they are here."""
    import polars as pl

    named = pl.LazyFrame({"pair_id": list({row.verdict.pair_id for row in rows if isinstance(row, Row)})})
    found = pairs.select("pair_id", *TEXTS).join(named.cast(pl.String), on="pair_id", how="semi")
    return {row[0]: row[1:] for row in found.collect(engine="streaming").iter_rows()}


def _usable(
    rows: Iterable[Row | Problem | Open], log: VerdictLog, pairs: dict[str, tuple[str, ...]], summary: ImportSummary
) -> Iterator[Row]:
    """The verdicts that the log lacks, and what is to be taken back; all else goes into the summary."""
    known = {verdict for entry in log.standing() for verdict in (entry.verdict, replace(entry.verdict, time=""))}
    seen: dict[tuple[str, str], str] = {}
    for row in rows:
        if isinstance(row, Open):
            summary.open += 1
            summary.remarks += [Problem(row.where, row.remark)] if row.remark else []
        elif isinstance(row, Problem):
            summary.problems.append(row)
        elif row.verdict.verdict == UNDO:
            yield row
        else:
            verdict, problem = _without_same(row.verdict, pairs.get(row.verdict.pair_id))
            if problem:
                summary.problems.append(Problem(row.where, problem))
            elif verdict in known:
                summary.known += 1
            else:
                summary.remarks += [Problem(row.where, remark) for remark in _remarks(row, pairs, seen)]
                known |= {verdict, replace(verdict, time="")}
                yield replace(row, verdict=verdict)


def _take_back(row: Row, log: VerdictLog, summary: ImportSummary) -> None:
    said = row.verdict
    last = log.last(said.pair_id, said.reviewer)
    if last is None:
        summary.problems.append(Problem(row.where, f"{said.reviewer} has no verdict on {said.pair_id} to take back"))
        return
    log.undo(last.id, said.reviewer)
    summary.taken[UNDO] += 1


def _without_same(verdict: HumanVerdict, texts: tuple[str, ...] | None) -> tuple[HumanVerdict, str]:
    """An edit without the texts that are as they were; and what is wrong if none is left."""
    if verdict.verdict != EDIT or texts is None:
        return verdict, ""
    same = {name: "" for name, text in zip(TEXTS, texts, strict=True) if getattr(verdict, name) == text}
    verdict = replace(verdict, **same)
    return verdict, "" if any(getattr(verdict, name) for name in TEXTS) else "an edit that changes no text"


def _remarks(row: Row, pairs: dict[str, tuple[str, ...]], seen: dict[tuple[str, str], str]) -> Iterator[str]:
    said = row.verdict
    if row.remark:
        yield row.remark
    if said.pair_id not in pairs:
        yield f"pair {said.pair_id} is not in this workspace now; the verdict is kept and counts as soon as it is"
    own = (said.pair_id, said.reviewer)
    if own in seen:
        yield f"{said.reviewer} judged the same pair in {seen[own]}; the later one in time counts"
    seen[own] = row.where


def refresh(store: Store) -> None:
    """Bring the table `human` up to date with the log, whoever has written to it."""
    with open_log(store) as log:
        fold(store, log)


def with_edits(store: Store, recipe: Recipe) -> Recipe:
    """The recipe that builds the edits that people have made so far; the same where there are none.

    The stage `edits` gets the digest of what they change. Where the recipe does not name it, it comes behind the last
    stage `score`, and that one once more: losses that the first has measured are taken over.
    """
    with open_log(store) as log:
        digest = edition(store, fold(store, log))
    kinds = [stage.use for stage in recipe.stages]
    if "edits" in kinds:
        stages = [_dated(stage, digest) if stage.use == "edits" else stage for stage in recipe.stages]
        return recipe.model_copy(update={"stages": tuple(stages)})
    if not digest or "explain" not in kinds:
        return recipe
    edits = _dated(StageSpec(use="edits"), digest)
    last = max(index for index, kind in enumerate(kinds) if kind in ("explain", "mask", "repair", "score"))
    scored = [recipe.stages[last]] if kinds[last] == "score" else []
    stages = [*recipe.stages[: last + 1], edits, *scored, *recipe.stages[last + 1 :]]
    return recipe.model_copy(update={"stages": tuple(stages)})


def _dated(stage: StageSpec, digest: str) -> StageSpec:
    return stage.model_copy(update={"settings": {**stage.settings, "digest": digest}})
