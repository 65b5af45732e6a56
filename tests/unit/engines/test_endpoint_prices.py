"""What tokens cost."""

from __future__ import annotations

import pytest

from glossator.engines.endpoint.prices import usd
from glossator.recipe import Price

OWN = {
    "mine": Price(input=2, cached_input=0.5, output=10),
    "plain": Price(input=2, output=10),
    "free": Price(input=0, output=0),
}


@pytest.mark.parametrize(
    ("model", "cached", "batch", "dollars"),
    [
        ("mine", 0, False, 2 + 1),
        ("mine", 400_000, False, 0.6 * 2 + 0.4 * 0.5 + 1),
        ("plain", 400_000, False, 2 + 1),
        ("mine", 0, True, 1.5),
        ("free", 0, False, 0),
        ("nobody-knows-it", 0, False, None),
    ],
)
def test_own_prices(model: str, cached: int, batch: bool, dollars: float | None) -> None:
    assert usd(OWN, model, 1_000_000, cached, 100_000, batch=batch) == pytest.approx(dollars)


def test_listed_prices_know_caches_and_dated_names() -> None:
    full = usd({}, "gpt-4o", 100_000, 0, 1000)
    assert full is not None
    assert full > 0
    assert usd({}, "gpt-4o-2024-08-06", 100_000, 0, 1000) == pytest.approx(full)
    cached = usd({}, "gpt-4o", 100_000, 50_000, 1000)
    assert cached is not None
    assert cached < full
    assert usd({"gpt-4o": Price(input=0, output=0)}, "gpt-4o", 100_000, 0, 1000) == 0
