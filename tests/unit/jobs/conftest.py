"""Fixtures of the jobs' tests."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder for a source, with room for a workspace beside it."""
    path = tmp_path / "source"
    path.mkdir()
    return path
