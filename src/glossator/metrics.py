"""Metrics of document and chart question answering, each as its benchmark defines it. Pure functions, values in 0..1.

Two definitions of one name are two functions. Which one a figure is must be said beside it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from rapidfuzz.distance import LCSseq, Levenshtein

from glossator.vqa_text import normalised, normalised_2023

_HALF = 0.5
_TOLERANCE = 0.05
_BLANKS = re.compile(r"\s+")
_WORDS = re.compile(r"[^\W_]+")
_NARROW = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: 0x20}


def anls_papers(prediction: str, golds: Sequence[str]) -> float:
    """ANLS as the ST-VQA and DocVQA papers define it (arXiv 1905.13648): 1 - NL if NL < 0.5, else 0; the best gold.

    NL is the Levenshtein distance over the length of the longer text. Both sides in lower case, runs of white space as
    one blank. Two empty texts are equal. The same numbers as the package `anls`.
    """
    said = _folded(prediction)
    nearest = min((_distance(said, _folded(gold), (said, _folded(gold))) for gold in golds), default=1.0)
    return 1 - nearest if nearest < _HALF else 0.0


def anls_lmms_eval(prediction: str, golds: Sequence[str]) -> float:
    """ANLS as lmms-eval computes it: as `anls_papers`, but exactly one half counts, and the distance of the folded
    texts is divided by the length of the longer *raw* one, so that spare blanks raise the score.
    """
    said = _folded(prediction)
    score = 1 - min((_distance(said, _folded(gold), (prediction, gold)) for gold in golds), default=1.0)
    return score if score >= _HALF else 0.0


def _distance(left: str, right: str, measured: tuple[str, str]) -> float:
    """The Levenshtein distance, over the length of the longer of the two `measured` texts in upper case.

    Upper case can be longer (of a ligature, say); both published implementations count so.
    """
    longest = max(len(text.upper()) for text in measured)
    return Levenshtein.distance(left, right) / longest if longest else 0.0


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

    With `formula` (HME100k) blanks and line breaks are left out and case counts. An empty gold is a part of anything.
    """
    put = _unspaced if formula else _one_line
    said = put(prediction)
    return float(any(put(gold) in said for gold in golds))


def _unspaced(text: str) -> str:
    return text.strip().replace("\n", "").replace(" ", "")


def _one_line(text: str) -> str:
    return text.lower().strip().replace("\n", " ")


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
    """The rule of MultimodalOCR in 2023 (arXiv 2305.07895, first version): 1 if any gold text stands in the prediction
    at word borders, both as `vqa_text.normalised_2023`.

    A gold that begins or ends with a sign ("$5") needs a letter or digit beside it; one of which nothing is left
    ("The") stands in anything that has a word.
    """
    said = normalised_2023(prediction)
    return float(any(re.search(rf"\b{re.escape(normalised_2023(gold))}\b", said) for gold in golds))


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


def rouge_l(prediction: str, golds: Sequence[str]) -> float:
    """ROUGE-L (Lin 2004): F1 of the longest common subsequence of words; the best gold.

    Words are runs of letters and digits in lower case, not stemmed: on ASCII without underscores as the package
    `rouge-score` without its stemmer. 0 where either side has no word.
    """
    said = _WORDS.findall(prediction.lower())
    return max((_subsequence_f1(said, _WORDS.findall(gold.lower())) for gold in golds), default=0.0)


def _subsequence_f1(said: Sequence[str], wanted: Sequence[str]) -> float:
    if not said or not wanted:
        return 0.0
    return 2 * LCSseq.similarity(said, wanted) / (len(said) + len(wanted))


def contained(prediction: str, golds: Sequence[str]) -> float:
    """1 if any gold text stands in the prediction at word borders, in lower case with white space folded."""
    said = _folded(prediction)
    return float(any(re.search(rf"(?<!\w){re.escape(_folded(gold))}(?!\w)", said) for gold in golds if _folded(gold)))


def _folded(text: str) -> str:
    return _BLANKS.sub(" ", text.strip().lower())
