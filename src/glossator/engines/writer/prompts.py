"""Prompt texts, and how untrusted text is put into them: inside a fence that the text itself can't close."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files

from glossator.engines.base import Step
from glossator.layout.reading_order import lines_text
from glossator.records import Page, Sample
from glossator.text import clean, one_line

UNCERTAIN_BELOW = 0.8


@dataclass(frozen=True, slots=True)
class Prompt:
    """One prompt file: its name and version (from the front matter) and its template."""

    name: str
    version: int
    text: str


@cache
def load(step: Step, *, with_image: bool) -> Prompt:
    """The prompt of a step, for a model that sees the image or for one that does not."""
    name = f"{step}-{'image' if with_image else 'text'}"
    raw = files("glossator").joinpath("prompts", f"{name}.md").read_text(encoding="utf-8")
    _, front, text = raw.split("---\n", 2)
    fields = dict(line.split(": ", 1) for line in front.strip().split("\n"))
    return Prompt(fields["name"], int(fields["version"]), text.strip())


def render(prompt: Prompt, step: Step, sample: Sample, max_pairs: int) -> str:
    """The prompt with the sample's data. The fence holds a hash of the data, so no data can contain it."""
    written = sample.caption.enriched if step != "enrich" and sample.caption else sample.image.caption
    data = {
        "kind": harmless(one_line(sample.image.kind)) or "(unknown)",
        "caption": harmless(clean(written or "")) or "(none)",
        "ocr": harmless(clean(_ocr(sample.page))) or "(none)",
        "pairs": harmless("\n".join(_numbered(sample))),
    }
    digest = hashlib.sha256("\x1f".join(data.values()).encode("utf-8", "replace")).hexdigest()[:12]
    return prompt.text.format(fence=f"=== DATA {digest} ===", max_pairs=max_pairs, **data)


def harmless(text: str) -> str:
    """`text` without anything that looks like our fence."""
    return re.sub(r"={3,}", "==", text)


def _ocr(page: Page | None) -> str:
    if page is None:
        return ""
    return lines_text(
        tuple(
            replace(span, text=f"{span.text} [?]") if span.confidence < UNCERTAIN_BELOW else span for span in page.spans
        )
    )


def _numbered(sample: Sample) -> list[str]:
    return [
        f"{number}. Q: {one_line(pair.question)} A: {one_line(pair.answer)}"
        for number, pair in enumerate(sample.pairs, 1)
    ]
