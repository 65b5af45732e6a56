"""The scores are ratios of mean losses, and null where they are not defined."""

from __future__ import annotations

import math
from typing import Any

import polars as pl
import pytest

from glossator.difficulty import perplexity_ratio, scores
from glossator.records import Losses
from glossator.schemas import to_arrow

FULL: dict[str, Any] = {
    "nll_a": 12.0, "tokens_a": 4, "nll_a_q": 8.0, "tokens_a_q": 4, "nll_a_qi": 2.0, "tokens_a_qi": 4,
    "nll_r_s": 30.0, "tokens_r_s": 10, "nll_r_qas": 15.0, "tokens_r_qas": 10,
    "nll_a_i": 6.0, "tokens_a_i": 4, "nll_r_si": 20.0, "tokens_r_si": 10, "nll_r_qasi": 5.0, "tokens_r_qasi": 10,
    "nll_q": 10.0, "tokens_q": 5, "nll_q_a": 8.0, "tokens_q_a": 5,
}  # fmt: skip


def frame(**changes: Any) -> pl.LazyFrame:
    row = Losses("p", "i", "a model", "text", **{**FULL, **changes})
    return pl.DataFrame(pl.from_arrow(to_arrow("losses", [row]))).lazy()


def only(**changes: Any) -> dict[str, Any]:
    return scores(frame(**changes)).collect().row(0, named=True)


def test_the_four_ratios_by_their_definitions() -> None:
    found = only()
    assert found["ifd"] == pytest.approx(2 / 3)  # (8/4) / (12/4)
    assert found["vfd"] == pytest.approx(1 / 4)  # (2/4) / (8/4)
    assert found["mifd"] == pytest.approx(1 / 6)
    assert found["ffd"] == pytest.approx(1 / 2)


def test_the_other_readings() -> None:
    found = only()
    assert found["vfd_first"] * found["ifd_second"] == pytest.approx(found["mifd"])
    assert found["ffd_image"] == pytest.approx(1 / 4)
    assert found["reversed_ifd"] == pytest.approx(4 / 5)
    perplexity = scores(frame(), reading="perplexity").collect().row(0, named=True)
    assert perplexity["ifd"] == pytest.approx(math.exp(2 - 3))
    assert perplexity["mifd"] == pytest.approx(math.exp(0.5 - 3))


def test_mifd_is_vfd_times_ifd() -> None:
    found = only(nll_a=3.7, nll_a_q=9.1, nll_a_qi=5.3)
    assert found["mifd"] == pytest.approx(found["vfd"] * found["ifd"])


@pytest.mark.parametrize(
    ("changes", "undefined"),
    [
        ({"nll_a": None, "tokens_a": 0}, {"ifd", "mifd"}),
        ({"nll_a_q": None, "tokens_a_q": 0}, {"ifd", "vfd", "mifd"}),
        ({"nll_a_qi": None, "tokens_a_qi": 0}, {"vfd", "mifd"}),
        ({"nll_r_s": None, "tokens_r_s": 0}, {"ffd"}),
        ({"nll_r_s": 0.0}, {"ffd"}),
        ({"nll_a": 0.0}, {"ifd", "mifd"}),
        ({"nll_r_qas": math.nan}, {"ffd"}),
        ({"nll_r_s": math.inf}, {"ffd"}),
        ({"tokens_a": 2, "tokens_a_q": 2, "tokens_a_qi": 2}, {"ifd", "vfd", "mifd"}),
    ],
)
def test_null_and_never_nan_where_undefined(changes: dict[str, Any], undefined: set[str]) -> None:
    found = only(**changes)
    assert {name for name in ("ifd", "vfd", "mifd", "ffd") if found[name] is None} == undefined
    assert all(found[name] is None or math.isfinite(found[name]) for name in ("ifd", "vfd", "mifd", "ffd"))


def test_the_perplexity_ratio_is_a_difference_of_means() -> None:
    found = frame().select(perplexity_ratio("r_qas", "r_s")).collect().item()
    assert found == pytest.approx(math.exp(1.5 - 3.0))
