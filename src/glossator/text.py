"""Cleaning text that nobody vouches for: captions, OCR, model replies."""

from __future__ import annotations

import re
import unicodedata

# C0 and C1 controls but tab and newline, the bidirectional overrides and isolates, invisible tags, the byte order mark.
_UNWANTED = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufeff\ufff9-\ufffb\U000e0000-\U000e007f\ud800-\udfff]"
)
_MESSY = re.compile(r"[\x00-\x09\x0b-\x1f\x7f]|  | \n|\n |\A\s|\s\Z")
_BLANKS = re.compile(r"[ \t\u00a0\u2000-\u200a\u202f\u205f\u3000]+")


def clean(text: str) -> str:
    """`text` in Unicode NFC without controls, bidi overrides and lone surrogates; runs of blanks become one.

    Line breaks stay. What a reader sees is not changed otherwise.
    """
    if text.isascii() and not _MESSY.search(text):
        return text  # most OCR text, and a hundred times faster
    text = unicodedata.normalize("NFC", _UNWANTED.sub("", text.replace("\r\n", "\n").replace("\r", "\n")))
    return "\n".join(_BLANKS.sub(" ", line).strip() for line in text.split("\n")).strip()


def one_line(text: str) -> str:
    """`clean(text)` on one line."""
    return " ".join(clean(text).split())


def fold(text: str) -> str:
    """Letters and digits only, lower case, compatibility forms unified: for comparing, never for showing."""
    return "".join(char for char in unicodedata.normalize("NFKC", text).casefold() if char.isalnum())
