"""Drawn pages, and the ways in which a picture is copied."""

from __future__ import annotations

import io
import random
from collections.abc import Callable

from PIL import Image, ImageDraw, ImageEnhance, ImageFont

from glossator.copies.pictures import perceptual_hashes, thumbnail
from glossator.copies.second_look import Look, look
from glossator.stages.dedup import DedupSettings

Picture = Image.Image
RULE = DedupSettings().rule
_WORDS = ("Tea", "Milk", "Bread", "Screws", "Paint", "Tape", "Butter", "Apples", "Paper", "Soap", "Lamp", "Rope")


def receipt(shop: str, seed: int, lines: int = 9) -> Picture:
    """A receipt; two of one shop differ in what was bought and in all figures."""
    draw = random.Random(seed)
    picture = Image.new("RGB", (420, 180 + 34 * lines), "#fdfdfb")
    pen, font = ImageDraw.Draw(picture), ImageFont.load_default(22)
    pen.text((210, 24), shop, "#202830", ImageFont.load_default(30), anchor="ma")
    pen.text((30, 74), f"Date {draw.randint(10, 28)}/0{draw.randint(1, 9)}/2026", "#202830", font)
    for number in range(lines):
        y = 120 + 34 * number
        pen.text((30, y), draw.choice(_WORDS), "#202830", font)
        pen.text((390, y), f"{draw.randint(1, 99)}.{draw.randint(0, 99):02d}", "#202830", font, anchor="ra")
    pen.text((30, picture.height - 44), f"TOTAL {draw.randint(100, 999)}.00", "#101010", font)
    return picture


def reencoded(picture: Picture) -> Picture:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=35)
    return Image.open(io.BytesIO(file.getvalue())).convert("RGB")


def scaled(factor: float) -> Callable[[Picture], Picture]:
    return lambda picture: picture.resize((round(picture.width * factor), round(picture.height * factor)))


def cropped(left: float, top: float, right: float, bottom: float) -> Callable[[Picture], Picture]:
    def crop(picture: Picture) -> Picture:
        width, height = picture.size
        return picture.crop(
            (round(left * width), round(top * height), round((1 - right) * width), round((1 - bottom) * height))
        )

    return crop


def turned_hue(picture: Picture) -> Picture:
    hue, saturation, value = picture.convert("HSV").split()
    return Image.merge("HSV", (hue.point(lambda at: (at + 90) % 256), saturation, value)).convert("RGB")


def darker(picture: Picture) -> Picture:
    return picture.point(lambda at: round(255 * (at / 255) ** 1.7))


def greyer(picture: Picture) -> Picture:
    return ImageEnhance.Contrast(picture.convert("L").convert("RGB")).enhance(0.6)


def brighter(picture: Picture) -> Picture:
    return ImageEnhance.Brightness(picture).enhance(1.2)


def other_channels(picture: Picture) -> Picture:
    red, green, blue = picture.split()
    return Image.merge("RGB", (green, blue, red))


def everything(picture: Picture) -> Picture:
    return reencoded(darker(scaled(0.6)(cropped(0.05, 0.02, 0.05, 0.05)(picture))))


WAYS: dict[str, Callable[[Picture], Picture]] = {
    "re-encoded": reencoded,
    "smaller": scaled(0.4),
    "larger": scaled(1.8),
    "cropped at all sides": cropped(0.05, 0.05, 0.05, 0.05),
    "cropped at one side": cropped(0.05, 0, 0, 0),
    "cropped at two sides": cropped(0, 0.05, 0.03, 0),
    "hue": turned_hue,
    "darker": darker,
    "grey": greyer,
    "brighter": brighter,
    "other channels": other_channels,
    "everything": everything,
}


def seen(one: Picture, other: Picture) -> Look:
    """The second look at two pictures."""
    from glossator.copies.pictures import pixels

    return look(pixels(thumbnail(one)), pixels(thumbnail(other)))


def hash_row(image_id: str, picture: Picture, number: int = 0) -> dict[str, object]:
    """A row of the table `hashes`."""
    return {
        "image_id": image_id,
        "picture": number,
        "hashes": list(perceptual_hashes(picture)),
        "thumbnail": thumbnail(picture),
    }
