"""A page of right and wrong answers beside their pictures: one static file, to see what a figure is made of."""

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import jinja2

from glossator.images import open_image
from glossator.results import Failed

if TYPE_CHECKING:
    from glossator.evaluation.run import Answer

SHOWN = 24  # of each sort
_SIDE = 420
_PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width,initial-scale=1">
<title>{{ model }} on {{ name }}</title>
<style>
:root{color-scheme:light dark;--line:color-mix(in srgb,currentColor 18%,transparent);--dim:color-mix(in srgb,currentColor 65%,transparent)}
body{font:14px/1.45 system-ui,sans-serif;margin:0 auto;max-width:1280px;padding:24px}
h1{font-size:20px;margin:0 0 4px} h2{font-size:16px;margin:28px 0 8px} p{margin:0 0 8px;color:var(--dim)}
.grid{display:grid;grid-template-columns:repeat(auto-fill,minmax(280px,1fr));gap:16px}
article{border:1px solid var(--line);border-radius:8px;overflow:hidden;display:flex;flex-direction:column}
img{width:100%;height:220px;object-fit:contain;background:color-mix(in srgb,currentColor 6%,transparent)}
dl{margin:0;padding:10px 12px;display:grid;grid-template-columns:auto 1fr;gap:2px 10px;overflow-wrap:anywhere}
dt{color:var(--dim)} dd{margin:0} .q{grid-column:1/-1;font-weight:600}
</style></head><body>
<h1>{{ model }} on {{ name }}</h1>
<p>{{ metric }}; {{ count }} questions. Examples are drawn at random, the same at every run.</p>
{% for title, cards in groups %}<h2>{{ title }}</h2><div class="grid">
{% for card in cards %}<article>{% if card.image %}<img alt="" loading="lazy" src="{{ card.image }}">{% endif %}
<dl><dd class="q">{{ card.question }}</dd><dt>said</dt><dd>{{ card.said or '(nothing)' }}</dd>
<dt>gold</dt><dd>{{ card.gold }}</dd><dt>score</dt><dd>{{ '%.2f' % card.score }}{% if card.kind %} · {{ card.kind }}{% endif %}</dd></dl>
</article>{% endfor %}</div>{% endfor %}
</body></html>
"""


def write_gallery(path: Path, model: str, name: str, answers: Sequence[Answer], metric: str) -> None:
    """Write the page. All texts are escaped: they come from images and models."""
    order = sorted(answers, key=lambda answer: hashlib.sha256(answer.question.id.encode()).digest())
    groups = [
        ("Wrong", [one for one in order if one.scores[metric] == 0]),
        ("Partly right", [one for one in order if 0 < one.scores[metric] < 1]),
        ("Right", [one for one in order if one.scores[metric] == 1]),
    ]
    shown = [
        (f"{title} ({len(group):,})", [_card(one, metric) for one in group[:SHOWN]]) for title, group in groups if group
    ]
    template = jinja2.Environment(autoescape=True).from_string(_PAGE)
    text = template.render(model=model, name=name, metric=metric, count=f"{len(answers):,}", groups=shown)
    path.write_text(text, encoding="utf-8")


def _card(answer: Answer, metric: str) -> dict[str, object]:
    question = answer.question
    return {
        "question": question.text,
        "said": answer.said or answer.problem,
        "gold": " | ".join(question.golds[:10]),
        "score": answer.scores[metric],
        "kind": question.kind,
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
