"""The pictures of a workspace: as they are where a browser shows them, else as JPEG; small ones for grids."""

from __future__ import annotations

import io
import threading
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from glossator.images import MAX_PIXELS, open_image
from glossator.results import Failed

_AS_IT_IS = {b"\xff\xd8\xff": "image/jpeg", b"\x89PNG\r\n\x1a\n": "image/png"}
_QUALITY = 85
WIDTHS = (320, 640, 1280)
_AT_ONCE = threading.BoundedSemaphore(2)  # a decoded picture may take hundreds of megabytes


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture's bytes and their type."""

    body: bytes
    kind: str


def picture(path: Path, root: Path) -> Picture | None:
    """The picture in full; None if it is not there any more or can't be read.

    Args:
        path: where ingest found it.
        root: the source's folder. A picture that a link has moved out of it since is not served.
    """
    if not _inside(path, root):
        return None
    try:
        body = path.read_bytes()
    except OSError:
        return None
    for magic, kind in _AS_IT_IS.items():
        # Not every browser turns a PNG as its EXIF says.
        if body.startswith(magic) and b"eXIf" not in body[:4096]:
            return Picture(body, kind)
    return _encoded(io.BytesIO(body), None)


@lru_cache(maxsize=512)
def thumbnail(path: Path, root: Path, width: int) -> Picture | None:
    """The picture at most so many pixels wide, upright; None as `picture`."""
    return _encoded(path, width) if _inside(path, root) else None


def _inside(path: Path, root: Path) -> bool:
    try:
        return path.resolve(strict=True).is_relative_to(root.resolve())
    except OSError:
        return False


def _encoded(file: Path | io.BytesIO, width: int | None) -> Picture | None:
    buffer = io.BytesIO()
    with _AT_ONCE:
        image = open_image(file, MAX_PIXELS)
        if isinstance(image, Failed):
            return None
        if width is not None:
            image.thumbnail((width, 4 * width))
        image.save(buffer, "JPEG", quality=_QUALITY)
    return Picture(buffer.getvalue(), "image/jpeg")
