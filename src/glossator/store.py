"""The workspace on disk. Only this file, `replies` and `verdict_log` know its paths.

    <workspace>/
      workspace.json               format version, source, shard size
      recipe.yaml                  the recipe of the last run
      current.json                 which folder holds each table now
      lock, run.json               held while a run is under way; who holds it
      images/v1/part-00000.parquet the source's pictures, shard by shard (also sources/v1)
      images/<edition>/            the same with captions that came later (also sources/<edition>)
      images/editions.json         which edition of the captions counts, and which were before
      human/v1/part-00000.parquet  people's verdicts, if there are any (its log and editions: see `verdict_log`)
      <stage>/<fingerprint>/       part-00042.parquet, part-00042.failed.parquet, part-00042.json, manifest.json
      replies/                     bought replies (see `replies`)

That a `part-*.parquet` exists is the only mark that its shard is done; it is renamed into place last.
"""

from __future__ import annotations

import filecmp
import json
import os
import re
import shutil
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
from filelock import FileLock, Timeout

from glossator.errors import WorkspaceBusyError, WorkspaceError
from glossator.records import Failure, ShardReport
from glossator.schemas import SCHEMAS, from_arrow, to_arrow

if TYPE_CHECKING:
    import polars as pl

FORMAT = 1
IMAGES = "images/v1"
SOURCES = "sources/v1"
HUMAN = "human/v1"
_EDITIONS = "images/editions.json"
_PART = re.compile(r"part-(\d{5,})\.parquet$")


def images_folder(edition: str) -> str:
    """Where the table `images` stands in an edition of the captions; the empty one is that of the first ingest."""
    return f"images/{edition}" if edition else IMAGES


def sources_folder(edition: str) -> str:
    """As `images_folder`, for the table `sources`."""
    return f"sources/{edition}" if edition else SOURCES


