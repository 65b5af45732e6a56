"""Typed placeholders in the place of personal data: the same for the same value all through a pair.

A value that is found once is masked wherever it stands in the pair: "TEL 03-6258 4088" tells what 03-6258 4088 is where
no word stands before it. What has been masked is not looked at again, so that masking twice changes nothing.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from glossator.privacy.personal import REGIONS, SORTS, People, Sort, find
from glossator.privacy.phones import asks_for_phone
from glossator.privacy.view import view
from glossator.records import Caption, Evidence, Pair

PLACEHOLDER = re.compile(r"<(?P<sort>" + "|".join(sort.upper() for sort in SORTS) + r")(?:_(?P<number>\d{1,6}))?>")
_SAME_PHONE = 7  # digits from the end: with and without the country's code a number is one
_TELLING = 6  # letters and digits that a value needs before it is looked for on its own
_TELLING_NAME = 3


@dataclass(frozen=True, slots=True)
class Looker:
    """How personal data is looked for: see `personal.find`."""

    sorts: Sequence[Sort] = SORTS
    regions: Sequence[str] = REGIONS
    people: People | None = None

    def spans(self, text: str, *, phone_asked: bool = False) -> Iterator[tuple[Sort, int, int]]:
        """Sort, start and end of what is found. A line break hides nothing: it may stand within a number."""
        flat = text.replace("\n", " ")
        for one in find(flat, self.sorts, regions=self.regions, people=self.people, phone_asked=phone_asked):
            yield one.sort, one.start, one.end


def pair_texts(pair: Pair) -> list[tuple[str, bool]]:
    """The texts of a pair, and whether each answers a question for a telephone number."""
    asked = asks_for_phone(view(pair.question).text)
    before = [(text, False) for _, text in _turns(pair.context)]
    return [
        *before,
        (pair.question, False),
        (pair.answer, asked),
        (pair.explain_question, False),
        (pair.explain_answer, False),
    ]


def masked(pair: Pair, looker: Looker) -> Pair:
    """The pair with placeholders for its personal data; the pair itself where there is none.

    Question, answer, explanation, evidence and the turns before are masked. Boxes stay, and so does `pair_id`. `meta`
    gets `masked`: how many values of each sort were. What else `meta` says is left as it is.
    """
    values = _Values()
    joined, offsets = _joined(pair.evidence)
    for text, asked in [*pair_texts(pair), (joined, asks_for_phone(view(pair.question).text))]:
        values.look(text, looker, phone_asked=asked)
    if not values.by_key:
        return pair
    return replace(
        pair,
        question=values.mask(pair.question),
        answer=values.mask(pair.answer),
        explain_question=values.mask(pair.explain_question),
        explain_answer=values.mask(pair.explain_answer),
        evidence=_masked_evidence(pair.evidence, joined, offsets, values),
        context=_masked_turns(pair.context, values),
        meta=_noted(pair.meta, values.counts()),
    )


def masked_caption(caption: Caption, looker: Looker) -> Caption:
    """The caption and its enriched form with placeholders, as `masked` does for a pair."""
    values = _Values()
    for text in (caption.caption or "", caption.enriched):
        values.look(text, looker)
    if not values.by_key:
        return caption
    human = None if caption.caption is None else values.mask(caption.caption)
    return replace(caption, caption=human, enriched=values.mask(caption.enriched))


@dataclass(slots=True)
class _Values:
    """What was found in a pair: each value's forms, and its placeholder."""

    by_key: dict[tuple[Sort, str], str] = field(default_factory=dict)
    forms: dict[str, tuple[Sort, str]] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)

    def look(self, text: str, looker: Looker, *, phone_asked: bool = False) -> None:
        """Note what is found in one text, and the placeholders that it holds already."""
        for sort, start, end in looker.spans(text, phone_asked=phone_asked):
            form = _letters(text[start:end])
            key = (sort, form[-_SAME_PHONE:] if sort == "phone" else form)
            self.by_key.setdefault(key, "")
            self.forms.setdefault(form, key)
        self.taken.update(match[0] for match in PLACEHOLDER.finditer(text))

    def counts(self) -> dict[str, int]:
        """How many values of each sort."""
        return dict(sorted(Counter(sort for sort, _ in self.by_key).items()))

    def spans(self, text: str) -> list[tuple[int, int, str]]:
        """Start, end and placeholder of each value in `text`; of those that overlap, the longer.

        Placeholders are numbered as the values come in the text.
        """
        seen = view(text)
        found: list[tuple[int, int, tuple[Sort, str]]] = []
        for form, key in sorted(self.forms.items(), key=lambda item: (-len(item[0]), item[0])):
            for match in _pattern(form, key[0]).finditer(seen.text):
                start, end = seen.original(*match.span())
                if all(end <= first or start >= last for first, last, _ in found):
                    found.append((start, end, key))
        return [(start, end, self._placeholder(key)) for start, end, key in sorted(found)]

    def mask(self, text: str) -> str:
        """`text` with each value's placeholder in its place."""
        for start, end, placeholder in reversed(self.spans(text)):
            text = text[:start] + placeholder + text[end:]
        return text

    def _placeholder(self, key: tuple[Sort, str]) -> str:
        if not self.by_key[key]:
            name, number = key[0].upper(), 1
            while (tried := f"<{name}>" if number == 1 else f"<{name}_{number}>") in self.taken:
                number += 1
            self.taken.add(tried)
            self.by_key[key] = tried
        return self.by_key[key]


