"""How far two answers to the same question agree. Pure functions."""

from __future__ import annotations

from rapidfuzz.distance import Levenshtein

_LEAST = 0.5


def anls(answer: str, other: str) -> float:
    """Normalised Levenshtein similarity of two answers, 0..1; one half or less counts as none at all.

    As the metric of the DocVQA and ST-VQA challenges (arXiv 1905.13648) for one reference: lower case, runs of white
    space as one blank.
    """
    left, right = (" ".join(text.casefold().split()) for text in (answer, other))
    similarity = Levenshtein.normalized_similarity(left, right)
    return similarity if similarity > _LEAST else 0.0
