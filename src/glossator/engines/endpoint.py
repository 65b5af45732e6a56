"""Calling an OpenAI-compatible endpoint: many calls at once, every way to fail told apart by type and status."""

from __future__ import annotations

import asyncio
import base64
import io
import os
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from glossator.errors import CredentialsError, EndpointDownError, UsageError
from glossator.images import open_image
from glossator.recipe import Endpoint
from glossator.results import Failed

T = TypeVar("T")
_MAX_PIXELS = 10**9  # ingest has already refused what is over the recipe's limit


def key_of(endpoint: Endpoint, model: str) -> str:
    """The key from the environment; a dummy where the endpoint wants none. Raises `UsageError` if it is not set."""
    if endpoint.key_env is None:
        return "none"
    key = os.environ.get(endpoint.key_env, "")
    if not key:
        raise UsageError(f"the environment variable {endpoint.key_env} is not set; it must hold the key for {model}")
    return key


def endpoint_of(endpoints: dict[str, Endpoint], model: str) -> Endpoint:
    """How `model` is reached. Raises `UsageError` if the recipe does not say, or the key is not set."""
    endpoint = endpoints.get(model) or endpoints.get("default")
    if endpoint is None:
        raise UsageError(f"no endpoint for the model {model}: set run.endpoints.default.url in the recipe")
    key_of(endpoint, model)
    return endpoint


class Caller:
    """Calls to one endpoint within one event loop, as an async context manager; at most `in_flight` at once."""

    def __init__(self, endpoint: Endpoint, model: str) -> None:
        self.endpoint = endpoint
        self.model = model
        self._slots = asyncio.Semaphore(endpoint.in_flight)
        self._reached = False
        self._sdk: Any = None

    async def __aenter__(self) -> Self:
        from openai import AsyncOpenAI

        self._sdk = AsyncOpenAI(
            base_url=self.endpoint.url,
            api_key=key_of(self.endpoint, self.model),
            timeout=self.endpoint.timeout_s,
            max_retries=self.endpoint.max_retries,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._sdk.close()

    async def call(self, make: Callable[[Any], Awaitable[T]]) -> T | Failed:
        """What `make(sdk)` gives, or why there is nothing.

        Raises:
            CredentialsError: if the endpoint refuses the key (401, 403).
            EndpointDownError: if it has never been reached, after the SDK's retries.
        """
        import openai

        try:
            async with self._slots:
                answer = await make(self._sdk)
        except (openai.AuthenticationError, openai.PermissionDeniedError) as error:
            raise CredentialsError(
                f"{self.endpoint.url} refuses the key for {self.model} (status {error.status_code}); "
                f"check the variable {self.endpoint.key_env or 'named by key_env (none is set)'}"
            ) from None
        except openai.APITimeoutError:
            return Failed("timeout", f"no reply within {self.endpoint.timeout_s:g} s", retriable=True)
        except openai.APIConnectionError as error:
            if not self._reached:
                raise EndpointDownError(f"{self.endpoint.url} can't be reached; is the server running?") from None
            return Failed("server", f"connection lost: {type(error.__cause__ or error).__name__}", retriable=True)
        except openai.RateLimitError:
            return Failed("rate_limit", "still rate limited (status 429) after all retries", retriable=True)
        except openai.APIStatusError as error:
            return _status_failure(error.status_code)
        except openai.APIError as error:
            return Failed("server", f"no valid reply: {type(error).__name__}", retriable=True)
        self._reached = True
        return answer


def _status_failure(status: int) -> Failed:
    if status >= 500:
        return Failed("server", f"server error (status {status}) after all retries", retriable=True)
    return Failed("refused", f"the endpoint refuses the request (status {status})")


async def all_or_stop(jobs: Sequence[Callable[[], Awaitable[T]]]) -> list[T]:
    """All results in order. The first error that stops the run cancels the rest."""
    tasks = [asyncio.ensure_future(job()) for job in jobs]
    try:
        return list(await asyncio.gather(*tasks))
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise


def data_uri(path: Path, side: int | None) -> str | Failed:
    """The image as a data URI; equal images give equal text.

    Args:
        path: the file.
        side: JPEG of at most so many pixels on its longer side; None keeps every pixel (PNG).
    """
    image = open_image(path, _MAX_PIXELS)
    if isinstance(image, Failed):
        return image
    buffer = io.BytesIO()
    if side is None:
        image.save(buffer, "PNG")
        return _uri("png", buffer)
    image.thumbnail((side, side))
    image.save(buffer, "JPEG", quality=85)
    return _uri("jpeg", buffer)


def _uri(kind: str, buffer: io.BytesIO) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"
