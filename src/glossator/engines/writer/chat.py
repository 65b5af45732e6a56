"""Writer `chat`: each step as prompts to any OpenAI-compatible endpoint."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar, Literal, Self, TypeVar

from pydantic import BaseModel, Field, field_validator

from glossator.engines.base import Explanation, Judgement, Mended, PairDraft, Rejected, Runtime, Session, Spec, Step
from glossator.engines.endpoint import loop
from glossator.engines.endpoint.client import endpoint_of
from glossator.engines.endpoint.pictures import data_uri
from glossator.engines.writer import page_text, prompts
from glossator.engines.writer.asking import Asker, for_each
from glossator.engines.writer.kinds import DEFAULT_SPREAD, Kind, rounds, spread, wanted
from glossator.engines.writer.mending import mend
from glossator.engines.writer.schemas import (
    AnswersReply,
    CaptionReply,
    ExplanationsReply,
    JudgementsReply,
    Numbered,
    PairReply,
    PairsReply,
    json_schema,
)
from glossator.errors import MissingExtraError
from glossator.layout.place import place, union
from glossator.recipe import Endpoint, Price
from glossator.records import Pair, Sample
from glossator.results import Failed, Outcome, Usage

T = TypeVar("T")
Asked = tuple[PairReply, bool]  # a pair, and whether the text of its answer was taken out of the page
Reply = TypeVar("Reply", bound=BaseModel)
_SIDES = {"low": 512, "full": 2048}
_DETAILS = {"low": "low", "full": "high"}
_TOKENS_PER_IMAGE = {"none": 0, "low": 85, "full": 1100}  # as OpenAI counts them, for estimates before the first bill
_TYPICAL_REPLY = {"enrich": 200, "extract": 350, "explain": 600, "agree": 150, "judge": 350, "repair": 300}
_TYPICAL_PAGE = 600
_PROMPTS: dict[Step, tuple[str, ...]] = {"agree": ("answer",), "repair": ("reanswer", "reexplain")}
_USED_UP = 0.15  # what is left of a page's text when there is nothing more to ask
_MIB = 1 << 20


class ChatSpec(Spec):
    """Spec of the writer `chat`."""

    kind: str = "chat"
    model: str = Field(min_length=1, description="Model name, as the endpoint knows it.")
    image: Literal["none", "low", "full"] = Field(
        "none", description="Attach the image: not at all (caption and OCR only), at most 512, or at most 2,048 pixels."
    )
    image_max_mb: float = Field(3.5, gt=0.05, description="Make a picture smaller until its file is below this.")
    temperature: float | None = Field(0.0, ge=0, le=2, description="null leaves it to the endpoint.")
    max_tokens: int = Field(2000, ge=16, description="Longest reply, in tokens.")
    token_limit: Literal["max_tokens", "max_completion_tokens"] = Field(
        "max_tokens", description="What the endpoint calls that; OpenAI's newer models know only the second."
    )
    seed: int | None = Field(None, description="Seed for endpoints that take one.")
    structured: Literal["json_schema", "json_object", "none"] = Field(
        "json_schema", description="How the reply's form is asked for; none for servers that know neither."
    )
    system: bool = Field(True, description="false puts the rules into the user's message, for models without a system.")
    extra: dict[str, Any] = Field({}, description="Further keys of the request, such as {reasoning_effort: low}.")
    ask_again: int = Field(2, ge=0, description="How often a malformed reply is asked for again.")
    kinds: dict[Kind, float] = Field(
        dict(DEFAULT_SPREAD), description="Shares of the kinds of question that are asked for."
    )
    pairs_per_round: int = Field(
        5, ge=1, description="Pairs a request; what has been asked is taken out of the page before the next."
    )

    @field_validator("kinds")
    @classmethod
    def _some(cls, kinds: dict[Kind, float]) -> dict[Kind, float]:
        if not kinds or min(kinds.values()) < 0 or sum(kinds.values()) <= 0:
            raise ValueError("name at least one kind with a share above 0")
        return kinds

    @field_validator("extra")
    @classmethod
    def _not_ours(cls, extra: dict[str, Any]) -> dict[str, Any]:
        ours = {"model", "messages", "response_format", "stream", "n"} & set(extra)
        if ours:
            raise ValueError(f"{', '.join(sorted(ours))} can't be set here")
        return extra


class ChatWriter:
    """See `engines.base.Writer`. One request an image and step; extraction goes in rounds."""

    Spec: ClassVar[type[ChatSpec]] = ChatSpec
    version: ClassVar[int] = 2
    local_cpu: ClassVar[bool] = False
    paid: ClassVar[bool] = True

    def __init__(self, spec: ChatSpec, endpoint: Endpoint, prices: dict[str, Price]) -> None:
        self.spec = spec
        self.endpoint = endpoint
        self.prices = prices

    @classmethod
    def build(cls, spec: Any, runtime: Runtime) -> Self:
        """Raises `UsageError` if the recipe names no endpoint for the model, or its key is not set."""
        if find_spec("aiohttp") is None or find_spec("aiolimiter") is None:
            raise MissingExtraError("the engine 'chat'", "chat")
        return cls(spec, endpoint_of(runtime.endpoints, spec.model), runtime.prices)

    @classmethod
    def identity(cls, spec: Any, step: Step) -> dict[str, Any]:
        """See `engines.base.Engine`. Holds the prompt of this step only, and what only extraction uses only there."""
        only_extract = set() if step == "extract" else {"kinds", "pairs_per_round"}
        plain = spec.model_dump(mode="json", exclude=only_extract)
        texts = [prompts.load(name, sees=spec.image != "none").identity() for name in _PROMPTS.get(step, (step,))]
        return {**plain, "version": cls.version, "prompt": texts[0], **({"prompts": texts} if len(texts) > 1 else {})}

    @classmethod
    def parallelism(cls, _cores: int) -> tuple[int, int]:
        """See `engines.base.Engine`."""
        return 1, 1

    @classmethod
    def models(cls, spec: Any) -> list[str]:
        """Names of the models that are paid for."""
        return [spec.model]

    @classmethod
    def estimate(cls, spec: Any, step: Step) -> dict[str, tuple[float, Usage]]:
        """By model, its share of the images and about what one costs in this step, before anything was measured."""
        prompt = _prompt(spec, step)
        tokens_in = (len(prompt.system) + len(prompt.data)) // 4 + _TYPICAL_PAGE + _TOKENS_PER_IMAGE[spec.image]
        calls = -(-9 // spec.pairs_per_round) if step == "extract" else len(_PROMPTS.get(step, (step,)))
        return {spec.model: (1.0, Usage(calls, tokens_in * calls, _TYPICAL_REPLY[step] * calls))}

    @property
    def name(self) -> str:
        """`chat:` and the model."""
        return f"chat:{self.spec.model}"

    def name_for(self, _sample: Sample) -> str:
        """See `engines.base.Writer`."""
        return self.name

    def enrich(self, samples: Sequence[Sample], session: Session) -> list[Outcome[str]]:
        """See `engines.base.Writer`."""

        async def one(asker: Asker, sample: Sample) -> Outcome[str]:
            reply = await self._ask(asker, "enrich", sample, CaptionReply, ocr=page_text.whole(sample.page))
            return reply if isinstance(reply, Failed) else reply.caption

        return self._each(samples, session, one)

    def extract(
        self, samples: Sequence[Sample], max_pairs: int, session: Session
    ) -> list[Outcome[Sequence[Outcome[PairDraft]]]]:
        """See `engines.base.Writer`. In rounds, until there are enough pairs or the page is used up."""

        async def one(asker: Asker, sample: Sample) -> Outcome[Sequence[Outcome[PairDraft]]]:
            kinds = spread(sample.image.image_id, self.spec.kinds, max_pairs)
            left = page_text.lines(sample.page)
            whole = page_text.size(left)
            found: list[Asked] = []
            for turn, these in enumerate(rounds(kinds, self.spec.pairs_per_round)):
                if turn and page_text.size(left) < _USED_UP * whole:
                    break
                reply = await self._round(asker, sample, these, left, found)
                if isinstance(reply, Failed):
                    return [*_drafts(found, max_pairs), reply] if found else reply
                for pair in reply.pairs:
                    copied = page_text.copied_from(pair.answer, left)
                    left = page_text.without(left, copied)
                    found.append((pair, bool(copied)))
                if not reply.pairs:
                    break
            return _drafts(found, max_pairs)

        return self._each(samples, session, one)

    def explain(self, samples: Sequence[Sample], session: Session) -> list[Outcome[list[Outcome[Explanation]]]]:
        """See `engines.base.Writer`. A pair whose number the model left out fails alone."""

        async def one(asker: Asker, sample: Sample) -> Outcome[list[Outcome[Explanation]]]:
            if not sample.pairs:
                return []
            listed = [_with_place(sample, pair) for pair in sample.pairs]
            reply = await self._about_pairs(
                asker, "explain", sample, listed, ExplanationsReply, lambda given: given.explanations
            )
            if isinstance(reply, Failed):
                return reply
            given = [(one.number, Explanation(one.question, one.answer)) for one in reply.explanations]
            return _by_number(len(sample.pairs), given)

        return self._each(samples, session, one)

    def answer(self, samples: Sequence[Sample], session: Session) -> list[Outcome[list[Outcome[str]]]]:
        """See `engines.base.Answerer`. The model is shown neither the answers nor who wrote them."""

        async def one(asker: Asker, sample: Sample) -> Outcome[list[Outcome[str]]]:
            if not sample.pairs:
                return []
            listed = [pair.question for pair in sample.pairs]
            reply = await self._about_pairs(asker, "agree", sample, listed, AnswersReply, lambda given: given.answers)
            if isinstance(reply, Failed):
                return reply
            return _by_number(len(sample.pairs), [(one.number, one.answer) for one in reply.answers])

        return self._each(samples, session, one)

    def judge(self, samples: Sequence[Sample], turn: int, session: Session) -> list[Outcome[list[Outcome[Judgement]]]]:
        """See `engines.base.Judge`. The pairs stand in an order drawn for the image; the next turn reverses it."""

        async def one(asker: Asker, sample: Sample) -> Outcome[list[Outcome[Judgement]]]:
            if not sample.pairs:
                return []
            order = list(range(len(sample.pairs)))
            random.Random(f"{sample.image.image_id} {turn // 2}").shuffle(order)
            if turn % 2:
                order.reverse()
            listed = [_judged(sample.pairs[index]) for index in order]
            reply = await self._about_pairs(
                asker, "judge", sample, listed, JudgementsReply, lambda given: given.judgements
            )
            if isinstance(reply, Failed):
                return reply
            given = [
                (mark.number, Judgement(mark.correct, mark.grounded, mark.clear, mark.useful, mark.problem))
                for mark in reply.judgements
            ]
            found = dict(zip(order, _by_number(len(order), given), strict=True))
            return [found[index] for index in range(len(order))]

        return self._each(samples, session, one)

    def repair(
        self, samples: Sequence[Sample], rejected: Sequence[Sequence[Rejected]], session: Session
    ) -> list[Outcome[list[Outcome[Mended | None]]]]:
        """See `engines.base.Repairer`. At most two requests an image, none where nothing is rejected."""
        wanted = {sample.image.image_id: pairs for sample, pairs in zip(samples, rejected, strict=True)}

        async def one(asker: Asker, sample: Sample) -> Outcome[list[Outcome[Mended | None]]]:
            ask = partial(self._about_pairs, asker, "repair", sample)
            return await mend(sample, wanted[sample.image.image_id], ask)

        return self._each(samples, session, one)

    def _each(
        self, samples: Sequence[Sample], session: Session, one: Callable[[Asker, Sample], Any]
    ) -> list[Outcome[Any]]:
        return loop.run(for_each(self.endpoint, self.spec.model, self.prices, session, samples, one))

    async def _round(
        self,
        asker: Asker,
        sample: Sample,
        kinds: list[Kind],
        left: Sequence[page_text.Line],
        found: Sequence[Asked],
    ) -> Outcome[PairsReply]:
        """One request for pairs. What was asked before is gone from the text; it is named where it can't be taken out
        (the picture shows it still, or it was not copied from one place).
        """
        named = [pair for pair, taken_out in found if not taken_out or self.spec.image != "none"]
        asked = "\nalready asked, not to be asked again:\n" + "\n".join(pair.question for pair in named) + "\n"
        reply = await self._ask(
            asker,
            "extract",
            sample,
            PairsReply,
            ocr=page_text.marked(left),
            wanted=wanted(kinds),
            taken_out="; what has been asked about is taken out" if found else "",
            asked=asked if named else "",
        )
        if isinstance(reply, PairsReply):
            reply.pairs = reply.pairs[: len(kinds)]
        return reply

    async def _about_pairs(
        self,
        asker: Asker,
        step: Step,
        sample: Sample,
        listed: Sequence[str],
        schema: type[Reply],
        given: Callable[[Reply], Sequence[Numbered]],
        *,
        prompt: str = "",
    ) -> Outcome[Reply]:
        """One request about numbered pairs, for a reply with something `given` for each number."""

        def lacks(reply: Reply) -> str:
            missing = sorted(set(range(1, len(listed) + 1)) - {one.number for one in given(reply)})
            if not missing or len(given(reply)) == len(listed):
                return ""
            return f"there is nothing for number {', '.join(map(str, missing))}"

        pairs = "\n".join(f"{number}. {text}" for number, text in enumerate(listed, start=1))
        text = page_text.whole(sample.page)
        return await self._ask(asker, step, sample, schema, lacks, prompt=prompt, ocr=text, pairs=pairs)

    async def _ask(
        self,
        asker: Asker,
        step: Step,
        sample: Sample,
        schema: type[Reply],
        lacks: Callable[[Reply], str] = lambda _reply: "",
        *,
        prompt: str = "",
        **values: str,
    ) -> Outcome[Reply]:
        asked = prompts.load(prompt, sees=self.spec.image != "none") if prompt else _prompt(self.spec, step)
        caption = (sample.caption.enriched if sample.caption and step != "enrich" else "") or sample.image.caption
        text = asked.fill(kind=sample.image.kind or "unknown", caption=caption or "(none)", **values)
        content: Any = text
        paths = sample.image.paths if self.spec.image != "none" else ()
        for path in reversed(paths):
            picture = await asyncio.to_thread(self._picture, Path(sample.root) / path)
            if isinstance(picture, Failed):
                return picture
            shown = {"type": "image_url", "image_url": {"url": picture, "detail": _DETAILS[self.spec.image]}}
            content = [shown, *(content if isinstance(content, list) else [{"type": "text", "text": text}])]
        pixels = len(paths) * _TOKENS_PER_IMAGE[self.spec.image]
        tokens = (len(asked.system) + len(text)) // 4 + pixels + _TYPICAL_REPLY[step]
        return await asker.ask(
            self._body(asked.system, content, schema),
            schema,
            image_id=sample.image.image_id,
            again=self.spec.ask_again,
            tokens=tokens,
            lacks=lacks,
        )

    def _picture(self, path: Path) -> str | Failed:
        return data_uri(path, _SIDES[self.spec.image], int(self.spec.image_max_mb * _MIB))

    def _body(self, system: str, content: Any, schema: type[BaseModel]) -> dict[str, Any]:
        spec = self.spec
        if spec.system:
            messages = [{"role": "system", "content": system}, {"role": "user", "content": content}]
        elif isinstance(content, str):
            messages = [{"role": "user", "content": f"{system}\n\n{content}"}]
        else:
            messages = [{"role": "user", "content": [{"type": "text", "text": system}, *content]}]
        body: dict[str, Any] = {"model": spec.model, "messages": messages, spec.token_limit: spec.max_tokens}
        if spec.temperature is not None:
            body["temperature"] = spec.temperature
        if spec.seed is not None:
            body["seed"] = spec.seed
        return body | _response_format(spec.structured, schema) | spec.extra


def _prompt(spec: ChatSpec, step: Step) -> prompts.Prompt:
    return prompts.load(_PROMPTS.get(step, (step,))[0], sees=spec.image != "none")


def _response_format(structured: str, schema: type[BaseModel]) -> dict[str, Any]:
    if structured == "none":
        return {}
    if structured == "json_object":
        return {"response_format": {"type": "json_object"}}
    form = {"name": schema.__name__, "strict": True, "schema": json_schema(schema)}
    return {"response_format": {"type": "json_schema", "json_schema": form}}


def _drafts(found: Sequence[Asked], most: int) -> list[Outcome[PairDraft]]:
    return [PairDraft(pair.question, pair.answer, pair.kind, quotes=tuple(pair.evidence)) for pair, _ in found[:most]]


def _with_place(sample: Sample, pair: Pair) -> str:
    """The pair, and where its answer stands."""
    text = f"Q: {pair.question}  A: {pair.answer}"
    if not pair.evidence:
        return text
    where = place(union([piece.box for piece in pair.evidence]), sample.image.width, sample.image.height)
    return f'{text}  (stands {where}: "{" ".join(piece.text for piece in pair.evidence)}")'


def _judged(pair: Pair) -> str:
    explained = f"  E: {pair.explain_question} {pair.explain_answer}" if pair.explain_answer else "  E: (none)"
    return f"Q: {pair.question}  A: {pair.answer}{explained}"


def _by_number(count: int, given: Sequence[tuple[int, T]]) -> list[Outcome[T]]:
    """What was given for the numbers 1 to `count`; a number that is missing fails alone."""
    numbers = [number for number, _ in given]
    if len(given) == count and sorted(numbers) != list(range(1, count + 1)):
        return [value for _, value in given]  # all are there and in order, only miscounted
    found = dict(reversed(given))
    missing = Failed("malformed_reply", "the model gave nothing with this pair's number", retriable=True)
    return [found.get(number, missing) for number in range(1, count + 1)]
