"""The default bounds of the scores, by scorer. A vision model and an OCR proxy are different instruments."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl


@dataclass(frozen=True, slots=True)
class Bounds:
    """Default bounds of one scorer; None applies none."""

    ifd_max: float | None = None
    vfd_max: float | None = 1.0
    mifd_max: float | None = 1.0
    ffd_max: float | None = 1.0
    ffd_min: float | None = None
    ffd_image_min: float | None = None


# By the beginning of the scorer's name, as the table `losses` has it. How they were found: docs/scores.md.
_SMOLLM2_135M = Bounds(vfd_max=0.9, mifd_max=0.8, ffd_max=1.0, ffd_image_min=0.7)
KNOWN: dict[str, Bounds] = {"smollm2-135m": _SMOLLM2_135M, "HuggingFaceTB/SmolLM2-135M-Instruct": _SMOLLM2_135M}
OTHERS = Bounds()  # the definition's own: at or above 1 the condition does not help


def bounds_of(scorer: str) -> Bounds:
    """The default bounds of a scorer."""
    return next((bounds for name, bounds in KNOWN.items() if scorer.startswith(name)), OTHERS)


def default_bound(name: str) -> pl.Expr:
    """For each row the default bound `name` of its scorer (column `scorer`); null where there is none."""
    found = pl.lit(getattr(OTHERS, name), pl.Float64)
    for beginning, bounds in KNOWN.items():
        found = (
            pl.when(pl.col("scorer").str.starts_with(beginning))
            .then(pl.lit(getattr(bounds, name), pl.Float64))
            .otherwise(found)
        )
    return found
