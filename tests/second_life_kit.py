"""Small workspaces as tables."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import polars as pl

from glossator.records import Caption, Evidence, ImageRecord, Page, Pair, Span
from glossator.schemas import SCHEMAS, to_arrow

Lines = Sequence[tuple[str, str]]  # label and value of each line of a page


def lazy(table: str, records: Sequence[Any]) -> pl.LazyFrame:
    return pl.DataFrame(pl.from_arrow(to_arrow(table, records))).lazy()


def page(image_id: str, lines: Lines) -> Page:
    """Labels at the left, values at the right, one line under the other."""
    spans: list[Span] = []
    for i, (label, value) in enumerate(lines):
        top = 100.0 + 40 * i
        spans.append(Span(label, (20, top, 20 + 10.0 * len(label), top + 20)))
        if value:
            spans.append(Span(value, (400, top, 400 + 10.0 * len(value), top + 20)))
    return Page(image_id, "given", tuple(spans), "\n".join(span.text for span in spans))


def pair(image: str, number: int, question: str, answer: str, on: Page | None = None, **more: Any) -> Pair:
    """A pair with its evidence on the page, where it stands there."""
    found = [span for span in on.spans if span.text == answer] if on else []
    evidence = tuple(Evidence(span.text, span.box) for span in found[:1])
    explained = {"explain_question": "How can you tell?", "explain_answer": f"{answer} stands beside its label."}
    given = {"kind": "field", "grounding": 1.0, "evidence": evidence, **explained, **more}
    return Pair(f"{image}-{number}", image, image, question, answer, **given)


def tables(
    pairs: Sequence[Pair],
    rejected: dict[str, Sequence[str]] | None = None,
    pages: Sequence[Page] = (),
    kind: str = "form",
    by_person: Sequence[str] = (),
    captions: dict[str, str] | None = None,
) -> dict[str, pl.LazyFrame]:
    """What the makers of samples read. `rejected`: reasons by pair_id."""
    reasons = {name: list(why) for name, why in (rejected or {}).items()}
    verdicts = [
        {"pair_id": one.pair_id, "image_id": one.image_id, "keep": one.pair_id not in reasons,
         "reasons": reasons.get(one.pair_id, []), "rules": [], "form": "both",
         "decided_by": "person" if one.pair_id in by_person else "rules"}
        for one in pairs
    ]  # fmt: skip
    ids = dict.fromkeys([one.image_id for one in pairs] + [one.image_id for one in pages])
    images = lazy("images", [ImageRecord(one, one, f"{one}.png", "", 800, 1000, kind) for one in ids])
    schema = pl.DataFrame(pl.from_arrow(SCHEMAS["verdicts"].empty_table())).schema
    said = [Caption(one, None, text, "ada") for one, text in (captions or {}).items()]
    return {
        "pairs": lazy("pairs", pairs),
        "verdicts": pl.DataFrame(verdicts, schema=schema).lazy(),
        "ocr": lazy("ocr", pages),
        "captions": lazy("captions", said),
        "images": images.with_columns(pl.col("path").alias("image"), pl.col("more_paths").alias("more_images")),
    }


def context(*texts: str) -> str:
    """A conversation before a question."""
    return json.dumps([["user" if i % 2 == 0 else "assistant", text] for i, text in enumerate(texts)])
