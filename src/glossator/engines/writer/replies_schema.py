"""What a model's reply must look like. Parsed leniently (fences and prose around the JSON), validated strictly."""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, create_model


class _Reply(BaseModel):
    model_config = ConfigDict(extra="forbid")


class CaptionReply(_Reply):
    """Reply of the step `enrich`."""

    caption: str = Field(min_length=1)


class PairReply(_Reply):
    """One extractive pair."""

    question: str = Field(min_length=1)
    answer: str = Field(min_length=1)
    kind: str


class PairsReply(_Reply):
    """Reply of the step `extract`."""

    pairs: list[PairReply]


class ExplanationReply(_Reply):
    """One explanation."""

    question: str = Field(min_length=1)
    answer: str = Field(min_length=1)


def explanations_reply(count: int) -> type[BaseModel]:
    """The reply of the step `explain` to `count` pairs: `pair_1` ... `pair_<count>`, each an `ExplanationReply`."""
    fields: dict[str, Any] = {f"pair_{number}": (ExplanationReply, ...) for number in range(1, count + 1)}
    return create_model("ExplanationsReply", __base__=_Reply, **fields)


def parse(text: str, schema: type[BaseModel]) -> BaseModel:
    """The first JSON object in `text` that fits.

    Raises:
        ValueError: if there is no JSON object, or it does not fit (a pydantic `ValidationError` then).
    """
    decoder = json.JSONDecoder()
    start = text.find("{")
    if start < 0:
        raise ValueError("the reply holds no JSON object")
    try:
        value, _ = decoder.raw_decode(text, start)
    except (json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"the reply is not valid JSON: {error}") from None
    return schema.model_validate(value)
