"""Posting JSON to an OpenAI-compatible endpoint: what is tried again, and what ends the row or the run.

What happens is decided by exception type, status and the error's own code; never by the wording of a message.

    connection refused          tried again until the endpoint is back, or silent for `patience_s` (EndpointDownError)
    connection lost, timeout,   tried again, `max_retries` times, after a growing pause with jitter
    408, 409, 5xx, broken JSON
    429                         tried again after the time the endpoint asks for
    429 insufficient_quota, 402 CreditError
    401, first 403              CredentialsError
    first 404                   UsageError: no such model or URL
    other 3xx, 4xx              the row fails
"""

from __future__ import annotations

import asyncio
import json
import os
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from glossator.engines.endpoint import headers as header
from glossator.engines.endpoint.loop import session
from glossator.engines.endpoint.pace import Pace
from glossator.errors import CredentialsError, CreditError, EndpointDownError, UsageError
from glossator.meter import Meter
from glossator.recipe import Endpoint
from glossator.results import Category, Failed
from glossator.text import one_line

if TYPE_CHECKING:
    import aiohttp

FIRST_PATIENCE_S = 10.0  # for an endpoint that has never answered: most likely a wrong URL
_MAX_WAIT_S = 3600.0  # longer than that nobody waits for a rate limit
_RATE_LIMIT_TRIES = 4  # times as many as for errors
_PREPARED = 128
_DOWN_PAUSE_S = 5.0
_LONGEST_PAUSE_S = 20.0
_MAX_REPLY_BYTES = 64 << 20
_MAX_FILE_BYTES = 1 << 30
_MESSAGE_CHARS = 200
_AGAIN = {408, 409, 425}


def key_of(endpoint: Endpoint, model: str) -> str | None:
    """The key from the environment; None where the endpoint wants none.

    Raises:
        UsageError: if the variable is not set, or holds what no key can hold.
    """
    if endpoint.key_env is None:
        return None
    key = os.environ.get(endpoint.key_env, "").strip()
    if not key:
        raise UsageError(f"the environment variable {endpoint.key_env} is not set; it must hold the key for {model}")
    if not key.isascii() or not key.isprintable():
        raise UsageError(f"the environment variable {endpoint.key_env} holds something that is no key")
    return key


def endpoint_for(endpoints: Mapping[str, Endpoint], model: str) -> Endpoint:
    """How `model` is reached. Raises `UsageError` if the recipe does not say."""
    endpoint = endpoints.get(model) or endpoints.get("default")
    if endpoint is None:
        raise UsageError(f"no endpoint for the model {model}: set run.endpoints.default.url in the recipe")
    return endpoint


def endpoint_of(endpoints: Mapping[str, Endpoint], model: str) -> Endpoint:
    """The same, for one that can be used. Raises `UsageError` if the key is not set, too."""
    endpoint = endpoint_for(endpoints, model)
    key_of(endpoint, model)
    return endpoint


class _Again(Exception):
    """This try failed, another may succeed. `counts` is false for what is the endpoint's state, not the request's."""

    def __init__(self, category: Category, message: str, *, counts: bool = True, wait_s: float | None = None) -> None:
        super().__init__(message)
        self.failed = Failed(category, message, retriable=True)
        self.counts = counts
        self.wait_s = wait_s


@dataclass(slots=True)
class _Tries:
    """How often one request has failed, and who was to blame."""

    max_retries: int
    failed: int = 0
    errors: int = 0
    rate_limits: int = 0

    def are_enough(self, error: _Again) -> bool:
        """Count a failed try. True if there must be no other."""
        self.failed += 1
        self.rate_limits += error.failed.category == "rate_limit"
        self.errors += error.counts and error.failed.category != "rate_limit"
        return self.errors > self.max_retries or self.rate_limits > _RATE_LIMIT_TRIES * max(1, self.max_retries)

    def pause(self, error: _Again) -> float:
        """What the endpoint asks for, else a third of a second doubled at each try, up to 20 s; both with jitter."""
        if error.wait_s is not None:
            return error.wait_s + random.uniform(0, min(1.0, 0.05 * error.wait_s))
        longest = _LONGEST_PAUSE_S if error.counts else _DOWN_PAUSE_S
        return min(longest, 0.3 * 2.0 ** min(self.failed - 1, 10)) * random.uniform(0.6, 1.2)


@dataclass(frozen=True, slots=True)
class Call:
    """One HTTP request.

    Attributes:
        path: behind the base URL, such as `chat/completions`.
        body: JSON; or a function that makes a form anew for each try; None for a GET.
        tokens: about what it takes, for a limit of tokens a minute.
        plain: whether the answer is text that is handed on as `{"content": bytes}`.
        timeout_s: instead of the endpoint's.
    """

    path: str
    body: bytes | Callable[[], aiohttp.FormData] | None = None
    tokens: int = 0
    plain: bool = False
    timeout_s: float | None = None


