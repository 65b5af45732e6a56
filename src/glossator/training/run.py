"""`glossator train`: from a data set and a recipe to a folder with a model, its card and its loss curve."""

from __future__ import annotations

import json
import logging
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from glossator.engines.loss.weights import quiet_transformers
from glossator.errors import MissingExtraError, StopRun, UsageError
from glossator.reading import read_pages
from glossator.results import Failed
from glossator.training import collate, folder, model, processes, samples
from glossator.training.arguments import arguments, precision
from glossator.training.card import write_card
from glossator.training.folder import Trained
from glossator.training.samples import Conversation, TrainingSet
from glossator.training.settings import TrainRecipe
from glossator.training.trainer import trainer_class

__all__ = ["Trained", "summary_text", "train", "train_on"]

Progress = Callable[[str, int, int], None]


def _silent(_name: str, _done: int, _all: int) -> None:
    """Progress that nobody watches."""


def train(
    dataset: str | Path,
    out: str | Path,
    recipe: TrainRecipe,
    *,
    images: str | Path | None = None,
    progress: Progress = _silent,
) -> Trained:
    """Tune a model on a workspace or a data set.

    Args:
        dataset: a workspace, or a file that `glossator score` would read.
        out: the folder for the model; run again after a crash, training goes on from its last checkpoint, and in a
            finished folder nothing is done.
        recipe: what is trained, and how.
        images: the folder that a file's image paths are relative to.
        progress: told of each step, and of how many.

    Raises:
        UsageError: for a data set or model that can't be used, or a folder with another recipe or other samples.
        MissingExtraError: if a package is missing.
        StopRun: if training can't go on (no memory, a picture gone); checkpoints are kept.
    """
    root = Path(images) if images else None
    found = samples.read(Path(dataset), recipe.data, images=root, seed=recipe.run.seed)
    return train_on(found, Path(out), recipe, str(dataset), progress)


def train_on(found: TrainingSet, out: Path, recipe: TrainRecipe, name: str, progress: Progress = _silent) -> Trained:
    """As `train`, on samples that are there already; `name` is what the card calls them."""
    if not found.train:
        raise UsageError(f"{name} has nothing to train on (left out: {found.left_out or 'nothing'})")
    with processes.first_goes_first():
        folder.claim(out, recipe, found, name)
    known = folder.finished(out)
    if known is not None:
        return known
    _need_packages()
    import torch

    if recipe.run.threads:
        torch.set_num_threads(recipe.run.threads)
    with quiet_transformers(), warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # between TRL and transformers, nothing a user could mend
        trainer, loaded, trained = _prepared(found, out, recipe, name)
        trainer.add_callback(_told(progress))
        started = time.monotonic()
        try:
            trainer.train(resume_from_checkpoint=folder.last_checkpoint(out))
        except torch.OutOfMemoryError as error:
            hint = "a smaller optimizer.batch_size with more accumulation, run.gradient_checkpointing, or 4bit"
            raise StopRun(f"the device has no memory left: {str(error).splitlines()[0]}; try {hint}") from error
    trained.seconds = round(time.monotonic() - started, 2)
    trained.steps = int(trainer.state.global_step)
    trained.curve = list(trainer.state.log_history)
    trained.device, trained.memory_mb = _used_device()
    trainer.save_model(str(out))  # by all processes: where the weights are spread, each has a part
    if trainer.is_world_process_zero():
        _finish(loaded, recipe, trained, out)
    return trained


def _need_packages() -> None:
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)  # tells of kernels that it does not find
    try:
        import datasets  # noqa: F401
        import peft  # noqa: F401
        import torch  # noqa: F401
        import trl  # noqa: F401
    except ImportError as error:
        raise MissingExtraError(f"training ({error.name})", "train") from error


def _prepared(found: TrainingSet, out: Path, recipe: TrainRecipe, name: str) -> tuple[Any, model.Loaded, Trained]:
    """The trainer, ready to go; the model as it was loaded; and what can be said before training."""
    from transformers import EarlyStoppingCallback, PrinterCallback, set_seed

    device = processes.device()
    types = precision(recipe, device)
    spec = recipe.model.model_copy(update={"dtype": types.weights})
    loaded = model.load(spec, "cpu" if processes.shards() else device, to_tune=True)
    if recipe.run.packing and loaded.sees:
        raise UsageError("run.packing is for text models: pictures can't be packed")
    if not loaded.sees:
        _read_pages(found, out)
    data = _Data.of(found, recipe, loaded)
    set_seed(recipe.run.seed)
    tuned = model.freeze(loaded.model, recipe.tune, widen=recipe.model.dtype == "auto")
    moving = [value for value in tuned.parameters() if value.requires_grad]
    types_before = [value.dtype for value in moving]
    trainer = trainer_class()(
        model=tuned,
        args=arguments(recipe, types, out, sees=loaded.sees),
        train_dataset=data.train,
        eval_dataset=data.validation if found.validation else None,
        processing_class=loaded.owner,
        data_collator=data.collator,
        callbacks=[EarlyStoppingCallback(recipe.run.patience)] if recipe.run.patience else [],
    )
    for value, dtype in zip(moving, types_before, strict=True):
        value.data = value.data.to(dtype)  # TRL makes what moves on a quantised model bfloat16, come what may
    trainer.lengths = None if recipe.run.packing else data.lengths
    trainer.remove_callback(PrinterCallback)
    return trainer, loaded, data.describe(found, recipe, name, model.moving(tuned))


