"""The OCR text of any pictures, for readers without eyes: read once, kept in a workspace of its own."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from glossator import runner
from glossator.recipe import Recipe
from glossator.workspace import build

DEFAULT_OCR = "rapidocr"


def read_pages(
    pictures: Sequence[Path],
    workspace: Path,
    *,
    given: Mapping[Path, Sequence[Mapping[str, Any]]] | None = None,
    engine: str = DEFAULT_OCR,
    events: runner.Events | None = None,
) -> dict[Path, str]:
    """The text of each picture, line by line in reading order; pictures that can't be read are left out.

    Args:
        pictures: files, in any folders.
        workspace: where it is kept; run again, only new pictures are read.
        given: OCR that is known already, as spans of `text` and `box`.
        engine: kind of the OCR engine for the rest.
        events: told how it goes on.

    Raises:
        The errors of `build`.
    """
    found = list(dict.fromkeys(path.resolve() for path in pictures))
    known = {path.resolve(): spans for path, spans in (given or {}).items()}
    if not found:
        return {}
    root = Path(os.path.commonpath([path.parent for path in found]))
    records = workspace.parent / f"{workspace.name}.jsonl"
    records.parent.mkdir(parents=True, exist_ok=True)
    with records.open("w", encoding="utf-8") as file:
        for path in found:
            name = path.relative_to(root).as_posix()
            file.write(json.dumps({"id": name, "image": name, "ocr": known.get(path)}) + "\n")
    recipe = Recipe.model_validate({"stages": [{"use": "ocr", "engine": {"kind": engine}}]})
    built = build(records, workspace, recipe, images=root, events=events)
    text = {row["image_id"]: row["text"] for row in built.table("ocr").select(["image_id", "text"]).to_pylist()}
    aliases = built.table("sources").select(["image_id", "path"]).to_pylist()
    of = {root / row["path"]: text[row["image_id"]] for row in aliases if row["image_id"] in text}
    return {path: of[path.resolve()] for path in pictures if path.resolve() in of}
