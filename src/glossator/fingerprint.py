"""Fingerprints: a short hash of everything that decides a stage's output, and of nothing else."""

from __future__ import annotations

import hashlib
import json
from typing import Any

LENGTH = 16


def canonical(value: Any) -> str:
    """JSON with sorted keys and no spare blanks, so that equal values give equal text.

    Raises:
        TypeError: if `value` holds something that JSON has no form for.
        ValueError: if it holds NaN or an infinity.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def fingerprint(value: Any) -> str:
    """The first 16 hex digits of the SHA-256 of `canonical(value)`."""
    return digest(canonical(value).encode("ascii"))


def digest(data: bytes) -> str:
    """The first 16 hex digits of the SHA-256 of `data`."""
    return hashlib.sha256(data).hexdigest()[:LENGTH]
