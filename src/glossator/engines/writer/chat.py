"""Writer `chat`: any model behind an OpenAI-compatible endpoint, one call an image and step."""

from __future__ import annotations

import asyncio
import base64
import io
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Literal, Self, cast

from PIL import Image
from pydantic import BaseModel, Field

from glossator.engines.base import Explanation, PairDraft, Runtime, Session, Spec, Step
from glossator.engines.writer.endpoint import Caller, Request, api_key
from glossator.engines.writer.prompts import load, render
from glossator.engines.writer.replies_schema import CaptionReply, PairsReply, explanations_reply
from glossator.errors import MissingExtraError, RecipeError
from glossator.images import open_image
from glossator.recipe import Endpoint
from glossator.records import Sample
from glossator.results import Failed, Outcome
from glossator.text import clean, one_line

_LONGEST_SIDE = {"low": 512, "full": 2048}


class ChatSpec(Spec):
    """Spec of the writer `chat`."""

    kind: str = "chat"
    model: str = Field(min_length=1, description="Name of the model, as the endpoint calls it.")
    temperature: float | None = Field(0.7, ge=0, le=2, description="Sampling temperature; null sends none.")
    max_tokens: int = Field(2048, ge=1, description="Longest reply, in tokens.")
    seed: int | None = Field(None, description="Seed that is sent along; null sends none.")
    image: Literal["none", "low", "full"] = Field(
        "none", description="Attach the image (low: 512 px, full: 2,048 px at most), or rely on caption and OCR."
    )
    structured: Literal["json_schema", "json_object", "none"] = Field(
        "json_schema", description="Which response_format the endpoint understands."
    )
    max_asks: int = Field(3, ge=1, le=10, description="How often a request is asked until its reply fits.")


class ChatWriter:
    """See `engines.base.Writer`."""

    Spec: ClassVar[type[ChatSpec]] = ChatSpec
    version: ClassVar[int] = 1
    local_cpu: ClassVar[bool] = False

    def __init__(self, spec: ChatSpec, endpoint: Endpoint) -> None:
        self.spec = spec
        self.endpoint = endpoint

    @classmethod
    def build(cls, spec: Any, runtime: Runtime) -> Self:
        """See `engines.base.Engine`. Raises `RecipeError` without an endpoint, `UsageError` without its key."""
        endpoint = runtime.endpoints.get(spec.model) or runtime.endpoints.get("default")
        if endpoint is None:
            raise RecipeError(f"no endpoint for the model '{spec.model}': set run.endpoints.default.url in the recipe")
        try:
            import openai  # noqa: F401
        except ModuleNotFoundError as error:
            raise MissingExtraError("the engine 'chat' (openai is not installed)", "chat") from error
        api_key(endpoint)
        return cls(spec, endpoint)

    @classmethod
    def identity(cls, spec: Any, step: Step) -> dict[str, Any]:
        """See `engines.base.Engine`. Holds this step's prompt only."""
        prompt = load(step, with_image=spec.image != "none")
        return {
            **spec.model_dump(mode="json"),
            "version": cls.version,
            "prompt": {"name": prompt.name, "version": prompt.version, "text": prompt.text},
        }

    @classmethod
    def parallelism(cls, _cores: int) -> tuple[int, int]:
        """See `engines.base.Engine`."""
        return 1, 1

    @property
    def name(self) -> str:
        """What the tables record."""
        return f"chat:{self.spec.model}"

    def enrich(self, samples: Sequence[Sample], session: Session) -> list[Outcome[str]]:
        """See `engines.base.Writer`."""
        replies = self._ask("enrich", samples, session)
        return [reply if isinstance(reply, Failed) else clean(cast(CaptionReply, reply).caption) for reply in replies]

    def extract(self, samples: Sequence[Sample], max_pairs: int, session: Session) -> list[Outcome[list[PairDraft]]]:
        """See `engines.base.Writer`."""
        replies = self._ask("extract", samples, session, max_pairs)
        return [
            reply if isinstance(reply, Failed) else _drafts(cast(PairsReply, reply))[:max_pairs] for reply in replies
        ]

    def explain(self, samples: Sequence[Sample], session: Session) -> list[Outcome[list[Outcome[Explanation]]]]:
        """See `engines.base.Writer`. A sample without pairs costs no call."""
        asked = [sample for sample in samples if sample.pairs]
        session.progress(len(samples) - len(asked))
        replies = iter(self._ask("explain", asked, session))
        return [_explanations(sample, next(replies)) if sample.pairs else [] for sample in samples]

    def _ask(
        self, step: Step, samples: Sequence[Sample], session: Session, max_pairs: int = 0
    ) -> list[Outcome[BaseModel]]:
        if not samples:
            return []

        async def run() -> list[Outcome[BaseModel]]:
            caller = Caller(self.endpoint, session, self.spec.max_asks, len(samples))
            makers: list[Callable[[], Outcome[Request]]] = [
                partial(self._request, step, sample, max_pairs) for sample in samples
            ]
            return await caller.all(makers)

        return asyncio.run(run())

    def _request(self, step: Step, sample: Sample, max_pairs: int) -> Outcome[Request]:
        text = render(load(step, with_image=self.spec.image != "none"), step, sample, max_pairs)
        content: Any = text
        if self.spec.image != "none":
            uri = data_uri(Path(sample.root) / sample.image.path, _LONGEST_SIDE[self.spec.image])
            if isinstance(uri, Failed):
                return uri
            content = [{"type": "text", "text": text}, {"type": "image_url", "image_url": {"url": uri}}]
        schema = _schema(step, sample)
        body: dict[str, Any] = {
            "model": self.spec.model,
            "messages": [{"role": "user", "content": content}],
            "max_tokens": self.spec.max_tokens,
        }
        if self.spec.temperature is not None:
            body["temperature"] = self.spec.temperature
        if self.spec.seed is not None:
            body["seed"] = self.spec.seed
        if self.spec.structured == "json_object":
            body["response_format"] = {"type": "json_object"}
        elif self.spec.structured == "json_schema":
            shape = {"name": step, "strict": True, "schema": schema.model_json_schema()}
            body["response_format"] = {"type": "json_schema", "json_schema": shape}
        return Request(body, schema)


def data_uri(path: Path, longest: int) -> Outcome[str]:
    """The image as a JPEG of at most `longest` pixels a side; the same file always gives the same text."""
    image = open_image(path)
    if isinstance(image, Failed):
        return image
    image.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=90)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def _schema(step: Step, sample: Sample) -> type[BaseModel]:
    if step == "enrich":
        return CaptionReply
    return PairsReply if step == "extract" else explanations_reply(len(sample.pairs))


def _drafts(reply: PairsReply) -> list[PairDraft]:
    return [PairDraft(one_line(pair.question), clean(pair.answer), one_line(pair.kind)[:40]) for pair in reply.pairs]


def _explanations(sample: Sample, reply: Outcome[BaseModel]) -> Outcome[list[Outcome[Explanation]]]:
    if isinstance(reply, Failed):
        return reply
    turns = [getattr(reply, f"pair_{number}") for number in range(1, len(sample.pairs) + 1)]
    return [Explanation(one_line(turn.question), clean(turn.answer)) for turn in turns]
