"""What a model must reply, as pydantic models; and how JSON is found in what it says."""

from __future__ import annotations

import re
from functools import cache
from typing import Any, get_args

from pydantic import BaseModel, ConfigDict, Field, field_validator

from glossator.engines.writer.kinds import Kind

_FENCED = re.compile(r"```(?:json)?\s*(.*?)```", re.DOTALL)
_THOUGHT = re.compile(r"\A\s*<think>.*?</think>", re.DOTALL)
# Known to every server that takes a schema; we check the rest ourselves.
_SENT = {"type", "properties", "items", "enum", "required", "$ref", "$defs", "additionalProperties"}


class _Reply(BaseModel):
    model_config = ConfigDict(extra="ignore")


class CaptionReply(_Reply):
    """Reply of the step `enrich`."""

    caption: str = Field(min_length=1)


class PairReply(_Reply):
    """One question-answer pair. A kind that nobody asked for is kept as it is."""

    question: str = Field(min_length=1)
    answer: str = Field(min_length=1)
    kind: str = Field("lookup", json_schema_extra={"enum": list(get_args(Kind))})
    evidence: list[str] = []

    @field_validator("answer", mode="before")
    @classmethod
    def _number_as_text(cls, value: Any) -> Any:
        """Models write `3.20` where the schema says text."""
        return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value

    @field_validator("evidence", mode="before")
    @classmethod
    def _always_a_list(cls, value: Any) -> Any:
        values = value if isinstance(value, list) else [] if value is None else [value]
        return [str(one) for one in values if isinstance(one, str | int | float)]

    @field_validator("kind")
    @classmethod
    def _as_named(cls, value: str) -> str:
        return value.strip().lower().replace("-", "_").replace("/", "_").replace(" ", "_")


class PairsReply(_Reply):
    """Reply of the step `extract`."""

    pairs: list[PairReply]


class Numbered(_Reply):
    """Something about one of the pairs, with its number."""

    number: int


class ExplanationReply(Numbered):
    """One explanation, with the number of its pair."""

    question: str = Field(min_length=1)
    answer: str = Field(min_length=1)


class ExplanationsReply(_Reply):
    """Reply of the step `explain`."""

    explanations: list[ExplanationReply]


class AnswerReply(Numbered):
    """One answer, with the number of its question."""

    answer: str

    _number_as_text = field_validator("answer", mode="before")(
        lambda value: str(value) if isinstance(value, int | float) else value
    )


class AnswersReply(_Reply):
    """Reply of the step `agree`."""

    answers: list[AnswerReply]


class ReanswerReply(AnswerReply):
    """One answer and the printed texts that it rests on, with the number of its question."""

    evidence: list[str] = []

    _always_a_list = field_validator("evidence", mode="before")(
        lambda value: [str(one) for one in (value if isinstance(value, list) else [value]) if one is not None]
    )


class ReanswersReply(_Reply):
    """First reply of the step `repair`."""

    answers: list[ReanswerReply]


class JudgementReply(Numbered):
    """Four marks from 1 to 5, with the number of the pair."""

    correct: int = Field(ge=1, le=5)
    grounded: int = Field(ge=1, le=5)
    clear: int = Field(ge=1, le=5)
    useful: int = Field(ge=1, le=5)
    problem: str = ""


class JudgementsReply(_Reply):
    """Reply of the step `judge`."""

    judgements: list[JudgementReply]


@cache
def json_schema(schema: type[BaseModel]) -> dict[str, Any]:
    """The schema as it is sent: every field required, nothing beside them, and only what strict servers know.

    The same object at every call: don't change it.
    """
    sent: dict[str, Any] = _strict(schema.model_json_schema())
    return sent


def _strict(node: Any) -> Any:
    if not isinstance(node, dict):
        return node
    found = {key: value for key, value in node.items() if key in _SENT}
    for name in ("properties", "$defs"):
        if name in found:
            found[name] = {key: _strict(value) for key, value in found[name].items()}
    if "items" in found:
        found["items"] = _strict(found["items"])
    if found.get("type") == "object":
        found |= {"required": list(found["properties"]), "additionalProperties": False}
    return found


def json_text(text: str) -> str:
    """The JSON object inside a reply: models like to think aloud before it, or wrap it into prose or a fenced block."""
    text = _THOUGHT.sub("", text)
    if not text.lstrip().startswith("{"):
        fenced = _FENCED.search(text)
        if fenced:
            text = fenced[1]
    start, end = text.find("{"), text.rfind("}")
    return text[start : end + 1] if 0 <= start < end else text
