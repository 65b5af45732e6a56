"""One real browser for each module of end-to-end tests, and a review server with pages on it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.browser_kit import WIDE, Open
from tests.review_kit import make_workspace, served

import glossator
from glossator.workspace import Workspace

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


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A small workspace."""
    return make_workspace(tmp_path_factory.mktemp("page"))


@pytest.fixture
def ws(made: Workspace, tmp_path: Path) -> Workspace:
    """A copy of it that a test may change."""
    shutil.copytree(made.path, tmp_path / "ws")
    return glossator.open(tmp_path / "ws")


@pytest.fixture
def url(ws: Workspace) -> Iterator[str]:
    """The start URL of a server. Ask for it before `visit`: pages must be closed when the server ends."""
    with served(ws.path) as start:
        yield start


@pytest.fixture
def visit(browser: Any) -> Iterator[Open]:
    """Opens an address behind a start URL in a page of its own. No page may complain, or ask anybody else."""
    problems: list[str] = []
    pages = []

    def opened(url: str, path: str = "/", size: tuple[int, int] = WIDE, scheme: str = "light") -> Any:
        page = browser.new_page(viewport={"width": size[0], "height": size[1]}, color_scheme=scheme)
        page.set_default_timeout(60_000)
        base = url.partition("/?")[0]
        # That the server refused something is told on the console as well; a test that wants it looks for the message.
        page.on("console", lambda message: "status of 409" in message.text or problems.append(message.text))
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("dialog", lambda dialog: problems.append(f"dialog: {dialog.message}"))
        page.on("request", lambda asked: asked.url.startswith((base, "data:")) or problems.append(asked.url))
        page.goto(url)
        if path != "/":
            page.goto(base + path)
        pages.append(page)
        return page

    yield opened
    for page in pages:
        page.close()
    assert problems == []
