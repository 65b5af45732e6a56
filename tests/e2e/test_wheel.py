"""The installed wheel: what is packed is enough to run, without the source tree."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*pip, "--target", str(target), str(ROOT)], check=True, capture_output=True)
    return target


def run(site: Path, *words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "glossator.cli.main", *map(str, words)]
    environment = os.environ | {"PYTHONPATH": str(site)}
    return subprocess.run(command, capture_output=True, text=True, env=environment, cwd=site, check=False)


def test_the_wheel_builds_reports_and_exports(site: Path, source: Path, tmp_path: Path) -> None:
    where = [sys.executable, "-c", "import glossator; print(glossator.__file__)"]
    environment = os.environ | {"PYTHONPATH": str(site)}
    assert str(site) in subprocess.run(where, capture_output=True, text=True, env=environment, check=True).stdout
    assert run(site, "build", source, "-o", tmp_path / "ws", "-r", "fake").returncode == 0
    assert run(site, "report", tmp_path / "ws").returncode == 0
    assert run(site, "export", tmp_path / "ws", "-o", tmp_path / "llava.json").returncode == 0


def test_the_review_page_is_packed_whole(site: Path) -> None:
    def files(root: Path) -> set[str]:
        found = (path.relative_to(root) for path in root.rglob("*") if path.is_file())
        return {path.as_posix() for path in found if path.suffix != ".pyc"}

    assert files(site / "glossator" / "review") == files(ROOT / "src" / "glossator" / "review")


@pytest.mark.parametrize(
    "recipe", ["embedded", "llavar2", "open-vlm", "two-teachers", "rescore", "rescore-vlm", "fake"]
)
def test_shipped_recipes_and_prompts_are_packed(site: Path, recipe: str) -> None:
    done = run(site, "recipe", "check", recipe)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("words", "packed"),
    [
        (("study", "nowhere"), ("noise", "components", "thresholds")),
        (("assemble", "nowhere"), ("phi-3-mini", "vicuna-1.5-13b-hr")),
        (("train", "nowhere", "-r", "nowhere"), ("ocr-lm", "llava-align", "qwen-vl")),
    ],
)
def test_what_trains_and_measures_is_packed(
    site: Path, tmp_path: Path, words: tuple[str, ...], packed: tuple[str, ...]
) -> None:
    """A wrong name is answered with the names that there are."""
    done = run(site, *words, "-o", tmp_path / "out")
    assert done.returncode == 2
    assert all(name in done.stderr for name in packed), done.stderr
