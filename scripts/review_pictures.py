"""Take the pictures of docs/review.md: `python scripts/review_pictures.py WORKSPACE`.

Works on a copy: two made-up reviewers judge a part of it, so that the page of agreement has something to show.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import glossator
from glossator.records import HumanVerdict
from glossator.verdict_log import open_log

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
OUT = Path(__file__).parents[1] / "docs" / "img"


def judge(workspace: Path) -> None:
    """Two people judge the same pairs; now and then they differ."""
    ws = glossator.open(workspace)
    rows = ws.table("verdicts").to_pylist()[:60]
    with open_log(ws.store) as log:
        for i, row in enumerate(rows):
            for reviewer, differs in (("ada", i % 17 == 3), ("bo", i % 19 == 5)):
                verdict = "keep" if (i % 5 == 2) is differs else "reject"
                reason = "unclear_question" if verdict == "reject" else ""
                log.put(HumanVerdict(row["pair_id"], row["image_id"], reviewer, verdict, reason, sampling="random"))


@contextmanager
def served(workspace: Path) -> Iterator[str]:
    """The start URL of a server over the workspace."""
    command = [sys.executable, "-m", "glossator.cli.main", "review", str(workspace), "--port", "0", "--by", "ada"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield server.stdout.readline().strip()
        finally:
            server.terminate()


def take(page: Any, name: str) -> None:
    """A picture of the page as it is."""
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(1000)
    path = OUT / f"review-{name}.png"
    page.screenshot(path=path)
    print(path, path.stat().st_size)


def main() -> None:
    """All pictures of the docs."""
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        workspace = Path(folder) / "receipts-and-charts"
        shutil.copytree(sys.argv[1], workspace)
        judge(workspace)
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        with served(workspace) as url:
            base = url.partition("/?")[0]
            page = chromium.new_page(viewport={"width": 1280, "height": 720})
            page.goto(url)
            page.click("#thresholds summary")
            page.locator("[data-name=mifd_max] [type=range]").fill("0.5")
            take(page, "explore")
            page.goto(f"{base}/?order=border")
            page.keyboard.press("v")
            page.locator("[data-lights=q0]").hover()
            take(page, "pair")
            page.goto(f"{base}/agreement")
            take(page, "agreement")
            dark = chromium.new_page(viewport={"width": 820, "height": 1180}, color_scheme="dark")
            dark.goto(url)
            dark.keyboard.press("v")
            dark.locator("#view").wait_for()
            dark.click("details[data-keep=tokens] summary")
            take(dark, "tablet")
        chromium.close()


if __name__ == "__main__":
    main()