def _letters(shown: str) -> str:
    return "".join(char for char in view(shown).text.casefold() if char.isalnum())


def _pattern(form: str, sort: Sort) -> re.Pattern[str]:
    """Finds a value however it is parted. A short one only where it stands alone."""
    least = _TELLING_NAME if sort == "person" else _TELLING
    edge = r"\w" if len(form) < least or not form[0].isdigit() else r"\d"
    # At a value's edge, a bracket or a plus that belongs to a number.
    opening = r"\+?\(?" if form[0].isdigit() else ""
    return re.compile(rf"(?<!{edge}){opening}" + r"[\W_]{0,4}?".join(map(re.escape, form)) + rf"(?!{edge})", re.I)


def _joined(evidence: Sequence[Evidence]) -> tuple[str, list[int]]:
    """The pieces of evidence as one text, since a value may run over several, and where each begins."""
    offsets, place = [], 0
    for piece in evidence:
        offsets.append(place)
        place += len(piece.text) + 1
    return " ".join(piece.text for piece in evidence), offsets


def _masked_evidence(
    evidence: Sequence[Evidence], joined: str, offsets: Sequence[int], values: _Values
) -> tuple[Evidence, ...]:
    spans = values.spans(joined)
    result = []
    for piece, offset in zip(evidence, offsets, strict=True):
        text = piece.text
        for start, end, placeholder in reversed(spans):
            first, last = max(0, start - offset), min(len(piece.text), end - offset)
            if first < last:
                text = text[:first] + placeholder + text[last:]
        result.append(Evidence(text, piece.box))
    return tuple(result)


def _turns(context: str) -> list[list[str]]:
    return json.loads(context) if context else []


def _masked_turns(context: str, values: _Values) -> str:
    if not context:
        return context
    return json.dumps([[role, values.mask(text)] for role, text in _turns(context)], ensure_ascii=False)


def _noted(meta: str, counts: dict[str, int]) -> str:
    """`meta` with the counts under `masked`, added to those of an earlier masking."""
    try:
        known: Any = json.loads(meta) if meta else {}
    except ValueError:
        known = {"text": meta}
    known = known if isinstance(known, dict) else {"value": known}
    before = known.get("masked")
    total = Counter(before if isinstance(before, dict) else {}) + Counter(counts)
    return json.dumps({**known, "masked": dict(sorted(total.items()))}, ensure_ascii=False)
