"""How sure several readings are that no text of a page is missing. Pure.

Engines miss text for reasons of their own, so that what one saw and another did not says how much neither saw, as when
animals are marked and caught again (Chapman 1951). Engines are no independent catches: what is faint is missed by all,
so the estimate is then put on the curve that people's transcriptions gave (benchmarks/ocr_ensemble.py).
"""

from __future__ import annotations

from collections.abc import Sequence

from glossator.engines.ocr.align import Place
from glossator.engines.ocr.calibration import COMPLETE, along


def completeness(found: Sequence[Place], members: int) -> float | None:
    """The share of the page's words that the voted text is likely to hold, 0..1; None where nothing tells.

    Args:
        found: what was read where.
        members: how many engines read the page.
    """
    raw = seen_share(found, members)
    return None if raw is None else round(along(COMPLETE, raw), 4)


def seen_share(found: Sequence[Place], members: int) -> float | None:
    """Letters that the first member saw, over the letters that there are by capture and recapture.

    Each place counts as many letters as its text has. The other members together are the second catch.
    """
    first = others = both = 0
    for place in found:
        size = sum(map(str.isalnum, place.said[0].text))
        saw_first = place.said[0].member == 0
        saw_other = len(place.said) > 1 or not saw_first
        sure = place.said[0].confidence
        if not saw_first and sure < 0.7:  # one of the others alone, and in doubt: most likely no text at all
            continue
        first += size * saw_first
        others += size * saw_other
        both += size * (saw_first and saw_other)
    if members < 2 or first == 0 or others == 0:
        return None
    total = (first + 1) * (others + 1) / (both + 1) - 1
    agreed = _agreement(found)
    return min(1.0, first / total) * agreed


def _agreement(found: Sequence[Place]) -> float:
    """Mean confidence of the first member's lines, by letters: what it misread is missing too."""
    sizes = [(sum(map(str.isalnum, p.said[0].text)), p.said[0].confidence) for p in found if p.said[0].member == 0]
    return sum(size * sure for size, sure in sizes) / max(1, sum(size for size, _ in sizes))
