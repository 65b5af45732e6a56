"""From a raw record, of which nothing can be trusted, to clean fields. Pure: no file is touched.

Only a record without a usable image path is refused as a whole. Anything else that is wrong is left out, with a
`Failed` that says so, and the image goes on.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from glossator.jobs.sources import IMAGE_KEYS, RawRecord
from glossator.records import Box, Span
from glossator.results import Failed
from glossator.text import clean, one_line

MAX_CAPTION = 20_000  # characters
MAX_ID = 500
MAX_KIND = 100
MAX_META = 1_000_000  # characters of JSON
MAX_SPANS = 20_000
MAX_SPAN_TEXT = 2_000
MAX_IMAGES = 100  # of one record
KNOWN = {*IMAGE_KEYS, "id", "caption", "captions", "kind", "ocr", "given_pairs", "meta", "more_images"}
PAIR_KEYS = ("question", "answer", "kind", "source_id", "explain_question", "explain_answer")
PAIR_JSON = ("context", "meta")


@dataclass(frozen=True, slots=True)
class Parsed:
    """A record's clean fields.

    Attributes:
        source_id: its own id, or the image's path where it has none.
        digest: hash of everything that the record says; another one means that the record has changed.
        image: the image's path as the record has it; empty for pairs without a picture.
        more_images: paths of further pictures that stand beside it.
        spans: given OCR, still without the image's size; None where none is given.
        problems: what was left out.
    """

    source_id: str
    digest: str
    image: str
    caption: str | None
    kind: str
    spans: tuple[Span, ...] | None
    given_pairs: str
    meta: str
    problems: tuple[Failed, ...]
    more_images: tuple[str, ...] = ()


def parse(raw: RawRecord) -> Parsed | Failed:
    """The record's clean fields, or `bad_record` if it has no image path (the failure's id: its own, or its place)."""
    if raw.problem:
        return Failed("bad_record", raw.problem, id=raw.where)
    fields = raw.fields
    image = next((fields[key] for key in IMAGE_KEYS if fields.get(key) is not None), None)
    source_id = _id(fields.get("id"))
    problems: list[Failed] = []
    pairs = _pairs(fields.get("given_pairs"), problems)
    if image is None and pairs:
        image = ""
    elif not isinstance(image, str) or not _is_path(image):
        return Failed("bad_record", "names no image; give it a key 'image' with a path", id=source_id or raw.where)
    more = fields.get("more_images") or []
    if not isinstance(more, list) or len(more) >= MAX_IMAGES or not all(map(_is_path, more)):
        why = f"more_images is no list of paths, or longer than {MAX_IMAGES}"
        return Failed("bad_record", why, id=source_id or raw.where)
    return Parsed(
        source_id=source_id or _id(image) or raw.where,
        digest=digest(fields),
        image=image,
        caption=_caption(fields.get("caption"), fields.get("captions"), problems),
        kind=one_line(kind)[:MAX_KIND] if isinstance(kind := fields.get("kind"), str) else "",
        spans=_spans(fields.get("ocr"), problems),
        given_pairs=pairs,
        meta=_meta(fields, problems),
        problems=tuple(problems),
        more_images=tuple(more),
    )


def digest(fields: dict[str, Any]) -> str:
    """Hash of a record's whole content, whatever it holds."""
    try:
        text = json.dumps(fields, sort_keys=True, default=str)
    except (TypeError, ValueError, RecursionError):
        text = ascii(sorted(map(str, fields)))
    return hashlib.sha256(text.encode("ascii")).hexdigest()[:32]


