"""JSON Lines whose rows carry what sort they are of: what the formats of a second life have in common."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from glossator.formats.base import BadSample, missing_image, read_json_rows

Row = TypeVar("Row")


def write_rows(rows: Iterable[Mapping[str, Any]], path: Path) -> int:
    """One JSON object a line. Returns how many."""
    path.parent.mkdir(parents=True, exist_ok=True)
    count = 0
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
            count += 1
    return count


def read_rows(path: Path, sorts: Iterable[str], parse: Callable[[Mapping[str, Any]], Row]) -> Iterator[Row | BadSample]:
    """The rows that are of these sorts; anything else is a `BadSample`.

    Args:
        path: the file.
        sorts: what the field `sort` may hold.
        parse: from a row to its record; a missing or wrong key may raise.
    """
    known = tuple(sorts)
    for where, row in read_json_rows(path):
        if not isinstance(row, dict) or row.get("sort") not in known:
            yield BadSample(where, f"no row of the sort {' or '.join(known)}")
            continue
        try:
            yield parse(row)
        except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
            yield BadSample(where, f"a key is missing or holds something else: {error}")


def bad_images(where: str, images: Iterable[str], root: Path) -> Iterator[BadSample]:
    """What is wrong with where a row's images are said to be."""
    for image in images:
        missing = missing_image(image, root)
        if missing:
            yield BadSample(where, missing)
