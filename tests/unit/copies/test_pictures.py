"""What is kept of a picture."""

from __future__ import annotations

import numpy as np
from PIL import Image

from copies_kit import cropped, receipt
from glossator.copies.pictures import BITS, CROPS, THUMBNAIL_SIDE, packed, perceptual_hashes, pixels, thumbnail


def differing(one: str, other: str) -> int:
    return int(np.unpackbits(packed([one]) ^ packed([other])).sum())


def test_one_hash_a_crop_the_whole_first() -> None:
    page = receipt("SHOP", 1)
    hashes = perceptual_hashes(page)
    assert len(hashes) == len(CROPS)
    assert all(len(one) * 4 == BITS for one in hashes)
    assert packed(list(hashes)).shape == (len(CROPS), BITS // 8)
    whole = perceptual_hashes(cropped(0.05, 0.05, 0.05, 0.05)(page))[0]
    assert differing(whole, hashes[CROPS.index((1, 1, 1, 1))]) < differing(whole, hashes[0])


def test_size_colour_mode_and_transparency_do_not_matter() -> None:
    page = receipt("SHOP", 1)
    first = perceptual_hashes(page)[0]
    grey = page.convert("L")
    for other in (grey, page.convert("RGBA"), page.convert("P"), grey.convert("I"), page.resize((2000, 300))):
        assert differing(first, perceptual_hashes(other)[0]) <= 40


def test_the_small_picture_is_small_and_square_whatever_the_shape() -> None:
    for size in ((1, 1), (1, 5_000), (3_000, 2)):
        small = thumbnail(Image.new("RGB", size, "white"))
        assert pixels(small).shape == (THUMBNAIL_SIDE, THUMBNAIL_SIDE)
        assert pixels(small).min() > 250
        assert len(small) < 1_000
