"""From a recipe to the arguments of TRL's trainer, and to the number types of weights and arithmetic."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from glossator.errors import UsageError
from glossator.training import processes
from glossator.training.folder import CHECKPOINTS
from glossator.training.settings import TrainRecipe


@dataclass(frozen=True, slots=True)
class Precision:
    """Number type of the weights that stay as they are, and of the arithmetic (neither: float32)."""

    weights: str
    bf16: bool
    fp16: bool


def precision(recipe: TrainRecipe, device: str) -> Precision:
    """What `run.precision` and `model.dtype` come to on this machine; the same in every process of a run."""
    name: str = recipe.run.precision
    if name == "auto":
        name = processes.agreed(_best(device))
    weights = {"bf16": "bfloat16", "fp16": "float16", "fp32": "float32"}[name]
    own = recipe.model.dtype
    return Precision(weights if own == "auto" else own, bf16=name == "bf16", fp16=name == "fp16")


def _best(device: str) -> str:
    import torch

    from glossator.engines.loss.loading import fast_dtype

    if device.startswith("cuda"):
        return "bf16" if torch.cuda.is_bf16_supported() else "fp16"
    return "bf16" if device == "cpu" and fast_dtype() == torch.bfloat16 else "fp32"


def arguments(recipe: TrainRecipe, types: Precision, out: Path, *, sees: bool) -> Any:
    """The `SFTConfig` of a recipe; nothing in it cuts a sequence.

    Raises:
        UsageError: if the trainer refuses a setting.
    """
    from trl import SFTConfig

    optimizer, run = recipe.optimizer, recipe.run
    packed = run.packing and not sees
    try:
        return SFTConfig(
            output_dir=str(out / CHECKPOINTS),
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
            bf16=types.bf16,
            fp16=types.fp16,
            use_cpu=processes.device() == "cpu",
            gradient_checkpointing=run.gradient_checkpointing,
            packing=packed,
            eval_packing=False if packed else None,
            max_length=recipe.data.max_length if packed else None,  # no sample is longer: see collate.fitting
            dataset_kwargs={"skip_prepare_dataset": True} if sees else None,
            remove_unused_columns=not sees,
            dataloader_num_workers=run.workers,
            logging_steps=run.logging_steps,
            logging_first_step=True,
            log_level="error",
            log_level_replica="error",
            report_to="none",
            disable_tqdm=True,
            **_looks(recipe),
        )
    except ValueError as error:
        raise UsageError(f"the trainer refuses the recipe: {str(error).strip().splitlines()[0]}") from error


def _looks(recipe: TrainRecipe) -> dict[str, Any]:
    """When checkpoints are written and the validation loss is looked at. The best one is kept by its checkpoint."""
    run = recipe.run
    save_steps = run.save_steps or (run.eval_steps if run.patience else None)
    return {
        "save_strategy": "steps" if save_steps else "no",
        "save_steps": save_steps or 500,
        "save_total_limit": 2,
        "eval_strategy": "steps" if run.eval_steps else "no",
        "eval_steps": run.eval_steps,
        "load_best_model_at_end": bool(run.patience),
        "metric_for_best_model": "eval_loss" if run.eval_steps else None,
    }
