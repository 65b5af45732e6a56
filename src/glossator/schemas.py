"""Each table's Arrow schema, and the way from records to rows and back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

import pyarrow as pa

from glossator.records import (
    CONDITIONS,
    Agreement,
    Alias,
    Caption,
    Evidence,
    Failure,
    Hashes,
    HumanVerdict,
    ImageRecord,
    Inspection,
    Losses,
    Marks,
    Page,
    Pair,
    Span,
    TokenLoss,
)

_TEXT = pa.string()
_BOX = pa.list_(pa.float64())
_SPANS = pa.list_(pa.struct([("text", _TEXT), ("box", _BOX), ("confidence", pa.float64())]))
_EVIDENCE = pa.list_(pa.struct([("text", _TEXT), ("box", _BOX)]))
_TOKEN_LOSSES = pa.list_(
    pa.struct([("condition", _TEXT), ("start", pa.int32()), ("end", pa.int32()), ("nll", pa.float32())])
)
_PAIR = pa.schema(
    [
        ("pair_id", _TEXT),
        ("image_id", _TEXT),
        ("source_id", _TEXT),
        ("question", _TEXT),
        ("answer", _TEXT),
        ("kind", _TEXT),
        ("evidence", _EVIDENCE),
        ("grounding", pa.float64()),
        ("question_similarity", pa.float64()),
        ("explain_question", _TEXT),
        ("explain_answer", _TEXT),
        ("writer", _TEXT),
        ("repaired_from", _TEXT),
        ("context", _TEXT),
        ("conversation", pa.int64()),
        ("meta", _TEXT),
        ("question_fit", pa.float64()),
        ("explain_grounding", pa.float64()),
        ("explain_places", pa.float64()),
        ("operation", _TEXT),
    ]
)
_TEXTS = pa.list_(_TEXT)


def _named(kind: pa.DataType, *names: str) -> list[tuple[str, pa.DataType]]:
    """Columns of one type."""
    return [(name, kind) for name in names]


_HUMAN = pa.schema(
    _named(
        _TEXT, "pair_id", "image_id", "reviewer", "verdict", "reason", "note", "time", "sampling", "question",
        "answer", "explain_question", "explain_answer",
    )
)  # fmt: skip
SCHEMAS: dict[str, pa.Schema] = {
    "images": pa.schema(
        [
            ("image_id", _TEXT),
            ("source_id", _TEXT),
            ("path", _TEXT),
            ("sha256", _TEXT),
            ("width", pa.int64()),
            ("height", pa.int64()),
            ("kind", _TEXT),
            ("shard", pa.int64()),
            ("caption", _TEXT),
            ("given_ocr", _SPANS),
            ("given_pairs", _TEXT),
            ("meta", _TEXT),
            ("more_paths", pa.list_(_TEXT)),
        ]
    ),
    "sources": pa.schema([("source_id", _TEXT), ("image_id", _TEXT), ("path", _TEXT), ("caption", _TEXT)]),
    "ocr": pa.schema(
        [
            ("image_id", _TEXT),
            ("engine", _TEXT),
            ("spans", _SPANS),
            ("text", _TEXT),
            ("complete", pa.float64()),
            ("disputed", _EVIDENCE),
        ]
    ),
    "captions": pa.schema([("image_id", _TEXT), ("caption", _TEXT), ("enriched", _TEXT), ("writer", _TEXT)]),
    "drafts": _PAIR,
    "pairs": _PAIR,
    "losses": pa.schema(
        [("pair_id", _TEXT), ("image_id", _TEXT), ("scorer", _TEXT), ("scorer_kind", _TEXT)]
        + [
            (f"{measure}_{condition}", kind)
            for condition in CONDITIONS
            for measure, kind in (("nll", pa.float64()), ("tokens", pa.int64()))
        ]
        + [("token_losses", _TOKEN_LOSSES), ("not_scored", _TEXT)]
    ),
    "agreement": pa.schema(
        [("pair_id", _TEXT), ("image_id", _TEXT), ("model", _TEXT), ("answer", _TEXT), ("anls", pa.float64())]
    ),
    "judgements": pa.schema(
        [("pair_id", _TEXT), ("image_id", _TEXT), ("judge", _TEXT)]
        + [(mark, pa.float64()) for mark in ("correct", "grounded", "clear", "useful", "lowest", "turn_gap")]
        + [("problem", _TEXT)]
    ),
    "verdicts": pa.schema(
        [
            *_named(_TEXT, "pair_id", "image_id"), ("keep", pa.bool_()), *_named(_TEXTS, "reasons", "rules"),
            *_named(_TEXT, "decided_by", "form"),
        ]
    ),
    "hashes": pa.schema(
        [("image_id", _TEXT), ("picture", pa.int64()), ("hashes", _TEXTS), ("thumbnail", pa.binary())]
    ),
    "duplicates": pa.schema(
        [
            *_named(_TEXT, "pair_id", "image_id", "image_copy_of", "question_copy_of", "template"),
            ("template_rank", pa.int64()),
        ]
    ),
    "leaks": pa.schema(
        [
            *_named(_TEXT, "pair_id", "image_id", "image_leak"), ("image_distance", pa.float64()),
            ("text_leak", _TEXT),
        ]
    ),
    "inspections": pa.schema(
        [*_named(_TEXT, "pair_id", "image_id"), *_named(_TEXTS, "personal", "languages", "scripts", "profane")]
    ),
    "human": _HUMAN,
    "edits": _HUMAN,
    "failures": pa.schema(
        [
            ("stage", _TEXT),
            ("id", _TEXT),
            ("image_id", _TEXT),
            ("category", _TEXT),
            ("message", _TEXT),
            ("attempts", pa.int64()),
        ]
    ),
}  # fmt: skip

_RECORDS: dict[str, Any] = {
    "images": ImageRecord,
    "sources": Alias,
    "ocr": Page,
    "captions": Caption,
    "drafts": Pair,
    "pairs": Pair,
    "losses": Losses,
    "agreement": Agreement,
    "judgements": Marks,
    "hashes": Hashes,
    "inspections": Inspection,
    "human": HumanVerdict,
    "edits": HumanVerdict,
    "failures": Failure,
}


def to_arrow(table: str, records: Iterable[Any]) -> pa.Table:
    """The records as one Arrow table in the schema of `table`."""
    return pa.Table.from_pylist([asdict(record) for record in records], schema=SCHEMAS[table])


def from_arrow(table: str, data: pa.Table) -> list[Any]:
    """The rows of `data` as records of `table`."""
    return [_record(table, row) for row in data.to_pylist()]


def _record(table: str, row: dict[str, Any]) -> Any:
    for key in ("spans", "given_ocr"):
        if row.get(key) is not None:
            row[key] = tuple(Span(span["text"], _box(span["box"]), span["confidence"]) for span in row[key])
    if "token_losses" in row:
        row["token_losses"] = tuple(TokenLoss(**token) for token in row["token_losses"] or ())
    for key in ("more_paths", "hashes", "personal", "languages", "scripts", "profane"):
        if key in row:
            row[key] = tuple(row[key] or ())
    for key in ("evidence", "disputed"):
        if key in row:
            row[key] = tuple(Evidence(piece["text"], _box(piece["box"])) for piece in row[key] or ())
    return _RECORDS[table](**row)


def _box(values: list[float]) -> tuple[float, float, float, float]:
    x0, y0, x1, y1 = values
    return (x0, y0, x1, y1)
