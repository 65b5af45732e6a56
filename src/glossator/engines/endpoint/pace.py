"""How many requests to one model are under way at once, and how fast they may follow each other."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Mapping
from itertools import count
from statistics import median
from typing import TYPE_CHECKING, Literal

from glossator.engines.endpoint import headers as header

if TYPE_CHECKING:
    from aiolimiter import AsyncLimiter

Outcome = Literal["good", "busy", "other"]
_WINDOW = 32  # responses at least, before the limit is thought over
_BUSY = 0.2  # a lesser share of 429 and timeouts is noise: falling for it would cost more than it saves
_SLOWER = 2.0  # the limit rises only while latency is below this many times the best seen
_RISE = 1.1
_MAX_FALL = 0.25


class Pace:
    """Adaptive concurrency with a ceiling, and limits of requests and tokens a minute. Lives in one event loop.

    It starts at the ceiling: whoever set it knows the endpoint. When more than a fifth of a window's responses say
    "too much" (429, timeouts), the limit falls to the share that was served; it rises again by a tenth a window while
    responses are good and latency holds. Who is trying again goes before who has not tried yet.
    """

    def __init__(self, ceiling: int, requests_per_minute: int | None, tokens_per_minute: int | None) -> None:
        self.ceiling = ceiling
        self.limit = float(ceiling)
        self.under_way = 0
        self._waiting: list[tuple[bool, int, asyncio.Future[None]]] = []
        self._order = count()
        self._paused_until = 0.0
        self._requests = _per_minute(requests_per_minute)
        self._tokens = _per_minute(tokens_per_minute)
        self._latencies: list[float] = []
        self._busy = self._seen = 0
        self._best = float("inf")
        self._mean_tokens = 0.0

    async def enter(self, tokens: int, *, first: bool) -> None:
        """Wait for a place, and until the rate limits have room for one request of about `tokens`."""
        if self._waiting or not self._room():
            place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            heapq.heappush(self._waiting, (first, next(self._order), place))
            self._wake()
            try:
                await place
            except asyncio.CancelledError:
                if place.done() and not place.cancelled():
                    self.leave()
                raise
        else:
            self.under_way += 1
        try:
            if self._requests:
                await self._requests.acquire()
            if self._tokens:
                await self._tokens.acquire(min(tokens, self._tokens.max_rate))
        except BaseException:
            self.leave()
            raise

    def leave(self) -> None:
        """Give the place back."""
        self.under_way -= 1
        self._wake()

    def note(self, outcome: Outcome, latency_s: float, tokens: int, headers: Mapping[str, str]) -> None:
        """Learn from one response."""
        self._mean_tokens += 0.05 * (tokens - self._mean_tokens) if self._mean_tokens else tokens
        wait = header.pause(headers, self._mean_tokens)
        if wait:
            self._paused_until = max(self._paused_until, asyncio.get_running_loop().time() + wait)
        if outcome == "good":
            self._latencies.append(latency_s)
        self._busy += outcome == "busy"
        self._seen += 1
        if self._seen >= max(_WINDOW, self.limit):
            self._think()

    def _think(self) -> None:
        share = self._busy / self._seen
        now = median(self._latencies) if self._latencies else float("inf")
        self._best = min(self._best, now)
        if share > _BUSY:
            self.limit = max(1.0, self.limit * max(_MAX_FALL, 1 - share))
        elif now <= _SLOWER * self._best:
            self.limit = min(float(self.ceiling), max(self.limit * _RISE, self.limit + 1))
        self._latencies, self._busy, self._seen = [], 0, 0
        self._wake()

    def _room(self) -> bool:
        return self.under_way < int(self.limit) and asyncio.get_running_loop().time() >= self._paused_until

    def _wake(self) -> None:
        while self._waiting and self._room():
            place = heapq.heappop(self._waiting)[2]
            if not place.done():
                self.under_way += 1
                place.set_result(None)
        loop = asyncio.get_running_loop()
        if self._waiting and loop.time() < self._paused_until:
            loop.call_at(self._paused_until, self._wake)


def _per_minute(rate: int | None) -> AsyncLimiter | None:
    """A limiter that gives out a minute's worth second by second, so that a minute never sees a burst of two."""
    if rate is None:
        return None
    from aiolimiter import AsyncLimiter

    return AsyncLimiter(rate / 60, 1.0) if rate >= 60 else AsyncLimiter(1, 60 / rate)
