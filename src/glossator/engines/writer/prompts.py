"""Prompt files: read, checked and filled in. Text from outside stands inside a fence that it can't close."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from glossator.fingerprint import fingerprint
from glossator.records import Sample
from glossator.text import clean

UNSURE = 0.8
MAX_OCR_CHARS = 12_000
_FRONT = re.compile(r"\A---\nname: (?P<name>\S+)\nversion: (?P<version>\d+)\n---\n(?P<text>.*)\Z", re.DOTALL)
_FENCE_CHAR = "\u2550"


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt file: its name, its version, and its text with `{places}` to fill in."""

    name: str
    version: int
    text: str

    def identity(self) -> dict[str, object]:
        """What is hashed: a changed text is a changed prompt, whether or not its version was bumped."""
        return {"name": self.name, "version": self.version, "text": fingerprint(self.text)}

    def fill(self, sample: Sample, **more: str) -> str:
        """The prompt for one image. Every value is cleaned, and rid of anything that looks like the fence."""
        image = sample.image
        values = {
            "kind": image.kind or "unknown",
            "caption": image.caption or "(none)",
            "ocr": _marked_text(sample)[:MAX_OCR_CHARS] or "(no text was read)",
        } | more
        safe = {key: clean(value).replace(_FENCE_CHAR, "=") for key, value in values.items()}
        return self.text.format(fence=_FENCE_CHAR * 12, **safe)


@cache
def load(name: str) -> Prompt:
    """The prompt `name` of the package. Raises `ValueError` if its file has no proper head."""
    text = files("glossator").joinpath("prompts", f"{name}.md").read_text(encoding="utf-8")
    match = _FRONT.match(text)
    if match is None or match["name"] != name:
        raise ValueError(f"prompts/{name}.md must begin with its name and version")
    return Prompt(name, int(match["version"]), match["text"].strip() + "\n")


def _marked_text(sample: Sample) -> str:
    """The page's text line by line, with what was read with little certainty marked."""
    page = sample.page
    if page is None:
        return ""
    unsure = {span.text for span in page.spans if span.confidence < UNSURE}
    return "\n".join(_mark(line, unsure) for line in page.text.split("\n"))


def _mark(line: str, unsure: set[str]) -> str:
    for text in unsure:
        if text and text in line:
            line = line.replace(text, f"{text} [?]")
    return line
