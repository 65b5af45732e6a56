"""How the parts of `duplicates.py` tell what they found."""

from __future__ import annotations

import math
import resource
import time


def told(what: str, part: int, whole: int) -> str:
    """A share with its count and its 95 % Wilson interval."""
    z, share = 1.96, part / whole
    middle = (share + z * z / (2 * whole)) / (1 + z * z / whole)
    half = z * math.sqrt(share * (1 - share) / whole + z * z / (4 * whole * whole)) / (1 + z * z / whole)
    return f"{what}: {share:.4f} ({part:,}/{whole:,}, 95 % {max(0.0, middle - half):.4f}-{middle + half:.4f})"


def took(what: str, started: float, cpu: float) -> str:
    return f"{what}: {time.monotonic() - started:.1f} s ({time.process_time() - cpu:.1f} s CPU)"


def peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
