"""Which scripts and languages a text is in: scripts by Unicode, languages by py3langid."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Any

from glossator.errors import MissingExtraError
from glossator.text import clean

# ISO 15924 codes of the scripts that are told apart; a letter of any other is `Zzzz` (uncoded).
SCRIPTS = (
    "Latn", "Cyrl", "Grek", "Arab", "Hebr", "Hani", "Hira", "Kana", "Hang", "Bopo", "Thai", "Deva", "Beng", "Guru",
    "Gujr", "Orya", "Taml", "Telu", "Knda", "Mlym", "Sinh", "Laoo", "Tibt", "Mymr", "Khmr", "Geor", "Armn", "Ethi",
    "Mong", "Cher", "Cans", "Syrc", "Thaa", "Nkoo", "Tfng", "Copt", "Goth", "Olck", "Adlm", "Vaii", "Yiii", "Java",
    "Bali", "Sund", "Tglg", "Glag", "Runr", "Ogam",
)  # fmt: skip
UNCODED = "Zzzz"
# Codes of the languages that py3langid tells apart: ISO 639-1 where there is one, else 639-3.
LANGUAGES = (
    "ace", "af", "am", "an", "ar", "ary", "arz", "as", "az", "ba", "bcl", "be", "bg", "bn", "br", "bs", "ca",
    "crh", "cs", "cy", "da", "de", "dz", "el", "en", "eo", "es", "et", "eu", "ext", "fa", "fi", "fo", "fr", "fuv",
    "fy", "ga", "gcf", "gcr", "gd", "gl", "gom", "grc", "gu", "gug", "guw", "ha", "hbo", "he", "hi", "hr", "ht",
    "hu", "hy", "id", "ig", "is", "it", "ja", "jv", "ka", "kab", "kik", "kk", "km", "kn", "ko", "ku", "ky", "la",
    "lb", "lg", "lij", "ln", "lo", "lt", "ltg", "lv", "mg", "mk", "ml", "mn", "mr", "ms", "mt", "my", "ne", "nl",
    "nn", "no", "nso", "oc", "om", "or", "pa", "pcm", "pl", "ps", "pt", "qu", "ro", "ru", "rw", "sa", "sdh", "se",
    "si", "sk", "sl", "sn", "so", "sq", "sr", "st", "sv", "sw", "ta", "te", "tg", "th", "tk", "tl", "tr",
    "tt", "ug", "uk", "ur", "uz", "uzs", "vec", "vi", "vo", "wa", "wuu", "xh", "yo", "yue", "zh", "zu",
    "zxx",
)  # fmt: skip
# Chosen by benchmarks/privacy.py: at this confidence 97 % are right at 20 characters, and 99 % from 80 on.
CONFIDENCE = 0.5
LEAST_BYTES = 20  # of letters in UTF-8: 20 Latin ones, 10 Cyrillic ones or 7 Han signs
_LETTERS = re.compile(r"[^\W\d_]+")
_SHOWN = re.compile(r"\"[^\"]*\"|“[^”]*”|「[^」]*」|<[A-Z_]+\d*>|https?://\S+|\S+@\S+")


def scripts(text: str) -> tuple[str, ...]:
    """The scripts of the letters in `text`, as ISO 15924 codes in alphabetical order; each once.

    Digits, punctuation and marks belong to no script.

    Raises:
        MissingExtraError: if the package regex is not installed.
    """
    if text.isascii():
        return ("Latn",) if any(map(str.isalpha, text)) else ()
    return tuple(sorted({match.lastgroup for match in _script_pattern().finditer(text)}))


@cache
def _script_pattern() -> Any:
    try:
        import regex
    except ImportError as error:
        raise MissingExtraError("telling scripts apart", "inspect") from error
    known = "|".join(rf"(?P<{code}>[\p{{sc={code}}}&&\p{{L}}]+)" for code in SCRIPTS)
    return regex.compile(rf"(?V1){known}|(?P<{UNCODED}>[\p{{L}}--[\p{{sc=Zyyy}}\p{{sc=Zinh}}]])")


def language(text: str, *, confidence: float = CONFIDENCE, least_bytes: int = LEAST_BYTES) -> str | None:
    """The language of a text as an ISO 639-1 code; None where it can't be told for certain.

    What it quotes is left out: a question in English about a page in Chinese is English. So are placeholders and
    addresses. Capitals are made small, since the detector has seen few texts in capitals.

    Args:
        text: a sentence or more; short texts are uncertain.
        confidence: of the detector, 0..1; below it nothing is said.
        least_bytes: of letters (UTF-8) below which nothing is said.

    Raises:
        MissingExtraError: if py3langid is not installed.
    """
    words = _LETTERS.findall(_SHOWN.sub(" ", clean(text)).lower())
    if sum(len(word.encode()) for word in words) < least_bytes:
        return None
    found, sure = _classifier()(" ".join(words))
    return found if sure >= confidence else None


@cache
def _classifier() -> Callable[[str], tuple[str, float]]:
    try:
        from py3langid.langid import MODEL_FILE, LanguageIdentifier
    except ImportError as error:
        raise MissingExtraError("telling languages apart", "inspect") from error
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True).classify  # type: ignore[no-any-return]
