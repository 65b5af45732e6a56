"""The core imports nothing heavy, and nothing that only an extra brings."""

from __future__ import annotations

import subprocess
import sys

HEAVY = ("torch", "transformers", "aiohttp", "aiolimiter", "genai_prices", "uvloop", "openai", "ray", "rapidocr")
MODULES = "glossator, glossator.jobs.plan, glossator.cli.run, glossator.engines.writer.chat, glossator.runner"


def test_nothing_of_an_extra_is_imported_before_it_is_used() -> None:
    code = f"import sys, {MODULES}; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
