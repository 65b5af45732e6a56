"""Opening images that nobody vouches for. Whatever the bytes, the outcome is a picture or a `Failed`, never an error.

Pixels are 8-bit RGB after EXIF rotation: alpha stands on white, 16 bits are scaled, the first frame is taken.
"""

from __future__ import annotations

import struct
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeVar

# Importing a plugin registers its format; left to itself, Pillow would load every plugin it has.
from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    UnidentifiedImageError,
    WebPImagePlugin,
)

from glossator.results import Failed, Outcome

MAX_PIXELS = 100_000_000
FORMATS = tuple(
    plugin.format
    for plugin in (
        JpegImagePlugin.JpegImageFile,
        PngImagePlugin.PngImageFile,
        WebPImagePlugin.WebPImageFile,
        TiffImagePlugin.TiffImageFile,
        BmpImagePlugin.BmpImageFile,
        GifImagePlugin.GifImageFile,
    )
)
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp", ".gif")

_ORIENTATION = 0x0112
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SIDEWAYS = (5, 6, 7, 8)
_MAGIC = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF8", "GIF"),
    (b"BM", "BMP"),
    (b"II*\x00", "TIFF"),
    (b"MM\x00*", "TIFF"),
    (b"RIFF", "WebP"),
)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Header:
    """An image's size in pixels after EXIF rotation, and its format's name (`JPEG`, `PNG`, ...)."""

    width: int
    height: int
    format: str


def open_image(file: Path | str | BinaryIO, max_pixels: int = MAX_PIXELS) -> Outcome[Image.Image]:
    """The picture in a file as RGB.

    Failures: `missing`, `not_an_image`, `truncated`, `zero_pixels`, `too_many_pixels` (told before decoding).
    """
    return _opened(file, max_pixels, _as_rgb)


def probe(file: Path | str | BinaryIO, max_pixels: int = MAX_PIXELS) -> Outcome[Header]:
    """What the header says; no pixel is decoded, so a truncated file passes. Failures: as `open_image`."""
    return _opened(file, max_pixels, _header)


def check(file: Path | str | BinaryIO, max_pixels: int = MAX_PIXELS) -> Outcome[Header]:
    """Like `probe`, but every pixel is decoded once, so that a truncated file fails. Failures: as `open_image`."""
    return _opened(file, max_pixels, _decoded_header)


def _opened(file: Path | str | BinaryIO, max_pixels: int, use: Callable[[Image.Image], T]) -> Outcome[T]:
    if not isinstance(file, (str, Path)):
        return _guarded(file, max_pixels, use)
    try:
        if Path(file).exists() and not Path(file).is_file():
            return Failed("not_an_image", "it is not a regular file")
        with Path(file).open("rb") as stream:
            return _guarded(stream, max_pixels, use)
    except FileNotFoundError:
        return Failed("missing", "the file is not there")
    except OSError as error:
        return Failed("missing", f"the file can't be read ({error.strerror or type(error).__name__})")
    except ValueError:  # a NUL in the name
        return Failed("missing", "its name is not a valid file name")


def _guarded(stream: BinaryIO, max_pixels: int, use: Callable[[Image.Image], T]) -> Outcome[T]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            _allow(max_pixels)
            with Image.open(stream, formats=FORMATS) as image:
                return _size_problem(image, max_pixels) or use(image)
    except UnidentifiedImageError:
        return _unidentified(stream)
    except Image.DecompressionBombError:
        return Failed("too_many_pixels", f"it claims far more than {max_pixels:,} pixels; make it smaller")
    except MemoryError:
        return Failed("too_many_pixels", "the picture does not fit into memory; make it smaller")
    except Exception as error:  # Pillow's decoders raise whatever they stumble over: struct.error, KeyError, ...
        return Failed("truncated", f"its data is cut off or broken ({type(error).__name__}); copy it again")


def _allow(max_pixels: int) -> None:
    """Pillow has a limit of its own, which must not be lower than ours."""
    if Image.MAX_IMAGE_PIXELS is not None and max_pixels > Image.MAX_IMAGE_PIXELS:
        Image.MAX_IMAGE_PIXELS = max_pixels


