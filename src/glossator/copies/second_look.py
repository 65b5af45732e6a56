"""Whether two small grey pictures show the same picture: laid over each other first, then compared place by place.

A copy may be re-encoded, resized, cropped by some percent at each side, and recoloured. Two fillings of one form differ
in a few places by much and elsewhere by nothing; a copy differs from its original by a little everywhere. So two things
are asked: how bad the worst places are, and how much worse they are than the usual place.

Places are compared by their fine structure, that is letters and lines: what blurring takes away. Other colours change
how bright whole areas are, but hardly what is printed on them; for the same reason places count for nothing where there
is little ink beside the rest of the page.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from glossator.errors import MissingExtraError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Grid: TypeAlias = "NDArray[np.float32]"
Place: TypeAlias = "NDArray[np.float64]"
UNRELATED = 1.0
_COARSEST, _FIRST_STEPS, _STEPS = 4, 5, 10
_FINER = ((2, 8), (1, 5))  # a scale, and steps at most
# As it is; as if one, or the other, had lost 5 % at each side.
_STARTS = ((0.0, 0.0, 0.0, 0.0), (1 / 9, -1 / 18, 1 / 9, -1 / 18), (-0.1, 0.05, -0.1, 0.05))
_STILL = 2e-4
_FARTHEST_SCALE, _FARTHEST_SHIFT = 0.15, 0.12
_HOPELESS = 0.85  # at the coarsest scale, a copy's correlation is above
_BLUR = 0.7
_COARSE = 2.5  # what is left by a blur of so many pixels is no fine structure
_WINDOW = 14
_NOISE = 1.0  # grey levels that compression alone may put into the fine structure of a flat place
_INK, _MUCH_INK = 0.15, 0.9  # places count that have a seventh of the power of those with much ink (90th percentile)
_FEWEST_WINDOWS = 4
_WORST = 0.99
_EVEN = 0.02


@dataclass(frozen=True, slots=True)
class Look:
    """How two pictures differ.

    Attributes:
        worst: 1 minus the correlation at the worst places (99th percentile of windows with anything in them); 0 where
            they are the same, about 1 where they have nothing in common.
        unevenness: how many times worse that is than the median window.
    """

    worst: float
    unevenness: float


NOTHING_ALIKE = Look(UNRELATED, 0.0)


def look(one: Grid, other: Grid) -> Look:
    """Compares two grey pictures, `[side, side]`, levels 0 to 255.

    Raises:
        MissingExtraError: if SciPy is not installed.
    """
    place = _laid_over(one, other)
    if place is None:
        return NOTHING_ALIKE
    return _windows(one, other, place)


def _laid_over(one: Grid, other: Grid) -> Place | None:
    """Scale and shift of rows and of columns that lay `other` over `one`, in shares of the side; None if hopeless.

    Coarse to fine. Lines of text repeat, so that a picture may come to lie one line off: the coarsest scale is begun
    from several places, and the best of what comes of them is gone on with.
    """
    import numpy as np

    a, b = _smaller(one, _COARSEST), _smaller(other, _COARSEST)
    tried = [_settled(a, b, np.array(start), _FIRST_STEPS) for start in _STARTS]
    place = max(tried, key=lambda place: abs(_correlation(a, _moved(b, place))))
    place = _settled(a, b, place, _STEPS)
    if abs(_correlation(a, _moved(b, place))) < _HOPELESS:
        return None
    for scale, steps in _FINER:
        place = _settled(_smaller(one, scale), _smaller(other, scale), place, steps)
    return place


def _settled(a: Grid, b: Grid, place: Place, steps: int) -> Place:
    """`place` after at most so many Gauss-Newton steps on the squared difference (Lucas and Kanade 1981).

    Gain and offset are unknowns, too, so that brightness and contrast don't matter.
    """
    import numpy as np

    for _ in range(steps):
        step = _step(a, b, place)
        place = place + step
        place[0::2] = place[0::2].clip(-_FARTHEST_SCALE, _FARTHEST_SCALE)
        place[1::2] = place[1::2].clip(-_FARTHEST_SHIFT, _FARTHEST_SHIFT)
        if np.abs(step).max() < _STILL:
            break
    return place


def _step(a: Grid, b: Grid, place: Place) -> Place:
    import numpy as np

    side = len(a)
    moved = _moved(b, place)
    at = _centres(side)
    down, across = np.gradient(moved)
    down, across = down * (side / (1 + place[0])), across * (side / (1 + place[2]))
    slopes = np.stack([down * at[:, None], down, across * at[None], across, moved, np.ones_like(moved)], axis=-1)
    slopes = slopes.reshape(-1, 6).astype(np.float64)
    square = slopes.T @ slopes
    square[np.diag_indices(6)] = square[np.diag_indices(6)] * (1 + 1e-3) + 1e-3
    found: Place = np.linalg.solve(square, slopes.T @ (a - moved).ravel().astype(np.float64))
    return found[:4]


def _windows(one: Grid, other: Grid, place: Place) -> Look:
    """Both pictures' correlation, window by window, where they lie over each other and have anything in them."""
    import numpy as np

    filters = _filters()
    half = _WINDOW // 2

    def mean(grid: Grid) -> Grid:
        averaged: Grid = filters.uniform_filter(grid, _WINDOW)[half::half, half::half]
        return averaged

    a, b = _fine(one), _fine(_moved_finely(other, place))
    mean_a, mean_b = mean(a), mean(b)
    both = mean(_inside(len(one), place)) > 0.999
    power_a, power_b = ((mean(a * a) - mean_a**2).clip(0)[both], (mean(b * b) - mean_b**2).clip(0)[both])
    shared = (mean(a * b) - mean_a * mean_b)[both]
    gain = float(np.sqrt((power_a.sum() + 1e-6) / (power_b.sum() + 1e-6)))
    power_b, shared = power_b * np.float32(gain**2), shared * np.float32(gain)
    power = np.maximum(power_a, power_b)
    busy = power > 4 * _NOISE**2
    if busy.any():
        busy &= power > _INK * np.quantile(power, _MUCH_INK)
    if busy.sum() < _FEWEST_WINDOWS:
        return NOTHING_ALIKE
    noise = _NOISE**2
    apart = (1 - (shared + noise) / np.sqrt((power_a + noise) * (power_b + noise)))[busy]
    worst, usual = float(np.quantile(apart, _WORST)), float(np.median(apart))
    return Look(worst, (worst + _EVEN) / (usual + _EVEN))


