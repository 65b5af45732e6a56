"""Pictures and what is done to copies of them: the material of `duplicates.py`."""

from __future__ import annotations

import io
import json
import random
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray
from PIL import Image, ImageEnhance, ImageOps

from glossator.copies.images import hash_bytes
from glossator.copies.pictures import perceptual_hashes, thumbnail
from glossator.images import open_image
from glossator.jobs import demo
from glossator.results import Failed

Picture = Image.Image
SEED = 6
REAL_TESTS, DRAWN_TESTS, OTHERS = 40, 10, 1_000


# Copies


def reencoded(picture: Picture, draw: random.Random) -> Picture:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=draw.randint(30, 70))
    return Image.open(io.BytesIO(file.getvalue())).convert("RGB")


def resized(picture: Picture, draw: random.Random) -> Picture:
    factor = draw.uniform(0.3, 2 if max(picture.size) < 2_500 else 1)
    size = (max(1, round(picture.width * factor)), max(1, round(picture.height * factor)))
    return picture.resize(size, draw.choice([Image.Resampling.BILINEAR, Image.Resampling.LANCZOS]))


def cropped(picture: Picture, draw: random.Random) -> Picture:
    """5 % off some sides, or off all, or up to 5 % off each."""
    how = draw.choice(["some", "all", "up to"])
    if how == "up to":
        cut = [draw.uniform(0, 0.05) for _ in range(4)]
    else:
        cut = [0.05 * (how == "all" or draw.random() < 0.5) for _ in range(4)]
    width, height = picture.size
    left, top, right, bottom = cut
    box = (round(left * width), round(top * height), round((1 - right) * width), round((1 - bottom) * height))
    return picture.crop(box)


def recoloured(picture: Picture, draw: random.Random) -> Picture:
    how = draw.choice(["hue", "grey", "gamma", "contrast", "brightness"])
    if how == "hue":
        turn = draw.randint(30, 220)
        hue, saturation, value = picture.convert("HSV").split()
        return Image.merge("HSV", (hue.point(lambda at: (at + turn) % 256), saturation, value)).convert("RGB")
    if how == "gamma":
        gamma = draw.choice([0.5, 0.7, 1.5, 2.0])
        return picture.point(lambda at: round(255 * (at / 255) ** gamma))
    if how == "contrast":
        return ImageEnhance.Contrast(picture).enhance(draw.choice([0.5, 0.7, 1.4]))
    if how == "brightness":
        return ImageEnhance.Brightness(picture).enhance(draw.choice([0.6, 0.8, 1.2]))
    return picture.convert("L").convert("RGB")


def all_of_it(picture: Picture, draw: random.Random) -> Picture:
    return reencoded(recoloured(resized(cropped(picture, draw), draw), draw), draw)


WAYS: dict[str, Callable[[Picture, random.Random], Picture]] = {
    "re-encoded": reencoded,
    "resized": resized,
    "cropped": cropped,
    "recoloured": recoloured,
    "all of it": all_of_it,
}


def hue_turned(turn: int) -> Callable[[Picture], Picture]:
    def change(picture: Picture) -> Picture:
        hue, saturation, value = picture.convert("HSV").split()
        return Image.merge("HSV", (hue.point(lambda at: (at + turn) % 256), saturation, value)).convert("RGB")

    return change


def curved(gamma: float) -> Callable[[Picture], Picture]:
    return lambda picture: picture.point(lambda at: round(255 * (at / 255) ** gamma))


def contrasted(factor: float) -> Callable[[Picture], Picture]:
    return lambda picture: ImageEnhance.Contrast(picture).enhance(factor)


def brightened(factor: float) -> Callable[[Picture], Picture]:
    return lambda picture: ImageEnhance.Brightness(picture).enhance(factor)


def channels_swapped(picture: Picture) -> Picture:
    red, green, blue = picture.split()
    return Image.merge("RGB", (blue, red, green))


def tinted(picture: Picture) -> Picture:
    return ImageOps.colorize(picture.convert("L"), "#3a2208", "#f6e7c8")


def squeezed(picture: Picture) -> Picture:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=10)
    return Image.open(io.BytesIO(file.getvalue())).convert("RGB")


def cut(share: float) -> Callable[[Picture], Picture]:
    def change(picture: Picture) -> Picture:
        across, down = round(share * picture.width), round(share * picture.height)
        return picture.crop((across, down, picture.width - across, picture.height - down))

    return change


def bordered(share: float, colour: str) -> Callable[[Picture], Picture]:
    return lambda picture: ImageOps.expand(picture, round(share * min(picture.size)), colour)


def scanned(picture: Picture) -> Picture:
    """With a white border, and askew by less than a degree."""
    return bordered(0.03, "white")(picture).rotate(0.7, Image.Resampling.BICUBIC, fillcolor="white")


CHANGES: dict[str, Callable[[Picture], Picture]] = {
    **{f"hue turned by {round(360 * turn / 256)} degrees": hue_turned(turn) for turn in (40, 100, 160, 210)},
    **{f"gamma {gamma:g}": curved(gamma) for gamma in (0.5, 0.7, 1.5, 2.0)},
    **{f"contrast {factor:g}": contrasted(factor) for factor in (0.5, 0.7, 1.4)},
    **{f"brightness {factor:g}": brightened(factor) for factor in (0.6, 0.8, 1.2)},
    "channels swapped": channels_swapped,
    "tinted": tinted,
    "inverted": ImageOps.invert,
    "JPEG of quality 10": squeezed,
    "cropped by 8 % at each side": cut(0.08),
    "a white border of 3 %": bordered(0.03, "white"),
    "a white border of 6 %": bordered(0.06, "white"),
    "a dark border of 6 %": bordered(0.06, "#3c3a37"),
    "a white border, askew by 0.7 degrees": scanned,
    "turned by 90 degrees": lambda picture: picture.transpose(Image.Transpose.ROTATE_90),
    "turned by 180 degrees": lambda picture: picture.transpose(Image.Transpose.ROTATE_180),
    "mirrored": ImageOps.mirror,
    "upside down": ImageOps.flip,
}


