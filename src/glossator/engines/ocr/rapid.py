"""OCR engine `rapidocr`: PP-OCRv6 on ONNX Runtime, with the models that come inside its wheel. Nothing is downloaded.

Detection and recognition are called separately, because both can be had faster and better than in rapidocr's own loop:
pages are scaled and cut into tiles so that memory stays bounded, and lines of like length are recognised together, so
that none is padded (padding costs time, and makes the recogniser read worse).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import ceil, sqrt
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, ClassVar, Self

from pydantic import Field

from glossator.engines.base import Runtime, Step
from glossator.engines.ocr.pages import PageReader, ReaderSpec, plain
from glossator.errors import MissingExtraError
from glossator.records import Box, Span
from glossator.text import one_line

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]  # height x width x 3, blue green red, as OpenCV has it
    Polygon = NDArray[np.float32]  # 4 x 2: the corners of one line of text, clockwise from the top left

MODELS = {
    "Det": "PP-OCRv6_det_small.onnx",
    "Cls": "ch_ppocr_mobile_v2.0_cls_mobile.onnx",
    "Rec": "PP-OCRv6_rec_small.onnx",
}
SHORT_SIDE = 736  # the detector misses small print on smaller pages, so they are scaled up to this
LONG_SIDE = 2000  # and larger pages are scaled down to this
SLENDER = 2.5  # longer pages (height to width, or width to height) are cut into tiles instead
SEAM = 200  # pixels by which tiles overlap: more than a line is high
MAX_AREA = 4_000_000  # pixels that the detector sees at once
MAX_ZOOM = 4.0
THINNEST = 64  # pixels; a thinner strip is padded, as the detector works in steps of 32
CROP_HEIGHT = 96  # lines are scaled down to this smoothly; the recogniser takes 48
ALIKE = 1.08  # lines of one batch differ in shape by at most this factor
BATCH = 8
TALL = 1.5  # a crop so much higher than wide is a line that stands upright: rapidocr lays it on its side
VOTERS = 5


class RapidOcrSpec(ReaderSpec):
    """Which text the engine `rapidocr` reports."""

    kind: str = "rapidocr"
    min_confidence: float = Field(
        0.5, ge=0, le=1, description="Lines that the recogniser is less sure of are left out."
    )


class RapidOcrEngine(PageReader):
    """Reads printed text; Latin and East Asian scripts."""

    Spec: ClassVar[type[RapidOcrSpec]] = RapidOcrSpec
    version: ClassVar[int] = 1
    local_cpu: ClassVar[bool] = True
    name: ClassVar[str] = "rapidocr"
    model_files: ClassVar[dict[str, str]] = MODELS

    def __init__(self, spec: RapidOcrSpec, rapid: Any) -> None:
        super().__init__(spec)
        self._min_confidence = spec.min_confidence
        self._rapid = rapid

    @classmethod
    def parallelism(cls, cores: int) -> tuple[int, int]:
        """One process a core: decoding, cropping and scaling keep one thread busy only (see benchmarks/ocr.py)."""
        return cores, 1

    @classmethod
    def identity(cls, spec: Any, step: Step) -> dict[str, Any]:
        """Spec, models and version."""
        return {"spec": plain(spec), "models": cls.model_files, "version": cls.version, "step": step}

    @classmethod
    def model_paths(cls, scratch: Path) -> dict[str, str]:  # noqa: ARG003 - for models that need another form
        """Files of the models, by rapidocr's names of its settings.

        `scratch` is a folder that lives until they are loaded. Raises `MissingExtraError` if they are not there.
        """
        import rapidocr

        folder = Path(rapidocr.__file__).parent / "models"
        return {f"{part}.model_path": str(folder / name) for part, name in cls.model_files.items()}

    @classmethod
    def build(cls, spec: Any, runtime: Runtime) -> Self:
        """Load the models. Raises `MissingExtraError` if rapidocr is not installed."""
        try:
            import cv2
            import numpy as np
            import rapidocr
        except ModuleNotFoundError as error:
            raise MissingExtraError(f"the OCR engine '{cls.name}'", "embedded") from error
        cv2.setNumThreads(runtime.threads)
        params: dict[str, Any] = {
            "Global.log_level": "critical",
            "Global.text_score": 0.0,
            "Global.max_side_len": LONG_SIDE * 100,  # scaling and padding are done here, within bounds
            "Global.min_side_len": 1,
            "Global.use_vertical_padding": False,
            "Det.limit_type": "max",
            "Det.limit_side_len": LONG_SIDE * 100,
            "Rec.rec_batch_num": BATCH,
            "Rec.rec_img_shape": [3, 48, 48],  # the width is the least that a line is padded to
            "EngineConfig.onnxruntime.intra_op_num_threads": runtime.threads,
            "EngineConfig.onnxruntime.inter_op_num_threads": 1,
            # Memory is kept from page to page: a sixth less time, and hardly a higher peak.
            "EngineConfig.onnxruntime.enable_cpu_mem_arena": True,
        }
        with TemporaryDirectory() as scratch:
            rapid = rapidocr.RapidOCR(params=params | cls.model_paths(Path(scratch)))
            rapid.recognize_txt([np.full((48, 48, 3), 255, np.uint8)])  # loads the recogniser, which else waits
        return cls(spec, rapid)

    def _spans(self, page: Pixels) -> Iterator[Span]:
        polygons = self._detect(page)
        crops = self._upright([_crop(page, polygon) for polygon in polygons], polygons)
        height, width = page.shape[:2]
        for polygon, (text, confidence) in zip(polygons, self._recognise(crops), strict=True):
            text = one_line(text)
            if text and confidence >= self._min_confidence:
                yield Span(text, _box(polygon, width, height), round(min(1.0, confidence), 4))

    def _detect(self, page: Pixels) -> list[Polygon]:
        """The lines of text on `page`, in its pixels."""
        import cv2

        scale = page_scale(page.shape[1], page.shape[0])
        small = page if scale >= 1 else cv2.resize(page, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        found: list[list[Polygon]] = []
        for left, top, right, bottom in tiles(small.shape[1], small.shape[0]):
            tile = small[top:bottom, left:right]
            zoom = tile_scale(tile.shape[1], tile.shape[0])
            if zoom > 1:
                tile = cv2.resize(tile, None, fx=zoom, fy=zoom)
            missing = [max(0, THINNEST - side) for side in tile.shape[:2]]
            if any(missing):
                tile = cv2.copyMakeBorder(tile, 0, missing[0], 0, missing[1], cv2.BORDER_REPLICATE)
            result = self._rapid(tile, use_det=True, use_cls=False, use_rec=False)
            boxes = () if result.boxes is None else result.boxes
            found.append([(box / zoom + (left, top)) / min(scale, 1.0) for box in boxes])
        return merged(found)

    def _upright(self, crops: list[Pixels], polygons: Sequence[Polygon]) -> list[Pixels]:
        """The crops with those turned round that stand on their head.

        Asked of every line, the classifier errs on short ones. So it is asked about lines that stand upright in the
        image, each for itself, and about the longest others, which vote for all of them.
        """
        import cv2

        tall = [i for i, polygon in enumerate(polygons) if _is_tall(polygon)]
        flat = sorted(set(range(len(crops))) - set(tall), key=lambda i: -crops[i].shape[1] / crops[i].shape[0])
        asked = tall + flat[:VOTERS]
        if not asked:
            return crops
        _, answer = self._rapid.cls_and_rotate([crops[i] for i in asked])
        headlong = [
            i for i, (label, score) in zip(asked, answer.cls_res, strict=True) if label == "180" and score > 0.9
        ]
        turned = [i for i in headlong if i in set(tall)]
        if len(headlong) - len(turned) > len(flat[:VOTERS]) / 2:
            turned += flat
        for i in turned:
            crops[i] = cv2.rotate(crops[i], cv2.ROTATE_180)
        return crops

    def _recognise(self, crops: Sequence[Pixels]) -> list[tuple[str, float]]:
        """Text and confidence of each crop."""
        texts = [("", 0.0)] * len(crops)
        for batch in batches([crop.shape[1] / crop.shape[0] for crop in crops]):
            result = self._rapid.recognize_txt([crops[i] for i in batch])
            for i, text, score in zip(batch, result.txts, result.scores, strict=True):
                texts[i] = (text, float(score))
        return texts


# Geometry


def page_scale(width: int, height: int) -> float:
    """By how much a page is scaled down; at least 1 means not at all. A slender page only has to be narrow enough."""
    short, long = sorted((width, height))
    return LONG_SIDE / (short if long > SLENDER * short else long)


def tile_scale(width: int, height: int) -> float:
    """By how much a tile is scaled up so that the detector sees small print."""
    return max(1.0, min(SHORT_SIDE / min(width, height), sqrt(MAX_AREA / (width * height)), MAX_ZOOM))


def tiles(width: int, height: int) -> list[tuple[int, int, int, int]]:
    """Left, top, right and bottom of the tiles that cover a page: one, unless the page is long. Neighbours overlap."""
    return [(left, top, right, bottom) for top, bottom in _stretches(height) for left, right in _stretches(width)]


def _stretches(length: int) -> list[tuple[int, int]]:
    count = max(1, ceil((length - SEAM) / (LONG_SIDE - SEAM)))
    step = (length - SEAM) / count
    ends = [round(i * step) for i in range(count)] + [length - SEAM]
    return [(start, min(length, end + SEAM)) for start, end in pairwise(ends)]


def merged(found: Sequence[Sequence[Polygon]]) -> list[Polygon]:
    """Polygons of all tiles; a line that two tiles saw, whole or in part, becomes one."""
    import numpy as np

    kept: list[tuple[int, Polygon]] = []
    for number, polygons in enumerate(found):
        for polygon in polygons:
            twin = next((i for i, (tile, other) in enumerate(kept) if tile != number and _same(other, polygon)), None)
            if twin is None:
                kept.append((number, polygon))
                continue
            corners = np.concatenate([kept[twin][1], polygon])
            (x0, y0), (x1, y1) = corners.min(axis=0), corners.max(axis=0)
            kept[twin] = (number, np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], dtype=np.float32))
    return [np.asarray(polygon, dtype=np.float32) for _, polygon in kept]


def _same(one: Polygon, other: Polygon) -> bool:
    """Whether two polygons lie on one line and touch each other."""
    (ax0, ay0), (ax1, ay1) = one.min(axis=0), one.max(axis=0)
    (bx0, by0), (bx1, by1) = other.min(axis=0), other.max(axis=0)
    beside = min(ax1, bx1) - max(ax0, bx0)
    level = min(ay1, by1) - max(ay0, by0)
    return bool(beside > 0 and level > 0.6 * min(ay1 - ay0, by1 - by0))


def batches(shapes: Sequence[float]) -> Iterator[list[int]]:
    """Indexes of crops grouped by their shape (width by height), so that hardly any padding is needed."""
    batch: list[int] = []
    for i in sorted(range(len(shapes)), key=lambda i: shapes[i]):
        if batch and (len(batch) == BATCH or shapes[i] > ALIKE * max(1.0, shapes[batch[0]])):
            yield batch
            batch = []
        batch.append(i)
    if batch:
        yield batch


def _crop(page: Pixels, polygon: Polygon) -> Pixels:
    """The line of text as an upright picture."""
    import cv2
    from rapidocr.utils.process_img import get_rotate_crop_image

    crop: Pixels = get_rotate_crop_image(page, polygon.copy())
    if crop.shape[0] > CROP_HEIGHT:
        width = max(1, round(crop.shape[1] * CROP_HEIGHT / crop.shape[0]))
        crop = cv2.resize(crop, (width, CROP_HEIGHT), interpolation=cv2.INTER_AREA)
    return crop


def _is_tall(polygon: Polygon) -> bool:
    (x0, y0), (x1, y1) = polygon.min(axis=0), polygon.max(axis=0)
    return bool(y1 - y0 >= TALL * (x1 - x0))


def _box(polygon: Polygon, width: int, height: int) -> Box:
    """The polygon's upright box, inside the page."""
    (x0, y0), (x1, y1) = polygon.min(axis=0).tolist(), polygon.max(axis=0).tolist()
    return (max(0.0, x0), max(0.0, y0), min(float(width), x1), min(float(height), y1))
