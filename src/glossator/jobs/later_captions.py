"""Captions that come later make a new edition of the tables `images` and `sources`; nothing that was there is changed.

An edition is named by what it says: the captions that differ from those of the first ingest. So one that comes back has
its old name, and finds all that was made of it. Its parts are written first, then `images/editions.json` names it, and
only then does the index know the records: a run that is killed in between does the rest once more, to the same end.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import replace

from glossator.fingerprint import fingerprint
from glossator.jobs.known_records import CAPTION, CHANGED, FILE_AT_FAULT
from glossator.jobs.source_index import SourceIndex
from glossator.store import IMAGES, SOURCES, Store, images_folder, sources_folder

_MENDED = (CHANGED, CAPTION, *FILE_AT_FAULT)  # what a record may have failed with on its way to a caption

Captions = Mapping[str, str | None]  # by source id


def commit(store: Store, index: SourceIndex, first: int) -> int:
    """Make an edition of what the index has noted as recaptioned, and let it count.

    Args:
        first: number of the first shard that this run has added; failures in earlier ones may be mended now.

    Returns:
        How many captions are new or changed.
    """
    complete(store)
    old, digests = store.caption_editions()[0], store.caption_digests()
    changed: dict[int, int] = {}
    for shard in index.recaptioned_shards():
        before, new = _captions(store, old, shard), index.captions_of(shard)
        if count := sum(before[source_id] != caption for source_id, caption in new.items()):
            changed[shard] = count
            digests.pop(str(shard), None)
            if differing := _differing(store, shard, {**before, **new}):
                digests[str(shard)] = fingerprint(differing)
    if changed:
        digests = dict(sorted(digests.items()))
        edition = fingerprint(digests) if digests else ""
        if edition:
            _write(store, index, old, edition, changed.keys())
        store.set_caption_edition(edition, digests)
    _mend(store, index, first)
    index.settle(_MENDED)
    return sum(changed.values())


def complete(store: Store) -> None:
    """Let shards that were added since the edition was made stand in it as they are."""
    edition = store.caption_editions()[0]
    for folder, giver in ((sources_folder(edition), SOURCES), (images_folder(edition), IMAGES)):
        for shard in sorted(set(store.shards(giver)) - set(store.shards(folder))):
            store.share_part(folder, shard, giver)


def _write(store: Store, index: SourceIndex, old: str, edition: str, changed: Set[int]) -> None:
    """The parts of the edition that are not there yet."""
    sources, images = sources_folder(edition), images_folder(edition)
    for shard in store.shards():
        if store.has_part(images, shard):
            continue
        if shard not in changed:
            store.share_part(sources, shard, sources_folder(old))
            store.share_part(images, shard, images_folder(old))
            continue
        captions = {**_captions(store, old, shard), **index.captions_of(shard)}
        for folder, giver, table in ((sources, SOURCES, "sources"), (images, IMAGES, "images")):
            rows = store.read_part(giver, table, shard)
            store.write_part(folder, table, shard, [replace(row, caption=captions[row.source_id]) for row in rows])


def _captions(store: Store, edition: str, shard: int) -> dict[str, str | None]:
    """The captions of a shard in an edition."""
    return {alias.source_id: alias.caption for alias in store.read_part(sources_folder(edition), "sources", shard)}


def _differing(store: Store, shard: int, captions: Captions) -> list[list[str | None]]:
    """Source id and caption of those that are not as at the first ingest."""
    aliases = store.read_part(SOURCES, "sources", shard)
    return [[one.source_id, captions[one.source_id]] for one in aliases if captions[one.source_id] != one.caption]


def _mend(store: Store, index: SourceIndex, first: int) -> None:
    """Failures that tell of an earlier caption of a record are none any more."""
    for shard in store.shards():
        failures = store.read_failures(IMAGES, shard) if shard < first else []
        kept = [one for one in failures if one.category not in _MENDED or not index.is_recaptioned(one.id)]
        if len(kept) < len(failures):
            store.drop_failed(IMAGES, shard, kept)