class Client:
    """Requests to one model of one endpoint. Its methods run on the loop of `engines.endpoint.loop`.

    Attributes:
        pace: concurrency and rate limits; shared by all that use this client.
        width: requests to prepare at most, those under way included; `admitted` holds all users together to it.
    """

    def __init__(self, endpoint: Endpoint, model: str) -> None:
        self.endpoint = endpoint
        self.model = model
        self.pace = Pace(endpoint.in_flight, endpoint.requests_per_minute, endpoint.tokens_per_minute)
        # A little more than can be under way is prepared ahead: enough to keep the line busy, and no memory.
        self.width = endpoint.in_flight + min(endpoint.in_flight, _PREPARED)
        self.admitted = asyncio.Semaphore(self.width)
        self._key = key_of(endpoint, model)
        self._proxy = _proxy_for(endpoint.url)
        self._silent_since: float | None = None
        self._trouble = False  # a try has failed, and nothing has been heard since
        self._reached = False
        self._succeeded = False

    def begin(self) -> None:
        """New work begins: a silence while nobody asked counts for nothing."""
        if self.pace.under_way == 0:
            self._silent_since, self._trouble = None, False

    async def request(self, call: Call, meter: Meter) -> dict[str, Any] | Failed:
        """The JSON object that the endpoint answers, or why there is none. `meter` is asked before each try.

        Raises:
            StopRun: if the run must not go on (see above).
            UsageError: if the endpoint knows no such model or path.
        """
        tries = _Tries(self.endpoint.max_retries)
        while True:
            try:
                return await self._hedged(call, meter, first=tries.failed == 0)
            except _Refused as error:
                return error.failed
            except _Again as error:
                if tries.are_enough(error):
                    return error.failed
                await rest(meter, tries.pause(error))

    async def once(self, call: Call, meter: Meter) -> dict[str, Any] | Failed:
        """As `request`, without a second try."""
        try:
            return await self._once(call, meter, first=True)
        except (_Refused, _Again) as error:
            return error.failed

    async def _hedged(self, call: Call, meter: Meter, *, first: bool) -> dict[str, Any]:
        """One try; if hedging is on and it is slow, a second copy beside it, and whichever answers first."""
        if self.endpoint.hedge_after_s is None:
            return await self._once(call, meter, first=first)
        tries = {asyncio.ensure_future(self._once(call, meter, first=first))}
        done, _ = await asyncio.wait(tries, timeout=self.endpoint.hedge_after_s)
        if not done:
            tries.add(asyncio.ensure_future(self._once(call, meter, first=False)))
            done, _ = await asyncio.wait(tries, return_when=asyncio.FIRST_COMPLETED)
        for slow in tries - done:
            slow.cancel()
        return done.pop().result()

    async def _once(self, call: Call, meter: Meter, *, first: bool) -> dict[str, Any]:
        await self.pace.enter(call.tokens, first=first)
        try:
            meter.check()
            return await self._send(call)
        finally:
            self.pace.leave()

    async def _send(self, call: Call) -> dict[str, Any]:
        import aiohttp

        clock = asyncio.get_running_loop().time
        started = clock()
        if self._silent_since is None:
            self._silent_since = started
        try:
            async with session().request(
                "GET" if call.body is None else "POST",
                f"{self.endpoint.url.rstrip('/')}/{call.path}",
                data=call.body() if callable(call.body) else call.body,
                headers=self._headers(call),
                timeout=aiohttp.ClientTimeout(total=call.timeout_s or self._timeout(started)),
                proxy=self._proxy,
                allow_redirects=False,  # a key goes nowhere else
            ) as response:
                text = self._without_key(await _body(response, _MAX_FILE_BYTES if call.plain else _MAX_REPLY_BYTES))
        except TimeoutError:
            self.pace.note("busy", clock() - started, call.tokens, {})
            self._still_patient(clock())
            raise _Again("timeout", f"no reply within {self.endpoint.timeout_s:g} s") from None
        except aiohttp.ClientConnectorError as error:
            self._still_patient(clock())
            raise _Again("server", f"can't connect: {type(error.os_error).__name__}", counts=False) from None
        except aiohttp.ClientError as error:
            self._still_patient(clock())
            raise _Again("server", f"connection lost: {type(error).__name__}") from None
        self._silent_since = clock() if self.pace.under_way > 1 else None
        self._reached, self._trouble = True, False
        return self._read(response, text, clock() - started, call)

    def _without_key(self, text: bytes) -> bytes:
        """What an endpoint says may hold the key that it was sent; it must not come into any file."""
        return text.replace(self._key.encode(), b"***") if self._key and self._key.encode() in text else text

    def _headers(self, call: Call) -> dict[str, str]:
        headers = {"Content-Type": "application/json"} if isinstance(call.body, bytes) else {}
        return headers | {"Authorization": f"Bearer {self._key}"} if self._key else headers

    def _timeout(self, now: float) -> float:
        """Seconds for one request; where the endpoint seems to be gone, no more than patience has left."""
        if not self._trouble or self._silent_since is None:
            return self.endpoint.timeout_s
        left = self.endpoint.patience_s - (now - self._silent_since)
        return min(self.endpoint.timeout_s, max(left, 0.1))

    def _still_patient(self, now: float) -> None:
        """Note a try without any response. Raises `EndpointDownError` if there have been none for too long."""
        self._trouble = True
        silence = now - (self._silent_since if self._silent_since is not None else now)
        if not self._reached and silence >= min(self.endpoint.patience_s, FIRST_PATIENCE_S):
            raise EndpointDownError(f"{self.endpoint.url} can't be reached; is the server running?")
        if silence >= self.endpoint.patience_s:
            raise EndpointDownError(
                f"{self.endpoint.url} has not answered for {silence:.0f} s; all that was bought is kept: "
                "run the same command again when it is back"
            )

    def _read(self, response: aiohttp.ClientResponse, text: bytes, latency: float, call: Call) -> dict[str, Any]:
        """The reply, or the error that its status and code stand for."""
        status = response.status
        headers = {name.lower(): value for name, value in response.headers.items()}
        self.pace.note("good" if status < 300 else "busy" if status == 429 else "other", latency, call.tokens, headers)
        if call.plain and status < 300:
            return {"content": text}
        body = _json_object(text)
        error = body.get("error")
        if status < 300 and not error and body:
            self._succeeded = True
            return body
        if status < 300 and not error:
            raise _Again("server", "the reply is no JSON object")
        codes = _codes(error)
        if status == 402 or "insufficient_quota" in codes:
            raise CreditError(f"{self.endpoint.url}: the account has no credit left for {self.model}")
        if status == 429:
            raise self._rate_limited(header.retry_after(headers))
        if status in _AGAIN or status >= 500 or status < 300:
            raise _Again("server", f"server error (status {status})", wait_s=header.retry_after(headers))
        raise _Refused(self._refusal(status, error))

    def _rate_limited(self, wait_s: float | None) -> _Again:
        if wait_s is not None and wait_s > _MAX_WAIT_S:
            raise CreditError(
                f"{self.endpoint.url} asks to wait {wait_s / 3600:.1f} hours (status 429); "
                "all that was bought is kept: run the same command again then"
            )
        return _Again("rate_limit", "rate limited (status 429)", wait_s=wait_s)

    def _refusal(self, status: int, error: Any) -> Failed:
        """The row's failure. Raises where every other row would fail too."""
        said = one_line(str(error.get("message", "")) if isinstance(error, dict) else "")
        said = f": {said[:_MESSAGE_CHARS]}" if said else ""
        if status == 401 or (status == 403 and not self._succeeded):
            raise CredentialsError(
                f"{self.endpoint.url} refuses the key for {self.model} (status {status}); "
                f"check the variable {self.endpoint.key_env or 'named by key_env (none is set)'}"
            )
        if status == 404 and not self._succeeded:
            raise UsageError(f"{self.endpoint.url} knows no model {self.model}, or is no such endpoint{said}")
        return Failed("refused", f"the endpoint refuses the request (status {status}){said}")


