"""From somebody's conversation to pairs: extractive questions, and the explanations that follow them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from glossator.formats.base import Message

# How questions for an explanation begin in LLaVAR-2 and in ours: they ask how or where, not what.
_ASKS_WHY = re.compile(
    r"^(?:how (?:did|do|can|could) (?:you|i|we|one)|how is (?:this|that|it) (?:known|shown|clear|found)"
    r"|where (?:on|in) (?:the|this)|where (?:did|do) you"
    r"|what (?:on|in) the [\w -]+ (?:supports|shows|tells|indicates|suggests)|what makes you|which part of"
    r"|(?:can|could) you explain|please explain|explain|why (?:do|did) you|what (?:evidence|clue|detail))\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class ForeignPair:
    """A question and its answer, with the explanation that the set gives for it (empty where it gives none).

    `context` holds the conversation before the question.
    """

    question: str
    answer: str
    explain_question: str = ""
    explain_answer: str = ""
    context: tuple[Message, ...] = ()


def to_pairs(messages: Sequence[Message]) -> list[ForeignPair]:
    """The pairs of a conversation. A turn that asks how the answer before it was found is that pair's explanation."""
    found: list[ForeignPair] = []
    turns = list(zip(messages[::2], messages[1::2], strict=False))
    i = 0
    while i < len(turns):
        question, answer = turns[i]
        before = tuple(messages[: 2 * i])
        following = turns[i + 1] if i + 1 < len(turns) else None
        if following is not None and _ASKS_WHY.match(following[0].text.strip()):
            found.append(ForeignPair(question.text, answer.text, following[0].text, following[1].text, before))
            i += 2
        else:
            found.append(ForeignPair(question.text, answer.text, context=before))
            i += 1
    return found
