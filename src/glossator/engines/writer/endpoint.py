"""Many requests to one OpenAI-compatible endpoint at once; each reply is kept the moment it arrives."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic import BaseModel, ValidationError

from glossator.engines.base import Session
from glossator.engines.writer.replies_schema import parse
from glossator.errors import CredentialsError, EndpointDownError, UsageError
from glossator.fingerprint import fingerprint
from glossator.recipe import Endpoint, explain
from glossator.results import Failed, Outcome, Usage

Message = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Request:
    """One thing to ask: the body of the call, and the schema that the reply must fit."""

    body: dict[str, Any]
    schema: type[BaseModel]

    @property
    def key(self) -> str:
        """Hash of all that is sent."""
        return fingerprint({"body": self.body})


def api_key(endpoint: Endpoint) -> str:
    """The key from the environment; a placeholder for a server that wants none.

    Raises:
        UsageError: if the variable that the recipe names is not set.
    """
    if endpoint.key_env is None:
        return "none"
    key = os.environ.get(endpoint.key_env, "").strip()
    if not key:
        raise UsageError(f"the environment variable {endpoint.key_env} (run.endpoints: key_env) is not set")
    return key


class Caller:
    """Asks one batch. Made anew for each batch, as its client belongs to one event loop."""

    def __init__(self, endpoint: Endpoint, session: Session, max_asks: int, total: int) -> None:
        from openai import AsyncOpenAI

        self._endpoint = endpoint
        self._session = session
        self._max_asks = max_asks
        self._slots = asyncio.Semaphore(endpoint.in_flight)
        self._unreachable = 0  # requests in a row that found no server
        self._give_up_at = min(endpoint.in_flight, total)
        self._client = AsyncOpenAI(
            api_key=api_key(endpoint),
            base_url=endpoint.url,
            timeout=endpoint.timeout_s,
            max_retries=endpoint.max_retries,
        )

    async def all(self, makers: Sequence[Callable[[], Outcome[Request]]]) -> list[Outcome[BaseModel]]:
        """One outcome per request, in order. Raises `StopRun` errors once they are certain; what is bought stays."""
        async with self._client:
            tasks = [asyncio.ensure_future(self._one(make)) for make in makers]
            try:
                return await asyncio.gather(*tasks)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    async def _one(self, make: Callable[[], Outcome[Request]]) -> Outcome[BaseModel]:
        async with self._slots:  # requests are made here, so that only those under way hold an image in memory
            request = make()
            outcome = request if isinstance(request, Failed) else await self._ask(request)
            self._session.progress(1)
            return outcome

    async def _ask(self, request: Request) -> Outcome[BaseModel]:
        problem = ""
        for _ in range(self._max_asks):
            text = await self._reply(request)
            if isinstance(text, Failed):
                return text
            try:
                return parse(text, request.schema)
            except ValueError as error:
                problem = explain(error) if isinstance(error, ValidationError) else str(error)
                request = _again(request, text, problem)
        return Failed("malformed_reply", f"after {self._max_asks} asks: {problem}"[:500])

    async def _reply(self, request: Request) -> Outcome[str]:
        known = self._session.replies.get(request.key)
        if known is not None and not (self._session.retry and not _fits(known["text"], request.schema)):
            return str(known["text"])
        response = await self._send(request.body)
        if isinstance(response, Failed):
            return response
        text = (response.choices[0].message.content or "") if response.choices else ""
        usage = Usage(1)
        if response.usage is not None:
            usage = Usage(1, response.usage.prompt_tokens or 0, response.usage.completion_tokens or 0)
        self._session.replies.put(
            request.key,
            {
                "model": request.body["model"],
                "served": response.model,
                "tokens_in": usage.tokens_in,
                "tokens_out": usage.tokens_out,
                "text": text,
                "created": round(time.time(), 3),
            },
        )
        self._session.usage += usage
        return text

    async def _send(self, body: dict[str, Any]) -> Outcome[Any]:
        """The answer, or why there is none, told by the error's type and status alone. Its text may echo a key."""
        import openai

        try:
            response = await self._client.chat.completions.create(**body)
        except (openai.AuthenticationError, openai.PermissionDeniedError) as error:
            where = self._endpoint.key_env or "no key was sent; name one in run.endpoints: key_env"
            raise CredentialsError(
                f"{self._endpoint.url} refuses the credentials ({where}): HTTP {error.status_code}"
            ) from None
        except openai.APITimeoutError:
            return Failed("timeout", f"no answer within {self._endpoint.timeout_s:g} s", retriable=True)
        except openai.APIConnectionError:
            return self._no_server()
        except openai.APIStatusError as error:
            self._unreachable = 0
            return _status_failure(error.status_code)
        except openai.OpenAIError as error:
            return Failed("server", f"the endpoint's answer can't be read: {type(error).__name__}", retriable=True)
        self._unreachable = 0
        return response

    def _no_server(self) -> Failed:
        self._unreachable += 1
        if self._unreachable >= self._give_up_at:
            raise EndpointDownError(f"{self._endpoint.url} does not answer; what is finished is kept, run again later")
        return Failed("server", "the connection failed", retriable=True)


def _status_failure(status: int) -> Failed:
    if status == 429:
        return Failed("rate_limit", "the endpoint's rate limit (HTTP 429)", retriable=True)
    if status in (408, 409) or status >= 500:
        return Failed("server", f"the endpoint failed (HTTP {status})", retriable=True)
    return Failed("refused", f"the endpoint refuses the request (HTTP {status})")


def _again(request: Request, text: str, problem: str) -> Request:
    """The same request, with the bad reply and what is wrong with it."""
    turns: list[Message] = [
        {"role": "assistant", "content": text},
        {"role": "user", "content": f"That reply can't be used: {problem}. Reply with the corrected JSON object only."},
    ]
    return replace(request, body={**request.body, "messages": [*request.body["messages"], *turns]})


def _fits(text: str, schema: type[BaseModel]) -> bool:
    try:
        parse(text, schema)
    except ValueError:
        return False
    return True
