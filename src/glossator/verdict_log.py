"""People's verdicts: appended at once, never changed, never lost; what they come to is the table `human`.

    <workspace>/human/log/<n>.jsonl             a line a verdict; each writer takes a file of its own (`n` counts up)
    <workspace>/human/v1/part-00000.parquet     the last word of each person on each pair: `fold` of the log
    <workspace>/human/<digest>/part-00000.parquet   the edits that count, one edition for each time they have changed

A line that a killed process left torn is passed over when reading, and never appended to. A verdict is taken back by a
later line that names it, so that the order of files and of clocks does not matter.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from glossator.errors import WorkspaceError
from glossator.fingerprint import fingerprint
from glossator.records import HumanVerdict
from glossator.store import HUMAN, Store

KEEP, REJECT, EDIT, UNDO = "keep", "reject", "edit", "undo"
VERDICTS = (KEEP, REJECT, EDIT)
TEXTS = ("question", "answer", "explain_question", "explain_answer")
FROM_EDIT = "edit"  # how a pair came before the person who made it
_NEEDED = ("pair_id", "image_id", "reviewer", "verdict")
_FIELDS = tuple(field.name for field in fields(HumanVerdict))


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the log: a verdict under an id of its own, or (`undoes`) the id of one that is taken back."""

    id: str
    verdict: HumanVerdict
    undoes: str = ""


class VerdictLog:
    """The log of a workspace: what it holds, and a place for new lines. Safe to use from several threads.

    It knows what was written when it was opened and what it has written itself; `read` looks again.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._entries: dict[str, Entry] = {}
        self._file: IO[bytes] | None = None
        self._lock = threading.Lock()
        self._sizes: dict[Path, int] = {}
        self._damaged: dict[Path, int] = {}
        self.read()

    @property
    def damaged(self) -> int:
        """Lines that could not be read (torn by a kill, say)."""
        return sum(self._damaged.values())

    def read(self) -> None:
        """Take in what other writers have written since. Files that have not grown are not read again."""
        with self._lock:
            for path in sorted(self._folder.glob("*.jsonl"), key=_number):
                size = path.stat().st_size
                if self._sizes.get(path) == size:
                    continue
                found = list(_entries(path))
                self._damaged[path] = found.count(None)
                self._entries.update((entry.id, entry) for entry in found if entry is not None)
                self._sizes[path] = size

    def put(self, *verdicts: HumanVerdict) -> list[str]:
        """Append verdicts, and give each one's id. They are on the disk when this returns.

        Raises:
            WorkspaceError: if they can't be written (a full disk, say); then none of them counts as confirmed.
        """
        entries = [Entry(uuid.uuid4().hex, replace(verdict, time=verdict.time or now())) for verdict in verdicts]
        self._append(entries)
        return [entry.id for entry in entries]

    def undo(self, id: str, reviewer: str) -> HumanVerdict:
        """Take one verdict back; what the person said before of the pair counts again. Gives what was taken back.

        Raises:
            WorkspaceError: if there is no such verdict, it is another person's, or it was taken back before.
        """
        entry = next((entry for entry in self.standing() if entry.id == id), None)
        if entry is None or entry.verdict.reviewer != reviewer:
            raise WorkspaceError(f"no verdict {id} of {reviewer} that could be taken back")
        said = entry.verdict
        undone = HumanVerdict(said.pair_id, said.image_id, reviewer, UNDO, time=now())
        self._append([Entry(uuid.uuid4().hex, undone, undoes=id)])
        return said

    def last(self, pair_id: str, reviewer: str) -> Entry | None:
        """What a person's last word on a pair is; None if there is none that stands."""
        own = (pair_id, reviewer)
        found = [entry for entry in self.standing() if (entry.verdict.pair_id, entry.verdict.reviewer) == own]
        return max(found, key=_when, default=None)

    def standing(self) -> list[Entry]:
        """The verdicts that have not been taken back, in the order of the log."""
        entries = list(self._entries.values())
        undone = {entry.undoes for entry in entries if entry.undoes}
        return [entry for entry in entries if not entry.undoes and entry.id not in undone]

    def close(self) -> None:
        """Close the file; a later verdict opens a new one."""
        with self._lock:
            if self._file is not None:
                self._file.close()
                self._file = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def _append(self, entries: Sequence[Entry]) -> None:
        if not entries:
            return
        text = "".join(json.dumps(_line(entry), ensure_ascii=True, separators=(",", ":")) + "\n" for entry in entries)
        with self._lock:
            try:
                if self._file is None:
                    self._file = self._create()
                _write(self._file, text.encode("ascii"))
                if not os.fstat(self._file.fileno()).st_nlink:
                    raise FileNotFoundError("the file has been deleted")
            except OSError as error:
                # The next verdict must not be glued to half a line: it gets a new file.
                if self._file is not None:
                    self._file.close()
                    self._file = None
                raise WorkspaceError(f"the verdict can't be written to {self._folder}: {error}") from error
            self._entries.update((entry.id, entry) for entry in entries)

    def _create(self) -> IO[bytes]:
        # Not the folders above: where the workspace is gone, nothing must look as if it were kept.
        self._folder.parent.mkdir(exist_ok=True)
        self._folder.mkdir(exist_ok=True)
        number = max(map(_number, self._folder.glob("*.jsonl")), default=-1) + 1
        while True:
            try:
                file = (self._folder / f"{number}.jsonl").open("xb", buffering=0)
            except FileExistsError:
                number += 1
                continue
            # The file's name must outlive a power cut too, and so must those of the folders that hold it.
            for folder in (self._folder, *self._folder.parents[:2]):
                _sync_folder(folder)
            return file


