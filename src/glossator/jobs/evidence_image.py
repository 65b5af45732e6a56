"""A pair's picture with boxes: the answer's evidence, what the question names, what the explanation names."""

from __future__ import annotations

import hashlib
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from glossator.errors import UsageError
from glossator.grounding import claims
from glossator.images import open_image
from glossator.jobs.history import Subject
from glossator.places.page import PageText
from glossator.records import Box
from glossator.results import Failed
from glossator.text import fold

MAX_PIXELS = 10**9  # ingest has already refused what is over the recipe's limit
_SIDE = 2000
_MOST = 1  # of several places of a text, the one nearest to the answer
COLOURS = {"answer": (214, 39, 40), "named in the question": (31, 119, 180), "named in the explanation": (255, 127, 14)}


def boxes(subject: Subject) -> dict[str, list[Box]]:
    """What is marked, by what it is: pixels of the picture. A text of the explanation that the question names already,
    or that is the answer, is marked once."""
    pair, page = subject.pair, subject.text
    answer = [piece.box for piece in pair.evidence]
    asked = _named(pair.question, pair.answer, page, answer)
    told = [box for box in _named(pair.explain_answer, pair.answer, page, answer) if box not in asked]
    return dict(zip(COLOURS, (answer, asked, told), strict=True))


def _named(text: str, answer: str, page: PageText, near: list[Box]) -> list[Box]:
    found: list[Box] = []
    for one in dict.fromkeys(claims(text)):
        if fold(one) and fold(one) != fold(answer):
            places = page.find(one)
            places.sort(key=lambda box: min((_distance(box, other) for other in near), default=0.0))
            found += [box for box in places[:_MOST] if box not in near]
    return list(dict.fromkeys(found))


def _distance(first: Box, second: Box) -> float:
    return abs(first[0] + first[2] - second[0] - second[2]) + abs(first[1] + first[3] - second[1] - second[3])


def draw(subject: Subject, root: Path) -> Image.Image:
    """The picture with its boxes and a legend below, at most 2,000 pixels on its longer side.

    Raises:
        UsageError: if the pair has no picture, or its file is gone, broken, or no longer the one that was taken in.
    """
    image = subject.image
    if not image.path:
        raise UsageError(f"{subject.pair.pair_id} has no picture")
    path = root / image.path
    picture = open_image(path, MAX_PIXELS)
    if isinstance(picture, Failed):
        raise UsageError(f"{path}: {picture.message}")
    if image.sha256 and hashlib.sha256(path.read_bytes()).hexdigest() != image.sha256:
        raise UsageError(f"{path} is not the picture that the workspace was built from: it has changed since")
    scale = min(1.0, _SIDE / max(picture.size))
    if scale < 1:
        picture = picture.resize((max(1, round(picture.width * scale)), max(1, round(picture.height * scale))))
    marked = boxes(subject)
    _mark(picture, marked, scale)
    return _with_legend(picture, marked)


def _mark(picture: Image.Image, marked: dict[str, list[Box]], scale: float) -> None:
    pen = ImageDraw.Draw(picture)
    width = max(2, round(max(picture.size) / 500))
    for what, places in reversed(marked.items()):
        for x0, y0, x1, y1 in places:
            left, right = sorted((x0 * scale - width, x1 * scale + width))
            upper, lower = sorted((y0 * scale - width, y1 * scale + width))
            pen.rectangle((left, upper, right, lower), outline=COLOURS[what], width=width)


def _with_legend(picture: Image.Image, marked: dict[str, list[Box]]) -> Image.Image:
    size = max(14, min(28, max(picture.size) // 60))
    font = ImageFont.load_default(size)
    entries = [(what, f"{what} ({len(places) or 'nothing marked'})") for what, places in marked.items()]
    line = round(1.6 * size)
    wide = max(picture.width, round(max(font.getlength(text) for _, text in entries)) + 3 * size)
    page = Image.new("RGB", (wide, picture.height + line * len(entries) + size // 2), "white")
    page.paste(picture, (0, 0))
    pen = ImageDraw.Draw(page)
    for row, (what, text) in enumerate(entries):
        top = picture.height + size // 2 + row * line
        pen.rectangle((size // 2, top + size // 6, size // 2 + size, top + size), outline=COLOURS[what], width=3)
        pen.text((2 * size, top), text, fill="black", font=font)
    return page
