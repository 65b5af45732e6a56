"""`glossator train`: from a data set and a recipe to a folder with a model, its card and its loss curve."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from glossator.errors import MissingExtraError, UsageError
from glossator.results import Failed
from glossator.training import collate, model, samples
from glossator.training.card import write_card
from glossator.training.samples import Conversation, TrainingSet
from glossator.training.settings import TrainRecipe
from glossator.training.trainer import trainer_class

_log = logging.getLogger(__name__)
RESULT = "training.json"


@dataclass(slots=True)
class Trained:
    """What came of a training run; written as `training.json` beside the model.

    Attributes:
        samples, validation_samples: conversations trained on and watched by.
        learned_tokens, tokens: in one pass over the samples, those that carry loss and all.
        left_out: samples that were not used, by reason.
        steps, seconds: of this run, without loading.
        curve: the lines that the trainer logged.
        device: what it ran on.
        memory_mb: highest device memory in use, where the device tells.
    """

    recipe: dict[str, Any]
    dataset: str
    samples: int
    validation_samples: int
    learned_tokens: int
    tokens: int
    left_out: dict[str, int]
    steps: int = 0
    seconds: float = 0.0
    curve: list[dict[str, Any]] = field(default_factory=list)
    device: str = ""
    memory_mb: float | None = None

    @property
    def loss(self) -> float | None:
        """The last training loss."""
        return next((line["loss"] for line in reversed(self.curve) if "loss" in line), None)


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
        out: the folder for the model; run again after a crash, training goes on from its last checkpoint.
        recipe: what is trained, and how.
        images: the folder that a file's image paths are relative to.
        progress: told of each step, and of how many.

    Raises:
        UsageError: for a data set or model that can't be used, or a finished folder of another recipe.
        MissingExtraError: if a package is missing.
    """
    found = samples.read(Path(dataset), recipe.data, images=Path(images) if images else None, seed=recipe.run.seed)
    return train_on(found, Path(out), recipe, str(dataset), progress)


def train_on(found: TrainingSet, out: Path, recipe: TrainRecipe, name: str, progress: Progress = _silent) -> Trained:
    """As `train`, on samples that are there already; `name` is what the card calls them."""
    if not found.train:
        raise UsageError(f"{name} has nothing to train on (left out: {found.left_out or 'nothing'})")
    try:
        import datasets  # noqa: F401
        import peft  # noqa: F401
        import torch
        import trl  # noqa: F401
        from transformers import PrinterCallback
    except ImportError as error:
        raise MissingExtraError(f"training ({error.name})", "train") from error
    if recipe.run.threads:
        torch.set_num_threads(recipe.run.threads)
    out.mkdir(parents=True, exist_ok=True)
    _same_recipe(out, recipe)
    torch.manual_seed(recipe.run.seed)
    loaded = model.load(recipe.model, model.default_device())
    if not loaded.sees:
        _need_pages(found, out)
    prepared = _Prepared.of(found, recipe, loaded)
    trained = prepared.describe(recipe, name)
    trainer = _trainer(prepared, recipe, loaded, out)
    trainer.add_callback(_told(progress))
    trainer.remove_callback(PrinterCallback)
    started = time.monotonic()
    trainer.train(resume_from_checkpoint=_last_checkpoint(out))
    trained.seconds = round(time.monotonic() - started, 2)
    trained.steps = int(trainer.state.global_step)
    trained.curve = list(trainer.state.log_history)
    trained.device, trained.memory_mb = _used_device()
    if trainer.is_world_process_zero():
        _save(trainer, loaded, recipe, trained, out)
    return trained


def _need_pages(found: TrainingSet, out: Path) -> None:
    """Read the pages of samples that came without OCR text: a model without eyes has nothing else to look at."""
    from dataclasses import replace

    from glossator.reading import read_pages

    unread = [path for one in (*found.train, *found.validation) if not one.page for path in one.pictures]
    if not unread:
        return
    text = read_pages(unread, out / "pages")

    def read(one: Conversation) -> Conversation:
        return one if one.page else replace(one, page="\n".join(text.get(path, "") for path in one.pictures))

    found.train, found.validation = [read(one) for one in found.train], [read(one) for one in found.validation]


