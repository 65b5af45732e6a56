"""Metrics of document and chart question answering, each as its benchmark defines it. Pure functions, values in 0..1.

Two definitions of one name are two functions. Which one a figure is must be said beside it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from rapidfuzz.distance import Levenshtein

from glossator.vqa_text import normalised

_HALF = 0.5
_TOLERANCE = 0.05
_BLANKS = re.compile(r"\s+")
_NARROW = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: 0x20}


def anls_papers(prediction: str, golds: Sequence[str]) -> float:
    """ANLS as the ST-VQA and DocVQA papers define it (arXiv 1905.13648): 1 - NL if NL < 0.5, else 0; the best gold.

    Both sides in lower case, runs of white space as one blank. Two empty texts are equal.
    """
    wanted = _folded(prediction)
    return max((_similarity(wanted, _folded(gold)) for gold in golds), default=0.0)


def _similarity(left: str, right: str) -> float:
    distance = Levenshtein.normalized_distance(left, right)
    return 1 - distance if distance < _HALF else 0.0


def anls_lmms_eval(prediction: str, golds: Sequence[str]) -> float:
    """ANLS as lmms-eval computes it: as `anls_papers`, but exactly one half counts, and the distance of the folded
    texts is divided by the length of the longer *raw* one, so that spare blanks raise the score.
    """
    distances = []
    for gold in golds:
        longest = max(len(gold), len(prediction))
        distances.append(Levenshtein.distance(_folded(prediction), _folded(gold)) / longest if longest else 0.0)
    score = 1 - min(distances, default=1.0)
    return score if score >= _HALF else 0.0


def relaxed_accuracy(prediction: str, gold: str) -> float:
    """ChartQA's relaxed accuracy (arXiv 2203.10244) as lmms-eval computes it.

    Where both are numbers (a percent sign divides by 100) and the gold one is not 0: at most 5 % off, relative to the
    gold one. Else equal but for case; nothing is stripped, so "0.0" is not "0" and "Yes " is not "yes".
    """
    predicted, wanted = _number(prediction), _number(gold)
    if predicted is not None and wanted:
        return float(abs(predicted - wanted) / abs(wanted) <= _TOLERANCE)
    return float(prediction.lower() == gold.lower())


def _number(text: str) -> float | None:
    try:
        return float(text.rstrip("%")) / 100 if text.endswith("%") else float(text)
    except ValueError:
        return None


def ocrbench(prediction: str, golds: Sequence[str], *, formula: bool = False) -> float:
    """OCRBench's rule (arXiv 2305.07895): 1 if any gold text is a part of the prediction, in lower case.

    With `formula` (HME100k) all blanks are left out and case counts.
    """
    if formula:
        said = _BLANKS.sub("", prediction)
        return float(any(_BLANKS.sub("", gold) in said for gold in golds))
    said = prediction.lower().strip().replace("\n", " ")
    return float(any(gold.lower().strip().replace("\n", " ") in said for gold in golds))


def ocrbench_folded(prediction: str, golds: Sequence[str], *, formula: bool = False) -> float:
    """OCRBench's rule as lmms-eval computes it: full-width ASCII counts as ASCII, but not in a formula."""
    if formula:
        return ocrbench(prediction, golds, formula=True)
    return ocrbench(prediction.translate(_NARROW), [gold.translate(_NARROW) for gold in golds])


def vqa_accuracy(prediction: str, golds: Sequence[str]) -> float:
    """VQA accuracy of ten people's answers (arXiv 1505.00468, TextVQA): for each person, how many of the others say
    the same, a third for each and 1 at most; the mean. Both sides as `vqa_text.normalised`.
    """
    said = normalised(prediction)
    answers = [normalised(gold) for gold in golds]
    if not answers:
        return 0.0
    same = answers.count(said)
    return sum(min(1.0, (same - (answer == said)) / 3) for answer in answers) / len(answers)


def kie_2023(prediction: str, golds: Sequence[str]) -> float:
    """Key information as MultimodalOCR judged it in 2023 (arXiv 2305.07895, first version): 1 if any gold text stands
    in the prediction at word borders, both as `vqa_text.normalised`.
    """
    said = normalised(prediction)
    return float(any(re.search(rf"\b{re.escape(normalised(gold))}\b", said) for gold in golds if normalised(gold)))


def exact(prediction: str, golds: Sequence[str]) -> float:
    """1 if the prediction equals a gold text but for case and white space."""
    return float(_folded(prediction) in {_folded(gold) for gold in golds})


def token_f1(prediction: str, golds: Sequence[str]) -> float:
    """F1 of the words in common, as SQuAD defines it, on `vqa_text.normalised` words; the best gold."""
    said = Counter(normalised(prediction).split())
    return max((_f1(said, Counter(normalised(gold).split())) for gold in golds), default=0.0)


def _f1(said: Counter[str], wanted: Counter[str]) -> float:
    if not said or not wanted:
        return float(said == wanted)
    common = (said & wanted).total()
    return 2 * common / (said.total() + wanted.total())


def contained(prediction: str, golds: Sequence[str]) -> float:
    """1 if any gold text stands in the prediction at word borders, in lower case with white space folded."""
    said = _folded(prediction)
    return float(any(re.search(rf"(?<!\w){re.escape(_folded(gold))}(?!\w)", said) for gold in golds if _folded(gold)))


def _folded(text: str) -> str:
    return _BLANKS.sub(" ", text.strip().lower())
