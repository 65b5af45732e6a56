"""Settings that the stages `dedup` and `leaks` share: when two pictures count as copies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from glossator.stages.base import Settings

if TYPE_CHECKING:
    from glossator.copies.images import Rule


class CopySettings(Settings):
    """When two pictures count as copies. How the bounds were chosen: docs/duplicates.md."""

    hash_bits_max: int = Field(
        56, ge=0, le=128, description="Pictures whose hashes differ in at most so many of 256 bits are looked at again."
    )
    candidates: int = Field(16, ge=1, description="Second looks at each picture, at most; the nearest first.")
    worst_max: float = Field(
        0.4, ge=0, le=1, description="A copy's worst places differ by at most this: 0 the same, 1 unrelated."
    )
    unevenness_max: float = Field(
        4.5, ge=1, description="A copy's worst places differ at most so many times as much as its usual ones."
    )

    @property
    def rule(self) -> Rule:
        """The same for pure functions."""
        from glossator.copies.images import Rule

        return Rule(self.hash_bits_max, self.candidates, self.worst_max, self.unevenness_max)
