"""From a benchmark's own files, or a folder of pictures, to the small file that `leaks` checks sets against."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from glossator.copies import test_sets
from glossator.copies.pictures import perceptual_hashes, thumbnail
from glossator.errors import UsageError
from glossator.evaluation import benchmarks
from glossator.images import SUFFIXES, open_image
from glossator.results import Failed

PICTURES = "pictures"
SHORTEST, LONGEST = 8, 13
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Written:
    """What a test set's file holds: pictures, questions, and pictures that could not be read, with their reasons."""

    pictures: int
    questions: int
    unread: dict[str, str]


def write(
    named: Sequence[tuple[str, str]],
    out: Path,
    *,
    name: str | None = None,
    words: int = LONGEST,
    progress: Progress = lambda _what, _done, _all: None,
) -> Written:
    """Write the hashes of one or more benchmarks into one file.

    Args:
        named: names of benchmarks and where their files are, as for `evaluate`; `pictures` is any folder of pictures.
        out: the file.
        name: what leaks are told by; else the benchmarks' names.
        words: how many words in a row, found in a pair, tell a leak.
        progress: told how many pictures are done, and of how many.

    Raises:
        UsageError: for a benchmark or a file that can't be used, or if no picture can be read.
        MissingExtraError: if ImageHash is not installed.
    """
    items = [item for one, path in named for item in _items(one, Path(path))]
    files: dict[Path, str] = {}
    for item in items:
        files.setdefault(item.picture, item.label)
    unread: dict[str, str] = {}
    rows: list[dict[str, Any]] = []
    for number, (file, label) in enumerate(files.items()):
        picture = open_image(file)
        if isinstance(picture, Failed):
            unread[str(file)] = picture.message
        else:
            rows.append(test_sets.picture_row(label, number, perceptual_hashes(picture), thumbnail(picture)))
        progress("test set", number + 1, len(files))
    if not rows:
        raise UsageError(f"none of {len(files)} pictures can be read")
    pictures = len(rows)
    rows += [test_sets.question_row(one.label, one.question, one.golds, words) for one in items if one.question]
    test_sets.write(out, name or "+".join(one for one, _ in named), words, rows)
    return Written(pictures, len(rows) - pictures, unread)


@dataclass(frozen=True, slots=True)
class _Item:
    picture: Path
    label: str
    question: str = ""
    golds: tuple[str, ...] = ()


def _items(name: str, path: Path) -> Iterator[_Item]:
    if name != PICTURES:
        for question in benchmarks.load(name, path).questions:
            yield _Item(question.picture, f"{question.id} ({question.picture.name})", question.text, question.golds)
        return
    if not path.is_dir():
        raise UsageError(f"{path} is no folder of pictures")
    found = [file for file in sorted(path.rglob("*")) if file.suffix.lower() in SUFFIXES and file.is_file()]
    if not found:
        raise UsageError(f"{path} holds no pictures ({', '.join(SUFFIXES)})")
    for file in found:
        yield _Item(file, file.relative_to(path).as_posix())
