"""Records that ingest has met before: what the workspace holds of them, and whether they say something new now."""

from __future__ import annotations

import json
import os
import sqlite3
from collections import OrderedDict
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from glossator.jobs.incoming import Unparsed, records
from glossator.jobs.source_index import Known, SourceIndex
from glossator.jobs.sources import Source
from glossator.jobs.validate import Parsed, inside
from glossator.jobs.written_captions import AT, BY
from glossator.records import Alias, ImageRecord
from glossator.store import IMAGES, SOURCES, Store, sources_folder

CAPTION, CHANGED = "bad_caption", "changed_record"
FILE_AT_FAULT = ("missing", "truncated", "not_an_image", "zero_pixels", "too_many_pixels", "outside_source")
_MOST_SHARDS = 4  # held in memory


@dataclass(frozen=True, slots=True)
class _Shard:
    aliases: dict[str, Alias]
    images: dict[str, ImageRecord]  # by source id


class Stored:
    """What a workspace holds of the records that it knows, with the captions that count now."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._folder = sources_folder(store.caption_editions()[0])
        self._held: OrderedDict[int, _Shard] = OrderedDict()

    def alias(self, source_id: str, shard: int) -> Alias | None:
        """The record's row of the table `sources`."""
        return self._shard(shard).aliases.get(source_id)

    def may_be_recaptioned(self, record: Parsed, shard: int) -> bool:
        """Whether all but the caption (and who wrote it, when) is as it was, as far as that is kept.

        Of a record whose picture another one brought, that is the path alone. The picture itself is not looked at.
        """
        held = self._shard(shard)
        alias, image = held.aliases.get(record.source_id), held.images.get(record.source_id)
        if alias is None or _path(record.image) != alias.path:
            return False
        return image is None or (
            record.kind == image.kind
            and record.given_pairs == image.given_pairs
            and tuple(map(_path, record.more_images)) == image.more_paths
            and (inside(record.spans or (), image.width, image.height) or None) == image.given_ocr
            and _without_writer(record.meta) == _without_writer(image.meta)
        )

    def has_new_caption(self, record: Parsed, shard: int) -> bool:
        """Whether the caption is another one than the one that counts now."""
        alias = self.alias(record.source_id, shard)
        return alias is not None and alias.caption != record.caption

    def _shard(self, number: int) -> _Shard:
        if number not in self._held:
            # A shard that has come in a run that did not end stands in the first edition alone.
            folder = self._folder if self._store.has_part(self._folder, number) else SOURCES
            aliases = self._store.read_part(folder, "sources", number)
            images = self._store.read_part(IMAGES, "images", number)
            by_id = {alias.source_id: alias for alias in aliases}
            self._held[number] = _Shard(by_id, {image.source_id: image for image in images})
            if len(self._held) > _MOST_SHARDS:
                self._held.popitem(last=False)
        self._held.move_to_end(number)
        return self._held[number]


def as_before(record: Parsed, same: Known | None, stored: Stored | None) -> bool:
    """Whether a record has come as it was met before (`same`), so that there is nothing to look at again."""
    if same is None:
        return False
    if same.seen:
        return True
    if same.failed:
        return same.failed not in (*FILE_AT_FAULT, CHANGED)
    learnt = not same.digest  # from the parts, which tell what its caption was
    return not (learnt and stored is not None and stored.has_new_caption(record, same.shard))


def captions_waiting(store: Store, path: Path, limit: int | None = None) -> int:
    """How many captions of known records are new or changed in the source: what the next build takes in.

    Nothing is written, and no picture is read. Raises `SourceError` if the source can't be read.
    """
    index = SourceIndex.glance(store.index_path)
    if index is None:
        return 0
    stored, count = Stored(store), 0
    try:
        for record in islice(records(replace(Source.open(path), root=store.source_root)), limit):
            if isinstance(record, Unparsed):
                continue
            known = index.find(record.source_id, record.digest)
            other = next((one for one in known if not one.failed), None)
            if other is None or other.seen or not store.has_part(SOURCES, other.shard):
                continue
            if not as_before(record, index.same(known, record.digest), stored):
                bad = record.caption is None and any(one.category == CAPTION for one in record.problems)
                new = stored.has_new_caption(record, other.shard) and stored.may_be_recaptioned(record, other.shard)
                count += new and not bad
            index.see(record.source_id, other.digest)
    except sqlite3.DatabaseError:  # a build writes it at this moment
        return 0
    finally:
        index.close()
    return count


def _path(path: str) -> str:
    return os.path.normpath(path).replace(os.sep, "/") if path else ""


def _without_writer(meta: str) -> object:
    known = json.loads(meta)
    return {key: value for key, value in known.items() if key not in (BY, AT)} if isinstance(known, dict) else known
