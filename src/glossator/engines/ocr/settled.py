"""OCR engine `ensemble-chat`: an ensemble whose disputes, and nothing else, are shown to a chat model that sees.

One request an image, with a cut-out and the readings for each disputed place. The model may choose or mend a reading,
but what is far from all of them is not taken: it is made up, or an instruction printed on the image was followed.
"""

from __future__ import annotations

import asyncio
import base64
import threading
from collections.abc import Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from pydantic import BaseModel, Field, field_validator
from rapidfuzz.distance import Levenshtein

from glossator.engines.base import OcrEngine, Reading, Runtime, Session, Step
from glossator.engines.endpoint import loop
from glossator.engines.endpoint.client import endpoint_of
from glossator.engines.ocr.ensemble import EnsembleOcr, EnsembleSpec
from glossator.engines.ocr.pages import pixels
from glossator.engines.writer import prompts
from glossator.engines.writer.asking import Asker, for_each
from glossator.engines.writer.schemas import Numbered, json_schema
from glossator.errors import MissingExtraError
from glossator.recipe import Endpoint, Price
from glossator.records import Box, Evidence, Sample, Span
from glossator.results import Failed, Outcome, Usage
from glossator.text import one_line

NEAR = 0.6  # similarity (1 less the normalised edit distance) to a reading that a settled text must have
SETTLED = 0.9  # confidence of a settled line at least; taken, not measured
_MARGIN = 0.4  # of the line's height that a cut-out shows around it
_TALLEST = 160  # pixels of a cut-out; a taller one is scaled down
_TOKENS_PER_CUT = 150  # by estimate
_TOKENS_PER_TEXT = 25
_TYPICAL_DISPUTES = 6


class EnsembleChatSpec(EnsembleSpec):
    """An ensemble, and the model that settles its disputes."""

    kind: str = "ensemble-chat"
    model: str = Field(min_length=1, description="Name of a chat model that sees images, as the endpoint knows it.")
    most_disputes: int = Field(12, ge=1, description="Places an image that are asked about, the least sure first.")
    below: float = Field(0.98, ge=0, le=1, description="Only lines that are less likely to be right are asked about.")
    temperature: float | None = Field(0.0, ge=0, le=2, description="null leaves it to the endpoint.")
    max_tokens: int = Field(1000, ge=16, description="Longest reply, in tokens.")
    token_limit: Literal["max_tokens", "max_completion_tokens"] = Field(
        "max_tokens", description="What the endpoint calls that; OpenAI's newer models know only the second."
    )
    ask_again: int = Field(1, ge=0, description="How often a malformed reply is asked for again.")


class SettledText(Numbered):
    """What is printed at a place, with its number."""

    text: str

    _number_as_text = field_validator("text", mode="before")(
        lambda value: str(value) if isinstance(value, int | float) else value
    )


class SettledReply(BaseModel):
    """The model's reply."""

    texts: list[SettledText]


