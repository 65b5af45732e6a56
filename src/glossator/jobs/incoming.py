"""The records of a source as ingest takes them: checked, and with what was written of them on the captioning page."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace

from glossator.jobs.sources import RawRecord, Source
from glossator.jobs.validate import Parsed, digest, parse
from glossator.jobs.written_captions import written_captions
from glossator.results import Failed
from glossator.text import clean


@dataclass(frozen=True, slots=True)
class Unparsed:
    """A record that is none, and why."""

    why: Failed
    raw: RawRecord


def records(source: Source) -> Iterator[Parsed | Unparsed]:
    """All records of a source, in its order. Raises `SourceError` if it can't be read at all.

    A caption from the page counts where the record itself brings none, and is about the same picture.
    """
    root = source.root.resolve()
    written = written_captions(source.path)
    for raw in source.records():
        record = parse(raw)
        if isinstance(record, Failed):
            yield Unparsed(record, raw)
            continue
        said = written.get(record.source_id)
        if said and not record.caption and said.image == os.path.normpath(root / record.image):
            mark = digest({"record": record.digest, "written": said.caption})
            record = replace(record, caption=clean(said.caption) or None, digest=mark)
        yield record
