"""What the tests in a real browser share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import axe_playwright_python

from glossator.verdict_log import open_log
from glossator.workspace import Workspace

WIDE, TABLET = (1280, 720), (820, 1180)
Open = Callable[..., Any]  # the fixture `visit`
_AXE = Path(axe_playwright_python.__file__).with_name("axe.min.js")


def serious_faults(page: Any) -> list[list[str]]:
    """What axe-core finds on a page that keeps people out: impact, rule, and the first element of each fault."""
    # Run by the browser's console, so a page's own policy does not stop it.
    page.evaluate(_AXE.read_text(encoding="utf-8") + ";0")
    found: list[list[str]] = page.evaluate(
        "axe.run().then(found => found.violations.map(one => [one.impact, one.id, one.nodes[0].html]))"
    )
    return [one for one in found if one[0] in ("serious", "critical")]


def until(page: Any, expression: str) -> None:
    """Wait until something is true on the page. Playwright's own way wants `eval`, which the page's policy forbids."""
    for _ in range(600):
        if page.evaluate(expression):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"never true: {expression}")


def pair_of(page: Any) -> str:
    """Which pair the single view shows."""
    return str(page.locator("#view").get_attribute("data-pair"))


def open_first(page: Any) -> None:
    """From the grid to the first pair."""
    page.keyboard.press("v")
    page.locator("#view").wait_for()
    page.wait_for_load_state()  # by then the page's scripts have run: no key is lost


def press(page: Any, key: str) -> str:
    """Press a key that leads to another pair, and give that pair."""
    before = pair_of(page)
    page.keyboard.press(key)
    page.locator(f"#view:not([data-pair='{before}'])").wait_for()
    return pair_of(page)


def said_of(ws: Workspace) -> dict[str, tuple[str, str]]:
    """Verdict and reason by pair, as they stand in the log."""
    return {
        entry.verdict.pair_id: (entry.verdict.verdict, entry.verdict.reason) for entry in open_log(ws.store).standing()
    }