def _fine(grid: Grid) -> Grid:
    """What a picture's letters and lines are, without the brightness of the areas that they stand on."""
    filters = _filters()
    smooth = filters.gaussian_filter(grid, _BLUR)
    fine: Grid = smooth - filters.gaussian_filter(smooth, _COARSE)
    return fine


def _smaller(grid: Grid, scale: int) -> Grid:
    """Blurred, and at a coarser scale with fewer pixels."""
    side = len(grid) // scale
    fewer = grid.reshape(side, scale, side, scale).mean(axis=(1, 3)) if scale > 1 else grid
    blurred: Grid = _filters().gaussian_filter(fewer, 1.0)
    return blurred


def _centres(side: int) -> Grid:
    import numpy as np

    return ((np.arange(side) + 0.5) / side).astype(np.float32)


def _moved(grid: Grid, place: Place) -> Grid:
    """The picture stretched and shifted, linearly interpolated; outside of it, its border goes on."""
    rows, columns = _places(len(grid), place)
    return _product(_linear(rows, len(grid)), grid, _linear(columns, len(grid)))


def _moved_finely(grid: Grid, place: Place) -> Grid:
    rows, columns = _places(len(grid), place)
    return _product(_cubic(rows, len(grid)), grid, _cubic(columns, len(grid)))


def _product(rows: Grid, grid: Grid, columns: Grid) -> Grid:
    import numpy as np

    return np.asarray(rows @ grid @ columns.T, dtype=np.float32)


def _inside(side: int, place: Place) -> Grid:
    import numpy as np

    rows, columns = ((line > 0) & (line < 1) for line in _places(side, place))
    inside: Grid = np.outer(rows, columns).astype(np.float32)
    return inside


def _places(side: int, place: Place) -> tuple[Grid, Grid]:
    """Where rows and columns are taken from, in shares of the side."""
    at, stretch = _centres(side), place.astype("float32")
    return at * (1 + stretch[0]) + stretch[1], at * (1 + stretch[2]) + stretch[3]


def _apart(places: Grid, side: int) -> Grid:
    """How many pixels each place is from each pixel of a line, `[places, side]`."""
    import numpy as np

    apart: Grid = np.abs((places * side - 0.5).clip(0, side - 1)[:, None] - np.arange(side, dtype=np.float32))
    return apart


def _linear(places: Grid, side: int) -> Grid:
    return (1 - _apart(places, side)).clip(0)


def _cubic(places: Grid, side: int) -> Grid:
    """The weights of cubic interpolation (Keys 1981, a = -1/2); at the border they are made to sum to 1."""
    import numpy as np

    d = _apart(places, side)
    near, far = 1 - 2.5 * d**2 + 1.5 * d**3, 2 - 4 * d + 2.5 * d**2 - 0.5 * d**3
    weights = np.where(d < 1, near, np.where(d < 2, far, np.float32(0)))
    weights /= weights.sum(axis=1, keepdims=True)
    return weights.astype(np.float32)


def _correlation(a: Grid, b: Grid) -> float:
    import numpy as np

    around_a, around_b = a - a.mean(), b - b.mean()
    power = float((around_a * around_a).sum() * (around_b * around_b).sum())
    return float((around_a * around_b).sum()) / (float(np.sqrt(power)) + 1e-6)


def _filters() -> Any:
    try:
        from scipy import ndimage
    except ImportError:
        raise MissingExtraError("comparing pictures", "copies") from None
    return ndimage
