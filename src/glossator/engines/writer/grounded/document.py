"""A sample as the grounded writer sees it: its lines, what to call it, and words for places on it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from glossator.layout.place import place, union
from glossator.layout.reading_order import lines
from glossator.records import Evidence, Sample, Span

_NOUNS = {
    "receipt": "receipt",
    "invoice": "invoice",
    "form": "form",
    "chart": "chart",
    "poster": "poster",
    "poster-illustration": "illustration",
    "screenshot": "screenshot",
    "webpage-screenshot": "web page",
    "comic": "comic",
    "document": "page",
    "document-multilingual": "page",
    "scene-text": "photo",
    "handwriting": "handwritten page",
    "typescript": "typewritten page",
    "table": "table",
    "diagram": "diagram",
    "letter": "letter",
    "menu": "menu",
    "ticket": "ticket",
}
_IN_CAPTION = re.compile(
    r"\b(receipt|invoice|form|poster|screenshot|menu|ticket|letter|chart|comic|diagram)\b", re.IGNORECASE
)


@dataclass(frozen=True)
class Document:
    """One image with its OCR."""

    sample: Sample

    @cached_property
    def spans(self) -> tuple[Span, ...]:
        """What OCR read, in reading order."""
        return self.sample.page.spans if self.sample.page else ()

    @cached_property
    def rows(self) -> list[list[Span]]:
        """The lines of the page."""
        return lines(self.spans)

    @cached_property
    def caption(self) -> str:
        """The human caption, or nothing."""
        return self.sample.image.caption or ""

    @cached_property
    def noun(self) -> str:
        """What to call it: what the source says, else what the caption says, else `image`."""
        known = _NOUNS.get(self.sample.image.kind.lower())
        said = _IN_CAPTION.search(self.caption)
        return known or (said[1].lower() if said else "image")

    def pick(self, options: Sequence[str], *salt: str) -> str:
        """One of the options, always the same for this image and salt, spread evenly over images."""
        text = "\x1f".join((self.sample.image.image_id, *salt))
        return options[int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") % len(options)]

    def where(self, spans: Sequence[Span]) -> str:
        """The place of the spans on the page, such as `at the top left`."""
        return place(union([span.box for span in spans]), self.sample.image.width, self.sample.image.height)

    def text_above(self, spans: Sequence[Span]) -> str:
        """The text of the line above the one that holds the first span, or nothing."""
        at = self._row_of(spans[0])
        return _quotable(self.rows[at - 1]) if at is not None and at > 0 else ""

    def text_below(self, spans: Sequence[Span]) -> str:
        """The text of the line below the one that holds the last span, or nothing."""
        at = self._row_of(spans[-1])
        return _quotable(self.rows[at + 1]) if at is not None and at + 1 < len(self.rows) else ""

    def _row_of(self, span: Span) -> int | None:
        return next((i for i, row in enumerate(self.rows) if span in row), None)


def evidence(spans: Sequence[Span]) -> tuple[Evidence, ...]:
    """The spans as evidence, each once."""
    return tuple(dict.fromkeys(Evidence(span.text, span.box) for span in spans))


def quoted(text: str) -> str:
    """The text in quotation marks; its own double ones become single."""
    return '"' + text.replace('"', "'") + '"'


def _quotable(row: Sequence[Span]) -> str:
    """A line's text if it is fit to be quoted: read with confidence, neither too short nor too long."""
    text = " ".join(span.text.strip() for span in row)
    sound = min(span.confidence for span in row) >= 0.9 and sum(map(str.isalpha, text)) >= 4
    return text if sound and len(text) <= 48 else ""
