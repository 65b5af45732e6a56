"""What an endpoint's headers say about waiting."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from glossator.engines.endpoint.headers import pause, retry_after

NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "2"}, 2.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "-1"}, 0.0),
        ({"retry-after": "Mon, 23 Nov 2026 12:00:30 GMT"}, 30.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after-ms": "250", "retry-after": "1"}, 0.25),
    ],
)
def test_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers, NOW) == seconds


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 0.0),
        ({"x-ratelimit-remaining-requests": "3", "x-ratelimit-reset-requests": "9s"}, 0.0),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "1m30s"}, 90.0),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "20ms"}, 0.02),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "who knows"}, 0.0),
        ({"x-ratelimit-remaining-tokens": "100", "x-ratelimit-reset-tokens": "60"}, 60.0),
        (
            {
                "x-ratelimit-remaining-tokens": "100",
                "x-ratelimit-limit-tokens": "10000",
                "x-ratelimit-reset-tokens": "60",
            },
            6.0,
        ),
        (
            {
                "anthropic-ratelimit-requests-remaining": "0",
                "anthropic-ratelimit-requests-reset": "2026-11-23T12:00:05Z",
            },
            5.0,
        ),
    ],
)
def test_pause(headers: dict[str, str], seconds: float) -> None:
    assert pause(headers, tokens=1000, now=NOW) == pytest.approx(seconds)
