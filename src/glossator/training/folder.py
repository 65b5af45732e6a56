"""What the folder of a training run holds, and whether a run may go on in it.

README.md           the model card
adapter_*, model*   the weights, with tokenizer or processor
recipe.json         the whole recipe
samples.json        the digest of what is trained on; it shows whether the data set has changed since
training.json       what came of it; written last, so it marks a finished run
checkpoints/        while it runs
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from glossator.errors import UsageError
from glossator.training.samples import Conversation, TrainingSet
from glossator.training.settings import TrainRecipe

RESULT = "training.json"
RECIPE = "recipe.json"
SAMPLES = "samples.json"
CHECKPOINTS = "checkpoints"


@dataclass(slots=True)
class Trained:
    """What came of a training run; written as `training.json` beside the model.

    Attributes:
        recipe, dataset: what was trained, and on what.
        samples, validation_samples: conversations trained on and watched by.
        learned_tokens, tokens: in one pass over the samples, those that carry loss and all.
        left_out: samples, or explanations, that were not used, by reason.
        split: samples that were too long in one piece, and are trained on in several.
        moving: how many parameters are tuned, by part: adapters, language, projector, vision.
        steps: optimizer steps in all.
        seconds: of the last go (a run that was stopped has more than one), without loading.
        curve: the lines that the trainer logged.
        device: what it ran on.
        memory_mb: highest device memory in use, where the device tells.
        kept: the folder held this very run already, and nothing was trained now.
    """

    recipe: dict[str, Any]
    dataset: str
    samples: int
    validation_samples: int
    learned_tokens: int
    tokens: int
    left_out: dict[str, int]
    split: int = 0
    moving: dict[str, int] = field(default_factory=dict)
    steps: int = 0
    seconds: float = 0.0
    curve: list[dict[str, Any]] = field(default_factory=list)
    device: str = ""
    memory_mb: float | None = None
    kept: bool = False

    @property
    def loss(self) -> float | None:
        """The last training loss that was logged."""
        return next((line["loss"] for line in reversed(self.curve) if "loss" in line), None)


def claim(out: Path, recipe: TrainRecipe, found: TrainingSet, dataset: str) -> None:
    """Make the folder this run's own. What failed before its first checkpoint stands in nobody's way.

    Raises:
        UsageError: if it holds a run of another recipe or on other samples; two are never mixed in one folder.
    """
    out.mkdir(parents=True, exist_ok=True)
    wanted = recipe.model_dump(mode="json")
    samples = {"train": _digest(found.train), "validation": _digest(found.validation)}
    if (out / RESULT).exists() or last_checkpoint(out):
        if _read(out / RECIPE) not in (None, wanted):
            raise UsageError(f"{out} holds a run of another recipe; give a new folder with -o")
        if _read(out / SAMPLES) not in (None, samples):
            raise UsageError(f"{out} holds a run on other samples than {dataset} has now; give a new folder with -o")
    _write(out / RECIPE, wanted)
    _write(out / SAMPLES, samples)


def finished(out: Path) -> Trained | None:
    """What came of the run in a folder, if it is finished."""
    known = _read(out / RESULT)
    if known is None:
        return None
    names = {one.name for one in fields(Trained)}
    try:
        return Trained(**{key: value for key, value in known.items() if key in names} | {"kept": True})
    except (TypeError, AttributeError) as error:
        raise UsageError(f"{out / RESULT} is damaged ({error}); delete it and train again") from error


def finish(out: Path, trained: Trained) -> None:
    """Mark the run as finished. Its checkpoints have served."""
    _write(out / RESULT, asdict(trained))
    shutil.rmtree(out / CHECKPOINTS, ignore_errors=True)


def last_checkpoint(out: Path) -> str | None:
    """The newest whole checkpoint, or None. The trainer writes `trainer_state.json` last."""
    found = [path for path in (out / CHECKPOINTS).glob("checkpoint-*") if path.name.rpartition("-")[2].isdecimal()]
    for folder in sorted(found, key=lambda path: int(path.name.rpartition("-")[2]), reverse=True):
        if _read(folder / "trainer_state.json") is not None:
            return str(folder)
    return None


def _digest(samples: Iterable[Conversation]) -> str:
    """Of all that the model is shown; a picture counts by its id, so that a data set may be moved."""
    found = hashlib.sha256()
    for one in samples:
        row = [one.id, one.image_id, one.page, [(turn.role, turn.text) for turn in one.turns]]
        found.update(json.dumps(row).encode())
    return found.hexdigest()


def _read(path: Path) -> Any:
    """What a JSON file holds; None if it is not there, or torn."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None


def _write(path: Path, value: Any) -> None:
    temporary = path.with_name(f".{path.name}")
    temporary.write_text(json.dumps(value, indent=1), encoding="utf-8")
    temporary.replace(path)
