"""OCR engine `tesseract`: Tesseract 5 inside the process, by tesserocr, whose wheel holds the library.

Its words are joined to pieces of lines: words of one line that stand apart by more than a blank or two are pieces of
their own, as in tables and receipts.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from pydantic import Field

from glossator.engines.base import Runtime, Step
from glossator.engines.ocr.pages import PageReader, ReaderSpec, plain
from glossator.errors import MissingExtraError, UsageError
from glossator.records import Box, Span
from glossator.text import one_line

if TYPE_CHECKING:
    from glossator.engines.ocr.pages import Pixels

APART = 1.2  # words further apart than this many heights of the line are no neighbours
PLACES = ("/usr/share/tesseract-ocr/5/tessdata", "/usr/share/tesseract-ocr/4.00/tessdata", "/usr/share/tessdata")
Word = tuple[str, Box, float]


class TesseractSpec(ReaderSpec):
    """How Tesseract reads."""

    kind: str = "tesseract"
    language: str = Field("eng", min_length=1, description="Languages by Tesseract's names, such as eng or deu+eng.")
    layout: Literal["auto", "column", "block", "sparse"] = Field(
        "sparse", description="How the page is cut up: by itself, one column, one block, or text anywhere."
    )
    min_confidence: float = Field(0.3, ge=0, le=1, description="Words that it is less sure of are left out.")


class TesseractEngine(PageReader):
    """Reads printed text in the languages whose data is installed."""

    Spec: ClassVar[type[TesseractSpec]] = TesseractSpec
    version: ClassVar[int] = 1
    local_cpu: ClassVar[bool] = True
    name: ClassVar[str] = "tesseract"

    def __init__(self, spec: TesseractSpec, api: Any) -> None:
        super().__init__(spec)
        self._min_confidence = spec.min_confidence
        self._api = api

    @classmethod
    def parallelism(cls, cores: int) -> tuple[int, int]:
        """One process a core: Tesseract's own threads are worth little."""
        return cores, 1

    @classmethod
    def identity(cls, spec: Any, step: Step) -> dict[str, Any]:
        """Spec and version."""
        return {"spec": plain(spec), "version": cls.version, "step": step}

    @classmethod
    def build(cls, spec: Any, runtime: Runtime) -> Self:
        """Load the data.

        Raises:
            MissingExtraError: if tesserocr is not installed.
            UsageError: if the data of a language is not found.
        """
        os.environ.setdefault("OMP_THREAD_LIMIT", str(runtime.threads))  # read when the library is loaded
        try:
            import cv2  # noqa: F401 - decodes and scales the pictures
            import tesserocr
        except ModuleNotFoundError as error:
            raise MissingExtraError("the OCR engine 'tesseract'", "ocr") from error
        tesserocr.set_leptonica_log_level(tesserocr.LeptLogLevel.NONE)  # it speaks of boxes that it mends itself
        modes = tesserocr.PSM
        mode = {"auto": modes.AUTO, "column": modes.SINGLE_COLUMN, "block": modes.SINGLE_BLOCK}.get(
            spec.layout, modes.SPARSE_TEXT
        )
        api = tesserocr.PyTessBaseAPI(path=str(data_folder(spec.language)), lang=spec.language, psm=mode)
        api.SetVariable("debug_file", os.devnull)
        return cls(spec, api)

    def _spans(self, page: Pixels) -> Iterator[Span]:
        import cv2
        import tesserocr

        height, width = page.shape[:2]
        if min(height, width) < 8:  # Tesseract complains about these
            return
        rgb = cv2.cvtColor(page, cv2.COLOR_BGR2RGB)
        self._api.SetImageBytes(rgb.tobytes(), width, height, 3, 3 * width)
        self._api.SetSourceResolution(150)  # unknown; this keeps it from guessing aloud
        self._api.Recognize()
        line: list[Word] = []
        results = self._api.GetIterator()
        level = tesserocr.RIL
        for word in tesserocr.iterate_level(results, level.WORD) if results is not None else ():
            if word.IsAtBeginningOf(level.TEXTLINE):
                yield from pieces(line)
                line = []
            found = word.BoundingBox(level.WORD)
            text = one_line(word.GetUTF8Text(level.WORD) or "") if found else ""
            confidence = word.Confidence(level.WORD) / 100 if found else 0.0
            if text and confidence >= self._min_confidence and found[0] < found[2] and found[1] < found[3]:
                x0, y0, x1, y1 = map(float, found)
                line.append((text, (x0, y0, x1, y1), min(1.0, confidence)))
        yield from pieces(line)


def pieces(line: Sequence[Word]) -> Iterator[Span]:
    """The words of one line, joined where they are neighbours. Confidence is the mean over characters."""
    piece: list[Word] = []
    for word in line:
        if piece and word[1][0] - piece[-1][1][2] > APART * max(_height(word), _height(piece[-1])):
            yield _joined(piece)
            piece = []
        piece.append(word)
    if piece:
        yield _joined(piece)


def _height(word: Word) -> float:
    return word[1][3] - word[1][1]


def _joined(words: Sequence[Word]) -> Span:
    lefts, tops, rights, bottoms = zip(*(box for _, box, _ in words), strict=True)
    length = sum(len(text) for text, _, _ in words)
    confidence = sum(len(text) * sure for text, _, sure in words) / length
    return Span(
        " ".join(text for text, _, _ in words), (min(lefts), min(tops), max(rights), max(bottoms)), round(confidence, 4)
    )


def data_folder(language: str) -> Path:
    """Where the data of all languages in `language` lies: TESSDATA_PREFIX, Python's own share folder, the system's.

    Raises:
        UsageError: if it lies nowhere; the message says what to install.
    """
    named = [Path(os.environ["TESSDATA_PREFIX"])] if os.environ.get("TESSDATA_PREFIX") else []
    folders = [*named, Path(sys.prefix, "share", "tessdata"), *map(Path, PLACES)]
    wanted = [f"{name}.traineddata" for name in language.split("+")]
    for folder in folders:
        if all((folder / name).is_file() for name in wanted):
            return folder
    raise UsageError(
        f"Tesseract's data for '{language}' is not installed: pip install 'glossator[ocr]' brings English; for others, "
        "apt-get install tesseract-ocr-LANGUAGE, or set TESSDATA_PREFIX to the folder that holds "
        f"{', '.join(wanted)}"
    )
