"""What an endpoint's response headers say about waiting. Pure functions; header names are lower case."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PIECE = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")


def retry_after(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Seconds to wait, from `retry-after-ms` or `retry-after` (seconds or a date); None if it is not said."""
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return max(0.0, milliseconds / 1000)
    text = headers.get("retry-after")
    if text is None:
        return None
    seconds = _number(text)
    if seconds is not None:
        return max(0.0, seconds)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return _until(moment, now)


def pause(headers: Mapping[str, str], tokens: float, now: datetime | None = None) -> float:
    """Seconds to send nothing, because what is left of a rate limit is not enough for one more request.

    Args:
        headers: `x-ratelimit-{limit,remaining,reset}-{requests,tokens}` as OpenAI names them, or Anthropic's.
        tokens: what one request takes.
        now: for tests.
    """
    return max(_shortage(headers, "requests", 1.0, now), _shortage(headers, "tokens", tokens, now))


def _shortage(headers: Mapping[str, str], what: str, need: float, now: datetime | None) -> float:
    remaining = _number(_named(headers, "remaining", what))
    if remaining is None or remaining >= need:
        return 0.0
    reset = _duration(_named(headers, "reset", what), now)
    limit = _number(_named(headers, "limit", what))
    if limit and what == "tokens":
        # The bucket fills steadily and `reset` says when it is full: wait only until one request fits.
        reset *= min(1.0, need / limit)
    return reset


def _named(headers: Mapping[str, str], field: str, what: str) -> str | None:
    for name in (f"x-ratelimit-{field}-{what}", f"anthropic-ratelimit-{what}-{field}"):
        if name in headers:
            return headers[name]
    return None


def _duration(text: str | None, now: datetime | None) -> float:
    """Seconds in `1.5`, `6m0s`, `12ms`, or until a time in ISO form; 0 if it is none of these."""
    if not text:
        return 0.0
    seconds = _number(text)
    if seconds is not None:
        return max(0.0, seconds)
    pieces = _PIECE.findall(text)
    if pieces and "".join(number + unit for number, unit in pieces) == text:
        return sum(float(number) * _UNITS[unit] for number, unit in pieces)
    try:
        return _until(datetime.fromisoformat(text), now)
    except ValueError:
        return 0.0


def _until(moment: datetime, now: datetime | None) -> float:
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - (now or datetime.now(UTC))).total_seconds())


def _number(text: str | None) -> float | None:
    try:
        value = float(text) if text is not None else None
    except ValueError:
        return None
    return value if value is not None and value == value and abs(value) != float("inf") else None
