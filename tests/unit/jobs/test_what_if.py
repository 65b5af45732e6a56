"""What another setting would keep agrees with what the filter keeps, and grids are told apart from nonsense."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from glossator.errors import RecipeError
from glossator.jobs.what_if import parse_grid, table_text, what_if
from glossator.records import Losses, Pair
from glossator.schemas import to_arrow
from glossator.stages.filter import FilterSettings, FilterStage


def tables(count: int) -> dict[str, pl.LazyFrame]:
    pairs = [Pair(f"p{i}", f"i{i // 3}", "s", f"Question {i}?", "53.60", grounding=1.0, explain_question="How?",
                  explain_answer="It stands beside TOTAL.") for i in range(count)]  # fmt: skip
    losses = [Losses(f"p{i}", f"i{i // 3}", "a model", "text", nll_a=12.0, tokens_a=4, nll_a_q=8.0, tokens_a_q=4,
                     nll_a_qi=0.2 * i, tokens_a_qi=4, nll_r_s=30.0, tokens_r_s=10, nll_r_qas=15.0,
                     tokens_r_qas=10) for i in range(count)]  # fmt: skip
    frames = {"drafts": to_arrow("drafts", pairs), "losses": to_arrow("losses", losses)}
    return {name: pl.DataFrame(pl.from_arrow(data)).lazy() for name, data in frames.items()}


def kept(data: dict[str, pl.LazyFrame], **settings: Any) -> list[str]:
    found = FilterStage(FilterSettings.model_validate(settings)).run(data).filter(pl.col("keep")).collect()
    return found["pair_id"].to_list()


def test_each_cell_keeps_what_the_filter_keeps() -> None:
    data = tables(30)
    rows = what_if(data, FilterSettings(), {"mifd_max": [0.1, 0.3], "budget": [None, 4]})
    assert len(rows) == 4
    for row in rows:
        wanted = kept(data, mifd_max=row["mifd_max"], budget=row["budget"])
        assert (row["kept"], row["pairs"]) == (len(wanted), 30)
    assert rows[0]["mean_mifd"] < rows[2]["mean_mifd"]
    assert "mean_ffd" in table_text(rows)


def test_percentiles_top_k_and_budget() -> None:
    data = tables(30)
    assert kept(data, percentiles={"mifd": [10, 50]}) == [f"p{i}" for i in range(3, 15)]
    assert kept(data, mifd_max=None, vfd_max=None, top_k=1) == [f"p{i}" for i in range(2, 30, 3)]
    assert kept(data, mifd_max=None, vfd_max=None, budget=3) == ["p27", "p28", "p29"]
    assert kept(data, rank="lowest", budget=2) == ["p0", "p1"]
    # What a rule rejects takes no place: 0.2 * i / 8 <= 1 holds up to i = 40, so bound it lower.
    assert kept(data, vfd_max=0.5, budget=2) == ["p19", "p20"]


def test_reasons_of_what_is_left_over() -> None:
    frame = FilterStage(FilterSettings(budget=1, percentiles={"mifd": (0, 90)})).run(tables(10)).collect()
    reasons = dict(zip(frame["pair_id"], frame["reasons"].to_list(), strict=True))
    assert reasons["p9"] == ["mifd_outside_percentiles"]
    assert reasons["p8"] == []
    assert reasons["p7"] == ["beyond_budget"]


@pytest.mark.parametrize(
    ("text", "grid"),
    [
        ("mifd_max=0.4:0.8:0.2", ("mifd_max", [0.4, 0.6, 0.8])),
        ("filter.ffd_min=null,0.5", ("ffd_min", [None, 0.5])),
        ("budget=100,200", ("budget", [100, 200])),
    ],
)
def test_grids(text: str, grid: tuple[str, list[Any]]) -> None:
    assert parse_grid(text) == grid


@pytest.mark.parametrize("text", ["mifd_max=a", "mifd_max=1:2:0", "mifd_max=2:1:0.1", "x=0:1:0.00001"])
def test_what_is_no_grid(text: str) -> None:
    with pytest.raises(RecipeError, match="no grid"):
        parse_grid(text)


def test_unknown_settings_and_too_many_cells() -> None:
    with pytest.raises(RecipeError, match="mifd_maximum"):
        what_if(tables(3), FilterSettings(), {"mifd_maximum": [1]})
    with pytest.raises(RecipeError, match="cells"):
        what_if(tables(3), FilterSettings(), {"budget": list(range(1, 40)), "top_k": list(range(1, 40))})