def _id(value: Any) -> str:
    """A text or a whole number; anything else is no id."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 63:
        return str(value)
    text = one_line(value[: 10 * MAX_ID]) if isinstance(value, str) else ""
    if len(text) > MAX_ID or (isinstance(value, str) and len(value) > 10 * MAX_ID):
        text = f"{text[:100]}-{hashlib.sha256(value.encode('utf-8', 'replace')).hexdigest()[:16]}"
    return text


def _is_path(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip()) and _is_text(value)


def _is_text(text: str) -> bool:
    return "\0" not in text and not any("\ud800" <= char <= "\udfff" for char in text)


# Captions


def _caption(caption: Any, more: Any, problems: list[Failed]) -> str | None:
    """All captions, joined by a blank line."""
    given = [item for value in (caption, more) for item in (value if isinstance(value, list) else [value])]
    given = [item for item in given if item is not None]
    texts = [item for item in given if isinstance(item, str)]
    if len(texts) < len(given):
        problems.append(Failed("bad_caption", f"{len(given) - len(texts)} captions are no text; left out"))
    if sum(map(len, texts)) > MAX_CAPTION:
        problems.append(Failed("bad_caption", f"longer than {MAX_CAPTION:,} characters; left out"))
        return None
    return "\n\n".join(dict.fromkeys(text for item in texts if (text := clean(item)))) or None


# OCR


def _spans(given: Any, problems: list[Failed]) -> tuple[Span, ...] | None:
    if given is None or given == []:
        return None
    if not isinstance(given, list):
        problems.append(Failed("bad_ocr", "the key 'ocr' holds no list of spans; left out"))
        return None
    spans = [span for item in given[:MAX_SPANS] if (span := _span(item)) is not None]
    if len(spans) < len(given):
        problems.append(Failed("bad_ocr", f"{len(given) - len(spans)} of {len(given)} spans are left out: {_WANTED}"))
    return tuple(spans) or None


_WANTED = 'a span is {"text": some text, "box": [x0, y0, x1, y1] in pixels inside the image}'


def _span(item: Any) -> Span | None:
    if not isinstance(item, dict) or not isinstance(item.get("text"), str):
        return None
    box, text = _box(item.get("box")), one_line(item["text"][:MAX_SPAN_TEXT])
    if box is None or not text:
        return None
    confidence = _number(item.get("confidence"))
    return Span(text, box, 1.0 if confidence is None else min(1.0, max(0.0, confidence)))


def _box(value: Any) -> Box | None:
    """Corners in any order. A polygon (`[[x, y], ...]`) becomes the upright box around it."""
    if not isinstance(value, list) or not 2 <= len(value) <= 64:
        return None
    if all(isinstance(point, list) and len(point) == 2 for point in value):
        value = [number for point in value for number in point]
    numbers = [number for number in map(_number, value) if number is not None]
    if len(numbers) != len(value) or len(numbers) < 4 or len(numbers) % 2:
        return None
    xs, ys = numbers[::2], numbers[1::2]
    return (min(xs), min(ys), max(xs), max(ys))


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def inside(spans: Sequence[Span], width: int, height: int) -> tuple[Span, ...]:
    """The spans cut off at the image's edges; those that lie outside are gone."""
    kept = []
    for span in spans:
        x0, y0, x1, y1 = span.box
        box = (max(0.0, x0), max(0.0, y0), min(float(width), x1), min(float(height), y1))
        if box[0] < box[2] and box[1] < box[3]:
            kept.append(Span(span.text, box, span.confidence))
    return tuple(kept)


def outside(count: int) -> Failed:
    """What to say about spans that `inside` has dropped."""
    return Failed("bad_ocr", f"{count} spans lie outside the image or have no area; left out")


# The rest


def _pairs(given: Any, problems: list[Failed]) -> str:
    if given is None or given == []:
        return ""
    rows = given if isinstance(given, list) else []
    pairs = [pair for row in rows if (pair := _pair(row))]
    if len(pairs) < len(rows) or not isinstance(given, list):
        problems.append(Failed("bad_pairs", "some pairs have no text as question or answer; left out"))
    return json.dumps(pairs, ensure_ascii=False) if pairs else ""


def _pair(row: Any) -> dict[str, Any]:
    if not isinstance(row, dict):
        return {}
    pair: dict[str, Any] = {key: clean(row[key][:MAX_CAPTION]) for key in PAIR_KEYS if isinstance(row.get(key), str)}
    if not (pair.get("question") and pair.get("answer")):
        return {}
    pair |= {key: row[key] for key in PAIR_JSON if isinstance(row.get(key), str) and _is_json(row[key])}
    if isinstance(number := row.get("conversation"), int) and 0 <= number < 1 << 40:
        pair["conversation"] = number
    return pair


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return len(text) <= MAX_META


def _meta(fields: dict[str, Any], problems: list[Failed]) -> str:
    """Every other key as JSON; the keys of `meta` itself stand beside them."""
    given = fields.get("meta")
    meta = dict(given) if isinstance(given, dict) else {} if given is None else {"meta": given}
    meta |= {key: value for key, value in fields.items() if key not in KNOWN}
    if not isinstance(fields.get("kind", ""), str):
        meta["kind"] = fields["kind"]
    try:
        text = json.dumps(meta, default=str, allow_nan=False)
    except ValueError:
        text = json.dumps(_without_nan(meta), default=str)
    except (TypeError, RecursionError):
        text = ""
    if not text or len(text) > MAX_META:
        problems.append(Failed("bad_record", f"its other keys take over {MAX_META:,} characters as JSON; left out"))
        return "{}"
    return text


def _without_nan(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    return [_without_nan(item) for item in value] if isinstance(value, list) else value
