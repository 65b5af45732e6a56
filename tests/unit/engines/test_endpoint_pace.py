"""How many requests are under way: falls when it is too much, rises again, never above the ceiling."""

from __future__ import annotations

import asyncio
from typing import Literal

from glossator.engines.endpoint.pace import Pace


def pace(ceiling: int = 64) -> Pace:
    return Pace(ceiling, None, None)


async def responses(one: Pace, count: int, outcome: Literal["good", "busy", "other"], latency: float = 0.2) -> None:
    for _ in range(count):
        one.note(outcome, latency, 100, {})


def test_a_few_rate_limits_change_nothing() -> None:
    async def go() -> None:
        one = pace()
        for _ in range(20):
            await responses(one, 95, "good")
            await responses(one, 5, "busy")
        assert one.limit == 64

    asyncio.run(go())


def test_it_falls_to_what_is_served_and_rises_again() -> None:
    async def go() -> None:
        one = pace()
        await responses(one, 16, "good")
        await responses(one, 48, "busy")
        assert one.limit == 16
        await responses(one, 32, "good")
        assert 16 < one.limit < 20
        await responses(one, 2000, "good")
        assert one.limit == 64

    asyncio.run(go())


def test_it_does_not_rise_while_latency_is_bad_and_has_a_floor() -> None:
    async def go() -> None:
        one = pace()
        await responses(one, 64, "good", 0.1)
        await responses(one, 64, "busy")
        low = one.limit
        await responses(one, 500, "good", 1.0)
        assert one.limit == low
        await responses(one, 5000, "busy")
        assert one.limit == 1

    asyncio.run(go())


def test_places_are_given_out_and_who_tries_again_goes_first() -> None:
    async def go() -> None:
        one = pace(1)
        order: list[str] = []

        async def work(name: str, *, first: bool) -> None:
            await one.enter(10, first=first)
            order.append(name)
            await asyncio.sleep(0)
            one.leave()

        await one.enter(10, first=True)
        tasks = [
            asyncio.ensure_future(work(name, first=first))
            for name, first in (("a", True), ("b", True), ("again", False))
        ]
        await asyncio.sleep(0)
        assert order == []
        one.leave()
        await asyncio.gather(*tasks)
        assert order == ["again", "a", "b"]
        assert one.under_way == 0

    asyncio.run(go())


def test_a_cancelled_wait_leaves_no_place_taken() -> None:
    async def go() -> None:
        one = pace(1)
        await one.enter(10, first=True)
        waiting = asyncio.ensure_future(one.enter(10, first=True))
        await asyncio.sleep(0)
        waiting.cancel()
        one.leave()
        await asyncio.sleep(0)
        await one.enter(10, first=True)
        assert one.under_way == 1

    asyncio.run(go())


def test_requests_a_minute() -> None:
    async def go() -> float:
        one = Pace(64, 600, None)  # ten a second
        clock = asyncio.get_running_loop().time
        started = clock()
        for _ in range(15):
            await one.enter(10, first=True)
            one.leave()
        return clock() - started

    assert asyncio.run(go()) >= 0.4


def test_headers_pause_everybody() -> None:
    async def go() -> float:
        one = pace()
        one.note("good", 0.1, 100, {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "300ms"})
        clock = asyncio.get_running_loop().time
        started = clock()
        await one.enter(10, first=True)
        return clock() - started

    assert asyncio.run(go()) >= 0.28
