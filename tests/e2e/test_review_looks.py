"""The review page in a real Chromium: hostile texts stay texts, everybody can use it, everything fits."""

from __future__ import annotations

from typing import Any

import pytest
from tests.browser_kit import TABLET, WIDE, Open, open_first, press, serious_faults
from tests.review_kit import (
    HOSTILE,
    judge_hostile,
    judge_twice,
    make_hostile,
    served,
)

from glossator.workspace import Workspace

pytestmark = pytest.mark.browser


def assert_unharmed(page: Any) -> None:
    """No text of others has run, or has pushed anything out of the page."""
    assert page.evaluate("typeof owned") == "undefined"
    assert page.title() != "owned"
    for width, height in (WIDE, TABLET):
        page.set_viewport_size({"width": width, "height": height})
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_hostile_texts_run_nothing_and_break_no_layout(ws: Workspace, visit: Open) -> None:
    make_hostile(ws)
    with served(ws.path) as url:
        page = visit(url)
        page.locator(".card").first.wait_for()
        assert_unharmed(page)
        open_first(page)
        for part in page.locator("details.more").all():
            part.evaluate("one => one.open = true")
        for _ in range(30):
            page.locator("#told table").wait_for()
            assert_unharmed(page)
            assert page.locator("#words").evaluate("words => words.scrollWidth - words.clientWidth") <= 0
            press(page, "j")
        page.close()


def test_hostile_words_of_people_and_images_without_a_caption(ws: Workspace, visit: Open) -> None:
    make_hostile(ws, captions=False)
    judge_hostile(ws)
    with served(ws.path, reviewer=HOSTILE[2]) as url:
        page = visit(url, "/?judged=yes")
        page.locator(".card").first.wait_for()
        assert_unharmed(page)
        open_first(page)
        for _ in range(30):
            assert page.locator(".said.edit").count() == 1
            assert_unharmed(page)
            press(page, "j")
        page.close()
        for path, there in (("/agreement", "tbody tr"), ("/captions", "#lines .line")):
            page = visit(url, path)
            page.locator(there).first.wait_for()
            assert_unharmed(page)
            page.close()


@pytest.fixture
def judged(ws: Workspace) -> None:
    """Two people have judged before the server starts."""
    judge_twice(ws)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_serious_fault_of_accessibility(judged: None, url: str, visit: Open, scheme: str) -> None:
    for path in ("/", "/pair", "/agreement", "/captions", "/?text=nothingfitsthis"):
        page = visit(url, "/" if path == "/pair" else path, scheme=scheme)
        if path == "/pair":
            open_first(page)
            for part in page.locator("details.more").all():
                part.evaluate("one => one.open = true")
            page.locator("#told table").wait_for()
        elif path == "/":
            page.click("#thresholds summary")
            page.locator("#shares:not(:empty)").wait_for()
        assert serious_faults(page) == []


@pytest.mark.parametrize("size", [WIDE, TABLET])
def test_everything_fits_and_focus_is_seen(url: str, visit: Open, size: tuple[int, int]) -> None:
    for path in ("/", "/agreement", "/captions"):
        page = visit(url, path, size)
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    page = visit(url, "/", size)
    open_first(page)
    assert page.evaluate("[document.documentElement.scrollWidth, document.documentElement.scrollHeight]") == list(size)
    page.keyboard.press("Tab")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
