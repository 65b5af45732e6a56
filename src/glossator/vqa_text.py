"""The answer normalisation of VQA and TextVQA, oddities included: as the EvalAI server and lmms-eval apply it
(`normalised`), and as MultimodalOCR did in 2023, which lacks the first step (`normalised_2023`).

The oddities decide scores, so they are kept: a period goes unless a digit follows (whatever stands before it), at
most 32 periods go, and each kind of punctuation is dropped where one of its kind stands beside a blank anywhere in
the text (or digits are grouped by commas), else replaced by a blank.
"""

from __future__ import annotations

import re

_DIGITS = {
    "none": "0", "zero": "0", "one": "1", "two": "2", "three": "3", "four": "4", "five": "5", "six": "6",
    "seven": "7", "eight": "8", "nine": "9", "ten": "10",
}  # fmt: skip
_ARTICLES = frozenset(("a", "an", "the"))
_PUNCTUATION = ';/[]"{}()=+\\_-><@`,?!'
_PERIOD = re.compile(r"\.(?!\d)")
_MOST_PERIODS = 32  # the reference passes the flag re.UNICODE, which is 32, as the number of replacements
_GROUPED = re.compile(r"\d,\d")
# Each is restored where one of its apostrophes is missing.
_CONTRACTIONS = [
    "ain't",
    "aren't",
    "can't",
    "could've",
    "couldn't",
    "couldn't've",
    "didn't",
    "doesn't",
    "don't",
    "hadn't",
    "hadn't've",
    "hasn't",
    "haven't",
    "he'd",
    "he'd've",
    "he's",
    "how'd",
    "how'll",
    "how's",
    "isn't",
    "it'd",
    "it'd've",
    "it'll",
    "ma'am",
    "might've",
    "mightn't",
    "mightn't've",
    "must've",
    "mustn't",
    "needn't",
    "not've",
    "o'clock",
    "oughtn't",
    "'ow's'at",
    "shan't",
    "she'd've",
    "should've",
    "shouldn't",
    "shouldn't've",
    "somebody'd've",
    "somebody'll",
    "somebody's",
    "someone'd",
    "someone'd've",
    "someone'll",
    "someone's",
    "something'd",
    "something'd've",
    "something'll",
    "that's",
    "there'd",
    "there'd've",
    "there're",
    "there's",
    "they'd",
    "they'd've",
    "they'll",
    "they're",
    "they've",
    "'twas",
    "wasn't",
    "we'd've",
    "we've",
    "weren't",
    "what'll",
    "what're",
    "what's",
    "what've",
    "when's",
    "where'd",
    "where's",
    "where've",
    "who'd",
    "who'd've",
    "who'll",
    "who's",
    "who've",
    "why'll",
    "why're",
    "why's",
    "won't",
    "would've",
    "wouldn't",
    "wouldn't've",
    "y'all",
    "y'all'd've",
    "y'all'll",
    "you'd",
    "you'd've",
    "you'll",
    "you're",
    "you've",
]


def _missing_one(whole: str) -> list[str]:
    return [whole[:i] + whole[i + 1 :] for i, char in enumerate(whole) if char == "'"]


CONTRACTIONS = {part: whole for whole in _CONTRACTIONS for part in _missing_one(whole)} | {"somebody'd": "somebodyd"}


def normalised(text: str) -> str:
    """The text in lower case, without articles and most punctuation, with number words up to ten as digits.

    Its first step takes out commas and question marks and parts "'s" from its word.
    """
    return normalised_2023(text.lower().replace(",", "").replace("?", "").replace("'s", " 's"))


def normalised_2023(text: str) -> str:
    """The same without its first step, so that "a,b" becomes two words and "shop's" stays one."""
    text = _without_punctuation(text.strip().replace("\n", " ").replace("\t", " ").strip())
    words = [_DIGITS.get(word, word) for word in text.lower().split()]
    return " ".join(CONTRACTIONS.get(word, word) for word in words if word not in _ARTICLES)


def _without_punctuation(text: str) -> str:
    grouped = _GROUPED.search(text) is not None
    found = text
    for mark in _PUNCTUATION:
        beside_blank = f"{mark} " in text or f" {mark}" in text
        found = found.replace(mark, "" if beside_blank or grouped else " ")
    return _PERIOD.sub("", found, count=_MOST_PERIODS)
