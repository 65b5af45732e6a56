"""Loss engine `endpoint`: the log-probabilities of prompt tokens, from a server that gives them, as vLLM does.

Conversations are tokenised here, by the model's own tokenizer and template, exactly as the engine `hf` does. Those
without a picture are sent as token ids (`/completions`); those with one as messages (`/chat/completions`), and the ids
that the server reports are compared with ours before a loss is believed.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from pydantic import Field

from glossator.engines.base import LossItem, Runtime, Session, Spec, Step, Turn, TurnLoss
from glossator.engines.endpoint import loop, prices
from glossator.engines.endpoint.client import Call, Client, client_of, endpoint_of
from glossator.engines.endpoint.pictures import data_uri
from glossator.engines.loss.conversations import (
    Limits,
    TextConversations,
    Tokenised,
    by_image,
    same_tokens,
    turn_loss,
)
from glossator.engines.loss.forward import Branch, merged
from glossator.engines.loss.loading import load_tokenizer, read_template, reserved
from glossator.engines.loss.template import PLAIN, ChatTemplate
from glossator.errors import GlossatorError, MissingExtraError, UsageError
from glossator.fingerprint import fingerprint
from glossator.meter import Meter
from glossator.recipe import Endpoint, Price
from glossator.results import Failed, Outcome, Usage


class EndpointSpec(Spec):
    """Spec of the loss engine `endpoint`."""

    kind: str = "endpoint"
    model: str = Field(min_length=1, description="Model name, as the endpoint knows it.")
    tokenizer: str | None = Field(None, description="Hub name or folder of its tokenizer; null: the model's name.")
    revision: str | None = Field(None, description="Revision of a tokenizer on the Hub.")
    image: Literal["ocr", "pixels"] = Field("ocr", description="How the image is shown: as OCR text, or itself.")
    chat_template: str | None = Field(None, description="As of the engine hf. The server must use the same one.")
    max_length: int = Field(8192, ge=16, description="Longer conversations are not scored.")
    max_turn_tokens: int = Field(1024, ge=8, description="A scored text longer than this is not scored.")
    max_ocr_tokens: int = Field(512, ge=16, description="Budget for the OCR text; the most relevant lines are kept.")


@dataclass(frozen=True, slots=True)
class _Request:
    """One purchase: where it goes, what is sent, and the tokens whose losses are wanted, counted from the end."""

    path: Literal["completions", "chat"]
    body: dict[str, Any]
    wanted: tuple[tuple[int, int], ...]  # (place from the end, token id)

    @property
    def key(self) -> str:
        """Hash of what is bought."""
        return fingerprint({"path": self.path, "body": self.body, "wanted": self.wanted})


class EndpointLoss:
    """See `engines.base.LossEngine`."""

    Spec: ClassVar[type[EndpointSpec]] = EndpointSpec
    version: ClassVar[int] = 1
    local_cpu: ClassVar[bool] = False
    paid: ClassVar[bool] = True

    def __init__(
        self,
        spec: EndpointSpec,
        endpoint: Endpoint,
        tokenizer: Any,
        template: ChatTemplate,
        costs: dict[str, Price] | None = None,
    ) -> None:
        self.spec = spec
        self.endpoint = endpoint
        self.costs = costs or {}
        self._template = template
        self.conversations = TextConversations(
            tokenizer, template, Limits(spec.max_length, spec.max_turn_tokens, spec.max_ocr_tokens)
        )
        self.instrument = "vision" if spec.image == "pixels" else "ocr-proxy"
        self._checked = False

    @classmethod
    def build(cls, spec: Any, runtime: Runtime) -> Self:
        """Raises `UsageError` if no endpoint is named for the model, its key is not set, or it has no tokenizer."""
        if find_spec("aiohttp") is None:
            raise MissingExtraError("the engine 'endpoint'", "chat")
        endpoint = endpoint_of(runtime.endpoints, spec.model)
        tokenizer = load_tokenizer(spec.tokenizer or spec.model, revision=spec.revision)
        given = read_template(spec.chat_template)
        if given is None and not tokenizer.chat_template:
            given = PLAIN
        blocks = spec.image == "pixels"
        template = ChatTemplate(tokenizer, blocks=blocks, reserved=reserved(tokenizer), template=given)
        return cls(spec, endpoint, tokenizer, template, runtime.prices)

    @classmethod
    def identity(cls, spec: Any, _step: Step) -> dict[str, Any]:
        """See `engines.base.Engine`."""
        return {
            **spec.model_dump(mode="json"),
            "chat_template": read_template(spec.chat_template),
            "version": cls.version,
        }

    @classmethod
    def parallelism(cls, _cores: int) -> tuple[int, int]:
        """See `engines.base.Engine`."""
        return 1, 1

    @classmethod
    def models(cls, spec: Any) -> list[str]:
        """Names of the models that are paid for."""
        return [spec.model]

    @classmethod
    def estimate(cls, spec: Any, _step: Step) -> dict[str, tuple[float, Usage]]:
        """About what one image costs: nine pairs of seven requests, three of them with the image."""
        shown = spec.max_ocr_tokens if spec.image == "ocr" else 1500
        return {spec.model: (1.0, Usage(63, 9 * (3 * shown + 7 * 80), 63))}

    @property
    def name(self) -> str:
        """`endpoint:` and the model."""
        return f"endpoint:{self.spec.model}"

    def losses(self, items: Sequence[LossItem], session: Session) -> list[Outcome[tuple[TurnLoss, ...]]]:
        """See `engines.base.LossEngine`. Conversations with which another begins cost nothing.

        Raises:
            UsageError: if the server gives no log-probabilities of prompt tokens; told before anything else is sent.
            CredentialsError, EndpointDownError: see `engines.endpoint`.
        """
        return loop.run(self._losses(items, session))

    async def _losses(self, items: Sequence[LossItem], session: Session) -> list[Outcome[tuple[TurnLoss, ...]]]:
        results: list[Any] = [None] * len(items)
        known: dict[str, tuple[int, ...]] = {}
        jobs = []
        client = await client_of(self.endpoint, self.spec.model)
        if items and not self._checked:
            await self._check(client, session)
        for indexes in by_image(items):
            group = [items[i] for i in indexes]
            rows = [same_tokens(row, item, known) for row, item in zip(self._rows(group), group, strict=True)]
            for i, row in zip(indexes, rows, strict=True):
                results[i] = row if isinstance(row, Failed) else None
            good = [(i, row) for i, row in zip(indexes, rows, strict=True) if isinstance(row, Tokenised)]
            for branch in merged([row.sequence for _, row in good]) if good else []:
                owners = [(*good[sequence], text) for sequence, text in branch.owners]
                jobs.append(partial(self._branch, client, session, items, branch, owners, results))
        await loop.each(jobs, lambda job: job(), client.width)
        return results

    def _rows(self, items: Sequence[LossItem]) -> Sequence[Tokenised | Failed]:
        if items[0].image is None or self.spec.image == "ocr":
            return self.conversations.prepare(items).rows
        pictures = len(items[0].image.image.paths)
        return [self.conversations.with_marks(item, pictures) for item in items]

    async def _branch(
        self,
        client: Client,
        session: Session,
        items: Sequence[LossItem],
        branch: Branch,
        owners: Sequence[tuple[int, Tokenised, int]],
        results: list[Any],
    ) -> None:
        """Buy one branch and hand its losses to those that own them."""
        # The branch's own item is the one whose sequence it is.
        index = next(i for i, row, _ in owners if row.sequence.ids[: len(branch.ids)] == branch.ids)
        async with client.admitted:
            request = self._request(items[index], branch)
            try:
                found = request if isinstance(request, Failed) else await self._bought(client, session, request)
            except GlossatorError as error:
                session.meter.stop(error)
                raise
        if isinstance(found, Failed):
            for i, _, _ in owners:
                results[i] = found
            return
        values = iter(found)
        for (start, end), (i, row, text) in zip(branch.spans, owners, strict=True):
            losses = [next(values) for _ in range(start, end)]
            kept = list(results[i] or [TurnLoss(0.0, 0)] * len(row.sequence.scored))
            kept[text] = turn_loss(row.offsets[text], losses)
            results[i] = tuple(kept)

    def _request(self, item: LossItem, branch: Branch) -> _Request | Failed:
        places = [at for start, end in branch.spans for at in range(start, end)]
        common = {"model": self.spec.model, "max_tokens": 1, "temperature": 0}
        if item.image is None or self.spec.image == "ocr":
            wanted = tuple((len(branch.ids) - at, branch.ids[at]) for at in places)
            return _Request("completions", {**common, "prompt": list(branch.ids)}, wanted)
        length = self.conversations.length_with_marks(item, len(item.image.image.paths))
        if isinstance(length, Failed):
            return length
        pictures = [data_uri(Path(item.image.root) / path, None) for path in item.image.image.paths]
        for picture in pictures:
            if isinstance(picture, Failed):
                return picture
        messages = _messages(item.turns, [str(picture) for picture in pictures], self._template)
        body = {**common, "messages": messages}
        return _Request("chat", body, tuple((length - at, branch.ids[at]) for at in places))

    async def _bought(self, client: Client, session: Session, request: _Request) -> list[float] | Failed:
        """The wanted losses, from the log or from the server."""
        stored = session.replies.get(request.key)
        if stored is not None:
            session.used(request.key, self.spec.model, self._usage(stored.get("tokens_in", 0)))
            return list(stored["nll"])
        answer = await _send(client, request, session.meter)
        if isinstance(answer, Failed):
            return answer
        losses = _wanted_losses(answer["prompt_logprobs"], request)
        if not isinstance(losses, Failed):
            kept = {"nll": losses, "model": answer["model"], "tokens_in": answer["tokens_in"]}
            session.replies.put(request.key, kept)
        session.buy(request.key, self.spec.model, self._usage(answer["tokens_in"]))
        return losses

    def _usage(self, tokens_in: int) -> Usage:
        cost = prices.usd(self.costs, self.spec.model, tokens_in, 0, 1)
        return Usage(1, tokens_in, 1, cost or 0.0, unpriced=int(cost is None))

    async def _check(self, client: Client, session: Session) -> None:
        """One small request, to learn whether the server gives what is needed before anything is paid for."""
        talk = LossItem(None, (Turn("user", "Hello"), Turn("assistant", "Good day to you")), (1,))
        (row,) = self.conversations.prepare([talk]).rows
        if isinstance(row, Failed):
            raise UsageError(f"the tokenizer of {self.spec.model} can't be used: {row.message}")
        (branch,) = merged([row.sequence])
        request = self._request(talk, branch)
        assert isinstance(request, _Request)
        answer = await _send(client, request, session.meter)
        if isinstance(answer, Failed):
            raise UsageError(
                f"{self.endpoint.url} does not answer a request for prompt log-probabilities: {answer.message}"
            )
        losses = _wanted_losses(answer["prompt_logprobs"], request)
        if isinstance(losses, Failed):
            raise UsageError(f"{self.endpoint.url} can't be used to score with {self.spec.model}: {losses.message}")
        self._checked = True


async def _send(client: Client, request: _Request, meter: Meter) -> dict[str, Any] | Failed:
    body = {**request.body, "prompt_logprobs": 1}
    if request.path == "chat":
        body["add_generation_prompt"] = False
    path = "completions" if request.path == "completions" else "chat/completions"
    wire = json.dumps(body, separators=(",", ":"), allow_nan=False).encode("ascii")
    answer = await client.request(Call(path, wire, len(wire) // 4), meter)
    if isinstance(answer, Failed):
        return answer
    choices = answer.get("choices")
    first = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else {}
    found = first.get("prompt_logprobs") if request.path == "completions" else answer.get("prompt_logprobs")
    usage = answer.get("usage") if isinstance(answer.get("usage"), dict) else {}
    tokens_in = usage.get("prompt_tokens") if isinstance(usage, dict) else 0
    return {"prompt_logprobs": found, "model": str(answer.get("model", "")), "tokens_in": tokens_in or 0}


def _wanted_losses(found: Any, request: _Request) -> list[float] | Failed:
    """The loss of each wanted token, if the server saw the same tokens in the same places."""
    if not isinstance(found, list):
        return Failed("refused", "its replies hold no prompt_logprobs; vLLM gives them, most other servers don't")
    losses = []
    for back, token in request.wanted:
        entry = found[-back] if back <= len(found) else None
        one = entry.get(str(token)) if isinstance(entry, dict) else None
        logprob = one.get("logprob") if isinstance(one, dict) else None
        if not isinstance(logprob, int | float):
            return Failed("refused", "it saw other tokens than were scored; name its tokenizer and chat template")
        losses.append(-float(logprob))
    return losses


def _messages(turns: Sequence[Turn], pictures: Sequence[str], template: ChatTemplate) -> list[dict[str, Any]]:
    """The conversation as messages, the pictures before the first text."""
    full = list(turns) if turns[0].role == "user" else [Turn("user", ""), *turns]
    messages: list[dict[str, Any]] = [
        {"role": turn.role, "content": [{"type": "text", "text": template.harmless(turn.text)}]} for turn in full
    ]
    shown = [{"type": "image_url", "image_url": {"url": picture}} for picture in pictures]
    messages[0]["content"] = shown + messages[0]["content"]
    return messages
