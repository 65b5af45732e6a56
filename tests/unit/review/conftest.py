"""A small workspace, a copy of it for each test, and a client that is let in."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.review_kit import Client, let_in, make_workspace, served

import glossator
from glossator.workspace import Workspace


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Nobody may change it."""
    return make_workspace(tmp_path_factory.mktemp("review"))


@pytest.fixture
def ws(made: Workspace, tmp_path: Path) -> Workspace:
    """A copy that a test may change."""
    shutil.copytree(made.path, tmp_path / "ws")
    return glossator.open(tmp_path / "ws")


@pytest.fixture
def client(ws: Workspace) -> Iterator[Client]:
    """Speaks to a server over the copy."""
    with served(ws.path) as url:
        yield let_in(url)
