"""Ingest: every picture of the source gets a number, a size and a shard, once and for ever.

Records stream through; a source that has grown adds shards and never touches the old ones. What can't be taken in is a
failed row, and is tried again at the next run if only its file was at fault. Of a known record, the caption alone may
change: see `later_captions`.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path, PurePosixPath, PureWindowsPath

from glossator.images import Header, check
from glossator.jobs import later_captions
from glossator.jobs.incoming import Unparsed, records
from glossator.jobs.known_records import CAPTION, Stored, as_before
from glossator.jobs.source_index import Known, SourceIndex
from glossator.jobs.sources import RawRecord, Source
from glossator.jobs.validate import Parsed, digest, inside, outside
from glossator.recipe import DataSpec
from glossator.records import Alias, Failure, ImageRecord, ShardReport
from glossator.results import Category, Failed
from glossator.runner import Events
from glossator.store import IMAGES, SOURCES, Store

SMALLEST_SHARD, LARGEST_SHARD, SHARDS = 8, 2000, 16


@dataclass(slots=True)
class Shard:
    """What one shard takes in.

    Attributes:
        images: new pictures, in the order of the source.
        aliases: one row for each record taken in, new pictures included.
        failures: records, or parts of records, that were left out.
        mended: shard and id of earlier failures that are none any more.
    """

    number: int
    images: list[ImageRecord] = field(default_factory=list)
    aliases: list[Alias] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    mended: list[tuple[int, str]] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.images or self.aliases or self.failures)


def count(path: Path) -> int:
    """About how many records a source has. Raises `SourceError` if it can't be read."""
    return Source.open(path).count()


