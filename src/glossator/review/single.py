"""All that the page shows of one pair, read from its image's shard."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict
from difflib import SequenceMatcher
from typing import Any

import polars as pl

from glossator.grounding import claims, locate
from glossator.jobs.reasons import explained
from glossator.records import Span
from glossator.review.catalog import SCORES, Catalog
from glossator.stages.filter import BOUNDS
from glossator.workspace import Workspace

_QUOTES_SHOWN = 12
_WORDS_COMPARED = 3000


def single(workspace: Workspace, catalog: Catalog, pair_id: str) -> dict[str, Any]:
    """A pair with its image, captions, boxes, scores, losses and verdict, as plain JSON.

    Returns:
        `pair`, `before_turns` (of the conversation), `image` (id, source id, kind, width, height, whether there is a
        picture), `caption` (the human one, and `pieces` of the enriched one, see `difference`), `spans`
        (OCR: text, box, confidence), `quotes` (texts that the explanation says are printed, each with its boxes),
        `explanation` (its pieces, see `quoted`), `scores` (by name: value, share of the set below, bounds), `tokens`
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
    spans = [Span(span["text"], tuple(span["box"]), span["confidence"] or 0.0) for span in page.get("spans") or ()]
    human = caption.get("caption") or image.get("caption") or ""
    explanation = pair.get("explain_answer") or ""
    quotes = _quotes(explanation, spans)
    return {
        "pair": {key: value for key, value in pair.items() if key != "meta"},
        "before_turns": _turns(pair.get("context") or ""),
        "image": {key: image.get(key) for key in ("image_id", "source_id", "kind", "width", "height")}
        | {"there": bool(image.get("path"))},
        "caption": {"human": human, "pieces": difference(human, caption.get("enriched") or "")}
        | {"same": human == (caption.get("enriched") or "")},
        "spans": page.get("spans") or [],
        "quotes": quotes,
        "explanation": quoted(explanation, [quote["text"] for quote in quotes]),
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


def difference(human: str, enriched: str) -> list[dict[str, str]]:
    """The two captions word by word, in pieces: `text`, and `kind`: `same` (stands in both), `added` (by the
    machine) or `dropped` (stands in the human one only). One of many thousand words is not compared."""
    before, after = human.split(), enriched.split()
    if max(len(before), len(after)) > _WORDS_COMPARED:
        return [{"text": enriched, "kind": "added"}]
    pieces: list[dict[str, str]] = []
    # Captions are short; without autojunk, frequent words are matched too.
    for tag, i, j, start, end in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if tag == "equal":
            pieces.append({"text": " ".join(after[start:end]), "kind": "same"})
            continue
        found = (("dropped", before[i:j]), ("added", after[start:end]))
        pieces += [{"text": " ".join(words), "kind": kind} for kind, words in found if words]
    return pieces


def quoted(text: str, quotes: Sequence[str]) -> list[dict[str, Any]]:
    """`text` in pieces: `text`, and the number of the quote that it is, or None. Longer quotes go first."""
    if not quotes:
        return [{"text": text, "quote": None}]
    ranked = sorted(quotes, key=len, reverse=True)
    parts = re.split("(" + "|".join(map(re.escape, ranked)) + ")", text)
    number = {quote: i for i, quote in enumerate(quotes)}
    # What is split at stands at the odd places.
    return [{"text": part, "quote": number[part] if i % 2 else None} for i, part in enumerate(parts) if part]


def _turns(context: str) -> list[dict[str, str]]:
    try:
        return [{"role": str(role), "text": str(text)} for role, text in json.loads(context or "[]")]
    except (ValueError, TypeError):
        return []


def _quotes(explanation: str, spans: Sequence[Span]) -> list[dict[str, Any]]:
    found = []
    for text in list(dict.fromkeys(claims(explanation)))[:_QUOTES_SHOWN]:
        ratio, evidence = locate(text, spans)
        found.append({"text": text, "boxes": [piece.box for piece in evidence] if ratio >= 0.85 else []})
    return found


def _scores(catalog: Catalog, row: dict[str, Any]) -> dict[str, dict[str, Any]]:
    below = catalog.place_of(row["pair_id"])
    return {
        name: {
            "value": None if row[name] is None else round(row[name], 4),
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
