"""The converted weights in the cache folder: kept once made, made again when broken."""

from __future__ import annotations

from pathlib import Path

import pytest

from glossator.engines.loss.weights import EMBEDDED, model_path

pytestmark = pytest.mark.model


def test_a_torn_file_is_made_again_and_a_whole_one_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLOSSATOR_CACHE", str(tmp_path))
    folder = Path(model_path(EMBEDDED))
    weights = folder / "model.safetensors"
    size = weights.stat().st_size
    with weights.open("r+b") as file:
        file.truncate(size // 2)
    assert model_path(EMBEDDED) == str(folder)
    made = weights.stat()
    assert made.st_size == size
    model_path(EMBEDDED)
    assert weights.stat().st_mtime_ns == made.st_mtime_ns
    assert [path.name for path in tmp_path.iterdir()] == [folder.name]  # no leavings


def test_a_path_or_a_hub_name_is_taken_as_it_is() -> None:
    assert model_path("some/model") == "some/model"
