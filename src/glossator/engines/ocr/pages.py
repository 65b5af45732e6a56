"""What all engines that read pixels share: a file is opened, prepared if the spec says so, read, and never raises."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from glossator.engines.base import Reading, Session, Spec
from glossator.engines.ocr.prepare import Change, View, prepared, seen
from glossator.images import open_image
from glossator.records import Sample, Span
from glossator.results import Failed, Outcome
from glossator.text import one_line

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]  # height x width x 3, blue green red, as OpenCV has it

MAX_PIXELS = 1_000_000_000  # ingest has refused what is too large; this only stops nonsense


class PageSpec(Spec):
    """Spec of an engine that reads pixels."""

    prepare: tuple[Change, ...] = Field(
        (), description="Changes of the picture that are tried and kept where a part of the page then reads better."
    )


class ReaderSpec(PageSpec):
    """Spec of an engine that is no ensemble."""

    view: View = Field(
        "plain", description="How the engine sees each picture: as it is, or at another scale (for an ensemble)."
    )


def plain(spec: PageSpec) -> dict[str, Any]:
    """The spec as it is hashed: `prepare` and `view` count only where they say something."""
    dump = spec.model_dump(mode="json")
    return {key: value for key, value in dump.items() if (key, value) not in (("prepare", []), ("view", "plain"))}


class PageReader(ABC):
    """Base of the engines that read pixels: they say how a picture is read, in `_spans`.

    Attributes:
        name: the engine's, for the `ocr` table.
    """

    name: ClassVar[str]

    def __init__(self, spec: ReaderSpec) -> None:
        self.spec = spec

    @abstractmethod
    def _spans(self, page: Pixels) -> Iterable[Span]:
        """The pieces of lines on the picture, in its own pixels."""

    def spans(self, page: Pixels) -> list[Span]:
        """The pieces of lines on a picture, as the engine's view has it."""
        view = seen(page, self.spec.view)
        return view.back(self._spans(view.page))

    def read(self, samples: Sequence[Sample], session: Session) -> list[Outcome[Reading]]:
        """One reading per sample. Failures: those of `images.open_image`, and `engine` if the engine stumbles."""
        readings = []
        for sample in samples:
            readings.append(self._read(Path(sample.root) / sample.image.path))
            session.progress(1)
        return readings

    def _read(self, path: Path) -> Outcome[Reading]:
        page = pixels(path)
        if isinstance(page, Failed):
            return page
        try:
            better = prepared(page, self.spec.prepare, self.spans)
            return Reading(self.name, tuple(better.back(self.spans(better.page))))
        except Exception as error:  # native code raises what it likes, and one odd page must not end the shard
            return Failed("engine", f"{self.name}: {type(error).__name__}: {one_line(str(error))[:200]}")


def pixels(path: Path) -> Outcome[Pixels]:
    """The picture as OpenCV has it. Failures: those of `images.open_image`."""
    import cv2
    import numpy as np

    picture = open_image(path, MAX_PIXELS)
    return picture if isinstance(picture, Failed) else cv2.cvtColor(np.asarray(picture), cv2.COLOR_RGB2BGR)
