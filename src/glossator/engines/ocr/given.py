"""OCR engine `given`: what the source itself says stands in the image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

from glossator.engines.base import Reading, Runtime, Session, Spec, Step
from glossator.records import Sample
from glossator.results import Failed, Outcome


class GivenOcr:
    """Takes the spans that a record brought along."""

    Spec = Spec
    version = 1
    local_cpu = False

    @classmethod
    def parallelism(cls, cores: int) -> tuple[int, int]:
        """No work worth a process."""
        return (0, cores)

    @classmethod
    def build(cls, spec: Any, runtime: Runtime) -> Self:  # noqa: ARG003 - nothing to set up
        """Nothing is loaded."""
        return cls()

    @classmethod
    def identity(cls, spec: Any, step: Step) -> dict[str, Any]:
        """The kind alone: there is nothing to choose."""
        return {"spec": spec.model_dump(), "version": cls.version, "step": step}

    def read(self, samples: Sequence[Sample], session: Session) -> list[Outcome[Reading]]:
        """The given spans of each sample; `missing` where its record brought none."""
        readings: list[Outcome[Reading]] = []
        for sample in samples:
            spans = sample.image.given_ocr
            if spans is None:
                readings.append(
                    Failed("missing", "the record brings no OCR; give it a key 'ocr' or use another engine")
                )
            else:
                readings.append(Reading("given", spans))
            session.progress(1)
        return readings