def open_log(store: Store) -> VerdictLog:
    """The log of a workspace."""
    return VerdictLog(store.root / "human" / "log")


def now() -> str:
    """The time, as the log has it: ISO 8601 in UTC, of one length, so that texts sort as times do."""
    return stamp(datetime.now(UTC))


def stamp(time: datetime) -> str:
    """A time as the log has it; one without a zone is taken as UTC."""
    aware = time if time.tzinfo else time.replace(tzinfo=UTC)
    return aware.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def last_words(entries: Iterable[Entry]) -> list[HumanVerdict]:
    """The latest verdict of each person on each pair, by pair and person; among equal times the later line's."""
    latest: dict[tuple[str, str], Entry] = {}
    for entry in entries:
        key = (entry.verdict.pair_id, entry.verdict.reviewer)
        if key not in latest or _when(entry) >= _when(latest[key]):
            latest[key] = entry
    return [latest[key].verdict for key in sorted(latest)]


def fold(store: Store, log: VerdictLog) -> list[HumanVerdict]:
    """Rewrite the table `human` from the log, if it says something new, and give its rows.

    Who edits a pair vouches for what comes of it: for each edit that counts, the table has the person's `keep` for the
    pair that the next build makes of it, unless the same person has judged that one too.
    """
    rows = said = last_words(log.standing())
    # An edit of an edited pair counts by what is said of that one, its maker's own word included: so link by link.
    while rows != (more := said + _vouched(rows, said)):
        rows = more
    old = store.read_part(HUMAN, "human", 0) if store.shards(HUMAN) else []
    if rows != old:
        store.write_part(HUMAN, "human", 0, rows)
    return rows


def _vouched(rows: Sequence[HumanVerdict], said: Sequence[HumanVerdict]) -> list[HumanVerdict]:
    judged = {(row.pair_id, row.reviewer) for row in said}
    made = [
        HumanVerdict(edited_id(edit), edit.image_id, edit.reviewer, KEEP, time=edit.time, sampling=FROM_EDIT)
        for edit in edits(rows)
    ]
    return [row for row in made if (row.pair_id, row.reviewer) not in judged]


def edits(rows: Iterable[HumanVerdict]) -> list[HumanVerdict]:
    """For each pair that more people would not keep as it is than would, the latest edit of it, if there is one.

    Args:
        rows: one a person and pair. The majority is the one of `people.decided`.
    """
    by_pair: dict[str, list[HumanVerdict]] = {}
    for row in rows:
        by_pair.setdefault(row.pair_id, []).append(row)
    found = []
    for pair_id in sorted(by_pair):
        said = by_pair[pair_id]
        changed = [row for row in said if row.verdict == EDIT]
        if changed and 2 * sum(row.verdict == KEEP for row in said) < len(said):
            found.append(max(changed, key=lambda row: (row.time, row.reviewer)))
    return found


def edited_id(edit: HumanVerdict) -> str:
    """The id of the pair that an edit makes."""
    text = "\x1f".join(["edit", edit.pair_id, *(getattr(edit, name) for name in TEXTS)])
    return f"{edit.image_id}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def edition(store: Store, rows: Iterable[HumanVerdict]) -> str:
    """Keep the edits that count under a digest of what they change, and give the digest; empty if there are none.

    An edition is never rewritten, so that a build that is under way goes on with the one that it began with.
    """
    counted = edits(rows)
    if not counted:
        return ""
    digest = fingerprint([[edit.pair_id, *(getattr(edit, name) for name in TEXTS)] for edit in counted])
    folder = edition_folder(digest)
    if not store.shards(folder):
        store.write_part(folder, "edits", 0, counted)
    return digest


def edition_folder(digest: str) -> str:
    """Where an edition of edits stands in the workspace."""
    return f"human/{digest}"


def image_of(pair_id: str) -> str:
    """The image that a pair belongs to."""
    return pair_id.rpartition("-")[0]


def _when(entry: Entry) -> str:
    return entry.verdict.time


def _line(entry: Entry) -> dict[str, str]:
    known = {name: value for name, value in asdict(entry.verdict).items() if value or name in _NEEDED}
    return {"id": entry.id, **known, **({"undoes": entry.undoes} if entry.undoes else {})}


def _entries(path: Path) -> Iterator[Entry | None]:
    """The lines of one file; None for one that can't be read."""
    with path.open("rb") as file:
        for line in file:
            try:
                yield _entry(json.loads(line))
            except (ValueError, KeyError, TypeError):
                yield None


def _entry(line: Any) -> Entry:
    values = {name: line[name] for name in _FIELDS if name in line}
    if not all(isinstance(value, str) for value in (line["id"], line.get("undoes", ""), *values.values())):
        raise TypeError("a verdict holds texts only")
    if values["verdict"] not in (*VERDICTS, UNDO):
        raise ValueError("no verdict")
    return Entry(line["id"], HumanVerdict(**values), line.get("undoes", ""))


def _number(path: Path) -> int:
    return int(path.stem) if path.stem.isdigit() else -1


def _write(file: IO[bytes], data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]
    os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":
        return  # elsewhere a folder can't be opened
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