def open_store(path: Path, workspace: Path, data: DataSpec, images: Path | None = None) -> Store:
    """Make or open the workspace of a source. `images` is the folder of its paths, if not the source's own.

    Raises:
        SourceError: if there is no such source.
        WorkspaceError: if the folder holds something else, or belongs to another source.
    """
    source = Source.open(path)
    size = data.shard_size
    if size is None and not (workspace / "workspace.json").exists():
        size = min(LARGEST_SHARD, max(SMALLEST_SHARD, -(-source.count() // SHARDS)))
    return Store.create(workspace, source.path, images or source.root, size or SMALLEST_SHARD)


def run(store: Store, path: Path, data: DataSpec, limit: int | None = None, events: Events | None = None) -> int:
    """Take in what the source holds and the workspace does not. The caller holds the store's lock.

    Returns:
        How many pictures are new.

    Raises:
        SourceError: if the source can't be read.
    """
    source = replace(Source.open(path), root=store.source_root)
    later_captions.complete(store)
    index = SourceIndex(store.index_path)
    try:
        for number in index.forget_all_but(store.shards()):
            images = [image.image_id for image in store.read_part(IMAGES, "images", number)]
            index.learn(
                number, images, store.read_part(SOURCES, "sources", number), store.read_failures(IMAGES, number)
            )
        new, first = 0, max(store.shards(), default=-1) + 1
        if events:
            total = source.count() if limit is None else min(limit, source.count())
            events.stage_started("ingest", max(0, total - store.known_records()))
        started = time.monotonic()
        for shard in shards(
            source,
            index=index,
            first=first,
            shard_size=int(store.info["shard_size"]),
            max_pixels=round(data.max_megapixels * 1_000_000),
            limit=limit,
            stored=Stored(store),
        ):
            _commit(store, index, shard, round(time.monotonic() - started, 3))
            new += len(shard.images)
            started = time.monotonic()
            if events:
                events.advanced(len(shard.aliases) + len(shard.failures))
        later_captions.commit(store, index, first)
        if events:
            events.stage_finished("ingest")
        return new
    finally:
        index.close()


def _commit(store: Store, index: SourceIndex, shard: Shard, seconds: float) -> None:
    """Index first, image part last: its existence is what counts (see `source_index`)."""
    index.commit(shard.number)
    report = ShardReport("ingest", shard.number, len(shard.images), len(shard.failures), seconds, len(shard.images))
    store.write_part(SOURCES, "sources", shard.number, shard.aliases)
    store.write_part(IMAGES, "images", shard.number, shard.images, shard.failures, report)
    for number, source_id in shard.mended:
        failures = store.read_failures(IMAGES, number)
        store.drop_failed(IMAGES, number, [failure for failure in failures if failure.id != source_id])


def shards(
    source: Source,
    *,
    index: SourceIndex,
    first: int,
    shard_size: int,
    max_pixels: int,
    limit: int | None = None,
    stored: Stored | None = None,
) -> Iterator[Shard]:
    """The new records of the source, shard by shard, from number `first` on.

    A shard ends with its last picture, so a run that was stopped between two goes on exactly as if it had not been.
    Known records with another caption are noted in the index where `stored` tells what the workspace holds of them.
    """
    taker = _Taker(source.root.resolve(), index, max_pixels, Shard(first), stored)
    for record in islice(records(source), limit):
        taker.take(record)
        if len(taker.shard.images) == shard_size:
            yield taker.shard
            taker.shard = Shard(taker.shard.number + 1)
    if taker.shard:
        yield taker.shard


@dataclass(slots=True)
class _Taker:
    """Takes records one by one into the current shard."""

    root: Path
    index: SourceIndex
    max_pixels: int
    shard: Shard
    stored: Stored | None = None

    def take(self, record: Parsed | Unparsed) -> None:
        """Take in one record, or note why not; do nothing if it is known."""
        if isinstance(record, Unparsed):
            self._refuse_unparsed(record.why, record.raw)
            return
        known = self.index.find(record.source_id, record.digest)
        same = self.index.same(known, record.digest)
        if same is not None and as_before(record, same, self.stored):
            self.index.see(record.source_id, same.digest)
            return
        other = next((one for one in known if not one.failed), None)
        if other is not None:
            self._take_again(record, other, same)
            return
        image = self._image(record)
        if isinstance(image, Failed):
            if same is None:
                self._refuse(record, image)
            self.index.see(record.source_id, record.digest)
        else:
            self._keep(record, image, [one for one in known if one is same or not one.seen])

    def _take_again(self, record: Parsed, other: Known, same: Known | None) -> None:
        """Take in the caption of a known record that has come with other content, or tell once why not."""
        if self.index.is_recaptioned(record.source_id, record.digest):
            return  # the same line twice
        why = _other_content(other) if other.seen else self._recaption(record, other)
        if why is not None and same is None:
            self._refuse(record, why)
        elif why is not None and same is not None:
            self.index.see(record.source_id, same.digest)

    def _recaption(self, record: Parsed, other: Known) -> Failed | None:
        """Note the record's caption; or why it can't be taken."""
        if self.stored is None or not self.stored.may_be_recaptioned(record, other.shard):
            return _other_content(other)
        bad = [problem for problem in record.problems if problem.category == CAPTION]
        if bad and record.caption is None:
            return bad[0]
        if self.stored.has_new_caption(record, other.shard):
            image, alias = self._image(record), self.stored.alias(record.source_id, other.shard)
            if isinstance(image, Failed):
                return image
            if alias is None or image.image_id != alias.image_id:
                return _other_content(other)
        for problem in bad:
            self._fail(record.source_id, problem.category, f"{record.image}: {problem.message}")
        self.index.recaption(record.source_id, other, record.digest, record.caption)
        return None

    def _image(self, record: Parsed) -> ImageRecord | Failed:
        """The record's picture (and further ones), each read once from end to end."""
        if not record.image:
            sha256 = hashlib.sha256(f"text\0{record.source_id}\0{record.given_pairs}".encode()).hexdigest()
            return self._record(record, sha256, Header(0, 0, ""), [])
        names, hashes, headers = [], [], []
        for image in (record.image, *record.more_images):
            path = locate(self.root, image)
            if isinstance(path, Failed):
                return path
            found = fingerprint_and_check(self.root / path, self.max_pixels)
            if isinstance(found, Failed):
                return replace(found, message=f"{path.as_posix()}: {found.message}")
            names.append(path.as_posix())
            hashes.append(found[0])
            headers.append(found[1])
        sha256 = hashes[0] if len(hashes) == 1 else hashlib.sha256("".join(hashes).encode()).hexdigest()
        return self._record(record, sha256, headers[0], names)

    def _record(self, record: Parsed, sha256: str, header: Header, names: list[str]) -> ImageRecord:
        return ImageRecord(
            image_id=sha256[:16],
            source_id=record.source_id,
            path=names[0] if names else "",
            sha256=sha256,
            width=header.width,
            height=header.height,
            kind=record.kind,
            shard=self.shard.number,
            caption=record.caption,
            given_ocr=record.spans,
            given_pairs=record.given_pairs,
            meta=record.meta,
            more_paths=tuple(names[1:]),
        )

    def _keep(self, record: Parsed, image: ImageRecord, mended: list[Known]) -> None:
        problems = list(record.problems)
        if record.spans is not None:
            spans = inside(record.spans, image.width, image.height)
            if len(spans) < len(record.spans):
                problems.append(outside(len(record.spans) - len(spans)))
            image = replace(image, given_ocr=spans or None)
        if not self.index.has_image(image.image_id):
            self.shard.images.append(image)
            self.index.add_image(image.image_id, self.shard.number)
        self.shard.aliases.append(Alias(record.source_id, image.image_id, image.path, record.caption))
        for problem in problems:
            self._fail(record.source_id, problem.category, f"{image.path}: {problem.message}", image.image_id)
        self.shard.mended += [(one.shard, record.source_id) for one in mended if one.shard != self.shard.number]
        self.index.add_record(record.source_id, record.digest, self.shard.number)

    def _refuse(self, record: Parsed, why: Failed) -> None:
        self._fail(record.source_id, why.category, why.message)
        self.index.add_record(record.source_id, record.digest, self.shard.number, why.category)

    def _refuse_unparsed(self, why: Failed, raw: RawRecord) -> None:
        mark = digest({**raw.fields, "problem": raw.problem})
        if not any(one.digest in (mark, "") for one in self.index.find(why.id, mark)):
            place = "" if why.id == raw.where else f"{raw.where}: "
            self._fail(why.id, why.category, place + why.message)
            self.index.add_record(why.id, mark, self.shard.number, why.category)

    def _fail(self, source_id: str, category: Category, message: str, image_id: str = "") -> None:
        self.shard.failures.append(Failure("ingest", source_id, image_id, category, message))


def _other_content(other: Known) -> Failed:
    if other.seen:
        return Failed("duplicate_id", "another record of the source has this id; give each its own")
    return Failed(
        "changed_record",
        "it was taken in earlier with another picture or other fields; only a caption may change: build into a new "
        "workspace to change more",
    )


def locate(root: Path, image: str) -> PurePosixPath | Failed:
    """The image's path relative to `root` (which is resolved), or why it must not be opened."""
    if PurePosixPath(image).is_absolute() or PureWindowsPath(image).drive or "://" in image[:12]:
        return Failed("outside_source", f"{image[:200]}: an absolute path; write it relative to the source")
    inner = os.path.normpath(image)
    try:
        within = not inner.startswith("../") and (root / inner).resolve().is_relative_to(root)
    except (OSError, RuntimeError, ValueError):  # a circle of links, a name too long
        return Failed("missing", f"{image[:200]}: no such file")
    if not within:
        return Failed("outside_source", f"{image[:200]}: leaves the source's folder; copy the file into it")
    return PurePosixPath(inner)


def fingerprint_and_check(path: Path, max_pixels: int) -> tuple[str, Header] | Failed:
    """SHA-256 of a file's bytes, and its size in pixels after decoding it once. Failures: as `images.open_image`."""
    try:
        if path.exists() and not path.is_file():
            return Failed("not_an_image", "it is not a regular file")
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            file.seek(0)
            header = check(file, max_pixels)
    except FileNotFoundError:
        return Failed("missing", "the file is not there")
    except OSError as error:
        return Failed("missing", f"the file can't be read ({error.strerror or type(error).__name__})")
    return header if isinstance(header, Failed) else (sha256, header)
