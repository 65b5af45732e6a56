"""All that the page shows of one pair, read from its image's shard."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import polars as pl

from glossator.difficulty import SCORES
from glossator.jobs.reasons import explained
from glossator.pieces.shown import shown
from glossator.review.catalog import Catalog
from glossator.stages.filter import BOUNDS
from glossator.workspace import Workspace


def single(workspace: Workspace, catalog: Catalog, pair_id: str) -> dict[str, Any]:
    """A pair with its image, captions, boxes, scores, losses and verdict, as plain JSON.

    Returns:
        What `pieces.shown.shown` gives, and `scores` (by name: value, share of the set below, bounds), `tokens`
        (losses by condition, where stored), `verdict`.

    Raises:
        KeyError: for an unknown pair.
    """
    row = catalog.row(pair_id)
    shard = int(row["shard"])
    pair = _one(workspace.scan_shard("pairs", shard).filter(pl.col("pair_id") == pair_id))
    of_image = pl.col("image_id") == row["image_id"]
    image = _one(workspace.scan_shard("images", shard).filter(of_image))
    page = _one(workspace.scan_shard("ocr", shard).filter(of_image))
    caption = _one(workspace.scan_shard("captions", shard).filter(of_image))
    losses = _one(workspace.scan_shard("losses", shard).filter(pl.col("pair_id") == pair_id))
    return shown(pair, image, caption, page) | {
        "scores": _scores(catalog, row),
        "tokens": _tokens(pair, losses),
        "scorer": losses.get("scorer", ""),
        "not_scored": losses.get("not_scored", ""),
        "verdict": {
            "keep": row["keep"],
            "by": row["decided_by"] or "",
            "reasons": [asdict(reason) for reason in explained(row["reasons"], row, catalog.settings)],
        },
    }


def _one(frame: pl.LazyFrame) -> dict[str, Any]:
    found = frame.head(1).collect()
    return found.row(0, named=True) if found.height else {}


def _scores(catalog: Catalog, row: dict[str, Any]) -> dict[str, dict[str, Any]]:
    below = catalog.place_of(row["pair_id"])
    return {
        name: {
            "value": row[name],
            "below": below[name],
            "min": catalog.bound(f"{name}_min") if f"{name}_min" in BOUNDS else None,
            "max": catalog.bound(f"{name}_max") if f"{name}_max" in BOUNDS else None,
        }
        for name in SCORES
    }


def _tokens(pair: dict[str, Any], losses: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """By condition, the pieces of the scored text with each one's loss in nats."""
    texts = {"a": pair.get("answer", ""), "r": pair.get("explain_answer", ""), "q": pair.get("question", "")}
    found: dict[str, list[dict[str, Any]]] = {}
    for token in losses.get("token_losses") or ():
        text = texts[token["condition"][0]][token["start"] : token["end"]]
        found.setdefault(token["condition"], []).append({"text": text, "nll": round(token["nll"], 3)})
    return found
