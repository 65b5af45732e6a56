"""What the tests in a real browser share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import axe_playwright_python

_AXE = Path(axe_playwright_python.__file__).with_name("axe.min.js")


def serious_faults(page: Any) -> list[list[str]]:
    """What axe-core finds on a page that keeps people out: impact, rule, and the first element of each fault."""
    # Run by the browser's console, so a page's own policy does not stop it.
    page.evaluate(_AXE.read_text(encoding="utf-8") + ";0")
    found: list[list[str]] = page.evaluate(
        "axe.run().then(found => found.violations.map(one => [one.impact, one.id, one.nodes[0].html]))"
    )
    return [one for one in found if one[0] in ("serious", "critical")]
