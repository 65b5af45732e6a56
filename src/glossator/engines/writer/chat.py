"""Writer `chat`: the three steps as prompts to any OpenAI-compatible endpoint."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from pydantic import BaseModel, Field

from glossator.engines.base import Explanation, PairDraft, Runtime, Session, Spec, Step
from glossator.engines.endpoint import data_uri, endpoint_of
from glossator.engines.writer import prompts
from glossator.engines.writer.endpoint import Request, ask_all
from glossator.engines.writer.schemas import CaptionReply, ExplanationsReply, PairsReply
from glossator.errors import MissingExtraError
from glossator.recipe import Endpoint
from glossator.records import Pair, Sample
from glossator.results import Failed, Outcome, Usage

_SIDES = {"low": 512, "full": 2048}
_TOKENS_PER_IMAGE = {"none": 0, "low": 85, "full": 1100}


class ChatSpec(Spec):
    """Spec of the writer `chat`."""

    kind: str = "chat"
    model: str = Field(min_length=1, description="Model name, as the endpoint knows it.")
    image: Literal["none", "low", "full"] = Field(
        "none", description="Attach the image: not at all (caption and OCR only), at most 512, or at most 2,048 pixels."
    )
    temperature: float | None = Field(0.0, ge=0, le=2, description="null leaves it to the endpoint.")
    max_tokens: int = Field(2000, ge=16, description="Longest reply, in tokens.")
    seed: int | None = Field(None, description="Seed for endpoints that take one.")
    structured: Literal["json_schema", "json_object", "none"] = Field(
        "json_schema", description="How the reply's form is asked for; none for servers that know neither."
    )


class ChatWriter:
    """See `engines.base.Writer`. One request an image and step."""

    Spec: ClassVar[type[ChatSpec]] = ChatSpec
    version: ClassVar[int] = 1
    local_cpu: ClassVar[bool] = False
    paid: ClassVar[bool] = True

    def __init__(self, spec: ChatSpec, endpoint: Endpoint) -> None:
        self.spec = spec
        self.endpoint = endpoint

    @classmethod
    def build(cls, spec: Any, runtime: Runtime) -> Self:
        """Raises `UsageError` if the recipe names no endpoint for the model, or its key is not set."""
        if find_spec("openai") is None:
            raise MissingExtraError("the engine 'chat'", "chat")
        return cls(spec, endpoint_of(runtime.endpoints, spec.model))

    @classmethod
    def identity(cls, spec: Any, step: Step) -> dict[str, Any]:
        """See `engines.base.Engine`. Holds the prompt of this step only."""
        return {**spec.model_dump(mode="json"), "version": cls.version, "prompt": _prompt(spec, step).identity()}

    @classmethod
    def parallelism(cls, _cores: int) -> tuple[int, int]:
        """See `engines.base.Engine`."""
        return 1, 1

    @classmethod
    def estimate(cls, spec: Any, step: Step) -> Usage:
        """About what one image costs in this step: one call, the prompt and a page of OCR in, a typical reply out."""
        tokens_in = len(_prompt(spec, step).text) // 4 + 600 + _TOKENS_PER_IMAGE[spec.image]
        return Usage(1, tokens_in, {"enrich": 200, "extract": 450}.get(step, 600))

    @property
    def name(self) -> str:
        """`chat:` and the model."""
        return f"chat:{self.spec.model}"

    def enrich(self, samples: Sequence[Sample], session: Session) -> list[Outcome[str]]:
        """See `engines.base.Writer`."""
        replies = self._ask("enrich", samples, CaptionReply, session)
        return [reply if isinstance(reply, Failed) else reply.caption for reply in replies]

    def extract(self, samples: Sequence[Sample], max_pairs: int, session: Session) -> list[Outcome[list[PairDraft]]]:
        """See `engines.base.Writer`."""
        replies = self._ask("extract", samples, PairsReply, session, max_pairs=str(max_pairs))
        return [
            reply
            if isinstance(reply, Failed)
            else [PairDraft(pair.question, pair.answer, pair.kind) for pair in reply.pairs[:max_pairs]]
            for reply in replies
        ]

    def explain(self, samples: Sequence[Sample], session: Session) -> list[Outcome[list[Outcome[Explanation]]]]:
        """See `engines.base.Writer`. A pair whose number the model left out fails alone."""
        replies = self._ask("explain", samples, ExplanationsReply, session)
        return [
            reply if isinstance(reply, Failed) else _by_number(sample.pairs, reply)
            for sample, reply in zip(samples, replies, strict=True)
        ]

    def _ask(
        self, step: Step, samples: Sequence[Sample], schema: type[BaseModel], session: Session, **values: str
    ) -> list[Any]:
        prompt = _prompt(self.spec, step)
        requests: list[Request | Failed] = [self._request(prompt, sample, schema, values) for sample in samples]
        sound = [request for request in requests if isinstance(request, Request)]
        replies = iter(ask_all(self.endpoint, self.spec.model, sound, session) if sound else [])
        return [request if isinstance(request, Failed) else next(replies) for request in requests]

    def _request(
        self, prompt: prompts.Prompt, sample: Sample, schema: type[BaseModel], values: dict[str, str]
    ) -> Request | Failed:
        pairs = "\n".join(f"{i}. Q: {p.question}  A: {p.answer}" for i, p in enumerate(sample.pairs, start=1))
        text = prompt.fill(sample, pairs=pairs, **values)
        content: Any = text
        if self.spec.image != "none":
            picture = data_uri(Path(sample.root) / sample.image.path, _SIDES[self.spec.image])
            if isinstance(picture, Failed):
                return picture
            detail = {"low": "low", "full": "high"}[self.spec.image]
            content = [
                {"type": "image_url", "image_url": {"url": picture, "detail": detail}},
                {"type": "text", "text": text},
            ]
        body: dict[str, Any] = {
            "model": self.spec.model,
            "messages": [{"role": "user", "content": content}],
            "max_tokens": self.spec.max_tokens,
        }
        if self.spec.temperature is not None:
            body["temperature"] = self.spec.temperature
        if self.spec.seed is not None:
            body["seed"] = self.spec.seed
        return Request(body | _response_format(self.spec.structured, schema), schema)


def _prompt(spec: ChatSpec, step: Step) -> prompts.Prompt:
    return prompts.load(f"{step}-{'text' if spec.image == 'none' else 'image'}")


def _response_format(structured: str, schema: type[BaseModel]) -> dict[str, Any]:
    if structured == "none":
        return {}
    if structured == "json_object":
        return {"response_format": {"type": "json_object"}}
    form = {"name": schema.__name__, "schema": schema.model_json_schema()}
    return {"response_format": {"type": "json_schema", "json_schema": form}}


def _by_number(pairs: Sequence[Pair], reply: ExplanationsReply) -> list[Outcome[Explanation]]:
    given = [Explanation(one.question, one.answer) for one in reply.explanations]
    numbers = [one.number for one in reply.explanations]
    if len(given) == len(pairs) and sorted(numbers) != list(range(1, len(pairs) + 1)):
        return list(given)  # all are there and in order, only miscounted
    found = dict(zip(reversed(numbers), reversed(given), strict=True))
    missing = Failed("malformed_reply", "the model gave no explanation with this pair's number", retriable=True)
    return [found.get(number, missing) for number in range(1, len(pairs) + 1)]
