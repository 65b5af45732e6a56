"""The samples of a second-life format, from a workspace's tables, with what was asked and why there are no more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from glossator.errors import UsageError
from glossator.formats import dpo, hard_negatives, unanswerable

if TYPE_CHECKING:
    import polars as pl

SHARE = 0.1


@dataclass(frozen=True, slots=True)
class Found:
    """Samples of one format.

    Attributes:
        samples: records of the format's module.
        asked: how many were asked for; None for all that there are.
        left_out: what gave none, and why, with counts.
    """

    samples: Sequence[Any]
    asked: int | None
    left_out: Mapping[str, int]

    @property
    def images(self) -> set[str]:
        """Paths of all their images."""
        return {image for sample in self.samples for image in getattr(sample, "images", None) or (sample.image,)}

    @property
    def sorts(self) -> dict[str, int]:
        """How many there are of each sort (and origin) that a format tells apart."""
        return dict(
            sorted(Counter(f"{one.sort}, {one.origin}" for one in self.samples if hasattr(one, "sort")).items())
        )


def find(format: str, tables: Mapping[str, pl.LazyFrame], share: float | None, seed: int = 0) -> Found:
    """The samples of a format of `formats.SECOND_LIFE`.

    Args:
        format: its name.
        tables: pairs, verdicts, ocr, captions, and images with `image` and `more_images` (paths as they are written).
        share: for `unanswerable`, which share of a set of these samples and the kept pairs they would be.
        seed: another one draws other questions for `unanswerable`.

    Raises:
        UsageError: if the share is none, or the format takes none.
    """
    if share is not None and format != unanswerable.name:
        raise UsageError(f"--share is for the format {unanswerable.name}; {format} gives all that there are")
    if format == unanswerable.name:
        from glossator.jobs.second_life.unanswerable import unanswerable as make

        wanted = _wanted(tables, SHARE if share is None else share)
        return Found(*_with_asked(make(tables, wanted, seed), wanted))
    if format == hard_negatives.name:
        from glossator.jobs.second_life.hard_negatives import hard_negatives as all_negatives

        return Found(*_with_asked(all_negatives(tables), None))
    assert format == dpo.name
    from glossator.jobs.second_life.preferences import preferences

    return Found(*_with_asked(preferences(tables), None))


def _with_asked(
    found: tuple[Sequence[Any], Counter[str]], asked: int | None
) -> tuple[Sequence[Any], int | None, dict[str, int]]:
    samples, left_out = found
    return samples, asked, {reason: count for reason, count in left_out.most_common() if count}


def _wanted(tables: Mapping[str, pl.LazyFrame], share: float) -> int:
    """So many that they are `share` of themselves and the kept pairs together."""
    import polars as pl

    if not 0 < share < 1:
        raise UsageError(f"--share {share:g}: give a share between 0 and 1, such as 0.1")
    kept = int(tables["verdicts"].select(pl.col("keep").sum()).collect().item() or 0)
    return round(kept * share / (1 - share))
