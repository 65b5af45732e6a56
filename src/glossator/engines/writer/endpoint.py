"""Asking an OpenAI-compatible endpoint: many requests at once, each reply kept at once, none bought twice."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from glossator.engines.base import Session
from glossator.engines.endpoint import Caller, all_or_stop
from glossator.engines.writer.schemas import json_text
from glossator.fingerprint import fingerprint
from glossator.recipe import Endpoint
from glossator.results import Failed, Outcome, Usage

MAX_ASKED_AGAIN = 2
Reply = TypeVar("Reply", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Request:
    """One request: the body as it is sent, and the form that the reply must have."""

    body: dict[str, Any]
    schema: type[BaseModel]

    @property
    def key(self) -> str:
        """Hash of the body: equal requests share a bought reply."""
        return fingerprint(self.body)


def ask_all(endpoint: Endpoint, model: str, requests: Sequence[Request], session: Session) -> list[Outcome[BaseModel]]:
    """The validated reply to each request, in order.

    Raises:
        CredentialsError: if the endpoint refuses the key (401, 403).
        EndpointDownError: if it can't be reached at all, after the retries.
    """
    client = _Client(endpoint, model, session)
    return asyncio.run(client.ask_all(requests))


class _Client:
    """One batch of requests to one endpoint."""

    def __init__(self, endpoint: Endpoint, model: str, session: Session) -> None:
        self.endpoint = endpoint
        self.model = model
        self.session = session
        self._caller = Caller(endpoint, model)

    async def ask_all(self, requests: Sequence[Request]) -> list[Outcome[BaseModel]]:
        async with self._caller:
            return await all_or_stop([partial(self._ask, request) for request in requests])

    async def _ask(self, request: Request) -> Outcome[BaseModel]:
        """One validated reply; a malformed one is asked for again with what was wrong with it."""
        body = request.body
        wrong: Failed | None = None
        for _ in range(1 + MAX_ASKED_AGAIN):
            reply = await self._reply(Request(body, request.schema))
            if isinstance(reply, Failed):
                wrong = reply
                break
            parsed, problem = _parse(reply["text"], request.schema)
            if parsed is not None:
                self.session.progress(1)
                return parsed
            wrong = Failed(
                "malformed_reply", f"the reply of {self.model} does not fit: {problem}"[:500], retriable=True
            )
            body = _ask_again(request.body, reply["text"], problem)
        self.session.progress(1)
        assert wrong is not None
        return wrong

    async def _reply(self, request: Request) -> dict[str, Any] | Failed:
        """The reply from the log, or a bought one, which is in the log before anything is made of it."""
        known = self.session.replies.get(request.key)
        if known is not None and not (self.session.retry and _parse(known["text"], request.schema)[0] is None):
            return known
        outcome = await self._caller.call(partial(_buy, request.body))
        if not isinstance(outcome, Failed):
            self.session.replies.put(request.key, outcome)
            self.session.usage += Usage(1, outcome["tokens_in"], outcome["tokens_out"])
        return outcome


async def _buy(body: dict[str, Any], sdk: Any) -> dict[str, Any]:
    return _stored(await sdk.chat.completions.create(**body))


def _stored(answer: Any) -> dict[str, Any]:
    """What of a reply is kept: text, the model that was served, tokens."""
    choice = answer.choices[0] if answer.choices else None
    usage = answer.usage
    return {
        "text": (choice.message.content or "") if choice else "",
        "finish": choice.finish_reason if choice else "none",
        "model": answer.model,
        "tokens_in": usage.prompt_tokens if usage else 0,
        "tokens_out": usage.completion_tokens if usage else 0,
    }


def _parse(text: str, schema: type[Reply]) -> tuple[Reply | None, str]:
    """The reply in its form, or what is wrong with it."""
    try:
        return schema.model_validate_json(json_text(text)), ""
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        return None, f"{'.'.join(map(str, first['loc'])) or 'reply'}: {first['msg']}"


def _ask_again(body: dict[str, Any], text: str, problem: str) -> dict[str, Any]:
    again = {
        "role": "user",
        "content": f"Your reply does not fit the form ({problem}). Reply with the JSON object only.",
    }
    return {**body, "messages": [*body["messages"], {"role": "assistant", "content": text[:4000]}, again]}
