"""What a stage is. Two shapes: a `MapStage` works image by image on a shard, a `TableStage` on whole tables.

A stage is described by its `StagePlan` (plain data that travels to a worker); the live stage is built there.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from pydantic import BaseModel, ConfigDict

from glossator.engines.base import Session
from glossator.engines.registry import Family
from glossator.records import Sample
from glossator.results import Failed

if TYPE_CHECKING:
    import polars as pl

Record = TypeVar("Record")


class Settings(BaseModel):
    """Base of every stage's settings: frozen, no unknown keys, every field described."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Stage:
    """What both shapes share.

    Attributes:
        kind: the name in recipes and the folder's name in the workspace.
        version: bump it by hand when the same settings and inputs give other output.
        reads: tables that must be there, by name.
        uses: tables that are read if the recipe makes them.
        writes: the table that this stage makes.
        Settings: pydantic model of its settings.
        sees_captions: whether what people wrote of the images can change its output.
        whole_shard: whether an image's rows depend on the shard's other images; then all are done again where one is.
    """

    kind: ClassVar[str]
    version: ClassVar[int]
    reads: ClassVar[tuple[str, ...]]
    uses: ClassVar[tuple[str, ...]] = ()
    writes: ClassVar[str]
    Settings: ClassVar[type[Settings]] = Settings
    sees_captions: ClassVar[bool] = True
    whole_shard: ClassVar[bool] = False

    @classmethod
    def also_hashed(cls, _settings: Any) -> Any:
        """What beside its settings decides the output, as JSON: the digest of a file that they name. None: nothing."""
        return None

    @classmethod
    def also_reads(cls, _settings: Any) -> dict[str, str]:
        """Folders beside the recipe's own that supply tables, by table: where its settings name an edition of one."""
        return {}


class MapStage(Stage, ABC, Generic[Record]):
    """A stage that gives, for each image, a list of records (or failures). It sees one shard at a time.

    Attributes:
        family: the engine family that does the work; None where the stage does it itself, on this machine's cores.
        default_engine: kind of the engine used if the recipe names none.
        spawns: whether a stage without an engine is worth processes of its own.
        needs: a method beyond the family's own that the engine must have; empty for none.
    """

    family: ClassVar[Family | None]
    default_engine: ClassVar[str]
    spawns: ClassVar[bool] = True
    needs: ClassVar[str] = ""

    def __init__(self, settings: Any, engine: Any) -> None:
        self.settings = settings
        self.engine = engine

    @abstractmethod
    def run(self, samples: Sequence[Sample], session: Session) -> list[list[Record | Failed]]:
        """One list per sample, in order. A sample that fails as a whole gives `[Failed(...)]`."""


class TableStage(Stage, ABC):
    """A stage over whole tables: cheap, and rewritten at every change."""

    def __init__(self, settings: Any) -> None:
        self.settings = settings

    @abstractmethod
    def run(self, tables: dict[str, pl.LazyFrame]) -> pl.LazyFrame:
        """The new table from those named in `reads` and `uses` (absent ones are left out of the mapping)."""


@dataclass(frozen=True, slots=True)
class StagePlan:
    """A resolved stage: plain data, picklable.

    Attributes:
        kind: the stage's kind.
        settings: its validated settings, defaults filled in.
        engine: its validated engine mapping (with `kind`), or None for a table stage.
        fingerprint: hash of all that decides its output, parents included.
        writes: the table that it makes.
        parents: `<stage>/<fingerprint>` of the folder that supplies each table it reads, by table name.
        identity: what was hashed, for the manifest.
    """

    kind: str
    settings: dict[str, Any]
    engine: dict[str, Any] | None
    fingerprint: str
    writes: str
    parents: dict[str, str]
    identity: dict[str, Any]

    @property
    def folder(self) -> str:
        """`<stage>/<fingerprint>`: where its parts stand in the workspace."""
        return f"{self.kind}/{self.fingerprint}"
