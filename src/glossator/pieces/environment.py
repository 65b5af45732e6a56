"""How templates become pages: everything is escaped, and what is shared by all pages is at hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from glossator.pieces import drawings

LABELS = {
    "ifd": "IFD", "vfd": "VFD", "mifd": "mIFD", "ffd": "FFD", "vfd_first": "VFD, image first",
    "ifd_second": "IFD, image first", "ffd_image": "FFD beside the image", "reversed_ifd": "reversed IFD",
    "explain_grounding": "explanation's grounding", "explain_places": "explanation's places", "judged": "judge's mark",
}  # fmt: skip


def environment(package: str, folder: str) -> Environment:
    """Templates of a package's folder, and beside them `pieces.html` (macros) and `theme.css`."""
    own, shared, look = PackageLoader(package, folder), PackageLoader(__package__), PackageLoader(__package__, "static")
    made = Environment(
        loader=ChoiceLoader([own, shared, look]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"words": _words, "shown": _shown, "label": _label, "percent": _percent}
    draw = {name: _markup(getattr(drawings, name)) for name in ("histogram", "placed", "marks", "scatter", "curves")}
    made.globals["draw"] = draw
    return made


def _markup(drawing: Callable[..., str]) -> Callable[..., Markup]:
    """The drawings hold numbers and what they have escaped themselves."""
    return lambda *args: Markup(drawing(*args))


def _words(name: Any) -> str:
    """A name of the tables as words."""
    return str(name).replace("_", " ")


def _label(score: str) -> str:
    """A score as it is written in the field."""
    return LABELS.get(score, _words(score))


def _percent(share: float, digits: int = 0) -> str:
    return f"{100 * share:.{digits}f} %"


def _shown(value: Any, unlike: Any = None) -> str:
    """A number or a list for people: three digits behind the point, without needless zeros, and more where it would
    look like the number that it is compared with."""
    if isinstance(value, float):
        for digits in (3, 4, 5):
            text = f"{value:.{digits}f}".rstrip("0").rstrip(".")
            if value == unlike or not isinstance(unlike, int | float) or float(text) != unlike:
                break
        return text
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return "–" if value is None else str(value)
