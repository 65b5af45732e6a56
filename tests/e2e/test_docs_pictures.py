"""The pictures of the docs, taken from the pages of a workspace: by default of a small one, into a temporary folder.

`make pictures WORKSPACE=FOLDER` takes them of a real one, into `docs/img`. It works on a copy, in which two made-up
reviewers judge a part, so that the page of agreement has something to show.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from tests.browser_kit import TABLET, WIDE
from tests.review_kit import judge_twice, make_workspace, served

import glossator
from glossator.workspace import Workspace

pytestmark = pytest.mark.browser
REAL = os.environ.get("GLOSSATOR_PICTURES_OF")
DOCS = Path(__file__).parents[2] / "docs" / "img"
EMPTY = 0.95  # of one colour, and there is nothing to see
Page = Any


@pytest.fixture(scope="module")
def ws(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    folder = tmp_path_factory.mktemp("pictures")
    path = folder / "receipts-and-charts"
    shutil.copytree(REAL or make_workspace(folder).path, path)
    found = glossator.open(path)
    judge_twice(found)
    return found


@pytest.fixture(scope="module")
def url(ws: Workspace) -> Iterator[str]:
    with served(ws.path) as start:
        yield start


def explore(page: Page, base: str) -> None:
    page.click("#thresholds summary")
    page.locator("[data-name=mifd_max] [type=range]").fill("0.5")
    page.locator("#kept", has_text="would keep").wait_for()


def pair(page: Page, base: str) -> None:
    page.goto(f"{base}/?order=border")
    page.keyboard.press("v")
    page.locator("[data-lights=answer]").hover()
    page.evaluate("document.getElementById('picture').decode()")


def tablet(page: Page, base: str) -> None:
    page.keyboard.press("v")
    page.locator("#view").wait_for()
    page.wait_for_load_state()
    page.click("details[data-keep=tokens] summary")
    page.evaluate("document.getElementById('picture').decode()")


def agreement(page: Page, base: str) -> None:
    page.goto(f"{base}/agreement")


def report(page: Page, base: str) -> None:
    page.evaluate("document.querySelector('#kept h2').scrollIntoView()")


@pytest.mark.parametrize(
    ("show", "size", "scheme"),
    [(explore, WIDE, "light"), (pair, WIDE, "light"), (tablet, TABLET, "dark"), (agreement, WIDE, "light")],
)
def test_review(
    browser: Any, url: str, tmp_path: Path, show: Callable[[Page, str], None], size: tuple[int, int], scheme: str
) -> None:
    page = browser.new_page(viewport={"width": size[0], "height": size[1]}, color_scheme=scheme)
    page.goto(url)
    show(page, url.partition("/?")[0])
    assert take(page, f"review-{show.__name__}", tmp_path) < EMPTY


def test_report(browser: Any, ws: Workspace, tmp_path: Path) -> None:
    page = browser.new_page(viewport={"width": WIDE[0], "height": WIDE[1]}, color_scheme="light")
    page.goto(ws.report().as_uri())
    report(page, "")
    assert take(page, "report", tmp_path) < EMPTY


def take(page: Page, name: str, folder: Path) -> float:
    """A picture of the page as it is; gives the share of its most frequent colour."""
    page.wait_for_load_state("networkidle")
    path = (DOCS if REAL else folder) / f"{name}.png"
    page.screenshot(path=path)
    size = page.viewport_size
    page.close()
    with Image.open(path) as image:
        assert image.size == (size["width"], size["height"])
        colours = image.convert("RGB").getcolors(image.width * image.height)
    return float(max(count for count, _ in colours) / (image.width * image.height))
