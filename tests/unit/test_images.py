"""Whatever the bytes, the outcome is a picture or a failure with its own category."""

from __future__ import annotations

import io
import os
import struct
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from glossator.images import Header, check, open_image, probe
from glossator.results import Failed

FORMATS = ["JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF"]


def picture(size: tuple[int, int] = (40, 20)) -> Image.Image:
    """Red, with a blue stripe at the left."""
    image = Image.new("RGB", size, "red")
    image.paste((0, 0, 255), (0, 0, size[0] // 4, size[1]))
    return image


def saved(image: Image.Image, kind: str, **options: object) -> io.BytesIO:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    stream.seek(0)
    return stream


def opened(stream: io.BytesIO) -> Image.Image:
    result = open_image(stream)
    assert isinstance(result, Image.Image), result
    assert result.mode == "RGB"
    return result


def near(pixel: object, colour: tuple[int, int, int], tolerance: int = 8) -> bool:
    assert isinstance(pixel, tuple)
    return all(abs(a - b) <= tolerance for a, b in zip(pixel, colour, strict=True))


@pytest.mark.parametrize("kind", FORMATS)
def test_formats(kind: str) -> None:
    stream = saved(picture(), kind)
    assert near(opened(stream).getpixel((35, 10)), (255, 0, 0))
    for look in (probe, check):
        stream.seek(0)
        assert look(stream) == Header(40, 20, kind)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_rotation(kind: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    stream = saved(picture(), kind, exif=exif)
    size = (20, 40) if orientation >= 5 else (40, 20)
    image = opened(stream)
    assert image.size == size
    blue_at = {1: (2, 10), 2: (37, 10), 3: (37, 10), 4: (2, 10), 5: (10, 2), 6: (10, 2), 7: (10, 37), 8: (10, 37)}
    assert near(image.getpixel(blue_at[orientation]), (0, 0, 255), 30)
    for look in (probe, check):
        stream.seek(0)
        header = look(stream)
        assert isinstance(header, Header)
        assert (header.width, header.height) == size


def test_first_frame() -> None:
    stream = saved(picture(), "GIF", save_all=True, append_images=[Image.new("RGB", (40, 20), "green")])
    assert near(opened(stream).getpixel((35, 10)), (255, 0, 0))


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bits_are_scaled(kind: str) -> None:
    image = Image.new("I;16", (3, 1))
    for x, level in enumerate((0, 257 * 100, 65535)):
        image.putpixel((x, 0), level)
    result = opened(saved(image, kind))
    assert [result.getpixel((x, 0)) for x in range(3)] == [(level,) * 3 for level in (0, 100, 255)]


def test_float_levels_are_scaled() -> None:
    image = Image.new("F", (2, 1))
    image.putpixel((1, 0), 1.0)
    result = opened(saved(image, "TIFF"))
    assert [result.getpixel((x, 0)) for x in range(2)] == [(0, 0, 0), (255, 255, 255)]


def test_one_bit_palette_grey_and_cmyk() -> None:
    assert opened(saved(Image.new("1", (2, 2), 1), "PNG")).getpixel((0, 0)) == (255, 255, 255)
    assert near(opened(saved(picture().convert("P"), "PNG")).getpixel((35, 10)), (255, 0, 0))
    assert opened(saved(Image.new("L", (2, 2), 77), "PNG")).getpixel((0, 0)) == (77, 77, 77)
    assert near(opened(saved(picture().convert("CMYK"), "TIFF")).getpixel((35, 10)), (255, 0, 0))


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_alpha_stands_on_white(mode: str) -> None:
    clear = Image.new("RGBA", (2, 2), (0, 0, 0, 0)).convert(mode)
    assert opened(saved(clear, "PNG")).getpixel((0, 0)) == (255, 255, 255)


def test_transparent_palette_colour_is_white() -> None:
    image = Image.new("P", (2, 2), 0)
    image.putpalette([10, 20, 30])
    assert opened(saved(image, "PNG", transparency=0)).getpixel((0, 0)) == (255, 255, 255)


def category(stream: io.BytesIO | Path, max_pixels: int = 10_000) -> str:
    found = check(stream, max_pixels)
    assert isinstance(found, Failed), found
    if isinstance(stream, io.BytesIO):
        stream.seek(0)
    again = open_image(stream, max_pixels)
    assert isinstance(again, Failed)
    assert again.category == found.category
    return found.category


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "BMP"])
@pytest.mark.parametrize("share", [0.5, 0.9])
def test_truncated(kind: str, share: float) -> None:
    noise = Image.frombytes("RGB", (64, 64), os.urandom(64 * 64 * 3))
    data = saved(noise, kind).getvalue()
    assert category(io.BytesIO(data[: int(len(data) * share)])) == "truncated"


def test_truncated_progressive_jpeg() -> None:
    noise = Image.frombytes("RGB", (64, 64), os.urandom(64 * 64 * 3))
    data = saved(noise, "JPEG", progressive=True).getvalue()
    assert category(io.BytesIO(data[: len(data) * 3 // 4])) == "truncated"


@pytest.mark.parametrize("data", [b"hello, world", b"<svg/>", b"%PDF-1.7", b"\0" * 100, b"P6 2 2 255 " + b"x" * 12])
def test_not_an_image(data: bytes) -> None:
    assert category(io.BytesIO(data)) == "not_an_image"


def test_empty_file_is_truncated() -> None:
    assert category(io.BytesIO(b"")) == "truncated"


def png_claiming(width: int, height: int) -> io.BytesIO:
    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = chunk(b"IDAT", zlib.compress(b"\0" * 64)) + chunk(b"IEND", b"")
    return io.BytesIO(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + pixels)


def jpeg_claiming(width: int, height: int) -> io.BytesIO:
    data = bytearray(saved(picture(), "JPEG").getvalue())
    at = data.index(b"\xff\xc0") + 5
    data[at : at + 4] = struct.pack(">HH", height, width)
    return io.BytesIO(bytes(data))


def test_zero_pixels() -> None:
    assert category(png_claiming(0, 5)) == "zero_pixels"
    assert category(png_claiming(5, 0)) == "zero_pixels"
    assert category(io.BytesIO(b"GIF89a" + struct.pack("<HH", 0, 3) + b"\0\0\0;")) == "zero_pixels"
    assert category(jpeg_claiming(0, 7)) == "zero_pixels"


@pytest.mark.parametrize("size", [(101, 100), (100_000, 100_000), (2**31 - 1, 2**31 - 1)])
def test_too_many_pixels_is_told_from_the_header(size: tuple[int, int]) -> None:
    assert category(png_claiming(*size)) == "too_many_pixels"


def test_exactly_the_limit_is_allowed() -> None:
    assert isinstance(check(saved(Image.new("L", (100, 100)), "PNG"), 10_000), Header)


def test_missing_and_odd_paths(tmp_path: Path) -> None:
    assert category(tmp_path / "none.png") == "missing"
    assert category(tmp_path / ("x" * 5000)) == "missing"
    assert category(tmp_path / "a\0b.png") == "missing"
    assert category(tmp_path) == "not_an_image"
    os.mkfifo(tmp_path / "pipe.png")
    assert category(tmp_path / "pipe.png") == "not_an_image"


def test_broken_exif_is_passed_over() -> None:
    stream = saved(picture(), "JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0\xff\xff broken")
    assert opened(stream).size == (40, 20)


@settings(max_examples=150, deadline=None)
@given(
    kind=st.sampled_from(FORMATS),
    changes=st.lists(st.tuples(st.integers(0, 10_000), st.binary(min_size=1, max_size=8)), max_size=6),
    cut=st.integers(1, 10_000),
)
def test_no_bytes_raise(kind: str, changes: list[tuple[int, bytes]], cut: int) -> None:
    data = bytearray(saved(picture(), kind).getvalue())
    for at, junk in changes:
        at %= len(data)
        data[at : at + len(junk)] = junk
    stream = io.BytesIO(bytes(data[: 1 + cut % len(data)]))
    for look in (probe, check, open_image):
        stream.seek(0)
        assert isinstance(look(stream, 1_000_000), (Header, Image.Image, Failed))


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
def test_random_bytes_are_no_image(data: bytes) -> None:
    assert isinstance(check(io.BytesIO(data)), Failed)
