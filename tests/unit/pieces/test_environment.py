from __future__ import annotations

import pytest
from jinja2 import UndefinedError

from glossator.pieces.environment import environment

PAGES = environment("glossator.jobs", "report_assets")


def text(source: str, **values: object) -> str:
    return PAGES.from_string(source).render(**values)


def test_texts_are_escaped_and_drawings_are_not() -> None:
    assert text("{{ one }}", one="<b>") == "&lt;b&gt;"
    assert text("{{ draw.marks([0.5], 1.0) }}").startswith("<line ")


def test_what_is_missing_is_told() -> None:
    with pytest.raises(UndefinedError):
        text("{{ nothing }}")


@pytest.mark.parametrize(
    ("value", "unlike", "expected"),
    [
        (0.5, None, "0.5"),
        (0.12345, None, "0.123"),
        (1.0003, 1.0, "1.0003"),  # not "1 > 1"
        (1.0, 1.0, "1"),
        (0.0000001, 0.0, "0"),
        (["de", "en"], None, "de, en"),
        (None, None, "–"),
        (3, None, "3"),
    ],
)
def test_values_for_people(value: object, unlike: object, expected: str) -> None:
    assert text("{{ value | shown(unlike) }}", value=value, unlike=unlike) == expected


def test_names_for_people() -> None:
    assert (
        text("{{ 'mifd' | label }}, {{ 'question_fit' | label }}, {{ 0.256 | percent }}") == "mIFD, question fit, 26 %"
    )
