"""Pieces of lines, and where Tesseract's data is looked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from glossator.engines.base import Runtime
from glossator.engines.ocr.tesseract import data_folder, pieces
from glossator.engines.registry import build
from glossator.errors import UsageError
from glossator.recipe import EngineSpec


def test_words_that_stand_far_apart_are_pieces_of_their_own() -> None:
    line = [
        ("Brown", (0.0, 0.0, 50.0, 20.0), 0.9),
        ("bread", (58.0, 1.0, 110.0, 20.0), 0.5),
        ("3.20", (300.0, 0.0, 340.0, 20.0), 0.8),
    ]
    name, amount = pieces(line)
    assert (name.text, name.box, name.confidence) == ("Brown bread", (0.0, 0.0, 110.0, 20.0), 0.7)
    assert (amount.text, amount.box, amount.confidence) == ("3.20", (300.0, 0.0, 340.0, 20.0), 0.8)
    assert list(pieces([])) == []


def test_a_language_without_data_is_named_with_what_to_install() -> None:
    with pytest.raises(UsageError, match=r"'xyz'.*apt-get install tesseract-ocr.*xyz\.traineddata"):
        build("ocr", EngineSpec.model_validate({"kind": "tesseract", "language": "xyz"}), Runtime())


def test_a_named_folder_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("eng", "deu"):
        (tmp_path / f"{name}.traineddata").touch()
    monkeypatch.setenv("TESSDATA_PREFIX", str(tmp_path))
    assert data_folder("deu+eng") == tmp_path
