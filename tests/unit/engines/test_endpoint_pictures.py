"""A picture as an endpoint takes it."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import pytest
from PIL import Image, PngImagePlugin

from glossator.engines.endpoint.pictures import data_uri
from glossator.results import Failed


def picture(size: tuple[int, int] = (300, 200)) -> Image.Image:
    image = Image.effect_noise(size, 80).convert("RGB")
    image.putpixel((0, 0), (255, 0, 0))
    return image


def decoded(uri: str | Failed) -> tuple[bytes, Image.Image]:
    assert isinstance(uri, str)
    data = base64.b64decode(uri.split(",", 1)[1])
    return data, Image.open(io.BytesIO(data))


@pytest.mark.parametrize("name", ["a.jpg", "a.png"])
def test_what_fits_goes_as_it_is(tmp_path: Path, name: str) -> None:
    picture().save(tmp_path / name)
    data, _ = decoded(data_uri(tmp_path / name, 512, 1 << 20))
    assert data == (tmp_path / name).read_bytes()


def test_metadata_stays_at_home(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010E] = "home address"
    picture().save(tmp_path / "a.jpg", exif=exif)
    note = PngImagePlugin.PngInfo()
    note.add_text("Comment", "home address")
    picture().save(tmp_path / "b.png", pnginfo=note)
    for name in ("a.jpg", "b.png"):
        data, _ = decoded(data_uri(tmp_path / name, 512, 1 << 20))
        assert b"home address" not in data


def test_it_is_turned_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    picture().save(tmp_path / "a.jpg", exif=exif)
    _, shown = decoded(data_uri(tmp_path / "a.jpg", 512))
    assert shown.size == (200, 300)


def test_it_is_made_smaller_until_it_fits(tmp_path: Path) -> None:
    picture((1500, 900)).save(tmp_path / "a.png")
    first = data_uri(tmp_path / "a.png", 512)
    _, shown = decoded(first)
    assert max(shown.size) == 512
    data, tiny = decoded(data_uri(tmp_path / "a.png", 512, 20_000))
    assert len(data) <= 20_000
    assert max(tiny.size) <= 512
    assert data_uri(tmp_path / "a.png", 512) == first


def test_all_pixels_where_they_are_wanted(tmp_path: Path) -> None:
    picture((700, 500)).save(tmp_path / "a.jpg")
    _, shown = decoded(data_uri(tmp_path / "a.jpg", None))
    assert (shown.format, shown.size) == ("PNG", (700, 500))


def test_a_broken_file_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"\xff\xd8\xff no picture")
    assert isinstance(data_uri(tmp_path / "a.jpg", 512), Failed)
