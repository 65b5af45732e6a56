"""A page of right and wrong answers beside their pictures: one static file, to see what a figure is made of."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import jinja2

from glossator.fingerprint import fingerprint
from glossator.images import open_image
from glossator.results import Failed
from glossator.text import clean

if TYPE_CHECKING:
    from glossator.evaluation.run import Answer

SHOWN = 24  # of each sort
_SIDE = 420  # pixels of a picture's longer side
_GOLDS = 10
_PAGE = Path(__file__).with_name("gallery.html")


def write_gallery(path: Path, model: str, name: str, answers: Sequence[Answer], metric: str) -> None:
    """Write the page. All texts are cleaned and escaped: they come from images and models."""
    order = sorted(answers, key=lambda answer: fingerprint(answer.question.id))
    groups = [
        ("Wrong", [one for one in order if one.scores[metric] == 0]),
        ("Partly right", [one for one in order if 0 < one.scores[metric] < 1]),
        ("Right", [one for one in order if one.scores[metric] == 1]),
    ]
    shown = [
        (f"{title} ({len(group):,})", [_card(one, metric) for one in group[:SHOWN]]) for title, group in groups if group
    ]
    template = jinja2.Environment(autoescape=True).from_string(_PAGE.read_text(encoding="utf-8"))
    text = template.render(model=clean(model), name=name, metric=metric, count=f"{len(answers):,}", groups=shown)
    path.write_text(text, encoding="utf-8")


def _card(answer: Answer, metric: str) -> dict[str, object]:
    question = answer.question
    return {
        "question": clean(question.text),
        "said": clean(answer.said or answer.problem),
        "gold": clean(" | ".join(dict.fromkeys(question.golds[:_GOLDS]))),
        "score": answer.scores[metric],
        "kind": clean(question.kind),
        "image": _thumbnail(question.picture),
    }


def _thumbnail(path: Path) -> str:
    picture = open_image(path)
    if isinstance(picture, Failed):
        return ""
    picture.thumbnail((_SIDE, _SIDE))
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=70)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"
