"""How far an engine's confidence can be believed. Fitted by `benchmarks/ocr_calibrate.py` on human OCR.

A curve gives the probability that a word is right, by the confidence of its line: isotonic, so that a higher confidence
never means less. Engines that are not named here have the cautious curve.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from math import exp, log

from glossator.fingerprint import fingerprint

Curve = tuple[tuple[float, float], ...]

CURVES: dict[str, Curve] = {
    "rapidocr": (
        (0.6, 0.3),
        (0.72, 0.4),
        (0.897, 0.784),
        (0.975, 0.955),
        (0.985, 0.975),
        (0.99, 0.986),
        (0.998, 0.989),
    ),
    "ppocrv5": ((0.6, 0.3), (0.784, 0.581), (0.912, 0.837), (0.937, 0.913), (0.951, 0.939), (0.979, 0.943)),
    "tesseract": (
        (0.3, 0.15),
        (0.396, 0.265),
        (0.571, 0.586),
        (0.704, 0.764),
        (0.781, 0.811),
        (0.837, 0.895),
        (0.906, 0.962),
    ),
}
COMPLETE: Curve = ((0.0, 0.0), (1.0, 1.0))  # from the raw estimate of `complete` to the share of words that are there
CAUTIOUS: Curve = ((0.0, 0.05), (0.5, 0.4), (0.9, 0.8), (1.0, 0.95))
AGREED = (0.0, 1.0, 0.5, -1.0)  # of `final`: intercept, then its arguments
LETTERS = 4  # of a word, on average: a word is right when all its letters are


@dataclass(frozen=True, slots=True)
class Trust:
    """How much a member counts in a vote, against what its curve says by itself.

    Attributes:
        letters: for letters and digits. Members err together, so that later ones count less than their curve says.
        blanks: for blanks, times `letters`: some engines see no blanks.
        alone: the confidence from which what it alone has read is believed.
    """

    letters: float
    blanks: float
    alone: float


TRUST: dict[str, Trust] = {
    "rapidocr": Trust(1.0, 1.0, 0.5),
    "rapidocr:scaled": Trust(1.0, 1.0, 0.5),
    "ppocrv5": Trust(0.5, 0.2, 0.8),
    "tesseract": Trust(0.5, 0.6, 0.86),
}
UNKNOWN = Trust(0.5, 0.6, 0.85)


def identity() -> str:
    """What of this file decides a vote, as a digest."""
    trust = {name: [t.letters, t.blanks, t.alone] for name, t in sorted(TRUST.items())}
    return fingerprint([{name: [*map(list, curve)] for name, curve in CURVES.items()}, trust, AGREED, COMPLETE])


def probability(engine: str, confidence: float) -> float:
    """The probability that a word of a line with this confidence is right."""
    return along(CURVES.get(engine) or CURVES.get(engine.partition(":")[0], CAUTIOUS), confidence)


def along(curve: Curve, x: float) -> float:
    """The curve at `x`, straight between its points and level beyond them."""
    at = bisect_right([point[0] for point in curve], x)
    if at == 0 or at == len(curve):
        return curve[min(at, len(curve) - 1)][1]
    (x0, y0), (x1, y1) = curve[at - 1], curve[at]
    return y0 + (y1 - y0) * (x - x0) / (x1 - x0)


def weight(engine: str, confidence: float) -> float:
    """What a letter of a line with this confidence counts: the logarithm of its odds of being right."""
    right = min(0.999, max(0.02, probability(engine, confidence))) ** (1 / LETTERS)
    return max(0.05, log(right / (1 - right)))


def log_odds(probability: float) -> float:
    """Its logarithm of odds, within bounds."""
    bounded = min(0.999, max(0.001, probability))
    return log(bounded / (1 - bounded))


def final(own: float, agreed: float, disputed: float) -> float:
    """The probability that a word of a voted line is right, by logistic regression.

    Args:
        own: log-odds by the anchor's curve.
        agreed: share of the letters that another member confirms and nobody disputes.
        disputed: share of the letters that somebody disputes; both are 0 where one member alone read.
    """
    score = sum(c * x for c, x in zip(AGREED, (1.0, own, agreed, disputed), strict=True))
    return 1 / (1 + exp(-score))
