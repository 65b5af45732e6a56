"""Pairs that belong to another image: what they quote and what they answer stands there, and not on their own."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from glossator.grounding import locate, question_similarity
from glossator.layout.question_fit import question_fit
from glossator.records import Pair, Sample, Span
from glossator.text import fold

_QUOTED = re.compile(r"\"([^\"]{2,})\"|“([^”]{2,})”")
_LITERALLY = 0.95
_NOT_THERE = 0.75
_LEAST = 5  # folded characters; shorter answers stand on many pages
_FITS = 0.8


class Elsewhere:
    """The pages of one shard, searched for where a pair belongs."""

    def __init__(self, samples: Sequence[Sample]) -> None:
        self._samples = samples
        self._texts = [fold("".join(span.text for span in _spans(sample))) for sample in samples]
        self._at = {sample.image.image_id: at for at, sample in enumerate(samples)}

    def home_of(self, pair: Pair) -> int | None:
        """The number of the one sample that a pair belongs to; None if that is its own, none or several."""
        own = self._at[pair.image_id]
        answer = fold(pair.answer)
        if pair.context or len(answer) < _LEAST or locate(pair.answer, _spans(self._samples[own]))[0] >= _NOT_THERE:
            return None
        homes = [
            at
            for at, sample in enumerate(self._samples)
            if at != own and answer in self._texts[at] and self._belongs(pair, sample)
        ]
        if len(homes) != 1:
            return None
        there = [(fold(one.question), fold(one.answer)) for one in self._samples[homes[0]].pairs]
        return None if (fold(pair.question), answer) in there else homes[0]

    def at_home(self, pair: Pair, at: int, count: int) -> Pair:
        """The pair as one of the sample it belongs to, a conversation of its own. `count` have moved there before."""
        sample = self._samples[at]
        return replace(
            pair,
            image_id=sample.image.image_id,
            source_id=sample.image.source_id,
            evidence=locate(pair.answer, _spans(sample))[1],
            question_similarity=question_similarity(pair.question, [one.question for one in sample.pairs]),
            conversation=max((one.conversation for one in sample.pairs), default=-1) + 1 + count,
        )

    def _belongs(self, pair: Pair, sample: Sample) -> bool:
        spans = _spans(sample)
        ratio, held = locate(pair.answer, spans)
        quotes = [one or other for one, other in _QUOTED.findall(pair.question)]
        if ratio < _LITERALLY or any(locate(quote, spans)[0] < _LITERALLY for quote in quotes):
            return False
        fit = question_fit(pair.question, pair.answer, held, spans, f"{sample.image.kind} {pair.kind}")
        return fit is not None and fit >= _FITS


def _spans(sample: Sample) -> tuple[Span, ...]:
    return sample.page.spans if sample.page else ()
