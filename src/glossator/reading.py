"""The OCR text of any pictures, for readers without eyes: read once, kept in a workspace of its own."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from glossator import runner
from glossator.fingerprint import digest
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
    # Not their common folder: that changes with the pictures, and the workspace is to know them again.
    root = Path(found[0].anchor)
    records = {_id(path): path for path in found if path.is_file()}
    listed = workspace.parent / f"{workspace.name}.jsonl"
    listed.parent.mkdir(parents=True, exist_ok=True)
    with listed.open("w", encoding="utf-8") as file:
        for id_, path in records.items():
            name = path.relative_to(root).as_posix()
            file.write(json.dumps({"id": id_, "image": name, "ocr": known.get(path)}) + "\n")
    # Where nothing has to be read, no process is started for it.
    run = {"workers": {"ocr": 0}} if all(known.get(path) for path in records.values()) else {}
    recipe = Recipe.model_validate({"stages": [{"use": "ocr", "engine": {"kind": engine}}], "run": run})
    built = build(listed, workspace, recipe, images=root, events=events)
    text = {row["image_id"]: row["text"] for row in built.table("ocr").select(["image_id", "text"]).to_pylist()}
    image_of = {row["source_id"]: row["image_id"] for row in built.table("sources").to_pylist()}
    of = {path: text[image_of[id_]] for id_, path in records.items() if image_of.get(id_) in text}
    return {path: of[path.resolve()] for path in pictures if path.resolve() in of}


def _id(path: Path) -> str:
    """Another one for a file that has changed, so that it is read again."""
    state = path.stat()
    return digest(f"{path}:{state.st_size}:{state.st_mtime_ns}".encode("utf-8", "surrogateescape"))
