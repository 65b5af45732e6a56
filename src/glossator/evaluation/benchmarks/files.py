"""Reading a benchmark's own files: JSON that must have a shape, and pictures that lie where their authors put them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from glossator.errors import UsageError


def read_json(path: Path) -> Any:
    """A JSON file. Raises `UsageError` if it can't be read."""
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, ValueError, RecursionError) as error:
        raise UsageError(f"{path} can't be read: {error}") from error


def one_file(path: Path, patterns: Iterable[str]) -> Path:
    """The file itself, or the first in a folder that fits one of the patterns.

    Raises:
        UsageError: if there is none.
    """
    if path.is_file():
        return path
    for pattern in patterns:
        found = sorted(path.glob(pattern)) if path.is_dir() else []
        if found:
            return found[0]
    raise UsageError(f"{path}: no {' or '.join(patterns)} here")


def data_rows(path: Path) -> list[dict[str, Any]]:
    """The rows of a file of the Robust Reading Competition: `{"data": [...]}`, or a plain list.

    Raises:
        UsageError: if it is neither.
    """
    tree = read_json(path)
    rows = tree.get("data") if isinstance(tree, dict) else tree
    if not isinstance(rows, list):
        raise UsageError(f"{path} holds no list of questions under 'data'")
    return [row for row in rows if isinstance(row, dict)]


class Pictures:
    """Finds pictures by the path that a benchmark's file gives: beside the file, or in a folder there or above."""

    def __init__(self, root: Path) -> None:
        self._roots = [root, *sorted(path for path in root.iterdir() if path.is_dir()), root.parent]
        siblings = [path for path in root.parent.iterdir() if path.is_dir() and path != root]
        self._roots += sorted(siblings)

    def find(self, name: str) -> Path | None:
        """The picture, or None if it is nowhere. A name that leaves these folders is nowhere."""
        for root in self._roots:
            path = root / name
            if path.is_file() and path.resolve().is_relative_to(root.resolve()):
                return path
        return None


def texts(value: Any) -> tuple[str, ...]:
    """A text, or the texts in a list; numbers as they are written."""
    listed = value if isinstance(value, list) else [value]
    return tuple(str(one) for one in listed if isinstance(one, str | int | float) and not isinstance(one, bool))
