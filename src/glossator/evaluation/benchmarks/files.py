"""Reading a benchmark's own files: JSON that must have a shape, and pictures that lie where their authors put them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from glossator.errors import UsageError


def read_json(path: Path) -> Any:
    """A JSON file. Raises `UsageError` if it can't be read."""
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"{path} can't be read as JSON: {error}") from error


def one_file(path: Path, patterns: Iterable[str]) -> Path:
    """The file itself, or the first in a folder that fits one of the patterns, or the folder's only JSON file.

    Raises:
        UsageError: if there is none.
    """
    if path.is_file():
        return path
    for pattern in patterns:
        found = sorted(path.glob(pattern))
        if found:
            return found[0]
    others = sorted(path.glob("*.json"))
    if len(others) == 1:
        return others[0]
    names = ", ".join(other.name for other in others) or "none"
    raise UsageError(f"{path}: no {' or '.join(patterns)} here; name the file itself (JSON files here: {names})")


def data_rows(path: Path) -> list[dict[str, Any]]:
    """The rows of a file of the Robust Reading Competition: `{"data": [...]}`, or a plain list.

    A row that is no object comes out empty, so that it is counted as a question that can't be asked.

    Raises:
        UsageError: if it is neither.
    """
    tree = read_json(path)
    rows = tree.get("data") if isinstance(tree, dict) else tree
    if not isinstance(rows, list):
        raise UsageError(f"{path} holds no list of questions, nor one under 'data'")
    return [row if isinstance(row, dict) else {} for row in rows]


class Pictures:
    """Finds pictures by the path that a benchmark's file gives: beside the file, in a folder there, or in one beside
    that.
    """

    def __init__(self, root: Path) -> None:
        self._roots = [root, *_folders(root), root.parent, *_folders(root.parent)]
        self._allowed = list(dict.fromkeys(one.resolve() for one in self._roots))
        self._found: dict[str, Path | None] = {}

    def find(self, *names: Any) -> Path | None:
        """The picture of the first name that there is; None if there is none. What leaves these folders is nowhere."""
        return next((found for name in names if isinstance(name, str) and (found := self._one(name))), None)

    def _one(self, name: str) -> Path | None:
        if name not in self._found:
            self._found[name] = next(self._places(name), None) if _stays_inside(name) else None
        return self._found[name]

    def _places(self, name: str) -> Iterator[Path]:
        for root in self._roots:
            path = root / name
            if is_file(path) and any(path.resolve().is_relative_to(one) for one in self._allowed):
                yield path


def is_file(path: Path) -> bool:
    """Whether there is such a file; False for what can't be a name (too long, a NUL in it)."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def _folders(path: Path) -> list[Path]:
    try:
        return sorted(one for one in path.iterdir() if one.is_dir())
    except OSError:
        return []


def _stays_inside(name: str) -> bool:
    windows = PureWindowsPath(name)
    absolute = PurePosixPath(name).is_absolute() or bool(windows.drive or windows.root)
    return bool(name.strip()) and not absolute and ".." not in windows.parts


def texts(value: Any) -> tuple[str, ...]:
    """A text, or the texts in a list, but for blank ones; numbers as they are written."""
    listed = value if isinstance(value, list) else [value]
    found = (str(one) for one in listed if isinstance(one, str | int | float) and not isinstance(one, bool))
    return tuple(text for text in found if text.strip())
