"""Rejected pairs of one image, mended by a chat model: first the answers, blind; then the explanations."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from pydantic import BaseModel

from glossator.derived import NOT_SAID
from glossator.engines.base import Mended, Rejected
from glossator.engines.writer.schemas import ExplanationsReply, Numbered, ReanswersReply
from glossator.grounding import locate
from glossator.records import Evidence, Sample
from glossator.results import Failed, Outcome
from glossator.text import fold, one_line

Reply = TypeVar("Reply", bound=BaseModel)
_LONGEST = 400  # characters of a rejected explanation that are shown
# What a rule found, in words that a writer understands.
WHY = {
    "explanation_not_grounded": "it quotes what is not printed on the image",
    "false_place": "what it says of a place is not so",
    "explanation_too_long": "it is too long",
    "no_explanation": "there was none",
    "ffd_above_max": "it has nothing to do with the question and its answer",
    "ffd_below_min": "it only repeats question and answer",
    "ffd_image_below_min": "it only repeats question and answer",
}
_MISSING = Failed("malformed_reply", "the model gave nothing with this pair's number", retriable=True)


class Ask(Protocol):
    """One request about numbered texts of an image; see `ChatWriter`."""

    def __call__(
        self, listed: Sequence[str], schema: type[Reply], given: Callable[[Reply], Sequence[Numbered]], *, prompt: str
    ) -> Awaitable[Outcome[Reply]]:
        """The reply in its form, or why there is none."""


@dataclass(frozen=True, slots=True)
class _Answer:
    """The answer that a pair has now."""

    text: str
    evidence: tuple[Evidence, ...]
    quotes: tuple[str, ...] | None


async def mend(sample: Sample, rejected: Sequence[Rejected], ask: Ask) -> Outcome[list[Outcome[Mended | None]]]:
    """One outcome for each rejected pair; None where the model says that the image does not answer it."""
    answers = await _answers(sample, rejected, ask)
    if isinstance(answers, Failed):
        return answers
    asked = [(one, answer) for one, answer in zip(rejected, answers, strict=True) if isinstance(answer, _Answer)]
    told: list[Outcome[Mended | None]] = []
    if asked:
        listed = [_with_reason(one, answer) for one, answer in asked]
        reply = await ask(listed, ExplanationsReply, lambda given: given.explanations, prompt="reexplain")
        if isinstance(reply, Failed):
            return reply
        said = {given.number: given for given in reversed(reply.explanations)}
        for number, (one, answer) in enumerate(asked, start=1):
            found = said.get(number)
            told.append(
                Mended(one.pair.question, answer.text, found.question, found.answer, answer.evidence, answer.quotes)
                if found
                else _MISSING
            )
    rest = iter(told)
    return [next(rest) if isinstance(answer, _Answer) else answer for answer in answers]


async def _answers(sample: Sample, rejected: Sequence[Rejected], ask: Ask) -> Outcome[list[_Answer | Failed | None]]:
    """The pairs' own answers, or new ones for those whose answer is rejected."""
    again = [one for one in rejected if one.part == "answer"]
    given: dict[int, tuple[str, tuple[str, ...]]] = {}
    if again:
        questions = [one.pair.question for one in again]
        reply = await ask(questions, ReanswersReply, lambda given: given.answers, prompt="reanswer")
        if isinstance(reply, Failed):
            return reply
        given = {one.number: (one_line(one.answer), tuple(one.evidence)) for one in reversed(reply.answers)}
    numbers = iter(range(1, len(again) + 1))
    found: list[_Answer | Failed | None] = []
    for one in rejected:
        if one.part == "explanation":
            found.append(_Answer(one.pair.answer, one.pair.evidence, None))
        else:
            found.append(_new(sample, one, given.get(next(numbers))))
    return found


def _new(sample: Sample, rejected: Rejected, given: tuple[str, tuple[str, ...]] | None) -> _Answer | Failed | None:
    """None where the model has no answer, or the one that was rejected."""
    if given is None:
        return _MISSING
    text, quotes = given
    if fold(text) in ("", fold(NOT_SAID), fold(rejected.pair.answer)):
        return None
    spans = sample.page.spans if sample.page else ()
    return _Answer(text, locate(text, spans)[1] if len(quotes) < 2 else (), quotes)


def _with_reason(rejected: Rejected, answer: _Answer) -> str:
    pair = rejected.pair
    text = f"Q: {pair.question}  A: {answer.text}"
    if answer.evidence:
        text += f'  (stands in: "{" ".join(piece.text for piece in answer.evidence)}")'
    why = [WHY[reason] for reason in rejected.reasons if reason in WHY]
    if rejected.part == "answer" or not pair.explain_answer or not why:
        return text
    return f"{text}  rejected: {pair.explain_answer[:_LONGEST]!r} because {' and '.join(dict.fromkeys(why))}"
