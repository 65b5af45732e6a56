"""What a page shows of one pair: its texts in pieces, and the boxes on the image that belong to them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from difflib import SequenceMatcher
from typing import Any

from glossator.grounding import claims, locate
from glossator.records import Span

_QUOTES_SHOWN = 12
_WORDS_COMPARED = 3000
_FOUND = 0.85  # of a quote's letters


def shown(
    pair: Mapping[str, Any], image: Mapping[str, Any], caption: Mapping[str, Any], page: Mapping[str, Any]
) -> dict[str, Any]:
    """A pair with its image, captions and boxes, as plain JSON.

    Args:
        pair: its row of `pairs`.
        image: its image's row of `images`; empty if there is none, like the others.
        caption: its image's row of `captions`.
        page: its image's row of `ocr`.

    Returns:
        `pair`, `before_turns` (of the conversation), `image` (id, source id, kind, width, height, whether there is a
        picture, and how many), `caption` (the human one, and `pieces` of the enriched one, see `difference`), `spans`
        (OCR: text, box, confidence), `quotes` (texts that the explanation says are printed, each with its boxes),
        `explanation` (its pieces, see `quoted`).
    """
    spans = [Span(span["text"], tuple(span["box"]), span["confidence"] or 0.0) for span in page.get("spans") or ()]
    human, enriched = caption.get("caption") or image.get("caption") or "", caption.get("enriched") or ""
    explanation = pair.get("explain_answer") or ""
    quotes = _quotes(explanation, spans)
    return {
        "pair": {key: value for key, value in pair.items() if key != "meta"},
        "before_turns": _turns(pair.get("context") or ""),
        "image": {key: image.get(key) for key in ("image_id", "source_id", "kind", "width", "height")}
        | {"there": bool(image.get("path")), "pictures": bool(image.get("path")) + len(image.get("more_paths") or ())},
        "caption": {"human": human, "pieces": difference(human, enriched), "same": human == enriched},
        "spans": page.get("spans") or [],
        "quotes": quotes,
        "explanation": quoted(explanation, [quote["text"] for quote in quotes]),
    }


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
        found.append({"text": text, "boxes": [piece.box for piece in evidence] if ratio >= _FOUND else []})
    return found
