"""A picture as an endpoint takes it: small enough, upright, without what the file knows beside its pixels."""

from __future__ import annotations

import base64
import io
from pathlib import Path

from PIL import Image

from glossator.images import open_image
from glossator.results import Failed

_MAX_PIXELS = 10**9  # ingest has already refused what is over the recipe's limit
_AS_IT_IS = {"JPEG": "jpeg", "PNG": "png"}
_QUALITIES = (85, 70, 50)
_SMALLER = 0.75
_KNOWN_INFO = {"jfif", "jfif_version", "jfif_unit", "jfif_density", "progressive", "progression", "dpi"}


def data_uri(path: Path, side: int | None, max_bytes: int | None = None) -> str | Failed:
    """The picture as a data URI; equal pictures give equal text.

    A JPEG or PNG that is upright, within the limits and carries nothing beside its pixels goes as it is. Anything else
    is decoded, turned as its EXIF says, scaled down and written anew, without metadata.

    Args:
        path: the file.
        side: at most so many pixels on the longer side, as JPEG; None keeps every pixel (PNG).
        max_bytes: the file's size must not exceed this; quality, then size are lowered until it fits.
    """
    if side is not None:
        known = _as_it_is(path, side, max_bytes)
        if known:
            return known
    image = open_image(path, _MAX_PIXELS)
    if isinstance(image, Failed):
        return image
    if side is None:
        buffer = io.BytesIO()
        image.save(buffer, "PNG")
        return _uri("png", buffer.getvalue())
    image.thumbnail((side, side))
    return _uri("jpeg", _jpeg(image, max_bytes))


def _as_it_is(path: Path, side: int, max_bytes: int | None) -> str | None:
    try:
        data = path.read_bytes()
        with Image.open(io.BytesIO(data)) as image:
            plain = image.mode in ("RGB", "L") and not set(image.info) - _KNOWN_INFO and max(image.size) <= side
            kind = _AS_IT_IS.get(image.format or "")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None  # decoding will say what is wrong
    if not plain or kind is None or (max_bytes is not None and len(data) > max_bytes):
        return None
    return _uri(kind, data)


def _jpeg(image: Image.Image, max_bytes: int | None) -> bytes:
    while True:
        for quality in _QUALITIES:
            buffer = io.BytesIO()
            image.save(buffer, "JPEG", quality=quality)
            if max_bytes is None or buffer.tell() <= max_bytes or max(image.size) <= 64:
                return buffer.getvalue()
        image = image.resize((max(1, int(image.width * _SMALLER)), max(1, int(image.height * _SMALLER))))


def _uri(kind: str, data: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"
