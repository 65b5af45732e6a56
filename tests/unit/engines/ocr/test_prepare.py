"""Preparation: a change is kept where it proves itself, and boxes lie on the picture as it was."""

from __future__ import annotations

from functools import cache
from typing import Any, get_args

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from glossator.engines.base import Runtime
from glossator.engines.ocr.prepare import Change, prepared, skew, sureness
from glossator.engines.registry import build
from glossator.recipe import EngineSpec
from glossator.records import Span

Pixels = NDArray[np.uint8]
TEXT = ["CORNER SHOP LIMITED", "Invoice number 4711", "Brown bread 3.20", "Green apples 12.50", "TOTAL 28.00 EUR"]
pytestmark = pytest.mark.model


@cache
def engine() -> Any:
    return build("ocr", EngineSpec(kind="tesseract"), Runtime())


def drawn(size: int = 34) -> Image.Image:
    image = Image.new("RGB", (20 * size, 14 * size), "white")
    font = ImageFont.load_default(size)
    for i, line in enumerate(TEXT):
        ImageDraw.Draw(image).text((2 * size, size * (2 + 2 * i)), line, fill="black", font=font)
    return image


def pixels(image: Image.Image) -> Pixels:
    return np.asarray(image)[:, :, ::-1].copy()


def words(spans: list[Span]) -> set[str]:
    return {word for span in spans for word in span.text.split()} & {word for line in TEXT for word in line.split()}


def read(page: Pixels, *changes: Change) -> tuple[list[Span], tuple[Change, ...]]:
    better = prepared(page, changes, engine().spans)
    return better.back(engine().spans(better.page)), better.done


@pytest.mark.parametrize("angle", [90, 180, 270])
def test_a_page_on_its_side_is_turned_and_boxes_come_back(angle: int) -> None:
    page = pixels(drawn().rotate(angle, expand=True))
    found, done = read(page, "turn")
    assert done == ("turn",)
    assert len(words(found)) >= 13
    height, width = page.shape[:2]
    for span in found:
        x0, y0, x1, y1 = span.box
        assert 0 <= x0 < x1 <= width
        assert 0 <= y0 < y1 <= height
        dark = page[int(y0) : int(y1) + 1, int(x0) : int(x1) + 1].min()
        assert dark < 100, "there is ink in the box"


@pytest.mark.parametrize("angle", [-6, 5])
def test_a_skewed_page_is_levelled(angle: int) -> None:
    image = drawn().rotate(angle, expand=True, fillcolor="white", resample=Image.Resampling.BICUBIC)
    assert skew(np.asarray(image.convert("L"))) == pytest.approx(-angle, abs=0.7)
    found, done = read(pixels(image), "deskew")
    assert len(words(found)) >= 13
    assert done in ((), ("deskew",))


def test_a_shadow_and_faint_ink_are_lit() -> None:
    page = pixels(drawn()).astype(np.float64) * 0.12 + 210
    page *= np.linspace(0.25, 1, page.shape[1])[None, :, None] ** 2
    noisy = np.clip(page + np.random.default_rng(0).normal(0, 1.5, page.shape), 0, 255).astype(np.uint8)
    before, _ = read(noisy)
    found, _ = read(noisy, "light")
    assert len(words(found)) >= len(words(before))


def test_tiny_text_is_enlarged_and_its_boxes_are_those_of_the_small_picture() -> None:
    page = pixels(drawn(9))
    found, done = read(page, "enlarge")
    assert done == ("enlarge",)
    assert len(words(found)) > len(words(read(page)[0]))
    assert max(span.box[2] for span in found) <= page.shape[1]


def test_nothing_is_done_to_a_good_page() -> None:
    _, done = read(pixels(drawn()), *get_args(Change))
    assert done == ()


def test_nothing_is_done_that_does_not_prove_itself() -> None:
    turned = pixels(drawn().rotate(90, expand=True))
    assert prepared(turned, get_args(Change), lambda _page: []).done == ()


def test_pages_without_anything_to_read_are_left_alone() -> None:
    for size in ((300, 200), (1, 1), (3, 900), (40, 40)):
        page = np.full((*size, 3), 255, np.uint8)
        assert prepared(page, get_args(Change), engine().spans).done == ()


def test_doubtful_letters_prove_nothing() -> None:
    box = (0.0, 0.0, 1.0, 1.0)
    assert sureness([Span("much doubtful text", box, 0.4)]) == 0
    assert sureness([Span("sure", box, 1.0)]) == 4
