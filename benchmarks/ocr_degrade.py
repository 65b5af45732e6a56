"""Pictures made worse, each with the way its points take. Used by ocr_ensemble.py; deterministic."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Matrix = NDArray[np.float64]  # 2 x 3: a point of the degraded picture to one of the clean one
STILL: Matrix = np.array([[1.0, 0, 0], [0, 1.0, 0]])


def blur(page: Pixels, high: float, _rng: random.Random) -> tuple[Pixels, Matrix]:
    return _pixels(cv2.GaussianBlur(page, (0, 0), 0.09 * high)), STILL


def jpeg(page: Pixels, _high: float, _rng: random.Random) -> tuple[Pixels, Matrix]:
    _, data = cv2.imencode(".jpg", page, [cv2.IMWRITE_JPEG_QUALITY, 10])
    return _pixels(cv2.imdecode(data, cv2.IMREAD_COLOR)), STILL


def noise(page: Pixels, _high: float, rng: random.Random) -> tuple[Pixels, Matrix]:
    grain = np.random.default_rng(rng.getrandbits(32)).normal(0, 40, page.shape[:2])
    return _pixels(np.clip(page + grain[..., None], 0, 255)), STILL


def skew(page: Pixels, _high: float, rng: random.Random) -> tuple[Pixels, Matrix]:
    """By 3 to 8 degrees either way."""
    height, width = page.shape[:2]
    angle = rng.choice((-1, 1)) * rng.uniform(3, 8)
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), angle, 1.0)
    cos, sin = abs(matrix[0, 0]), abs(matrix[0, 1])
    wide, tall = int(height * sin + width * cos), int(height * cos + width * sin)
    matrix[:, 2] += (wide / 2 - width / 2, tall / 2 - height / 2)
    turned = cv2.warpAffine(page, matrix, (wide, tall), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return _pixels(turned), np.asarray(cv2.invertAffineTransform(matrix))


def turn(page: Pixels, _high: float, rng: random.Random) -> tuple[Pixels, Matrix]:
    """By 90 degrees either way."""
    height, width = page.shape[:2]
    if rng.random() < 0.5:
        return _pixels(cv2.rotate(page, cv2.ROTATE_90_CLOCKWISE)), np.array([[0, 1.0, 0], [-1.0, 0, height]])
    return _pixels(cv2.rotate(page, cv2.ROTATE_90_COUNTERCLOCKWISE)), np.array([[0, -1.0, width], [1.0, 0, 0]])


def shadow(page: Pixels, _high: float, rng: random.Random) -> tuple[Pixels, Matrix]:
    """Half the contrast, and a shadow with a soft edge across the page, a quarter as light."""
    height, width = page.shape[:2]
    y, x = np.mgrid[0:height, 0:width]
    slope = rng.uniform(-0.6, 0.6)
    side = (x - width * rng.uniform(0.35, 0.65) + slope * (y - height / 2)) / (0.06 * width)
    light = 0.25 + 0.75 / (1 + np.exp(-side * rng.choice((-1, 1))))
    return _pixels((page * 0.5 + 100) * light[..., None]), STILL


def small(page: Pixels, high: float, _rng: random.Random) -> tuple[Pixels, Matrix]:
    """Lines 10 pixels high."""
    scale = min(1.0, 10 / high)
    return _pixels(cv2.resize(page, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)), STILL / scale


def _pixels(page: Any) -> Pixels:
    return np.asarray(page).astype(np.uint8)


WAYS: dict[str, Callable[[Pixels, float, random.Random], tuple[Pixels, Matrix]]] = {
    "clean": lambda page, _high, _rng: (page, STILL),
    "blur": blur,
    "jpeg": jpeg,
    "noise": noise,
    "skew": skew,
    "turn": turn,
    "shadow": shadow,
    "small": small,
}


def degraded(page: Pixels, way: str, high: float, image: str) -> tuple[Pixels, Matrix]:
    """The page made worse; `high` is the height of its lines in pixels, `image` the seed."""
    return WAYS[way](page, high, random.Random(f"{image}/{way}"))
