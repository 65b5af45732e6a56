"""The table `hashes` as arrays, and its small pictures row by row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from glossator.copies.images import hash_bytes
from glossator.copies.pictures import CROPS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_KEY = ("image_id", "picture")


@dataclass(frozen=True, slots=True)
class Pictures:
    """Pictures of a set or of a test set.

    Attributes:
        keys: `image_id, picture`, one row a picture.
        hashes: `[n, crops, 32]`, of the same rows.
        table: the table that the small pictures are fetched from; they are not held in memory.
    """

    keys: pl.DataFrame
    hashes: NDArray[np.uint8]
    table: pl.LazyFrame

    def thumbnails(self, rows: list[int]) -> Mapping[int, bytes]:
        """The small pictures of some rows, by row."""
        wanted = self.keys[rows].with_columns(pl.Series("row", rows, dtype=pl.Int64))
        found = self.table.select(*_KEY, "thumbnail").join(wanted.lazy(), on=list(_KEY))
        return dict(found.select("row", "thumbnail").collect(engine="streaming").iter_rows())


def pictures(table: pl.LazyFrame) -> Pictures:
    """The rows of a table `hashes` that hold hashes, in their order. 1 million take some 250 MB."""
    rows = table.filter(pl.col("hashes").list.len() == len(CROPS)).select(*_KEY, "hashes").collect(engine="streaming")
    return Pictures(rows.select(*_KEY), hash_bytes(rows["hashes"]), table)
