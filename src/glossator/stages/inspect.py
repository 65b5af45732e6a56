"""Stage `inspect`: personal data, languages, scripts and profanity in the texts of pairs."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pydantic import Field, field_validator

from glossator.engines.base import Session
from glossator.errors import MissingExtraError, UsageError
from glossator.privacy.languages import CONFIDENCE, LEAST_BYTES, language, scripts
from glossator.privacy.masking import Looker, pair_texts
from glossator.privacy.people import load, version
from glossator.privacy.personal import REGIONS, SORTS, Sort
from glossator.privacy.phones import unknown_regions
from glossator.privacy.profanity import WordList
from glossator.records import Inspection, Pair, Sample
from glossator.results import Failed
from glossator.stages.base import MapStage, Settings

ON_PAGE = "page:"
_LIBRARIES = ("phonenumbers", "stdnum", "py3langid", "regex")


class PersonalSettings(Settings):
    """What personal data is looked for, and how."""

    personal_data: tuple[Sort, ...] = Field(SORTS, description="Sorts of personal data to look for.")
    regions: tuple[str, ...] = Field(
        REGIONS,
        description="Countries (ISO 3166-1) whose telephone numbers are known without the country's code; name yours.",
    )
    people_model: str | None = Field(
        None, description="A model of spaCy that finds names, such as en_core_web_sm; without one no name is found."
    )

    @field_validator("regions")
    @classmethod
    def _known(cls, regions: tuple[str, ...]) -> tuple[str, ...]:
        if wrong := [region for region in regions if len(region) != 2 or not region.isascii() or not region.isupper()]:
            raise ValueError(f"{', '.join(wrong)}: not a country's code of two capital letters, such as US")
        return regions

    @property
    def looker(self) -> Looker:
        """What looks through texts by these settings."""
        return Looker(self.personal_data, self.regions, load(self.people_model) if self.people_model else None)


class InspectSettings(PersonalSettings):
    """Settings of the stage `inspect`."""

    page: bool = Field(
        False, description="Look through the page's OCR as well; what the picture shows counts as page:email and so on."
    )
    languages: bool = Field(True, description="Tell languages and scripts.")
    language_confidence: float = Field(
        CONFIDENCE, ge=0, le=1, description="A language counts from this confidence of the detector on."
    )
    language_bytes: int = Field(
        LEAST_BYTES, ge=1, description="A language is told from so many bytes (UTF-8) of letters on."
    )
    profanity: tuple[str, ...] = Field(
        (), description="Words and phrases to look for: a list, or the path of a file with one a line (# for remarks)."
    )

    @field_validator("profanity", mode="before")
    @classmethod
    def _read(cls, words: Any) -> Any:
        """The list itself goes into the fingerprint, so that another list under the same path is another stage."""
        if not isinstance(words, str):
            plain = isinstance(words, list | tuple) and all(isinstance(word, str) for word in words)
            return tuple(sorted(set(words))) if plain else words
        try:
            lines = Path(words).read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise ValueError(f"{words}: can't be read as a list of words ({type(error).__name__})") from error
        return tuple(sorted({line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")}))


class InspectStage(MapStage[Inspection]):
    """Looks through the texts of each pair. It only counts; the filter decides."""

    kind = "inspect"
    version = 1
    reads = ("images", "drafts")
    uses = ("pairs", "ocr")
    writes = "inspections"
    Settings = InspectSettings
    family = None
    spawns = False

    @classmethod
    def also_hashed(cls, settings: InspectSettings) -> Any:
        return also_hashed(settings)

    def __init__(self, settings: InspectSettings, engine: Any) -> None:
        super().__init__(settings, engine)
        self._looker = settings.looker
        self._words = WordList(settings.profanity)

    def run(self, samples: Sequence[Sample], session: Session) -> list[list[Inspection | Failed]]:
        results: list[list[Inspection | Failed]] = []
        for sample in samples:
            shown = self._on_page(sample)
            results.append([self._inspected(pair, shown) for pair in sample.pairs])
            session.progress(1)
        return results

    def _on_page(self, sample: Sample) -> set[str]:
        if not self.settings.page or sample.page is None:
            return set()
        lines = sample.page.text.split("\n")  # line by line: a number does not run on into the next line
        return {ON_PAGE + sort for line in lines for sort, _, _ in self._looker.spans(line)}

    def _inspected(self, pair: Pair, shown: set[str]) -> Inspection:
        texts = pair_texts(pair)
        whole = "\n".join(text for text, _ in texts)
        personal = {sort for text, asked in texts for sort, _, _ in self._looker.spans(text, phone_asked=asked)}
        return Inspection(
            pair.pair_id,
            pair.image_id,
            personal=tuple(sorted({*personal, *shown})),
            languages=self._languages(pair) if self.settings.languages else (),
            scripts=scripts(whole) if self.settings.languages else (),
            profane=self._words.found(whole),
        )

    def _languages(self, pair: Pair) -> tuple[str, ...]:
        """Of the pair's own words together, since most are too short alone, and of an answer that is long enough.

        What they quote from the page is no word of theirs.
        """
        own = "\n".join((pair.question, pair.explain_question, pair.explain_answer))
        texts = (own, pair.answer) if pair.answer else (own,)
        sure, least = self.settings.language_confidence, self.settings.language_bytes
        told = {language(text, confidence=sure, least_bytes=least) for text in texts}
        if told == {None}:
            told = {language("\n".join(texts), confidence=sure, least_bytes=least)}
        return tuple(sorted(found for found in told if found))


def also_hashed(settings: PersonalSettings) -> dict[str, str] | None:
    """The version of the model that finds names: another may find others. Tells before a run what it would lack.

    Raises:
        MissingExtraError: if a library is not installed.
        UsageError: if the model is not, or a region is none.
    """
    if not all(find_spec(name) for name in _LIBRARIES):
        raise MissingExtraError("looking for personal data and languages", "inspect")
    if wrong := unknown_regions(settings.regions):
        raise UsageError(f"regions: {', '.join(wrong)}: no country's code (ISO 3166-1; the United Kingdom is GB)")
    return {"people_model": version(settings.people_model)} if settings.people_model else None
