"""Whether a text can be the value of a label, and whether it looks misread. Pure functions."""

from __future__ import annotations

import re

from glossator.layout.label_places import NAMES_LABEL
from glossator.layout.question_fit import type_fit
from glossator.text import fold

_MIXED = re.compile(r"[a-z]\d|[^\W\d_]\d[a-z]|[^\W\d_]{3}[01]$")
_CODE = re.compile(r"[A-Za-z]{1,2}\d+|\d+[a-z]{1,2}|[a-z]+\d?|\S*[@/]\S*")
_ODD = re.compile(r"\||(?<![\w/])\d/[A-Z](?![\w/])|\d: ")
_NUMBER = re.compile(r"\b(?:no|nos|number|id|code)\b\W*$|#\W*$", re.IGNORECASE)


def may_be(label: str, value: str) -> bool:
    """Whether a text can be the value of such a label: a date that can't be read as one is misread, a number has few
    words, a tick in a box is no value, and what ends in a label runs into the next field."""
    if type_fit(label, value) == 0.0 or re.match(r"[xX_]{1,3} ", value):
        return False
    words = value.split()
    return not (NAMES_LABEL.match(words[-1]) and len(words) > 1) and not (_NUMBER.search(label) and len(words) > 3)


def misread(text: str) -> bool:
    """Whether a word looks as if OCR took letters for figures: `J1n`, `McDOWe11`, or one letter left of a word."""
    words = [word.strip(".,;:()") for word in text.split()]
    return _ODD.search(text) is not None or any(_MIXED.search(word) and not _CODE.fullmatch(word) for word in words)


def names_itself(label: str, value: str) -> bool:
    """Whether a value holds half of its label's words: then it is a label too."""
    words = [word for word in map(fold, label.split()) if len(word) > 2]
    said = {fold(word) for word in value.split()}
    return bool(words) and sum(word in said for word in words) * 2 >= len(words)