class _Refused(Exception):
    """The endpoint will never take this request."""

    def __init__(self, failed: Failed) -> None:
        super().__init__(failed.message)
        self.failed = failed


async def rest(meter: Meter, seconds: float) -> None:
    """Sleep, but not on after the run has been stopped."""
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    while (left := until - loop.time()) > 0:
        await asyncio.sleep(min(left, 0.5))
        meter.check()


async def _body(response: aiohttp.ClientResponse, most: int) -> bytes:
    """The whole body. Raises `_Again` if there is no end to it."""
    try:
        await response.content.readexactly(most)
    except asyncio.IncompleteReadError as whole:
        return whole.partial
    response.close()
    raise _Again("server", f"a reply of more than {most >> 20} MB")


def _proxy_for(url: str) -> str | None:
    """The proxy that the environment names for this URL. Looked up once: for each request it would cost too much."""
    parts = urlsplit(url)
    return None if proxy_bypass(parts.hostname or "") else getproxies().get(parts.scheme)


def _json_object(text: bytes) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _codes(error: Any) -> set[str]:
    return {str(error.get(name)) for name in ("code", "type")} if isinstance(error, dict) else set()


_clients: dict[tuple[Endpoint, str], Client] = {}


async def client_of(endpoint: Endpoint, model: str) -> Client:
    """The process's one client for a model. Runs on the loop."""
    key = (endpoint, model)
    known = _clients.get(key)
    if known is None or known._key != key_of(endpoint, model):
        known = _clients[key] = Client(endpoint, model)
    known.begin()
    return known