def _read_pages(found: TrainingSet, out: Path) -> None:
    """Read the pages of samples that came without OCR text: a model without eyes has nothing else to look at.

    What is about a page of which nothing can be read is left out: it would teach the model to make things up.
    """
    unread = [path for one in (*found.train, *found.validation) if not one.page for path in one.pictures]
    if not unread:
        return
    with processes.first_goes_first():
        text = read_pages(unread, out / "pages")

    def readable(samples: list[Conversation]) -> list[Conversation]:
        shown = [
            one if one.page else replace(one, page="\n".join(text.get(path, "") for path in one.pictures).strip())
            for one in samples
        ]
        good = [one for one in shown if one.page or not one.pictures]
        found.leave_out("nothing can be read on the page", len(shown) - len(good))
        return good

    found.train, found.validation = readable(found.train), readable(found.validation)


@dataclass(slots=True)
class _Data:
    """Samples that fit, as data sets for the trainer, and what makes their batches (None: the trainer's own way)."""

    train: Any
    validation: Any
    collator: collate.PictureCollator | None
    lengths: list[int]
    learned: int

    @classmethod
    def of(cls, found: TrainingSet, recipe: TrainRecipe, loaded: model.Loaded) -> _Data:
        limit = min(recipe.data.max_length, model.positions(loaded.model))
        pictures = collate.PictureCollator(loaded)

        def measure(sample: Conversation) -> collate.Size | Failed:
            return pictures.measure(sample) if loaded.sees else collate.measure_text(sample, recipe.data, loaded)

        fitting = list(collate.fitting(found.train, limit, measure, found))
        found.train = [sample for sample, _ in fitting]
        found.validation = [sample for sample, _ in collate.fitting(found.validation, limit, measure, found)]
        if not found.train:
            raise UsageError(f"no sample can be trained on; left out: {found.left_out}")
        if recipe.run.eval_steps and not found.validation:
            raise UsageError("no sample is left to watch by; set a larger data.validation_share, or no run.eval_steps")
        lengths, learned = [size.tokens for _, size in fitting], sum(size.learned for _, size in fitting)
        count, watching = len(found.train), len(found.validation)
        if loaded.sees:
            collator = collate.PictureCollator(loaded, [*found.train, *found.validation])
            train, validation = collate.rows_of_pictures(0, count), collate.rows_of_pictures(count, watching)
            return cls(train, validation, collator, lengths, learned)
        train, validation = (
            collate.rows_of_text(part, recipe.data, loaded) for part in (found.train, found.validation)
        )
        return cls(train, validation, None, lengths, learned)

    def describe(self, found: TrainingSet, recipe: TrainRecipe, name: str, moving: dict[str, int]) -> Trained:
        return Trained(
            recipe=recipe.model_dump(mode="json"),
            dataset=name,
            samples=len(found.train),
            validation_samples=len(found.validation),
            learned_tokens=self.learned,
            tokens=sum(self.lengths),
            left_out=dict(found.left_out),
            split=found.split,
            moving=moving,
        )


def _finish(loaded: model.Loaded, recipe: TrainRecipe, trained: Trained, out: Path) -> None:
    """What stands beside the weights."""
    adapters = out / "adapter_config.json"
    if adapters.is_file():  # they name their base as the recipe does, not by where this machine happens to keep it
        config = json.loads(adapters.read_text(encoding="utf-8"))
        local = Path(recipe.model.name)
        config["base_model_name_or_path"] = str(local.resolve()) if local.is_dir() else recipe.model.name
        adapters.write_text(json.dumps(config, indent=2, sort_keys=True), encoding="utf-8")
    (out / "training_args.bin").unlink(missing_ok=True)  # a pickle; the recipe says it all
    loaded.owner.save_pretrained(str(out))
    write_card(out / "README.md", recipe, trained)
    folder.finish(out, trained)


def _used_device() -> tuple[str, float | None]:
    import torch

    if processes.device() == "cpu":
        return f"CPU, {torch.get_num_threads()} threads", None
    if not torch.cuda.is_available():
        return processes.device(), None
    return torch.cuda.get_device_name(), round(torch.cuda.max_memory_allocated() / 2**20, 1)


def _told(progress: Progress) -> Any:
    """A callback of the trainer that tells of each step; in the first process alone."""
    from transformers import TrainerCallback

    class Told(TrainerCallback):  # type: ignore[misc]
        def on_step_end(self, _arguments: Any, state: Any, _control: Any, **_more: Any) -> None:
            if state.is_world_process_zero:
                progress("training", int(state.global_step), int(state.max_steps))

    return Told()


def summary_text(trained: Trained, out: Path) -> str:
    """For a person."""
    loss = "none" if trained.loss is None else f"{float(trained.loss):.4f}"
    did = "was trained already; nothing is left to do:" if trained.kept else "trained"
    lines = [
        f"{did} {trained.steps:,} steps on {trained.samples:,} conversations in {trained.seconds:,.0f} s "
        f"({trained.device}); last loss {loss}",
        *([f"split by turn, too long in one piece: {trained.split:,}"] if trained.split else []),
        *(f"left out: {count:,} ({reason})" for reason, count in trained.left_out.items()),
        f"model: {out}",
        f"next: glossator eval {out} --benchmark records=SOURCE -o DIR",
    ]
    return "\n".join(lines)
