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
    "rapidocr": ((0.0, 0.02), (0.904, 0.772), (0.961, 0.942), (0.978, 0.944), (0.991, 0.978), (1.0, 0.994)),
    "rapidocr:scaled": ((0.0, 0.02), (0.905, 0.778), (0.967, 0.899), (0.979, 0.912), (0.987, 0.972), (0.994, 0.994)),
    "ppocrv5": ((0.0, 0.02), (0.794, 0.59), (0.882, 0.79), (0.936, 0.887), (0.957, 0.91), (0.992, 0.929)),
    "tesseract": ((0.0, 0.02), (0.407, 0.336), (0.571, 0.532), (0.692, 0.721), (0.825, 0.871), (0.917, 0.974)),
}
# From the raw estimate of `complete` to the share of words that the ensemble has.
COMPLETE: Curve = ((0.0, 0.0), (0.968, 0.904), (0.98, 0.943), (0.989, 0.959), (1.0, 0.959))
CAUTIOUS: Curve = ((0.0, 0.05), (0.5, 0.4), (0.9, 0.8), (1.0, 0.95))
AGREED = (-0.89, 1.14, 0.62, -1.15)  # of `final`: intercept, then its arguments
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
