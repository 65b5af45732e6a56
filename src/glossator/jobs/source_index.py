"""What ingest has met so far, on disk, so that memory does not grow with the source.

The image parts are the truth. The index is committed just before its part; what it says about a shard that has no part
is forgotten when it is opened, and what it does not know (it was deleted) is learnt from the parts again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from glossator.records import Alias, Failure

_TABLES = """
    CREATE TABLE IF NOT EXISTS records (
        id TEXT, digest TEXT, shard INTEGER, failed TEXT, PRIMARY KEY (id, digest)
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS images (image_id TEXT PRIMARY KEY, shard INTEGER) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS shards (shard INTEGER PRIMARY KEY);
    CREATE TEMP TABLE seen (id TEXT, digest TEXT, PRIMARY KEY (id, digest)) WITHOUT ROWID;
    CREATE TEMP TABLE recaptioned (id TEXT PRIMARY KEY, digest TEXT, shard INTEGER, caption TEXT) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Known:
    """A record met before: in which shard, the category it failed with (empty if it did not), and whether the source
    still held it when it was read this time.
    """

    digest: str
    shard: int
    failed: str
    seen: bool


class SourceIndex:
    """See the module. `digest` is empty for records learnt from parts: it then counts as unchanged."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._db = sqlite3.connect(path, isolation_level="DEFERRED")
            self._db.executescript(_TABLES)
        except sqlite3.DatabaseError:  # torn by a power cut: the parts know better
            self._db.close()
            path.unlink()
            self._db = sqlite3.connect(path, isolation_level="DEFERRED")
            self._db.executescript(_TABLES)

    @classmethod
    def glance(cls, path: Path) -> SourceIndex | None:
        """The index as it is, for reading only; it waits for no build and keeps none waiting. None if there is none."""
        if not path.exists():
            return None
        index = cls.__new__(cls)
        index._db = sqlite3.connect(f"{path.resolve().as_uri()}?immutable=1", uri=True)
        try:
            index._db.executescript(_TABLES)
        except sqlite3.DatabaseError:
            index._db.close()
            return None
        return index

    def close(self) -> None:
        """Forget what was not committed."""
        self._db.close()

    def forget_all_but(self, shards: list[int]) -> list[int]:
        """Drop shards that have no part. Returns those with a part that the index does not know."""
        known = {row[0] for row in self._db.execute("SELECT shard FROM shards")}
        for shard in known - set(shards):
            for table in ("records", "images", "shards"):
                self._db.execute(f"DELETE FROM {table} WHERE shard = ?", (shard,))
        self._db.commit()
        return sorted(set(shards) - known)

    def learn(self, shard: int, image_ids: list[str], aliases: list[Alias], failures: list[Failure]) -> None:
        """Take in a shard from its parts."""
        for image_id in image_ids:
            self.add_image(image_id, shard)
        taken = {alias.source_id for alias in aliases}
        for alias in aliases:
            self._put_record(alias.source_id, "", shard, "")
        for failure in failures:
            if failure.id not in taken:
                self._put_record(failure.id, "", shard, failure.category)
        self.commit(shard)

    def find(self, source_id: str, digest: str) -> list[Known]:
        """All records met under this id; the one with the same content, if there is one, comes first."""
        rows = self._db.execute(
            "SELECT digest, shard, failed, EXISTS (SELECT 1 FROM seen WHERE seen.id = records.id "
            "AND seen.digest = records.digest) FROM records WHERE id = ? ORDER BY digest = ? DESC, digest",
            (source_id, digest),
        )
        return [Known(row[0], row[1], row[2], bool(row[3])) for row in rows]

    @staticmethod
    def same(known: list[Known], digest: str) -> Known | None:
        """Of what `find` has given, the record as it was met with this content; without a digest it may be any."""
        return known[0] if known and known[0].digest in (digest, "") else None

    def see(self, source_id: str, digest: str) -> None:
        """Note that the source still holds this record."""
        self._db.execute("INSERT OR IGNORE INTO seen VALUES (?, ?)", (source_id, digest))

    def add_record(self, source_id: str, digest: str, shard: int, failed: str = "") -> None:
        """Note a record as taken in, or as failed with a category."""
        self._put_record(source_id, digest, shard, failed)
        self.see(source_id, digest)

    def _put_record(self, source_id: str, digest: str, shard: int, failed: str) -> None:
        self._db.execute("INSERT OR REPLACE INTO records VALUES (?, ?, ?, ?)", (source_id, digest, shard, failed))

    def recaption(self, source_id: str, known: Known, digest: str, caption: str | None) -> None:
        """Note that a known record has come with another content, of which the caption alone counts.

        It is known as that from `settle` on only: a run that ends before looks at it again.
        """
        self.see(source_id, known.digest)
        row = (source_id, digest, known.shard, caption)
        self._db.execute("INSERT OR REPLACE INTO recaptioned VALUES (?, ?, ?, ?)", row)

    def is_recaptioned(self, source_id: str, digest: str | None = None) -> bool:
        """Whether the record was recaptioned in this run; with a digest, as this content."""
        row = self._db.execute("SELECT digest FROM recaptioned WHERE id = ?", (source_id,)).fetchone()
        return row is not None and digest in (None, row[0])

    def recaptioned_shards(self) -> list[int]:
        """The shards that recaptioned records belong to, ascending."""
        return [row[0] for row in self._db.execute("SELECT DISTINCT shard FROM recaptioned ORDER BY shard")]

    def captions_of(self, shard: int) -> dict[str, str | None]:
        """By id, the captions of the recaptioned records of a shard."""
        return dict(self._db.execute("SELECT id, caption FROM recaptioned WHERE shard = ?", (shard,)))

    def settle(self, mended: Sequence[str]) -> None:
        """Know recaptioned records as they have come, and forget that they ever failed with a category `mended`."""
        marks = ", ".join("?" * len(mended))
        self._db.execute(
            f"DELETE FROM records WHERE failed IN ('', {marks}) AND id IN (SELECT id FROM recaptioned)", mended
        )
        self._db.execute("INSERT OR REPLACE INTO records SELECT id, digest, shard, '' FROM recaptioned")
        self._db.execute("DELETE FROM recaptioned")
        self._db.commit()

    def has_image(self, image_id: str) -> bool:
        """Whether the picture is kept already."""
        return self._db.execute("SELECT 1 FROM images WHERE image_id = ?", (image_id,)).fetchone() is not None

    def add_image(self, image_id: str, shard: int) -> None:
        """Note a kept picture."""
        self._db.execute("INSERT OR REPLACE INTO images VALUES (?, ?)", (image_id, shard))

    def commit(self, shard: int) -> None:
        """Make everything that was added durable, as belonging to `shard`."""
        self._db.execute("INSERT OR REPLACE INTO shards VALUES (?)", (shard,))
        self._db.commit()
