"""What another setting of the filter would keep: counts and score means over a grid, from stored columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from glossator.errors import RecipeError
from glossator.recipe import explain
from glossator.stages.filter import ALL_SCORES, FilterSettings, judged_columns, kept

if TYPE_CHECKING:
    import polars as pl

MAX_CELLS = 1000
DEFAULT_GRID: dict[str, Sequence[Any]] = {"mifd_max": (0.4, 0.6, 0.8, 1.0), "ffd_min": (None, 0.3, 0.5, 0.7)}


def what_if(
    tables: Mapping[str, pl.LazyFrame], settings: FilterSettings, grid: Mapping[str, Sequence[Any]]
) -> list[dict[str, Any]]:
    """One row a cell of the grid: its settings, `kept`, `pairs`, and the mean of each score over what is kept.

    Args:
        tables: pairs (or drafts) and losses.
        settings: what is not varied.
        grid: values by setting.

    Raises:
        RecipeError: if a setting is unknown, a value does not fit, or the grid has more than `MAX_CELLS` cells.
    """

    import polars as pl

    cells = [dict(zip(grid, values, strict=True)) for values in product(*grid.values())]
    if len(cells) > MAX_CELLS:
        raise RecipeError(f"the grid has {len(cells):,} cells; at most {MAX_CELLS:,} are tried")
    settings_of = [_varied(settings, cell) for cell in cells]
    judged = judged_columns(dict(tables))
    columns = judged.collect_schema().names()
    # One query over all cells: what they have in common is computed once.
    named = [kept(varied, columns).alias(f"cell_{i}") for i, varied in enumerate(settings_of)]
    rows = judged.select(*ALL_SCORES[:4], *named)
    counts = [pl.col(f"cell_{i}").sum().alias(f"kept_{i}") for i in range(len(cells))]
    means = [
        pl.col(name).filter(pl.col(f"cell_{i}")).mean().alias(f"{name}_{i}")
        for i in range(len(cells))
        for name in ALL_SCORES[:4]
    ]
    found = rows.select(pl.len().alias("pairs"), *counts, *means).collect().row(0, named=True)
    return [
        {**cell, "kept": found[f"kept_{i}"], "pairs": found["pairs"]}
        | {f"mean_{name}": found[f"{name}_{i}"] for name in ALL_SCORES[:4]}
        for i, cell in enumerate(cells)
    ]


def _varied(settings: FilterSettings, cell: Mapping[str, Any]) -> FilterSettings:
    try:
        return FilterSettings.model_validate({**settings.model_dump(), **cell})
    except ValidationError as error:
        raise RecipeError(f"filter: {explain(error)}") from error


def parse_grid(text: str) -> tuple[str, list[Any]]:
    """`name=v1,v2,...` or `name=low:high:step`, as given on the command line. Raises `RecipeError`."""
    name, _, values = text.partition("=")
    name = name.strip().removeprefix("filter.")
    try:
        if values.count(":") == 2:
            low, high, step = map(float, values.split(":"))
            count = round((high - low) / step)
            if not 0 <= count < MAX_CELLS:
                raise ValueError
            return name, [round(low + i * step, 10) for i in range(count + 1)]
        return name, [_value(value) for value in values.split(",") if value.strip()]
    except (ValueError, ZeroDivisionError):
        raise RecipeError(f"{text!r} is no grid; write mifd_max=0.4,0.6 or mifd_max=0.4:1.0:0.1") from None


def _value(text: str) -> Any:
    text = text.strip()
    if text in ("null", "none"):
        return None
    if text in ("auto", "highest", "lowest"):
        return text
    number = float(text)
    return int(number) if number.is_integer() and "." not in text else number


def table_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """The rows for a person."""
    names = list(rows[0]) if rows else []
    cells = [names, *([_shown(row[name]) for name in names] for row in rows)]
    widths = [max(len(line[i]) for line in cells) for i in range(len(names))]
    return "\n".join("  ".join(value.rjust(width) for value, width in zip(line, widths, strict=True)) for line in cells)


def _shown(value: Any) -> str:
    return "-" if value is None else f"{value:.3f}" if isinstance(value, float) else str(value)
