"""One real browser for each module of end-to-end tests."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
ARGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium; a test is skipped without one, and fails if `GLOSSATOR_REQUIRE_BROWSER` is set."""
    if CHROMIUM is None:
        if os.environ.get("GLOSSATOR_REQUIRE_BROWSER"):
            pytest.fail("no Chromium is installed, though GLOSSATOR_REQUIRE_BROWSER is set")
        pytest.skip("no Chromium is installed")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGS)
        yield chromium
        chromium.close()
