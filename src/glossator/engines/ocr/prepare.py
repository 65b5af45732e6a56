"""Preparation of pictures that proves itself: a change is kept only where a part of the page then reads better.

For each change, a cheap look at the pixels says whether it is worth a try (a page without skew is not turned). Then the
engine itself reads a part of the page with and without the change; the change stays if the engine is sure of more.
Boxes are given back in the coordinates of the picture as it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from glossator.records import Span

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]  # height x width x 3, blue green red
    Grey = NDArray[np.uint8]  # height x width
    Matrix = NDArray[np.float64]  # 2 x 3: a point of the new picture to one of the old

Change = Literal["turn", "deskew", "light", "enlarge", "smooth"]
View = Literal["plain", "scaled"]
Read = Callable[["Pixels"], Iterable[Span]]

SHRUNK = 0.6  # scale of a scaled view where letters are not tiny
LOOK = 1000  # pixels on the longer side: enough to see lines of text
PART = (900, 500)  # width and height of the part that is read as a proof
SMALLEST = 32  # pixels: nothing is done to thinner pictures
DOUBT = 0.5  # a part that is read with less sureness a letter may stand on its head
GAIN = 1.03  # so much more must be read
LEAST = 5.0  # and so many sure letters more: noise has a few of them any way round
MOST_SKEW = 15.0  # degrees
LEAST_SKEW = 0.6
UNEVEN = 40  # grey levels between the background of the lightest and the darkest tenth of a page
FAINT = 110  # grey levels between background and ink
TINY = 12  # pixels: letters that are lower are read better when they are enlarged (benchmarks/ocr_ensemble.py)
NOISY = 9.0  # grey levels: standard deviation of the noise


@dataclass(frozen=True, slots=True)
class Prepared:
    """A changed picture, and how its points lie in the old one. `done` names the changes that were kept."""

    page: Pixels
    matrix: Matrix
    done: tuple[Change, ...]
    size: tuple[int, int]

    def back(self, spans: Iterable[Span]) -> list[Span]:
        """The spans with boxes in the picture as it was, inside it."""
        if (self.matrix == _still()).all():
            return list(spans)
        return [Span(span.text, box, span.confidence) for span in spans if (box := self._box(span)) is not None]

    def _box(self, span: Span) -> tuple[float, float, float, float] | None:
        import numpy as np

        x0, y0, x1, y1 = span.box
        corners = np.array([[x0, y0, 1], [x1, y0, 1], [x1, y1, 1], [x0, y1, 1]]) @ self.matrix.T
        (left, top), (right, bottom) = corners.min(axis=0).tolist(), corners.max(axis=0).tolist()
        width, height = self.size
        box = (max(0.0, left), max(0.0, top), min(float(width), right), min(float(height), bottom))
        return box if box[0] < box[2] and box[1] < box[3] else None


def prepared(page: Pixels, changes: Sequence[Change], read: Read) -> Prepared:
    """The page with those of `changes` that prove themselves, in their order."""
    import numpy as np

    now = Prepared(page, _still(), (), (page.shape[1], page.shape[0]))
    for change in changes:
        best = _best(now.page, _candidates(change, now.page), read, doubt=change == "turn")
        if best is not None:
            whole = now.matrix @ np.vstack([best[1], [0, 0, 1]])
            now = Prepared(best[0], whole, (*now.done, change), now.size)
    return now


def seen(page: Pixels, view: View) -> Prepared:
    """The page as a view has it. A scaled one enlarges tiny letters twice and shrinks others: another look at them."""
    import cv2
    import numpy as np

    picture, matrix = page, _still()
    if view == "scaled" and min(page.shape[:2]) >= SMALLEST:
        if letter_height(cv2.cvtColor(page, cv2.COLOR_BGR2GRAY)) < TINY:
            picture, matrix = _enlarged(page)
        else:
            smaller = cv2.resize(page, None, fx=SHRUNK, fy=SHRUNK, interpolation=cv2.INTER_AREA)
            picture, matrix = np.asarray(smaller, dtype=np.uint8), matrix / SHRUNK
    return Prepared(picture, matrix, (), (page.shape[1], page.shape[0]))


# The proof


def _best(
    old: Pixels, candidates: Sequence[tuple[Pixels, Matrix]], read: Read, *, doubt: bool
) -> tuple[Pixels, Matrix] | None:
    """The candidate of which the engine is sure of most, on the part with most ink; None if that is the old picture.

    With `doubt`, a picture without candidates that reads badly may stand on its head, or lie on its side all the same.
    """
    if not candidates and not (doubt and min(old.shape[:2]) >= SMALLEST):
        return None
    x, y, width, height = _part(old)
    before = list(read(old[y : y + height, x : x + width]))
    if not candidates:
        if sureness(before) > DOUBT * sum(map(str.isalnum, "".join(span.text for span in before))):
            return None
        candidates = [_on_its_head(old), *_turned(old)]
    scores = [sureness(read(_same_part(new, matrix, (x, y, width, height)))) for new, matrix in candidates]
    best = max(range(len(scores)), key=scores.__getitem__)
    return candidates[best] if scores[best] > GAIN * sureness(before) + LEAST else None


def _same_part(new: Pixels, matrix: Matrix, part: tuple[int, int, int, int]) -> Pixels:
    """What a part of the old picture became in the new one."""
    import numpy as np

    x, y, width, height = part
    corners = np.array([[x, y], [x + width, y], [x + width, y + height], [x, y + height]], dtype=np.float64)
    there = (corners - matrix[:, 2]) @ np.linalg.inv(matrix[:, :2]).T
    (left, top), (right, bottom) = there.min(axis=0), there.max(axis=0)
    return new[max(0, int(top)) : int(np.ceil(bottom)), max(0, int(left)) : int(np.ceil(right))]


def sureness(spans: Iterable[Span]) -> float:
    """Letters and digits that were read, each with its confidence over a half; what is doubtful counts nothing."""
    return sum(
        max(0.0, 2 * span.confidence - 1) * sum(map(str.isalnum, span.text)) for span in spans if len(span.text) > 1
    )


def _part(page: Pixels) -> tuple[int, int, int, int]:
    """Left, top, width and height of the part with most edges."""
    import cv2

    height, width = page.shape[:2]
    wide, high = min(width, PART[0]), min(height, PART[1])
    grey = cv2.cvtColor(page, cv2.COLOR_BGR2GRAY)
    edges = cv2.integral(cv2.convertScaleAbs(cv2.Laplacian(grey, cv2.CV_16S)))
    places = [(x, y) for y in _steps(height, high) for x in _steps(width, wide)]

    def ink(place: tuple[int, int]) -> float:
        x, y = place
        return float(edges[y + high, x + wide] - edges[y, x + wide] - edges[y + high, x] + edges[y, x])

    x, y = max(places, key=ink)
    return x, y, wide, high


def _steps(length: int, part: int) -> list[int]:
    return sorted({*range(0, length - part + 1, max(1, part // 3)), length - part})


# What is worth a try


def _candidates(change: Change, page: Pixels) -> list[tuple[Pixels, Matrix]]:
    import cv2

    height, width = page.shape[:2]
    if min(height, width) < SMALLEST:
        return []
    scale = min(1.0, LOOK / max(height, width))
    grey = cv2.cvtColor(page, cv2.COLOR_BGR2GRAY)
    small = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    if change == "turn":
        return _turned(page) if _lies_on_its_side(small) else []
    if change == "deskew":
        angle = skew(small)
        return [_rotated(page, angle)] if LEAST_SKEW <= abs(angle) <= MOST_SKEW else []
    if change == "light":
        return [_lit(page)] if _is_badly_lit(small) else []
    if change == "smooth":
        return [_smoothed(page)] if noise(grey) > NOISY else []
    return [_enlarged(page)] if letter_height(grey) < TINY else []


def _still() -> Matrix:
    import numpy as np

    return np.array([[1.0, 0, 0], [0, 1.0, 0]])


def _lies_on_its_side(grey: Grey) -> bool:
    """Text has gaps between its lines: the ink of rows varies more than that of columns, unless the page is turned."""
    import cv2

    ink = _ink(grey)
    # Letters of a word become one bar along either direction, which only lines of text survive.
    along = cv2.morphologyEx(ink, cv2.MORPH_CLOSE, cv2.getStructuringElement(cv2.MORPH_RECT, (15, 1)))
    across = cv2.morphologyEx(ink, cv2.MORPH_CLOSE, cv2.getStructuringElement(cv2.MORPH_RECT, (1, 15)))
    rows = _sharpness(along.mean(axis=1))
    columns = _sharpness(across.mean(axis=0))
    return columns > rows


def _turned(page: Pixels) -> list[tuple[Pixels, Matrix]]:
    """The page turned left and turned right."""
    import cv2
    import numpy as np

    height, width = page.shape[:2]
    clockwise = cv2.rotate(page, cv2.ROTATE_90_CLOCKWISE)  # new (x, y) was old (y, height - x)
    other = cv2.rotate(page, cv2.ROTATE_90_COUNTERCLOCKWISE)  # new (x, y) was old (width - y, x)
    return [
        (clockwise, np.array([[0, 1.0, 0], [-1.0, 0, height]])),
        (other, np.array([[0, -1.0, width], [1.0, 0, 0]])),
    ]


def _on_its_head(page: Pixels) -> tuple[Pixels, Matrix]:
    import cv2
    import numpy as np

    height, width = page.shape[:2]
    turned = np.asarray(cv2.rotate(page, cv2.ROTATE_180), dtype=np.uint8)
    return turned, np.array([[-1.0, 0, width], [0, -1.0, height]])


def skew(grey: Grey) -> float:
    """By how many degrees lines of text fall to the right; 0 where nothing tells.

    The angle at which the ink of rows varies most (projection profiles, Postl 1986), coarse first.
    """
    import cv2
    import numpy as np

    ink = _ink(grey)
    height, width = ink.shape

    def sharp(angle: float) -> float:
        matrix = cv2.getRotationMatrix2D((width / 2, height / 2), angle, 1.0)
        return _sharpness(cv2.warpAffine(ink, matrix, (width, height)).mean(axis=1))

    coarse = np.arange(-MOST_SKEW, MOST_SKEW + 1, 1.0)
    best = max(coarse, key=sharp)
    best = max(np.arange(best - 0.8, best + 0.81, 0.2), key=sharp)
    return float(best) if sharp(float(best)) > 1.1 * sharp(0.0) else 0.0


def _sharpness(profile: NDArray[np.float64]) -> float:
    import numpy as np

    return float(np.square(np.diff(profile)).mean())


def _ink(grey: Grey) -> Grey:
    """255 where the picture is much darker or lighter than around."""
    import cv2
    import numpy as np

    around = cv2.medianBlur(grey, 31)
    apart = cv2.absdiff(grey, around)
    _, ink = cv2.threshold(apart, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    return np.asarray(ink, dtype=np.uint8)


def _rotated(page: Pixels, angle: float) -> tuple[Pixels, Matrix]:
    """The whole page turned by `angle` degrees, on a larger sheet."""
    import cv2
    import numpy as np

    height, width = page.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), angle, 1.0)
    cos, sin = abs(matrix[0, 0]), abs(matrix[0, 1])
    wide, high = int(height * sin + width * cos), int(height * cos + width * sin)
    matrix[:, 2] += (wide / 2 - width / 2, high / 2 - height / 2)
    turned = cv2.warpAffine(page, matrix, (wide, high), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return turned, np.asarray(cv2.invertAffineTransform(matrix))


def _background(grey: Grey) -> Grey:
    import cv2
    import numpy as np

    lightest = cv2.dilate(grey, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (15, 15)))
    return np.asarray(cv2.medianBlur(lightest, 31), dtype=np.uint8)


def _is_badly_lit(grey: Grey) -> bool:
    """Whether the paper is lit unevenly, or ink hardly differs from it."""
    import numpy as np

    paper = _background(grey)
    dark, light = np.percentile(paper, (10, 90))
    if light < 90:  # light text on dark
        return False
    contrast = np.percentile(paper.astype(np.int16) - grey, 99)
    return bool(light - dark > UNEVEN or contrast < FAINT)


def _lit(page: Pixels) -> tuple[Pixels, Matrix]:
    """The page as on white paper: divided by its background, its contrast stretched."""
    import cv2
    import numpy as np

    grey = cv2.cvtColor(page, cv2.COLOR_BGR2GRAY)
    scale = min(1.0, LOOK / max(grey.shape))
    small = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    paper = cv2.GaussianBlur(_background(small), (0, 0), 7)
    paper = cv2.resize(paper, (grey.shape[1], grey.shape[0]), interpolation=cv2.INTER_LINEAR)
    flat = np.minimum(255.0, grey * 255.0 / np.maximum(paper, 1))
    low = float(np.percentile(flat, 0.5))
    stretched = np.clip((flat - low) * 255.0 / max(1.0, 255.0 - low), 0, 255).astype(np.uint8)
    return cv2.cvtColor(stretched, cv2.COLOR_GRAY2BGR), _still()


def noise(grey: Grey) -> float:
    """Standard deviation of the noise in grey levels (Immerkaer 1996), from a robust mean that ink does not sway."""
    import cv2
    import numpy as np

    kernel = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], dtype=np.float32)
    return float(np.median(np.abs(cv2.filter2D(grey.astype(np.float32), -1, kernel)))) / (6 * 0.6745)


def _smoothed(page: Pixels) -> tuple[Pixels, Matrix]:
    import cv2

    return cv2.bilateralFilter(cv2.medianBlur(page, 3), 5, 40, 3), _still()


def letter_height(grey: Grey) -> float:
    """Median height in pixels of what looks like letters; infinite where there are none."""
    import cv2
    import numpy as np

    calm = cv2.medianBlur(cv2.medianBlur(grey, 3), 3) if noise(grey) > NOISY else grey
    _, _, stats, _ = cv2.connectedComponentsWithStats(_ink(np.asarray(calm, dtype=np.uint8)))
    boxes = stats[1:]
    wide, high = boxes[:, cv2.CC_STAT_WIDTH], boxes[:, cv2.CC_STAT_HEIGHT]
    letters = high[(high >= 4) & (high <= 80) & (wide >= 2) & (wide <= 3 * high) & (boxes[:, cv2.CC_STAT_AREA] >= 6)]
    return float(np.median(letters)) if len(letters) >= 10 else float("inf")


def _enlarged(page: Pixels) -> tuple[Pixels, Matrix]:
    import cv2

    return cv2.resize(page, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC), _still() * 0.5
