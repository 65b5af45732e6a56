"""Copies pass the second look; other pages, and the same page filled otherwise, don't."""

from __future__ import annotations

import pytest
from PIL import Image, ImageDraw

from copies_kit import RULE, WAYS, receipt, seen
from glossator.copies.pictures import THUMBNAIL_SIDE, pixels, thumbnail


@pytest.mark.parametrize("way", WAYS)
def test_a_copy_is_told(way: str) -> None:
    original = receipt("CORNER SHOP", 1)
    assert RULE.same(seen(original, WAYS[way](original)))
    assert RULE.same(seen(WAYS[way](original), original))


@pytest.mark.parametrize("seed", range(2, 8))
def test_another_receipt_of_the_same_shop_is_no_copy(seed: int) -> None:
    assert not RULE.same(seen(receipt("CORNER SHOP", 1), receipt("CORNER SHOP", seed)))
    assert not RULE.same(seen(receipt("CORNER SHOP", 1), WAYS["everything"](receipt("CORNER SHOP", seed))))


def test_one_changed_line_makes_another_page() -> None:
    original = receipt("CORNER SHOP", 1)
    changed = original.copy()
    pen = ImageDraw.Draw(changed)
    pen.rectangle((290, 184, 400, 218), "#fdfdfb")
    assert seen(original, original.copy()).worst < 0.01
    assert not RULE.same(seen(original, changed))


def test_blank_pages_tell_nothing() -> None:
    blank = Image.new("RGB", (300, 400), "white")
    assert not RULE.same(seen(blank, blank.copy()))
    assert not RULE.same(seen(blank, receipt("CORNER SHOP", 1)))


def test_a_look_is_the_same_each_time() -> None:
    one, other = receipt("CORNER SHOP", 1), receipt("CORNER SHOP", 2)
    assert seen(one, other) == seen(one, other)
    assert pixels(thumbnail(one)).shape == (THUMBNAIL_SIDE, THUMBNAIL_SIDE)
