"""What a person looks at: filters and an order, as the page's address has them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal
from urllib.parse import urlencode

import polars as pl
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from glossator.stages.filter import ALL_SCORES

RANDOM = "random"
BORDER = "border"
# What can be sorted by, and taken a range of.
RANGED = (
    *ALL_SCORES, "grounding", "question_fit", "explain_grounding", "explain_places", "agreement", "judged",
    "question_similarity",
)  # fmt: skip


class Query(BaseModel):
    """Filters over the pairs of a set. What is left empty filters nothing.

    Attributes:
        text: words that must stand in question, answer or explanation, whatever their case.
        image_kind, kind, writer, reason: exact values.
        keep: `kept` or `rejected`.
        judged: `yes` or `no`: whether a person has judged it.
        ranges: `mifd:0.2:0.8`, comma-separated; either bound may be missing.
        order: `set`: as in the set; `random`: drawn at random; `border`: what is near a threshold, or where rules
            disagree, first; else a column, `descending` or not. Pairs without the value come last.
        sample: only the first so many; 0 for all.
        blind: machine verdicts and other people's are hidden, so that each person's word is their own. All filters are
            off then and the order is random: either would tell.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    text: str = Field("", max_length=200)
    image_kind: str = ""
    kind: str = ""
    writer: str = ""
    reason: str = ""
    keep: Literal["", "kept", "rejected"] = ""
    judged: Literal["", "yes", "no"] = ""
    ranges: str = Field("", max_length=400)
    order: str = "set"
    descending: bool = False
    sample: int = Field(0, ge=0)
    blind: bool = False

    @model_validator(mode="before")
    @classmethod
    def _blind_tells_nothing(cls, values: Any) -> Any:
        if isinstance(values, Mapping) and values.get("blind") in (True, "true", "True", "1"):
            return {"blind": True, "order": RANDOM, "sample": values.get("sample", 0)}
        return values

    @field_validator("order")
    @classmethod
    def _order_is_known(cls, order: str) -> str:
        if order not in ("set", RANDOM, BORDER, *RANGED):
            raise ValueError(f"{order!r} is no order; there are: set, {RANDOM}, {BORDER}, {', '.join(RANGED)}")
        return order

    @field_validator("ranges")
    @classmethod
    def _ranges_fit(cls, text: str) -> str:
        parse_ranges(text)
        return text

    def address(self) -> str:
        """The query as an address has it: only what is not the default."""
        return urlencode(
            {k: str(v).lower() if v is True else v for k, v in self.model_dump(exclude_defaults=True).items()}
        )

    @property
    def sampling(self) -> str:
        """How its pairs come before a person: `random` for a random sample of the whole set, else a word for it."""
        filters = self.model_dump(exclude_defaults=True, exclude={"order", "sample", "blind"})
        return f"{self.order} filtered" if filters and self.order == RANDOM else self.order

    def mask(self, judged: pl.Expr, has_reason: pl.Expr) -> pl.Expr:
        """True for the pairs that are wanted, but for `text`, which is not in memory.

        Args:
            judged: whether a person has judged a pair.
            has_reason: whether its verdict has the reason that is wanted.
        """
        found = [pl.lit(value=True)]
        exact = {"image_kind": self.image_kind, "kind": self.kind, "writer": self.writer}
        found += [pl.col(name) == value for name, value in exact.items() if value]
        if self.reason:
            found.append(has_reason)
        if self.keep:
            found.append(pl.col("keep") == (self.keep == "kept"))
        if self.judged:
            found.append(judged == (self.judged == "yes"))
        for name, low, high in parse_ranges(self.ranges):
            if low is not None:
                found.append(pl.col(name) >= low)
            if high is not None:
                found.append(pl.col(name) <= high)
        return pl.all_horizontal(found)


def parse_ranges(text: str) -> list[tuple[str, float | None, float | None]]:
    """Column, lower and upper bound of each range. Raises `ValueError`."""
    found = []
    for part in filter(None, text.split(",")):
        name, low, high = part.split(":")
        if name not in RANGED:
            raise ValueError(f"no range of '{name}'")
        found.append((name, float(low) if low else None, float(high) if high else None))
    return found
