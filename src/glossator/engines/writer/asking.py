"""Asking a chat model: each reply is kept at once, none is bought twice, a malformed one is asked for again."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol, TypeVar

from pydantic import BaseModel, ValidationError

from glossator.engines.base import Session
from glossator.engines.endpoint import loop, prices
from glossator.engines.endpoint.batches import Batches
from glossator.engines.endpoint.client import Call, Client, client_of
from glossator.engines.writer.schemas import json_text
from glossator.errors import GlossatorError
from glossator.fingerprint import digest
from glossator.recipe import Endpoint, Price
from glossator.records import Sample
from glossator.results import Failed, Outcome, Usage

T = TypeVar("T")
Reply = TypeVar("Reply", bound=BaseModel)
CHAT = "chat/completions"
_MOST_TOKENS = 10**9  # of one reply; what says more is out of its mind
_SHOWN_CHARS = 4000  # of a malformed reply, to its writer


class Exchange(Protocol):
    """Where replies come from: one request at a time, or a batch."""

    async def post(self, key: str, body: bytes, tokens: int) -> dict[str, Any] | Failed:
        """The endpoint's JSON answer to the request `body`, whose hash is `key`."""


class Live:
    """Each request by itself, at once."""

    def __init__(self, client: Client, session: Session) -> None:
        self._client = client
        self._session = session

    async def post(self, _key: str, body: bytes, tokens: int) -> dict[str, Any] | Failed:
        """See `Exchange`."""
        return await self._client.request(Call(CHAT, body, tokens), self._session.meter)


class Asker:
    """Asks one model on behalf of one session.

    Args:
        exchange: where replies come from.
        model: as the recipe names it.
        session: its reply log, meter and usage.
        costs: the recipe's own prices.
        batch: whether replies cost what the Batch API costs.
    """

    def __init__(
        self, exchange: Exchange, model: str, session: Session, costs: dict[str, Price], *, batch: bool = False
    ) -> None:
        self.model = model
        self._exchange = exchange
        self._session = session
        self._costs = costs
        self._batch = batch
        self._under_way: dict[str, asyncio.Future[dict[str, Any] | Failed]] = {}

    async def ask(
        self,
        body: dict[str, Any],
        schema: type[Reply],
        *,
        image_id: str,
        again: int,
        tokens: int,
        lacks: Callable[[Reply], str] = lambda _reply: "",
    ) -> Outcome[Reply]:
        """One reply in its form; a malformed one is asked for again, with what was wrong with it.

        Args:
            body: the request.
            schema: the form.
            image_id: for the accounts.
            again: how often at most it is asked again.
            tokens: about what the request takes.
            lacks: what a well-formed reply lacks, if anything. That is asked for once; then it is taken as it is.
        """
        request = body
        problem = key = ""
        incomplete: Reply | None = None
        for _ in range(1 + again):
            key, reply = await self._reply(request, image_id, tokens, schema)
            if isinstance(reply, Failed):
                return incomplete or reply
            if reply["finish"] == "content_filter" or reply.get("refusal"):
                return incomplete or Failed("refused", f"{self.model} refuses to answer (reply {key})")
            parsed, problem = _parse(reply, schema)
            if parsed is not None:
                problem = lacks(parsed)
                if not problem or incomplete is not None:
                    return parsed
                incomplete = parsed
            # Onto the last request: were it the first one's, two equal bad replies would make two equal requests.
            request = _ask_again(request, reply["text"], problem)
        if incomplete is not None:
            return incomplete
        message = f"the reply of {self.model} does not fit: {problem}"
        return Failed("malformed_reply", f"{message[:400]} (reply {key} in the folder replies)", retriable=True)

    async def _reply(
        self, body: dict[str, Any], image_id: str, tokens: int, schema: type[BaseModel]
    ) -> tuple[str, dict[str, Any] | Failed]:
        """The reply from the log, or a bought one, which is in the log before anything is made of it."""
        # Keys as they stand: models write a reply's fields in the order of the schema.
        wire = json.dumps(body, separators=(",", ":"), allow_nan=False).encode("ascii")
        key = digest(wire)
        known = self._session.replies.get(key)
        if known is not None and not (self._session.retry and _parse(known, schema)[0] is None):
            self._session.used(key, self.model, usage_of(known))
            return key, known
        if key in self._under_way:  # the same question about the same text: bought once
            return key, await asyncio.shield(self._under_way[key])
        future = self._under_way[key] = asyncio.get_running_loop().create_future()
        try:
            reply = await self._buy(key, wire, image_id, tokens)
        except BaseException as error:
            future.set_exception(error)
            future.exception()  # nobody else may be waiting for it
            raise
        finally:
            del self._under_way[key]
        future.set_result(reply)
        return key, reply

    async def _buy(self, key: str, wire: bytes, image_id: str, tokens: int) -> dict[str, Any] | Failed:
        answer = await self._exchange.post(key, wire, tokens)
        if isinstance(answer, Failed):
            return answer
        reply = stored(answer, self.model, image_id)
        cost = prices.usd(
            self._costs, self.model, reply["tokens_in"], reply["cached"], reply["tokens_out"], batch=self._batch
        )
        reply["usd"] = cost
        self._session.replies.put(key, reply)
        self._session.buy(key, self.model, usage_of(reply))
        return reply


