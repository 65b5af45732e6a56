"""From somebody's conversation to pairs: extractive questions, and the explanations that follow them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from glossator.formats.base import Message

# How questions for an explanation begin in LLaVAR-2 and in ours: they ask how or where, not what.
_ASKS_WHY = re.compile(
    r"^(?:and )?(?:how (?:did|do|can|could|would) (?:you|i|we|one|it)\b"
    r"|how (?:is|was|does|did) (?:this|that|it|the (?:answer|image|text|page|\w+ )?)(?: \w+)* ?"
    r"(?:known|shown|show|clear|found|support|supported|derived|determined|tell|linked|related|relate)\b"
    r"|where (?:on|in) (?:the|this)\b|where (?:did|do|can|could) (?:you|i|we|one)\b"
    r"|where (?:is|was) (?:this|that|it|the (?:answer|evidence|information|value))\b"
    r"|what (?:on|in) the [\w -]+ (?:supports|shows|tells|indicates|suggests)\b|what (?:makes you|led you|leads you)\b"
    r"|what (?:is|was) (?:the|your) (?:reason|reasoning|basis|evidence|clue|explanation)\b"
    r"|what (?:evidence|clue|detail|part|text|information) (?:on|in|of|supports|shows|tells|led|leads|helps|makes)\b"
    r"|which (?:part|text|area|line|evidence|detail)s? (?:of|on|in|supports?|shows?|gives?|tells?)\b"
    r"|(?:can|could|would) you (?:please )?(?:explain|justify|point)\b|please (?:explain|justify)|explain\b|justify\b"
    r"|why (?:do|did) you\b|why (?:is|was) (?:that|this|it) the\b|on what basis\b)",
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
