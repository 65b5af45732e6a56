"""What a model must reply, as pydantic models; and how JSON is found in what it says."""

from __future__ import annotations

import re
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

_FENCED = re.compile(r"```(?:json)?\s*(.*?)```", re.DOTALL)


class _Reply(BaseModel):
    model_config = ConfigDict(extra="ignore")


class CaptionReply(_Reply):
    """Reply of the step `enrich`."""

    caption: str = Field(min_length=1)


class PairReply(_Reply):
    """One extractive pair."""

    question: str = Field(min_length=1)
    answer: str = Field(min_length=1)
    kind: str = ""

    @field_validator("answer", mode="before")
    @classmethod
    def _number_as_text(cls, value: Any) -> Any:
        """Models write `3.20` where the schema says text."""
        return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


class PairsReply(_Reply):
    """Reply of the step `extract`."""

    pairs: list[PairReply]


class ExplanationReply(_Reply):
    """One explanation, with the number of its pair."""

    number: int
    question: str = Field(min_length=1)
    answer: str = Field(min_length=1)


class ExplanationsReply(_Reply):
    """Reply of the step `explain`."""

    explanations: list[ExplanationReply]


def json_text(text: str) -> str:
    """The JSON object inside a reply: models like to wrap it into prose or a fenced block."""
    fenced = _FENCED.search(text)
    if fenced:
        text = fenced[1]
    start, end = text.find("{"), text.rfind("}")
    return text[start : end + 1] if 0 <= start < end else text
