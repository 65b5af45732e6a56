"""Writer `teachers`: several writers with shares, each image with one of them, so that no one's habits rule the set."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import accumulate
from typing import Any, ClassVar, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, field_validator

from glossator.engines import registry
from glossator.engines.base import Explanation, Mended, PairDraft, Rejected, Runtime, Session, Spec, Step, Writer
from glossator.recipe import EngineSpec
from glossator.records import Sample
from glossator.results import Failed, Outcome, Usage

T = TypeVar("T")


class Teacher(BaseModel):
    """One of the writers."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    share: float = Field(1.0, gt=0, description="Share of the images, against the other writers' shares.")
    engine: dict[str, Any] = Field(description="The writer, as a stage's engine: {kind: chat, model: gpt-4o}.")


class TeachersSpec(Spec):
    """Spec of the writer `teachers`."""

    kind: str = "teachers"
    writers: tuple[Teacher, ...] = Field(min_length=1, description="The writers and their shares.")
    seed: int = Field(0, description="Another seed gives the images to other writers.")

    @field_validator("writers")
    @classmethod
    def _not_nested(cls, writers: tuple[Teacher, ...]) -> tuple[Teacher, ...]:
        if any(teacher.engine.get("kind") == "teachers" for teacher in writers):
            raise ValueError("a writer of teachers can't be teachers itself")
        return writers


class TeachersWriter:
    """See `engines.base.Writer`. Which writer an image has depends on its id, the shares and the seed alone."""

    Spec: ClassVar[type[TeachersSpec]] = TeachersSpec
    version: ClassVar[int] = 1
    local_cpu: ClassVar[bool] = False
    paid: ClassVar[bool] = True
    name = "teachers"

    def __init__(self, spec: TeachersSpec, writers: Sequence[Writer]) -> None:
        self.spec = spec
        self.writers = writers
        # Shards are in flight together; a model on this machine takes one at a time.
        self._locks = [None if getattr(writer, "paid", False) else threading.Lock() for writer in writers]

    @classmethod
    def build(cls, spec: Any, runtime: Runtime) -> Self:
        """Raises the errors of the writers' own `build`."""
        return cls(spec, [registry.build("writer", _engine(teacher), runtime) for teacher in spec.writers])

    @classmethod
    def identity(cls, spec: Any, step: Step) -> dict[str, Any]:
        """See `engines.base.Engine`."""
        writers = [
            {"share": teacher.share, "engine": kind.identity(parsed, step)} for teacher, kind, parsed in _parsed(spec)
        ]
        return {"kind": spec.kind, "seed": spec.seed, "version": cls.version, "writers": writers}

    @classmethod
    def parallelism(cls, _cores: int) -> tuple[int, int]:
        """See `engines.base.Engine`."""
        return 1, 1

    @classmethod
    def models(cls, spec: Any) -> list[str]:
        """Names of the models that are paid for."""
        return [model for _, kind, parsed in _parsed(spec) if hasattr(kind, "models") for model in kind.models(parsed)]

    @classmethod
    def estimate(cls, spec: Any, step: Step) -> dict[str, tuple[float, Usage]]:
        """See `ChatWriter.estimate`."""
        total = sum(teacher.share for teacher in spec.writers)
        return {
            model: (teacher.share / total * share, usage)
            for teacher, kind, parsed in _parsed(spec)
            if hasattr(kind, "estimate")
            for model, (share, usage) in kind.estimate(parsed, step).items()
        }

    def name_for(self, sample: Sample) -> str:
        """See `engines.base.Writer`."""
        return self.writers[self._turn(sample)].name

    def enrich(self, samples: Sequence[Sample], session: Session) -> list[Outcome[str]]:
        """See `engines.base.Writer`."""
        return self._each(samples, lambda writer, these: writer.enrich(these, session))

    def extract(
        self, samples: Sequence[Sample], max_pairs: int, session: Session
    ) -> list[Outcome[Sequence[Outcome[PairDraft]]]]:
        """See `engines.base.Writer`."""
        return self._each(samples, lambda writer, these: writer.extract(these, max_pairs, session))

    def explain(self, samples: Sequence[Sample], session: Session) -> list[Outcome[list[Outcome[Explanation]]]]:
        """See `engines.base.Writer`."""
        return self._each(samples, lambda writer, these: writer.explain(these, session))

    def repair(
        self, samples: Sequence[Sample], rejected: Sequence[Sequence[Rejected]], session: Session
    ) -> list[Outcome[list[Outcome[Mended | None]]]]:
        """See `engines.base.Repairer`. The image's own writer mends; what one that can't would have to, fails."""
        wanted = {sample.image.image_id: pairs for sample, pairs in zip(samples, rejected, strict=True)}

        def ask(writer: Writer, these: list[Sample]) -> list[Outcome[list[Outcome[Mended | None]]]]:
            if not hasattr(writer, "repair"):
                session.progress(len(these))
                return [Failed("engine", f"the writer {writer.name} can't repair") for _ in these]
            mended: list[Outcome[list[Outcome[Mended | None]]]] = writer.repair(
                these, [wanted[sample.image.image_id] for sample in these], session
            )
            return mended

        return self._each(samples, ask)

    def _each(
        self, samples: Sequence[Sample], ask: Callable[[Writer, list[Sample]], list[Outcome[T]]]
    ) -> list[Outcome[T]]:
        """Each writer gets its samples, all writers at the same time."""
        turns = [self._turn(sample) for sample in samples]

        def one(number: int) -> list[Outcome[T]]:
            these = [sample for sample, turn in zip(samples, turns, strict=True) if turn == number]
            lock = self._locks[number]
            if not these:
                return []
            if lock is None:
                return ask(self.writers[number], these)
            with lock:
                return ask(self.writers[number], these)

        with ThreadPoolExecutor(len(self.writers)) as pool:
            found = [iter(outcomes) for outcomes in pool.map(one, range(len(self.writers)))]
        return [next(found[turn]) for turn in turns]

    def _turn(self, sample: Sample) -> int:
        """Whose turn it is: a number from 0 to 1 drawn from the image's id, laid over the shares."""
        text = f"{self.spec.seed}\x1f{sample.image.image_id}"
        drawn = int(hashlib.sha256(text.encode()).hexdigest()[:12], 16) / 16**12
        limits = list(accumulate(teacher.share for teacher in self.spec.writers))
        return next((turn for turn, limit in enumerate(limits) if drawn * limits[-1] < limit), len(limits) - 1)


def _engine(teacher: Teacher) -> EngineSpec:
    return EngineSpec.model_validate(teacher.engine)


def _parsed(spec: TeachersSpec) -> list[tuple[Teacher, Any, Any]]:
    """Each teacher with its engine's class and its validated spec."""
    return [
        (
            teacher,
            registry.engine_class("writer", _engine(teacher).kind),
            registry.parse_spec("writer", _engine(teacher)),
        )
        for teacher in spec.writers
    ]
