"""Captioning in a real Chromium: keyboard alone, from the first image without a caption to the last."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw
from tests.browser_kit import until

import glossator

pytestmark = pytest.mark.browser
HOSTILE = '"><script>document.title="owned"</script><img src=x onerror="document.title=1">{{ 7*7 }}'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three pictures without captions; the text that the fake engine reads comes from their names."""
    path = tmp_path / "images"
    path.mkdir()
    for i, name in enumerate(("a.png", "b.png", "c.png")):
        image = Image.new("RGB", (240, 120), "white")
        ImageDraw.Draw(image).text((10, 20), f"Total {i}.50", fill="black")
        image.save(path / name)
    return path


@pytest.fixture
def url(folder: Path, tmp_path: Path) -> Iterator[str]:
    """The start URL of a server over a workspace of the folder."""
    glossator.build(folder, tmp_path / "ws", "fake", **{"run.workers.ocr": 0})
    command = [sys.executable, "-m", "glossator.cli.main", "review", str(tmp_path / "ws"), "--port", "0", "--by", "ada"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        yield server.stdout.readline().strip()
        server.terminate()


def test_captions_are_written_by_keyboard_and_kept(browser: Any, url: str, folder: Path) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 720})
    problems: list[str] = []
    page.on("console", lambda message: problems.append(message.text))
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto(url)
    page.goto(re.sub(r"/\?.*", "/captions", url))
    until(page, "document.querySelector('.sheet img').naturalWidth > 0")
    page.keyboard.type("A receipt that says Total 0.50 at the top, black on white.")
    assert page.locator(".guide .seen").count() == 4
    page.keyboard.press("Alt+ArrowRight")  # refused without a yes: playwright dismisses the question
    assert page.locator("small", has_text="1 of 3").count() == 1
    with page.expect_navigation():
        page.keyboard.press("Control+Enter")
    page.keyboard.type(HOSTILE)
    with page.expect_navigation():
        page.keyboard.press("Control+Enter")
    page.locator(".line").first.click()
    assert page.input_value("#caption").startswith('"')
    with page.expect_navigation():
        page.keyboard.press("Control+Enter")
    assert "All 3 images" in page.inner_text(".done")
    assert problems == []
    written = [json.loads(line) for line in (folder / "captions.jsonl").read_text().splitlines()]
    assert [row["image"] for row in written] == ["a.png", "b.png", "c.png"]
    assert (written[1]["caption"], written[0]["captioned_by"]) == (HOSTILE, "ada")
    # What was written is shown again as text.
    page.goto(re.sub(r"/\?.*", "/captions?image_id=", url) + _image_id(folder / "b.png"))
    assert page.input_value("#caption") == HOSTILE
    assert "owned" not in page.title()
    page.close()


def _image_id(path: Path) -> str:
    import hashlib

    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]
