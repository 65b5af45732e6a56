"""What a unit of work gives back: a value, or a failure that says why. Failures are data, not exceptions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, TypeVar

Category = Literal[
    # ingest
    "missing", "truncated", "not_an_image", "zero_pixels", "too_many_pixels", "outside_source", "duplicate_id",
    "changed_record", "bad_record", "bad_caption", "bad_ocr", "bad_pairs",
    # engines
    "engine", "refused", "malformed_reply", "timeout", "rate_limit", "server", "empty_pair", "not_scored",
    "too_long",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Failed:
    """One row that could not be made.

    Attributes:
        category: a stable word to count and filter by.
        message: one line for a person; never holds a secret or a machine's path outside the source.
        retriable: whether another try could succeed (a broken file stays broken, a busy server does not).
        id: what failed, where it is finer than the sample (a pair id); empty for the sample itself.
    """

    category: Category
    message: str
    retriable: bool = False
    id: str = ""


T = TypeVar("T")
Outcome: TypeAlias = T | Failed


@dataclass(frozen=True, slots=True)
class Usage:
    """What paid calls cost: calls made, tokens in (`cached` of them from the provider's cache) and out, US dollars.

    `unpriced` counts the calls whose model has no known price; their dollars are 0.
    """

    calls: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    usd: float = 0.0
    cached: int = 0
    unpriced: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.calls + other.calls,
            self.tokens_in + other.tokens_in,
            self.tokens_out + other.tokens_out,
            self.usd + other.usd,
            self.cached + other.cached,
            self.unpriced + other.unpriced,
        )
