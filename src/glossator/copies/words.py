"""Texts as words, and questions as templates: what stays when quoted parts, figures and names are taken out."""

from __future__ import annotations

import re
import unicodedata
from hashlib import blake2b

import polars as pl

# Scripts without blanks between words: each character is taken as a word.
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_WORD = re.compile(rf"[{_UNSPACED}]|[^\W_{_UNSPACED}]+")
_FIGURE = re.compile(r"\d+")

QUOTED, NUMBER, NAME = "‹quoted›", "‹number›", "‹name›"
_NAMED = r"\p{Lu}[\p{L}\p{M}\p{N}&.'’-]*"
# In this order; the syntax is that of Rust's regex, by which polars works.
_REPLACED = (
    (r'"[^"]*"|“[^”]*”|„[^“”]*[“”]|«[^»]*»|‘[^’]*’|「[^」]*」|『[^』]*』', QUOTED),
    (r"(^|[\s(])'[^']*'", "${1}" + QUOTED),
    (rf"([\p{{L}}\p{{N}},;:›)]\s+){_NAMED}(?:\s+{_NAMED})*", "${1}" + NAME),
    (r"[\p{Sc}#]?\p{Nd}[\p{Nd}.,:/-]*(?:\s*%)?", NUMBER),
    (r"\s+", " "),
)


def words(text: str) -> list[str]:
    """The words of a text, without case and punctuation; figures are words, too."""
    return _WORD.findall(unicodedata.normalize("NFKC", text).casefold())


def figures(text: str) -> str:
    """The figures of a text in their order, as one text."""
    return " ".join(_FIGURE.findall(unicodedata.normalize("NFKC", text)))


def template(question: pl.Expr) -> pl.Expr:
    """The question with its quoted parts, figures and names replaced by marks; without case and blanks at its ends.

    A name is what begins with a capital letter and is not the first word; in German that is every noun.
    """
    for pattern, mark in _REPLACED:
        question = question.str.replace_all(pattern, mark)
    return question.str.to_lowercase().str.strip_chars(" ?.!")


def stable_hash(text: str) -> int:
    """64 bits of the text, the same everywhere and always."""
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


def grams(listed: list[str], length: int) -> set[int]:
    """Hashes of all runs of `length` words."""
    return {stable_hash(" ".join(listed[i : i + length])) for i in range(len(listed) - length + 1)}