@dataclass(slots=True)
class _Prepared:
    """Samples that fit, as data sets for the trainer, and what makes their batches (None: the trainer's own way)."""

    found: TrainingSet
    train: Any
    validation: Any
    collator: collate.PictureCollator | None
    tokens: int
    learned: int

    @classmethod
    def of(cls, found: TrainingSet, recipe: TrainRecipe, loaded: model.Loaded) -> _Prepared:
        limit = min(recipe.data.max_length, model.positions(loaded.model))
        pictures = collate.PictureCollator(loaded)

        def measure(sample: Conversation) -> collate.Size | Failed:
            return pictures.measure(sample) if loaded.sees else collate.measure_text(sample, recipe.data, loaded)

        fitting = list(collate.fitting(found.train, limit, measure, found))
        found.train = [sample for sample, _ in fitting]
        found.validation = [sample for sample, _ in collate.fitting(found.validation, limit, measure, found)]
        if not found.train:
            raise UsageError(f"no sample can be trained on; left out: {found.left_out}")
        tokens, learned = sum(size.tokens for _, size in fitting), sum(size.learned for _, size in fitting)
        count, watching = len(found.train), len(found.validation)
        if loaded.sees:
            collator = collate.PictureCollator(loaded, [*found.train, *found.validation])
            train, validation = collate.rows_of_pictures(0, count), collate.rows_of_pictures(count, watching)
            return cls(found, train, validation, collator, tokens, learned)
        train, validation = (
            collate.rows_of_text(part, recipe.data, loaded) for part in (found.train, found.validation)
        )
        return cls(found, train, validation, None, tokens, learned)

    def describe(self, recipe: TrainRecipe, name: str) -> Trained:
        return Trained(
            recipe=recipe.model_dump(mode="json"),
            dataset=name,
            samples=len(self.found.train),
            validation_samples=len(self.found.validation),
            learned_tokens=self.learned,
            tokens=self.tokens,
            left_out=dict(self.found.left_out),
        )


def _trainer(prepared: _Prepared, recipe: TrainRecipe, loaded: model.Loaded, out: Path) -> Any:
    from transformers import EarlyStoppingCallback

    adapters = model.freeze(loaded.model, recipe.tune, widen=recipe.model.dtype == "auto")
    callbacks = [EarlyStoppingCallback(recipe.run.patience)] if recipe.run.patience else []
    return trainer_class()(
        model=loaded.model,
        args=_arguments(recipe, loaded, out),
        train_dataset=prepared.train,
        eval_dataset=prepared.validation if len(prepared.found.validation) else None,
        processing_class=loaded.owner,
        peft_config=adapters,
        data_collator=prepared.collator,
        callbacks=callbacks,
    )


def _arguments(recipe: TrainRecipe, loaded: model.Loaded, out: Path) -> Any:
    from trl import SFTConfig

    optimizer, run = recipe.optimizer, recipe.run
    bf16, fp16 = _precision(run.precision)
    watched = run.eval_steps is not None
    return SFTConfig(
        output_dir=str(out / "checkpoints"),
        seed=run.seed,
        data_seed=run.seed,
        num_train_epochs=optimizer.epochs,
        max_steps=optimizer.max_steps or -1,
        per_device_train_batch_size=optimizer.batch_size,
        per_device_eval_batch_size=optimizer.batch_size,
        gradient_accumulation_steps=optimizer.accumulation,
        learning_rate=optimizer.learning_rate,
        lr_scheduler_type=optimizer.schedule,
        warmup_steps=optimizer.warmup_share,
        weight_decay=optimizer.weight_decay,
        max_grad_norm=optimizer.max_grad_norm,
        optim=optimizer.name,
        bf16=bf16,
        fp16=fp16,
        use_cpu=model.default_device() == "cpu",
        gradient_checkpointing=run.gradient_checkpointing,
        packing=run.packing and not loaded.sees,
        max_length=recipe.data.max_length if run.packing and not loaded.sees else None,  # nothing is ever cut
        dataset_kwargs={"skip_prepare_dataset": True} if loaded.sees else None,
        remove_unused_columns=not loaded.sees,
        train_sampling_strategy="random" if loaded.sees or run.packing else "group_by_length",
        dataloader_num_workers=run.workers,
        logging_steps=run.logging_steps,
        save_strategy="steps" if run.save_steps else "no",
        save_steps=run.save_steps or 500,
        save_total_limit=2,
        eval_strategy="steps" if watched else "no",
        eval_steps=run.eval_steps,
        load_best_model_at_end=bool(run.patience),
        metric_for_best_model="eval_loss" if watched else None,
        report_to="none",
        disable_tqdm=True,
    )


