"""What all engines that read pixels share: a file is opened, prepared if the spec says so, read, and never raises."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
        "plain", description="How the engine sees each picture: as it is, or a little blurred (for an ensemble)."
    )


def plain(spec: PageSpec) -> dict[str, Any]:
    """The spec as it is hashed: `prepare` and `view` count only where they say something."""
    dump = spec.model_dump(mode="json")
    return {key: value for key, value in dump.items() if (key, value) not in (("prepare", []), ("view", "plain"))}


def read_pages(
    name: str,
    samples: Sequence[Sample],
    session: Session,
    spec: ReaderSpec,
    spans: Callable[[Pixels], Iterable[Span]],
) -> list[Outcome[Reading]]:
    """One reading per sample.

    Args:
        name: the engine's, for the `ocr` table.
        samples, session: see `engines.base.OcrEngine.read`.
        spec: what may be done to a picture before it is read.
        spans: reads a picture (height x width x 3, blue green red).

    Failures: those of `images.open_image`, and `engine` if the engine stumbles.
    """
    readings = []
    for sample in samples:
        readings.append(_read(name, Path(sample.root) / sample.image.path, spec, spans))
        session.progress(1)
    return readings


def _read(name: str, path: Path, spec: ReaderSpec, spans: Callable[[Pixels], Iterable[Span]]) -> Outcome[Reading]:
    page = pixels(path)
    if isinstance(page, Failed):
        return page

    def read(page: Pixels) -> list[Span]:
        view = seen(page, spec.view)
        return view.back(spans(view.page))

    try:
        better = prepared(page, spec.prepare, read)
        return Reading(name, tuple(better.back(read(better.page)) if better.done else read(page)))
    except Exception as error:  # native code raises what it likes, and one odd page must not end the shard
        return Failed("engine", f"{name}: {type(error).__name__}: {one_line(str(error))[:200]}")


def pixels(path: Path) -> Outcome[Pixels]:
    """The picture as OpenCV has it. Failures: those of `images.open_image`."""
    import cv2
    import numpy as np

    picture = open_image(path, MAX_PIXELS)
    return picture if isinstance(picture, Failed) else cv2.cvtColor(np.asarray(picture), cv2.COLOR_RGB2BGR)
