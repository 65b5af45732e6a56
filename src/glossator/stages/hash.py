"""Stage `hash`: what copies of each picture are found by, within the set and among test sets."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from glossator.copies.pictures import perceptual_hashes, thumbnail
from glossator.engines.base import Session
from glossator.images import open_image
from glossator.records import Hashes, Sample
from glossator.results import Failed
from glossator.stages.base import MapStage, Settings


class HashSettings(Settings):
    """Settings of the stage `hash`: none."""


class HashStage(MapStage[Hashes]):
    """Hashes each picture of each sample, and keeps a small grey one. A sample without a picture has no row.

    Raises:
        MissingExtraError: if ImageHash is not installed.
    """

    kind = "hash"
    version = 2
    reads = ("images",)
    writes = "hashes"
    Settings = HashSettings
    sees_captions = False
    family = None

    def run(self, samples: Sequence[Sample], session: Session) -> list[list[Hashes | Failed]]:
        results = []
        for sample in samples:
            image = sample.image
            paths = [Path(sample.root) / path for path in image.paths]
            results.append([_hashed(image.image_id, number, path) for number, path in enumerate(paths)])
            session.progress(1)
        return results


def _hashed(image_id: str, number: int, path: Path) -> Hashes | Failed:
    picture = open_image(path)
    if isinstance(picture, Failed):
        return picture
    return Hashes(image_id, number, perceptual_hashes(picture), thumbnail(picture))