class EnsembleChatOcr(EnsembleOcr):
    """See `engines.base.OcrEngine`. Where the model fails, the vote stands and the dispute stays marked."""

    Spec: ClassVar[type[EnsembleSpec]] = EnsembleChatSpec
    local_cpu: ClassVar[bool] = False
    paid: ClassVar[bool] = True

    def __init__(
        self, spec: EnsembleChatSpec, members: Sequence[OcrEngine], endpoint: Endpoint, costs: dict[str, Price]
    ) -> None:
        super().__init__(spec, members)
        self._chat = spec
        self._endpoint = endpoint
        self._costs = costs
        self._reading = threading.Lock()  # shards are in flight together; the members take one page at a time

    @classmethod
    def build(cls, spec: Any, runtime: Runtime) -> Self:
        """Raises what the members' `build` raises, and `UsageError` if the recipe has no endpoint for the model."""
        if find_spec("aiohttp") is None or find_spec("aiolimiter") is None:
            raise MissingExtraError("the engine 'ensemble-chat'", "chat")
        endpoint = endpoint_of(runtime.endpoints, spec.model)
        return cls(spec, cls.build_members(spec, runtime), endpoint, runtime.prices)

    @classmethod
    def identity(cls, spec: Any, step: Step) -> dict[str, Any]:
        """The ensemble's, and the prompt."""
        return super().identity(spec, step) | {"prompt": prompts.load("settle", sees=True).identity()}

    @classmethod
    def models(cls, spec: Any) -> list[str]:
        """Names of the models that are paid for."""
        return [spec.model]

    @classmethod
    def estimate(cls, spec: Any, _step: Step) -> dict[str, tuple[float, Usage]]:
        """See `ChatWriter.estimate`."""
        places = min(_TYPICAL_DISPUTES, spec.most_disputes)
        rules = len(prompts.load("settle", sees=True).system) // 4
        return {spec.model: (1.0, Usage(1, rules + places * _TOKENS_PER_CUT, places * _TOKENS_PER_TEXT))}

    def read(self, samples: Sequence[Sample], session: Session) -> list[Outcome[Reading]]:
        """One reading a sample; those without disputes are not asked about."""
        with self._reading:
            read = super().read(samples, replace(session, progress=lambda _done: None))
        found = {id(sample): one for sample, one in zip(samples, read, strict=True)}

        async def one(asker: Asker, sample: Sample) -> Outcome[Reading]:
            reading = found[id(sample)]
            if isinstance(reading, Failed):
                return reading
            asked = self._asked(reading)
            reply = await self._ask(asker, sample, asked) if asked else None
            return reading if reply is None or isinstance(reply, Failed) else settled(reading, asked, reply)

        return loop.run(for_each(self._endpoint, self._chat.model, self._costs, session, samples, one))

    def _asked(self, reading: Reading) -> list[Evidence]:
        """The disputes that are worth a question, the least sure first."""
        sure = {(span.box, span.text): span.confidence for span in reading.spans}
        unsure = [(sure.get((place.box, place.text.partition("\n")[0]), 0.0), place) for place in reading.disputed]
        worth = sorted((pair for pair in unsure if pair[0] < self._chat.below), key=lambda pair: pair[0])
        return [place for _, place in worth[: self._chat.most_disputes]]

    async def _ask(self, asker: Asker, sample: Sample, asked: Sequence[Evidence]) -> Outcome[SettledReply]:
        cuts = await asyncio.to_thread(cut_outs, Path(sample.root) / sample.image.path, [one.box for one in asked])
        if isinstance(cuts, Failed):
            return cuts
        prompt = prompts.load("settle", sees=True)
        listed = [
            f"{number}. " + " or ".join(f'"{text}"' for text in place.text.split("\n"))
            for number, place in enumerate(asked, start=1)
        ]
        text = prompt.fill(readings="\n".join(listed))
        shown = [{"type": "image_url", "image_url": {"url": url, "detail": "high"}} for url in cuts]
        tokens = (len(prompt.system) + len(text)) // 4 + len(cuts) * (_TOKENS_PER_CUT + _TOKENS_PER_TEXT)
        body = self._body(prompt.system, [{"type": "text", "text": text}, *shown])
        return await asker.ask(
            body, SettledReply, image_id=sample.image.image_id, again=self._chat.ask_again, tokens=tokens
        )

    def _body(self, system: str, content: list[dict[str, Any]]) -> dict[str, Any]:
        messages = [{"role": "system", "content": system}, {"role": "user", "content": content}]
        body: dict[str, Any] = {
            "model": self._chat.model,
            "messages": messages,
            self._chat.token_limit: self._chat.max_tokens,
        }
        if self._chat.temperature is not None:
            body["temperature"] = self._chat.temperature
        form = {"name": "SettledReply", "strict": True, "schema": json_schema(SettledReply)}
        return body | {"response_format": {"type": "json_schema", "json_schema": form}}


def settled(reading: Reading, asked: Sequence[Evidence], reply: SettledReply) -> Reading:
    """The reading with what the model settled; a text that is far from all readings of its place is not taken."""
    said = {one.number: one_line(one.text) for one in reply.texts}
    taken: dict[tuple[Box, str], str] = {}
    for number, place in enumerate(asked, start=1):
        text, readings = said.get(number, ""), place.text.split("\n")
        if text and max(Levenshtein.normalized_similarity(text, one) for one in readings) >= NEAR:
            taken[place.box, readings[0]] = text
    spans = tuple(
        Span(taken[span.box, span.text], span.box, max(SETTLED, span.confidence))
        if (span.box, span.text) in taken
        else span
        for span in reading.spans
    )
    left = tuple(one for one in reading.disputed if (one.box, one.text.partition("\n")[0]) not in taken)
    return replace(reading, spans=spans, disputed=left)


def cut_outs(path: Path, boxes: Sequence[Box]) -> Outcome[list[str]]:
    """What is seen at each box and a little around, as data URIs. Failures: those of `images.open_image`."""
    import cv2

    page = pixels(path)
    if isinstance(page, Failed):
        return page
    height, width = page.shape[:2]
    urls = []
    for x0, y0, x1, y1 in boxes:
        around = _MARGIN * (y1 - y0)
        top, left = max(0, int(y0 - around)), max(0, int(x0 - around))
        cut = page[top : min(height, int(y1 + around) + 1), left : min(width, int(x1 + around) + 1)]
        if cut.shape[0] > _TALLEST:
            scale = _TALLEST / cut.shape[0]
            cut = cv2.resize(cut, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        _, data = cv2.imencode(".png", cut)
        urls.append(f"data:image/png;base64,{base64.b64encode(data.tobytes()).decode('ascii')}")
    return urls
