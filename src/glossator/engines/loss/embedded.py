"""Loss engine `embedded`: SmolLM2-135M-Instruct, with the page's OCR text standing in for the pixels.

The engine `hf` with weights that come from a package, so that no download is needed, and with processes of one thread.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from glossator.engines.base import Spec
from glossator.engines.loss.hf import HfLoss, HfSpec
from glossator.engines.loss.weights import EMBEDDED


class EmbeddedSpec(HfSpec):
    """Spec of the engine `embedded`."""

    kind: str = "embedded"
    model: str = Field(EMBEDDED, description="The embedded weights, a folder, or a Hub name.")
    device: str = Field("cpu", description="As of the engine hf.")
    max_turn_tokens: int = Field(512, ge=8, description="A scored text longer than this is not scored.")
    share_prefix: Literal[True] = True


class EmbeddedLoss(HfLoss):
    """See `engines.base.LossEngine`."""

    Spec: ClassVar[type[Spec]] = EmbeddedSpec
    version: ClassVar[int] = 2

    @classmethod
    def parallelism(cls, cores: int) -> tuple[int, int]:
        """Processes of one thread up to four: so small a model does not fill two cores with one matrix product."""
        workers = min(cores, 4)
        return workers, max(1, cores // workers)
