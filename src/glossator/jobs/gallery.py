"""A sample of pairs to look at: each with its picture, the boxes on it, its texts, scores and reasons."""

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glossator.difficulty import SCORES
from glossator.images import open_image
from glossator.jobs.reasons import explained
from glossator.pieces.shown import shown
from glossator.results import Failed

if TYPE_CHECKING:
    import polars as pl

GALLERY = 18
_SIDE = 560
_MAX_PIXELS = 10**9  # ingest has already refused what is over the recipe's limit


def gallery(
    tables: Mapping[str, pl.LazyFrame], root: Path, settings: Mapping[str, Any], *, keep: bool
) -> list[dict[str, Any]]:
    """A sample of pairs, spread over images and the same at every call, with picture, evidence and scores.

    Args:
        tables: the workspace's tables by name.
        root: the folder that image paths are relative to.
        settings: of the filter.
        keep: whether of the kept or of the rejected pairs.

    Returns:
        What `pieces.shown.shown` gives of each, and `picture` (a data URI; empty if it is gone), `scores` by name and
        `reasons` (`reasons.Reason`).
    """
    import polars as pl

    verdicts = tables["verdicts"].filter(pl.col("keep") == keep).select("pair_id", "reasons")
    pairs = tables["pairs"].join(verdicts, on="pair_id", how="inner")
    chosen = _spread(list(pairs.select("pair_id", "image_id").collect().iter_rows()))
    scores = tables["scores"].select("pair_id", "scorer", *SCORES)
    rows = pairs.filter(pl.col("pair_id").is_in(chosen)).join(scores, on="pair_id", how="left").collect()
    ids = rows["image_id"].to_list()
    of_images = {name: _by_image(tables[name], ids) for name in ("images", "captions", "ocr")}
    order = {pair_id: i for i, pair_id in enumerate(chosen)}
    found = sorted(rows.to_dicts(), key=lambda row: order[row["pair_id"]])
    return [
        _card(row, {name: table.get(row["image_id"], {}) for name, table in of_images.items()}, root, settings)
        for row in found
    ]


def _by_image(table: pl.LazyFrame, image_ids: list[str]) -> dict[str, dict[str, Any]]:
    import polars as pl

    rows = table.filter(pl.col("image_id").is_in(image_ids)).collect()
    return {row["image_id"]: row for row in rows.to_dicts()}


def _spread(pairs: list[tuple[str, str]]) -> list[str]:
    """Ids of `GALLERY` pairs: one an image before any image has its second, in an order fixed by hashes."""
    turn: dict[str, int] = {}
    ranked: list[tuple[int, int, str]] = []
    for pair_id, image_id in sorted(pairs, key=lambda pair: hashlib.sha256(pair[0].encode()).hexdigest()):
        turn[image_id] = turn.get(image_id, -1) + 1
        ranked.append((turn[image_id], len(ranked), pair_id))
    return [pair_id for _, _, pair_id in sorted(ranked)[:GALLERY]]


def _card(
    row: dict[str, Any], of_image: dict[str, dict[str, Any]], root: Path, settings: Mapping[str, Any]
) -> dict[str, Any]:
    path = of_image["images"].get("path")
    return shown(row, of_image["images"], of_image["captions"], of_image["ocr"]) | {
        "picture": _picture(root / path) if path else "",
        "scores": {name: row[name] for name in SCORES},
        "reasons": explained(row["reasons"] or [], row, settings),
    }


def _picture(path: Path) -> str:
    """The picture as a small JPEG data URI; nothing if it is not there any more."""
    image = open_image(path, _MAX_PIXELS)
    if isinstance(image, Failed):
        return ""
    image.thumbnail((_SIDE, 2 * _SIDE))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=72, optimize=True)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"
