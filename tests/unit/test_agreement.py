"""How far two answers agree."""

from __future__ import annotations

import pytest

from glossator.agreement import anls


@pytest.mark.parametrize(
    ("answer", "other", "value"),
    [
        ("10.20", "10.20", 1.0),
        ("Blue  Door", "blue door", 1.0),
        ("10.20", "10.29", 0.8),
        ("ab", "ac", 0.0),  # one half is not enough
        ("10.20", "scone", 0.0),
        ("", "x", 0.0),
        ("合計", "合計", 1.0),
    ],
)
def test_anls(answer: str, other: str, value: float) -> None:
    assert anls(answer, other) == pytest.approx(value)
    assert anls(other, answer) == pytest.approx(value)
