"""The kinds of question that a chat model is asked for, and how many of each."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from typing import Literal, get_args

Kind = Literal["lookup", "comparison", "layout", "counting", "arithmetic", "yes_no", "unanswerable"]
KINDS: tuple[Kind, ...] = get_args(Kind)
DEFAULT_SPREAD: dict[Kind, float] = {
    "lookup": 0.55,
    "comparison": 0.1,
    "layout": 0.15,
    "counting": 0.05,
    "arithmetic": 0.1,
    "yes_no": 0.05,
}


def spread(image_id: str, shares: Mapping[Kind, float], number: int) -> list[Kind]:
    """`number` kinds for one image. Over many images each kind has its share; over one, no more than one too many.

    Systematic sampling: the same ruler over the shares, laid at a place that depends on the image.
    """
    total = sum(shares.values())
    start = int(hashlib.sha256(image_id.encode()).hexdigest()[:8], 16) / 0x1_0000_0000
    found: list[Kind] = []
    reached = start
    for kind in KINDS:
        after = reached + number * shares.get(kind, 0.0) / total
        # Rounded, because sums of shares miss whole numbers by a hair.
        found += [kind] * (int(round(after, 9)) - int(round(reached, 9)))
        reached = after
    return found


def rounds(kinds: list[Kind], per_round: int) -> list[list[Kind]]:
    """The kinds dealt out to rounds of at most `per_round`, each round mixed."""
    count = -(-len(kinds) // per_round)
    return [kinds[turn::count] for turn in range(count)]


def wanted(kinds: list[Kind]) -> str:
    """Such as `3 lookup, 1 layout`."""
    return ", ".join(f"{number} {kind}" for kind, number in Counter(kinds).items())
