"""What is kept of a picture so that copies of it are found without its pixels: hashes and a small grey picture.

The hashes (pHash by the library ImageHash, 256 bits) say fast which pictures may be copies. Pages of text all look
alike, so that a second look at the small pictures decides (see `second_look`).
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from PIL import Image

from glossator.errors import MissingExtraError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BITS = 256
HASH_SIDE = 16
THUMBNAIL_SIDE = 192
THUMBNAIL_QUALITY = 80
CROPPED = 0.05
# A picture's hash changes when its border is cut off. So each picture is hashed whole and with borders cut off (left,
# top, right, bottom): a cropped copy, whole, then resembles one of these, and what it was cropped from likewise. Three
# sides are left out: such a copy resembles those of two sides and of four.
CROPS = (
    (0, 0, 0, 0), (1, 1, 1, 1),
    (1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1),
    (1, 1, 0, 0), (0, 0, 1, 1), (1, 0, 0, 1), (0, 1, 1, 0), (1, 0, 1, 0), (0, 1, 0, 1),
)  # fmt: skip
_WORKING_SIDE = 256


def perceptual_hashes(picture: Image.Image) -> tuple[str, ...]:
    """One hash for each of `CROPS`, as 64 hexadecimal digits; the first is that of the whole picture.

    Raises:
        MissingExtraError: if ImageHash is not installed.
    """
    try:
        from imagehash import phash
    except ImportError:
        raise MissingExtraError("hashing pictures", "copies") from None
    small = grey(picture, _WORKING_SIDE)
    cut = round(CROPPED * _WORKING_SIDE)
    far = _WORKING_SIDE
    boxes = [(left * cut, top * cut, far - right * cut, far - bottom * cut) for left, top, right, bottom in CROPS]
    return tuple(str(phash(small.crop(box), hash_size=HASH_SIDE)) for box in boxes)


def thumbnail(picture: Image.Image) -> bytes:
    """A grey picture of 192 x 192 pixels, whatever the picture's own shape, as WebP (some 3 KB for a page)."""
    file = io.BytesIO()
    grey(picture, THUMBNAIL_SIDE).save(file, "WEBP", quality=THUMBNAIL_QUALITY)
    return file.getvalue()


def pixels(thumbnail: bytes) -> NDArray[np.float32]:
    """The grey levels (0 to 255) of a thumbnail, `[192, 192]`."""
    import numpy as np

    with Image.open(io.BytesIO(thumbnail), formats=("WEBP",)) as image:
        return np.asarray(image.convert("L"), dtype=np.float32)


def grey(picture: Image.Image, side: int) -> Image.Image:
    """The picture's luminance on a square of `side` pixels."""
    return picture.convert("L").resize((side, side), Image.Resampling.BICUBIC)


def packed(hashes: list[str]) -> NDArray[np.uint8]:
    """Hashes as bytes, `[n, 32]`."""
    import numpy as np

    return np.frombuffer(bytes.fromhex("".join(hashes)), dtype=np.uint8).reshape(-1, BITS // 8)