def _precision(name: str) -> tuple[bool, bool]:
    """Whether to compute in bf16, and in fp16."""
    import torch

    from glossator.engines.loss.loading import fast_dtype

    if name != "auto":
        return name == "bf16", name == "fp16"
    if torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported()), not torch.cuda.is_bf16_supported()
    return fast_dtype() == torch.bfloat16, False


def _save(trainer: Any, loaded: model.Loaded, recipe: TrainRecipe, trained: Trained, out: Path) -> None:
    adapters = getattr(trainer.model, "peft_config", None)
    for config in (adapters or {}).values():
        config.base_model_name_or_path = recipe.model.name  # not where this machine happens to keep it
    trainer.save_model(str(out))
    loaded.owner.save_pretrained(str(out))
    write_card(out / "README.md", recipe, trained)
    temporary = out / f".{RESULT}"
    temporary.write_text(json.dumps(asdict(trained), indent=1), encoding="utf-8")
    temporary.rename(out / RESULT)


def _same_recipe(out: Path, recipe: TrainRecipe) -> None:
    """Refuse to mix two recipes in one folder."""
    path = out / "recipe.json"
    wanted = recipe.model_dump(mode="json")
    if path.is_file() and json.loads(path.read_text(encoding="utf-8")) != wanted:
        raise UsageError(f"{out} holds a run of another recipe; give a new folder with -o")
    path.write_text(json.dumps(wanted, indent=1), encoding="utf-8")


def _last_checkpoint(out: Path) -> str | None:
    """The newest whole checkpoint, or None."""
    folders = sorted((out / "checkpoints").glob("checkpoint-*"), key=lambda path: int(path.name.rpartition("-")[2]))
    whole = [folder for folder in folders if (folder / "trainer_state.json").is_file()]
    return str(whole[-1]) if whole else None


def _used_device() -> tuple[str, float | None]:
    import torch

    if not torch.cuda.is_available():
        return f"CPU, {torch.get_num_threads()} threads", None
    return torch.cuda.get_device_name(), round(torch.cuda.max_memory_allocated() / 2**20, 1)


def _told(progress: Progress) -> Any:
    """A callback of the trainer that tells of each step."""
    from transformers import TrainerCallback

    class Told(TrainerCallback):  # type: ignore[misc]
        def on_step_end(self, _arguments: Any, state: Any, _control: Any, **_more: Any) -> None:
            progress("training", int(state.global_step), int(state.max_steps))

    return Told()


def summary_text(trained: Trained, out: Path) -> str:
    """For a person."""
    lines = [
        f"trained {trained.steps:,} steps on {trained.samples:,} conversations in {trained.seconds:,.0f} s "
        f"({trained.device}); last loss {trained.loss}",
        *(f"left out: {count:,} ({reason})" for reason, count in trained.left_out.items()),
        f"model: {out}",
        f"next: glossator eval {out} --benchmark records=SOURCE -o DIR",
    ]
    return "\n".join(lines)