# Pictures


def real_pictures(data: Path) -> dict[str, Picture]:
    found = {}
    for name in ("records.jsonl", "more.jsonl"):
        for line in (data / name).read_text(encoding="utf-8").splitlines():
            record = json.loads(line)
            picture = open_image(data / record["image"])
            if not isinstance(picture, Failed):
                picture.thumbnail((2_600, 2_600))
                found[record["id"]] = picture
    return found


def drawn(template: int, filling: int) -> Picture:
    """A receipt of a shop, or a form: one template, filled in another way."""
    draw = random.Random(1_000 * template + filling)

    def amount() -> str:
        return f"{draw.randint(1, 60)}.{draw.randint(0, 99):02d}"

    date = f"{draw.randint(10, 28)}/0{draw.randint(1, 9)}/2026"
    if template % 2:
        people = ["Alina Marchetti", "Tobias Renner", "Priya Nandakumar", "John Smith", "Eve Adams", "Omar Haddad"]
        fields = [("To", draw.choice(people)), ("From", draw.choice(people)), ("Date", date)]
        fields += [("Fax number", f"020 7946 0{draw.randint(100, 999)}"), ("Pages", str(draw.randint(1, 9)))]
        fields += [("Reference", f"RH-{draw.randint(1000, 9999)}")]
        return demo._form(f"FORM {template}", "Ridgeway & Holt", fields, "Please confirm receipt.")
    head = [f"SHOP {template} CAFE", "14 Mill Street", "Leeds LS1 4QT", "Tel: 0113 496 0182"]
    facts = [(f"Date: {date}", f"Time: 1{draw.randint(0, 9)}:{draw.randint(10, 59)}")]
    facts += [(f"Receipt No: {draw.randint(10000, 99999)}", f"Table: {draw.randint(1, 9)}")]
    goods = ["Flat White", "Cappuccino", "Cheese Scone", "Orange Juice", "Green Tea", "Bagel", "Muffin", "Soup"]
    bought = [(name, amount()) for name in (goods[:5] if template % 4 else draw.sample(goods, 5))]
    sums = [("Subtotal", amount()), ("TOTAL", f"£{amount()}")]
    return demo._receipt(head, facts, bought, sums, "Thank you, see you again!")


def window(pictures: list[Picture], draw: random.Random) -> Picture:
    """A part of a picture: a third to two thirds of each side."""
    picture = draw.choice(pictures)
    width, height = (round(side * draw.uniform(0.35, 0.65)) for side in picture.size)
    left, top = draw.randint(0, picture.width - width), draw.randint(0, picture.height - height)
    return picture.crop((left, top, left + width, top + height))


class Hashed:
    """Hashes and small pictures, in the shape that the table `hashes` has."""

    def __init__(self) -> None:
        self.labels: list[str] = []
        self._hashes: list[tuple[str, ...]] = []
        self._thumbnails: list[bytes] = []
        self.seconds = 0.0

    def add(self, label: str, picture: Picture) -> None:
        started = time.process_time()
        self.labels.append(label)
        self._hashes.append(perceptual_hashes(picture))
        self._thumbnails.append(thumbnail(picture))
        self.seconds += time.process_time() - started

    @property
    def bytes_each(self) -> float:
        return sum(map(len, self._thumbnails)) / len(self._thumbnails)

    def hashes(self) -> NDArray[np.uint8]:
        return hash_bytes(pl.Series([list(one) for one in self._hashes], dtype=pl.List(pl.String)))

    def thumbnails(self, rows: list[int]) -> dict[int, bytes]:
        return {row: self._thumbnails[row] for row in rows}


def tested(data: Path) -> tuple[dict[str, Picture], dict[str, Picture], random.Random]:
    """The test pictures, the other real ones, and what goes on to draw."""
    draw = random.Random(SEED)
    real = real_pictures(data)
    chosen = draw.sample(sorted(real), REAL_TESTS)
    tests = {name: real.pop(name) for name in chosen}
    return tests | {f"drawn-{template}-0": drawn(template, 0) for template in range(DRAWN_TESTS)}, real, draw


def collected(data: Path) -> tuple[Hashed, Hashed]:
    """The test pictures, and the set: a copy of each kind of each of them, and the others."""
    tests, real, draw = tested(data)
    test_set, ours = Hashed(), Hashed()
    for name, picture in tests.items():
        test_set.add(name, picture)
        for way, make in WAYS.items():
            ours.add(f"{way}|{name}", make(picture, draw))
    for name, picture in real.items():
        ours.add(f"other|real {name}", picture)
    for number in range(400):
        ours.add(f"other|drawn {number % DRAWN_TESTS} {number}", drawn(number % DRAWN_TESTS, 1 + number))
    rest = list(real.values())
    for number in range(OTHERS - len(real) - 400):
        ours.add(f"other|window {number}", window(rest, draw))
    return test_set, ours