async def for_each(
    endpoint: Endpoint,
    model: str,
    costs: dict[str, Price],
    session: Session,
    samples: Sequence[Sample],
    job: Callable[[Asker, Sample], Awaitable[Outcome[T]]],
) -> list[Outcome[T]]:
    """What `job` gives for each sample, in order; many at once. Runs on the loop.

    When the run has to stop, nothing new is sent; what is under way is waited for and kept.

    Raises:
        GlossatorError: why the run has to stop; see `engines.endpoint.client` and `meter`.
    """
    client = await client_of(endpoint, model)
    exchange = Batches(client, CHAT, session) if endpoint.batch else Live(client, session)
    asker = Asker(exchange, model, session, costs, batch=endpoint.batch)

    async def one(sample: Sample) -> Outcome[T]:
        async with contextlib.nullcontext() if endpoint.batch else client.admitted:
            try:
                outcome = await job(asker, sample)
            except GlossatorError as error:
                session.meter.stop(error)
                raise
        session.progress(1)
        if not session.retry:
            session.meter.row(failed=isinstance(outcome, Failed))
        return outcome

    # A batch needs all its requests at once; they wait in a file.
    width = len(samples) if endpoint.batch else client.width
    try:
        return await loop.each(samples, one, width)
    finally:
        if isinstance(exchange, Batches):
            exchange.close()


def stored(answer: dict[str, Any], model: str, image_id: str) -> dict[str, Any]:
    """What of a chat completion is kept: its text, who wrote it for which image, and its tokens."""
    choices = answer.get("choices")
    choice = _mapping(choices[0] if isinstance(choices, list) and choices else None)
    message, usage = _mapping(choice.get("message")), _mapping(answer.get("usage"))
    details = _mapping(usage.get("prompt_tokens_details"))
    return {
        "text": _text(message.get("content")),
        "finish": str(choice.get("finish_reason") or "none"),
        "refusal": _text(message.get("refusal")),
        "model": str(answer.get("model") or model),
        "asked": model,
        "image": image_id,
        "tokens_in": _count(usage.get("prompt_tokens")),
        "cached": _count(details.get("cached_tokens")),
        "tokens_out": _count(usage.get("completion_tokens")),
    }


def usage_of(reply: dict[str, Any]) -> Usage:
    """What a stored reply has cost."""
    known = reply.get("usd")
    return Usage(1, reply["tokens_in"], reply["tokens_out"], known or 0.0, reply.get("cached", 0), int(known is None))


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(content: Any) -> str:
    """A message's text; some servers send it in blocks."""
    if isinstance(content, list):
        return "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""


def _count(value: Any) -> int:
    return int(value) if isinstance(value, int | float) and 0 < value < _MOST_TOKENS else 0


def _parse(reply: dict[str, Any], schema: type[Reply]) -> tuple[Reply | None, str]:
    """The reply in its form, or what is wrong with it."""
    try:
        return schema.model_validate_json(json_text(reply["text"])), ""
    except ValidationError as error:
        if reply["finish"] == "length":
            return None, "it was cut at the longest allowed length; be brief"
        first = error.errors(include_url=False, include_input=False)[0]
        return None, f"{'.'.join(map(str, first['loc'])) or 'reply'}: {first['msg']}"


def _ask_again(body: dict[str, Any], text: str, problem: str) -> dict[str, Any]:
    again = {
        "role": "user",
        "content": f"Your reply does not fit the form ({problem}). Reply with the JSON object only.",
    }
    said = {"role": "assistant", "content": text[:_SHOWN_CHARS] or "(nothing)"}
    return {**body, "messages": [*body["messages"], said, again]}