def _size_problem(image: Image.Image, max_pixels: int) -> Failed | None:
    width, height = image.size
    if width * height > max_pixels:
        what = f"{width} x {height} pixels are above the limit of {max_pixels:,}"
        return Failed("too_many_pixels", f"{what}; make it smaller or raise data.max_megapixels")
    return None


# What is wrong with a file that Pillow does not know


def _unidentified(stream: BinaryIO) -> Failed:
    try:
        stream.seek(0)
        start = stream.read(1 << 16)
    except (OSError, ValueError):
        start = b""
    if not start:
        return Failed("truncated", "the file is empty; copy it again")
    if _claims_no_pixels(start):
        return Failed("zero_pixels", "the picture has no pixels (its width or height is 0)")
    for magic, what in _MAGIC:
        if start.startswith(magic):
            return Failed("truncated", f"it begins like a {what} file but its header is broken; copy it again")
    return Failed("not_an_image", f"no picture that can be read; use one of {', '.join(FORMATS)}")


def _claims_no_pixels(start: bytes) -> bool:
    size = None
    if start.startswith(b"\x89PNG") and len(start) >= 24:
        size = struct.unpack(">II", start[16:24])
    elif start.startswith(b"GIF8") and len(start) >= 10:
        size = struct.unpack("<HH", start[6:10])
    elif start.startswith(b"BM") and len(start) >= 26:
        size = struct.unpack("<ii", start[18:26])
    elif start.startswith(b"\xff\xd8\xff"):
        size = _jpeg_size(start)
    return size is not None and 0 in size


def _jpeg_size(start: bytes) -> tuple[int, int] | None:
    """The size in the first frame header among a JPEG's segments."""
    at = 2
    while at + 9 <= len(start) and start[at] == 0xFF:
        marker = start[at + 1]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", start[at + 5 : at + 9])
            return width, height
        at += 2 + int.from_bytes(start[at + 2 : at + 4], "big")
    return None


# What is taken from an open image


def _header(image: Image.Image) -> Header:
    width, height = image.size
    late_exif = image.format == "PNG" and "exif" not in image.info  # asking for it would decode the pixels
    # Pillow has turned the size of a TIFF already.
    if image.format != "TIFF" and not late_exif and _orientation(image) in _SIDEWAYS:
        width, height = height, width
    return Header(width, height, image.format or "")


def _decoded_header(image: Image.Image) -> Header:
    width, height = image.size
    kind = image.format or ""
    if kind in ("JPEG", "MPO"):
        # Reads all of the data but computes an eighth of the pixels each way.
        image.draft(image.mode, (max(1, width // 8), max(1, height // 8)))
        image.load()
    else:
        image.load()
        width, height = image.size
    if _orientation(image) in _SIDEWAYS:
        width, height = height, width
    return Header(width, height, kind)


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # broken EXIF data says nothing about the pixels
        return 1


def _as_rgb(image: Image.Image) -> Image.Image:
    image.load()
    turn = _UPRIGHT.get(_orientation(image))
    picture = _eight_bit(image)
    if picture.has_transparency_data:
        picture = _on_white(picture)
    picture = picture.convert("RGB")
    return picture.transpose(turn) if turn is not None else picture


def _eight_bit(image: Image.Image) -> Image.Image:
    """Deeper grey levels scaled to 0..255. Plain conversion would clip them to white."""
    if not image.mode.startswith(("I", "F")):
        return image
    grey = image.convert("F")
    low, high = (float(end) for end in grey.getextrema()[:2])  # type: ignore[arg-type]
    if image.mode.startswith("I;16") or (image.mode == "I" and low >= 0 and 255 < high <= 65535):
        low, high = 0.0, 65535.0
    elif low >= 0 and high <= 1:
        low, high = 0.0, 1.0
    elif low >= 0 and high <= 255:
        low, high = 0.0, 255.0
    factor = 255.0 / (high - low) if high > low else 0.0
    return grey.point(lambda level: level * factor - low * factor).convert("L")


def _on_white(image: Image.Image) -> Image.Image:
    layer = image.convert("RGBA")
    page = Image.new("RGBA", layer.size, "white")
    page.alpha_composite(layer)
    return page
