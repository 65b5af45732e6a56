"""The one event loop of a process, in a thread of its own, and its one HTTP session.

Engines are synchronous at their border and may be called from several threads (shards in flight); all their requests
meet here, so that a limit on a model holds for all of them and connections are used again.
"""

from __future__ import annotations

import asyncio
import atexit
import sys
import threading
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from glossator.errors import GlossatorError

if TYPE_CHECKING:
    import aiohttp

T = TypeVar("T")
Item = TypeVar("Item")
_TOGETHER = 16
_lock = threading.Lock()
_loop: asyncio.AbstractEventLoop | None = None
_session: aiohttp.ClientSession | None = None


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run `work` on the loop, from any other thread, and wait for it. An interrupted wait cancels it."""
    future = asyncio.run_coroutine_threadsafe(work, _running())
    try:
        return future.result()
    except BaseException:
        future.cancel()
        raise


async def each(items: Sequence[Item], job: Callable[[Item], Awaitable[T]], width: int) -> list[T]:
    """What `job` gives for each item, in order, `width` at once. After an error nothing more is begun.

    Raises:
        Exception: an error of a job, once all that was begun has ended; a `GlossatorError` before others.
    """
    results: dict[int, T] = {}
    left = iter(enumerate(items))
    errors: list[Exception] = []

    async def worker() -> None:
        for place, item in left:
            if errors:
                return
            try:
                results[place] = await job(item)
            except Exception as error:
                errors.append(error)

    workers = []
    for number in range(min(width, len(items))):
        workers.append(asyncio.ensure_future(worker()))
        if number % _TOGETHER == 0:
            await asyncio.sleep(0)  # the first requests go out while others are still being made
    await asyncio.gather(*workers)
    for error in sorted(errors, key=lambda error: not isinstance(error, GlossatorError)):
        raise error
    return [results[place] for place in range(len(items))]


def session() -> aiohttp.ClientSession:
    """The HTTP session. Call it on the loop."""
    global _session
    if _session is None:
        import aiohttp

        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=60)
        # No cookies: what one endpoint sets is no business of another.
        _session = aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())
    return _session


def _running() -> asyncio.AbstractEventLoop:
    global _loop
    with _lock:
        if _loop is None:
            _loop = _new_loop()
            # Shards are read and written in other threads; the loop should not wait 5 ms for its turn beside them.
            sys.setswitchinterval(0.001)
            threading.Thread(target=_loop.run_forever, name="glossator-endpoints", daemon=True).start()
            atexit.register(_close)
        return _loop


def _new_loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop
    except ImportError:  # not on Windows
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


def _close() -> None:
    if _loop is not None and _session is not None:
        asyncio.run_coroutine_threadsafe(_session.close(), _loop).result(timeout=5)