class Store:
    """One workspace folder. Raises `WorkspaceError` if it is none."""

    def __init__(self, root: Path) -> None:
        self.root = root
        try:
            self.info: dict[str, Any] = json.loads((root / "workspace.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise WorkspaceError(f"{root} is no workspace; make one with: glossator build SOURCE -o {root}") from None
        except (OSError, ValueError) as error:
            raise WorkspaceError(f"{root / 'workspace.json'} can't be read: {error}") from error
        if not isinstance(self.info, dict) or self.info.get("format") != FORMAT:
            raise WorkspaceError(f"{root} was made by another version of Glossator, or its workspace.json is damaged")

    @classmethod
    def create(cls, root: Path, source: Path, source_root: Path, shard_size: int) -> Store:
        """Make the workspace, or open it if it is there.

        Raises:
            WorkspaceError: if the folder holds something else, or was built from another source.
        """
        if (root / "workspace.json").exists():
            store = cls(root)
            if store.info["source"] != str(source.resolve()):
                raise WorkspaceError(f"{root} was built from {store.info['source']}; give another folder with -o")
            return store
        if root.exists() and (not root.is_dir() or any(root.iterdir())):
            raise WorkspaceError(f"{root} is there already and is no workspace; give an empty or a new folder with -o")
        root.mkdir(parents=True, exist_ok=True)
        info = {
            "format": FORMAT,
            "source": str(source.resolve()),
            "source_root": str(source_root.resolve()),
            "shard_size": shard_size,
        }
        _write_text(root / "workspace.json", json.dumps(info, indent=2))
        return cls(root)

    @classmethod
    def create_inside(cls, root: Path, source: str, outer: Store) -> Store:
        """A workspace inside another one, over the same pictures. `source` is a name for what it holds."""
        if not (root / "workspace.json").exists():
            root.mkdir(parents=True, exist_ok=True)
            _write_text(root / "workspace.json", json.dumps(outer.info | {"source": source}, indent=2))
        return cls(root)

    @property
    def source_root(self) -> Path:
        """The folder that image paths are relative to."""
        return Path(self.info["source_root"])

    @property
    def replies_folder(self) -> Path:
        """Where bought replies are kept."""
        return self.root / "replies"

    @property
    def index_path(self) -> Path:
        """The ingest job's index of known records and pictures."""
        return self.root / "images" / "index.sqlite"

    # Parts

    def shards(self, folder: str = IMAGES) -> list[int]:
        """Numbers of the finished shards in `<stage>/<fingerprint>`, ascending."""
        path = self.root / folder
        files = path.iterdir() if path.is_dir() else ()
        return sorted(int(match[1]) for file in files if (match := _PART.fullmatch(file.name)))

    def has_part(self, folder: str, shard: int) -> bool:
        """Whether a shard is finished in `<stage>/<fingerprint>`."""
        return (self.root / folder / f"part-{shard:05d}.parquet").exists()

    def write_part(
        self,
        folder: str,
        table: str,
        shard: int,
        records: Iterable[Any],
        failures: Sequence[Failure] = (),
        report: ShardReport | None = None,
    ) -> None:
        """Commit one shard: failures and report first, the part last, each renamed into place."""
        path = self.root / folder
        path.mkdir(parents=True, exist_ok=True)
        failed = path / f"part-{shard:05d}.failed.parquet"
        if failures:
            _write_parquet(failed, to_arrow("failures", failures))
        else:
            failed.unlink(missing_ok=True)
        if report is not None:
            _write_text(path / f"part-{shard:05d}.json", json.dumps(asdict(report)))
        _write_parquet(path / f"part-{shard:05d}.parquet", to_arrow(table, records))

    def read_part(self, folder: str, table: str, shard: int) -> list[Any]:
        """The records of one finished shard. Raises `WorkspaceError` if it is not there or broken."""
        path = self.root / folder / f"part-{shard:05d}.parquet"
        try:
            return from_arrow(table, pq.read_table(path))
        except (OSError, pa.ArrowException) as error:
            raise WorkspaceError(f"{path} can't be read ({error}); delete it and run again") from error

    def share_part(self, folder: str, shard: int, giver: str) -> None:
        """Give `folder` the finished part of `giver`, with its failures and report: as links, or copies where links
        can't be made. Parts are never written into, so both stay as they are.
        """
        (self.root / folder).mkdir(parents=True, exist_ok=True)
        (self.root / folder / f"part-{shard:05d}.failed.parquet").unlink(missing_ok=True)
        for end in ("failed.parquet", "json", "parquet"):  # the part last
            name = f"part-{shard:05d}.{end}"
            if (self.root / giver / name).exists():
                _link(self.root / giver / name, self.root / folder / name)

    def same_part(self, folder: str, other: str, shard: int) -> bool:
        """Whether two folders hold the same part of a shard, byte for byte. A link to it is not read."""
        first, second = (self.root / each / f"part-{shard:05d}.parquet" for each in (folder, other))
        return folder == other or first.samefile(second) or filecmp.cmp(first, second, shallow=False)

    def rows(self, folder: str, shard: int) -> int:
        """How many rows a finished shard holds (from the file's footer)."""
        return int(pq.read_metadata(self.root / folder / f"part-{shard:05d}.parquet").num_rows)

    def caption_editions(self) -> list[str]:
        """All editions of the captions, the one that counts first; the empty one is that of the first ingest."""
        known = self.read_json(_EDITIONS)
        return [str(known["edition"]), *map(str, known["earlier"])] if known else [""]

    def caption_digests(self) -> dict[str, str]:
        """Of each shard whose captions are others than those of the first ingest: their digest."""
        return dict(self.read_json(_EDITIONS).get("shards", {}))

    def set_caption_edition(self, edition: str, digests: dict[str, str]) -> None:
        """From now on this edition counts; its parts are there."""
        earlier = [one for one in self.caption_editions() if one != edition]
        self.write_json(_EDITIONS, {"edition": edition, "shards": digests, "earlier": earlier})

    def known_records(self) -> int:
        """How many records of the source have been taken in or refused so far."""
        taken = sum(self.rows(SOURCES, shard) for shard in self.shards(SOURCES))
        return taken + sum(len(self.read_failures(IMAGES, shard)) for shard in self.shards())

    def read_failures(self, folder: str, shard: int) -> list[Failure]:
        """The failed rows of one shard; empty if there are none."""
        path = self.root / folder / f"part-{shard:05d}.failed.parquet"
        return from_arrow("failures", pq.read_table(path)) if path.exists() else []

    def reports(self, folder: str) -> list[dict[str, Any]]:
        """What happened to each finished shard of a stage folder."""
        reports = []
        for shard in self.shards(folder):
            path = self.root / folder / f"part-{shard:05d}.json"
            with suppress(OSError, ValueError):
                reports.append(json.loads(path.read_text(encoding="utf-8")))
        return reports

    def report(self, folder: str, shard: int) -> dict[str, Any]:
        """What happened to one finished shard; empty if that is not known."""
        return self.read_json(f"{folder}/part-{shard:05d}.json")

    def drop_failed(self, folder: str, shard: int, keep: Sequence[Failure]) -> None:
        """Replace the failed rows of one shard by `keep`."""
        path = self.root / folder / f"part-{shard:05d}.failed.parquet"
        if keep:
            _write_parquet(path, to_arrow("failures", keep))
        else:
            path.unlink(missing_ok=True)

    # Whole tables

    def scan(self, folder: str, table: str, only: Collection[int] | None = None) -> pl.LazyFrame:
        """A lazy frame over all finished parts of a folder, in shard order; or over those of some shards only."""
        import polars as pl

        shards = [shard for shard in self.shards(folder) if only is None or shard in only]
        paths = [self.root / folder / f"part-{shard:05d}.parquet" for shard in shards]
        empty = pl.DataFrame(pl.from_arrow(SCHEMAS[table].empty_table()))
        if not paths:
            return empty.lazy()
        # Parts of an older version lack columns that have been added since.
        return pl.scan_parquet(paths, schema=empty.schema, missing_columns="insert")

    def scan_failures(self, folder: str) -> pl.LazyFrame:
        """A lazy frame over the failed rows of a folder's shards."""
        import polars as pl

        paths = sorted((self.root / folder).glob("part-*.failed.parquet"))
        if not paths:
            return pl.LazyFrame(pl.from_arrow(SCHEMAS["failures"].empty_table()))
        return pl.scan_parquet(paths)

    def sink(self, folder: str, table: str, frame: pl.LazyFrame) -> int:
        """Write a table stage's output as its only part, streaming. Returns the number of rows."""
        path = self.root / folder / "part-00000.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        with _renamed(path) as temporary:
            frame.select(SCHEMAS[table].names).sink_parquet(temporary, compression="zstd", maintain_order=True)
        return int(pq.read_metadata(path).num_rows)

    def kept(self, folder: str) -> int:
        """How many pairs a folder of verdicts keeps."""
        import polars as pl

        return int(self.scan(folder, "verdicts").select(pl.col("keep").sum()).collect().item() or 0)

    def part_marks(self, folder: str) -> list[list[Any]]:
        """Name, size and time of each part of a folder: tells a table stage whether its inputs have changed."""
        paths = [self.root / folder / f"part-{shard:05d}.parquet" for shard in self.shards(folder)]
        return [[path.name, stat.st_size, stat.st_mtime_ns] for path in paths if (stat := path.stat())]

    def is_there(self) -> bool:
        """Whether the workspace has not been moved or deleted since it was opened."""
        return (self.root / "workspace.json").exists()

    def changed_at(self, name: str) -> int:
        """When a file, or what a folder holds, was last changed (ns); 0 if it is not there."""
        try:
            return (self.root / name).stat().st_mtime_ns
        except OSError:
            return 0

    # Small files

    def read_json(self, name: str) -> dict[str, Any]:
        """A small JSON file of the workspace; empty if it is not there."""
        try:
            value = json.loads((self.root / name).read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return {}
        return value if isinstance(value, dict) else {}

    def write_json(self, name: str, value: dict[str, Any]) -> None:
        """Write a small JSON file atomically; does nothing if it holds the same already."""
        if self.read_json(name) != value:
            (self.root / name).parent.mkdir(parents=True, exist_ok=True)
            _write_text(self.root / name, json.dumps(value, indent=2, ensure_ascii=False))

    def read_recipe(self) -> str:
        """The YAML of the last run's recipe. Raises `WorkspaceError` if nothing has been run."""
        try:
            return (self.root / "recipe.yaml").read_text(encoding="utf-8")
        except FileNotFoundError:
            raise WorkspaceError(f"{self.root}: nothing has been run here yet") from None

    def write_recipe(self, text: str) -> None:
        """Keep the recipe of this run."""
        _write_text(self.root / "recipe.yaml", text)

    # Old output

    def folders(self) -> Iterator[tuple[str, int]]:
        """Each `<stage>/<fingerprint>` folder of the workspace with its size in bytes; never images or replies."""
        for stage in sorted(self.root.iterdir()):
            if not stage.is_dir() or stage.name in ("images", "sources", "replies", "pilot", "human"):
                continue
            for folder in sorted(stage.iterdir()):
                if (folder / "manifest.json").exists() or any(folder.glob("part-*")):
                    size = sum(file.stat().st_size for file in folder.iterdir() if file.is_file())
                    yield f"{stage.name}/{folder.name}", size

    def remove(self, folder: str) -> None:
        """Delete one stage folder that `folders` has named."""
        shutil.rmtree(self.root / folder)

    # One run at a time

    def running(self) -> bool:
        """Whether a run is under way. What a killed one has left behind does not count."""
        if not (self.root / "run.json").exists():
            return False
        try:
            with FileLock(self.root / "lock", timeout=0):
                return False
        except Timeout:
            return True

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the workspace for one run. The lock of a dead process is free: the system releases it.

        Raises:
            WorkspaceBusyError: if another run holds it; names its process and age.
        """
        lock = FileLock(self.root / "lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            holder = self.read_json("run.json")
            age = max(0, int(time.time() - float(holder.get("started", time.time()))))
            raise WorkspaceBusyError(
                f"{self.root} is in use: process {holder.get('pid', '?')} has been running for {_duration(age)}; "
                "wait for it, or stop it first"
            ) from None
        try:
            self.write_json("run.json", {"pid": os.getpid(), "started": time.time()})
            yield
        finally:
            (self.root / "run.json").unlink(missing_ok=True)
            lock.release()


def _duration(seconds: int) -> str:
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds} s" if minutes else f"{seconds} s"


def _link(giver: Path, path: Path) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temporary.unlink(missing_ok=True)  # left by a killed process that had our number
    try:
        temporary.hardlink_to(giver)
    except OSError:
        shutil.copy2(giver, temporary)
    temporary.replace(path)
    temporary.unlink(missing_ok=True)  # renaming a link onto itself leaves both


@contextmanager
def _renamed(path: Path) -> Iterator[Path]:
    """A name for a file to be written under, that is renamed into place when it is whole. Else nothing is left of it:
    where the disk is full, all the more."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _write_parquet(path: Path, data: pa.Table) -> None:
    with _renamed(path) as temporary:
        pq.write_table(data, temporary, compression="zstd")


def _write_text(path: Path, text: str) -> None:
    with _renamed(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
