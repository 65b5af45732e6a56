"""The report in a real Chromium: no script, no request, no overflow, and hostile text stays text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.browser_kit import serious_faults
from tests.review_kit import judge_twice

import glossator
from glossator.jobs.report import write_report

pytestmark = pytest.mark.browser
HOSTILE = '"><script>document.title="owned"</script><img src=x onerror="document.title=1">{{ 7*7 }}\u202e' + "W" * 300


@pytest.fixture
def report(source: Path, tmp_path: Path) -> Path:
    ws = glossator.build(source, tmp_path / "ws", "fake", **{"run.workers.ocr": 0})
    judge_twice(ws)
    ws.filter(mifd_max=0.4)
    return ws.report()


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1280, "dark"), (420, "light")])
def test_it_opens_without_script_request_or_overflow(browser: Any, report: Path, width: int, scheme: str) -> None:
    page = browser.new_page(viewport={"width": width, "height": 720}, color_scheme=scheme)
    messages: list[str] = []
    requests: list[str] = []
    page.on("console", lambda message: messages.append(message.text))
    page.on("pageerror", lambda error: messages.append(str(error)))
    page.on("request", lambda request: requests.append(request.url))
    page.goto(report.as_uri())
    assert messages == []
    assert [url for url in requests if not url.startswith(("file:", "data:"))] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator(".card.good").count() > 0
    assert page.locator(".card.bad").count() > 0
    assert page.locator(".card .evidence rect").first.bounding_box()["width"] > 2
    assert page.locator("svg[role=img]").count() == 5
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_serious_fault_of_accessibility(browser: Any, report: Path, scheme: str) -> None:
    page = browser.new_page(color_scheme=scheme)
    page.goto(report.as_uri())
    assert page.locator("#trust table").count() == 2
    for part in page.locator("details").all():
        part.evaluate("one => one.open = true")
    assert serious_faults(page) == []
    page.close()


def test_hostile_text_stays_text(browser: Any, source: Path, tmp_path: Path) -> None:
    import polars as pl

    ws = glossator.build(source, tmp_path / "ws", "fake", **{"run.workers.ocr": 0})
    data = ws.report_data()
    for table, columns in {
        "pairs": ["question", "answer", "explain_question", "explain_answer", "kind", "source_id"],
        "captions": ["caption", "enriched"],
        "images": ["source_id", "kind"],
    }.items():
        data.tables[table] = data.tables[table].with_columns([pl.lit(HOSTILE).alias(name) for name in columns])
    write_report(data, tmp_path / "hostile.html")
    page = browser.new_page(viewport={"width": 1280, "height": 720})
    page.goto((tmp_path / "hostile.html").as_uri())
    assert page.title().endswith("Glossator report")
    assert page.locator("script").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280
    assert "{{ 7*7 }}" in page.locator(".card .question").first.inner_text()
    page.close()
