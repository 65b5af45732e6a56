"""The recipe of a training run: one YAML file of `model`, `data`, `tune`, `optimizer` and `run`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from glossator.errors import RecipeError
from glossator.recipe import SHIPPED, explain

TRAINING_RECIPES = SHIPPED / "train"


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ModelSpec(_Model):
    """The model that is tuned."""

    name: str = Field(description="A Hub name, a folder with a model (one from `glossator train` too), smollm2-135m.")
    revision: str | None = Field(None, description="Revision of a Hub model.")
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto",
        description="Of the weights that stay as they are; auto takes bfloat16 where the hardware is fast at it.",
    )
    quantization: Literal["4bit", "8bit"] | None = Field(
        None, description="Load with bitsandbytes in so many bits and tune adapters on it (QLoRA); slow without CUDA."
    )
    attention: str | None = Field(None, description="As transformers names it: sdpa, flash_attention_2; null: its own.")
    chat_template: str | None = Field(None, description="A Jinja file; null takes the model's own.")
    trust_remote_code: bool = Field(False, description="Run code that comes with the model.")


class DataSettings(_Model):
    """What of the data set the model is shown, and how."""

    pairs: bool = Field(True, description="Train on question-answer pairs.")
    explanations: bool = Field(True, description="Train on the self-explain turns that follow them.")
    explain_share: float = Field(1.0, ge=0, le=1, description="Share of the pairs that keep their explanation.")
    captions: Literal["none", "human", "enriched"] = Field(
        "enriched", description="Which captions are trained on, as answers to a request for a description."
    )
    pairs_per_sample: int | None = Field(
        4, ge=1, description="Pairs of one image in one conversation, at most; null: as the data set has them."
    )
    short_answer: str = Field(
        "", description="Said after a question that has a short answer, as benchmarks say it; empty for nothing."
    )
    max_ocr_tokens: int = Field(512, ge=16, description="Models without eyes: budget for the page's OCR text.")
    max_length: int = Field(
        2048, ge=32, description="Tokens of one sample. A longer one is split by turn, or left out and counted."
    )
    test_share: float = Field(
        0.1, ge=0, lt=1, description="Share of a workspace's images that is never trained on; what eval tests by."
    )
    validation_share: float = Field(0.0, ge=0, lt=1, description="Share of the images that watches over training.")


class LoraSettings(_Model):
    """Low-rank adapters (arXiv 2106.09685)."""

    rank: int = Field(16, ge=1, description="Rank of the update.")
    alpha: int = Field(32, ge=1, description="Its scale is alpha / rank.")
    dropout: float = Field(0.05, ge=0, lt=1, description="Dropout before the update.")
    last_layers: int | None = Field(
        None, ge=1, description="Only in so many of the last layers: faster, for nothing below is differentiated."
    )
    targets: tuple[str, ...] = Field((), description="Names of linear layers; none: all of the language model's.")


class TuneSettings(_Model):
    """Which parameters move."""

    method: Literal["lora", "full"] = Field("lora", description="Adapters on the language model, or all its weights.")
    lora: LoraSettings = Field(default_factory=LoraSettings, description="For lora.")
    language: bool = Field(True, description="Tune the language model.")
    projector: bool = Field(True, description="Tune what joins tower and language model, in full.")
    vision: bool = Field(False, description="Tune the vision tower, in full.")

    @model_validator(mode="after")
    def _something(self) -> TuneSettings:
        if not (self.language or self.projector or self.vision):
            raise ValueError("nothing is tuned: set language, projector or vision")
        return self


class OptimizerSettings(_Model):
    """How the parameters move. One step sees batch_size x accumulation samples a process."""

    learning_rate: float = Field(2e-4, gt=0, description="At its highest.")
    epochs: float = Field(3.0, gt=0, description="Passes over the samples.")
    max_steps: int | None = Field(None, ge=1, description="Stop after so many steps, whatever epochs says.")
    batch_size: int = Field(4, ge=1, description="Samples in one pass of one process.")
    accumulation: int = Field(1, ge=1, description="Passes in one step.")
    schedule: str = Field("cosine", description="As transformers names it: cosine, linear, constant.")
    warmup_share: float = Field(0.03, ge=0, lt=1, description="Share of the steps in which the rate rises.")
    weight_decay: float = Field(0.0, ge=0, description="Of AdamW.")
    max_grad_norm: float = Field(1.0, gt=0, description="Longer gradients are cut to it.")
    name: str = Field("adamw_torch", description="Optimizer, as transformers names it.")


class TrainRun(_Model):
    """How training is run."""

    seed: int = Field(0, ge=0, description="Of the order, the adapters' first weights and the dropout.")
    precision: Literal["auto", "bf16", "fp16", "fp32"] = Field("auto", description="Of the arithmetic.")
    gradient_checkpointing: bool = Field(False, description="Less memory for a third more time.")
    packing: bool = Field(False, description="Text models: several samples in one row, apart from each other.")
    save_steps: int | None = Field(
        None,
        ge=1,
        description="Steps between checkpoints, to go on from; null: none; with patience: at each look.",
    )
    eval_steps: int | None = Field(None, ge=1, description="Steps between two looks at the validation loss.")
    patience: int | None = Field(
        None, ge=1, description="Stop early after so many looks without a lower validation loss; keep the best."
    )
    logging_steps: int = Field(5, ge=1, description="Steps between two lines of the loss curve.")
    workers: int = Field(0, ge=0, description="Processes that open and resize pictures.")
    threads: int | None = Field(None, ge=1, description="CPU threads of a process; null: all.")


class TrainRecipe(_Model):
    """A whole recipe of `glossator train`."""

    model: ModelSpec = Field(description="The model that is tuned.")
    data: DataSettings = Field(default_factory=DataSettings, description="What it is shown.")
    tune: TuneSettings = Field(default_factory=TuneSettings, description="Which parameters move.")
    optimizer: OptimizerSettings = Field(default_factory=OptimizerSettings, description="How they move.")
    run: TrainRun = Field(default_factory=TrainRun, description="How it is run.")

    @model_validator(mode="after")
    def _fits(self) -> TrainRecipe:
        watched = self.data.validation_share > 0
        if self.run.patience and not (watched and self.run.eval_steps):
            raise ValueError("run.patience wants data.validation_share and run.eval_steps")
        if self.run.patience and (self.run.save_steps or 0) % (self.run.eval_steps or 1):
            raise ValueError("with run.patience, run.save_steps is a multiple of run.eval_steps: the best is kept")
        if self.run.eval_steps and not watched:
            raise ValueError("run.eval_steps wants data.validation_share")
        if self.model.quantization and self.tune.method != "lora":
            raise ValueError("model.quantization wants tune.method lora: quantised weights can't move")
        return self


def shipped() -> list[str]:
    """Names of the training recipes that come with the package."""
    return sorted(path.stem for path in TRAINING_RECIPES.glob("*.yaml"))


def load(name: str | Path, overrides: Mapping[str, Any] | None = None) -> TrainRecipe:
    """A shipped training recipe by name or a YAML file by path, with dotted `overrides` (`{"optimizer.epochs": 1}`).

    Raises:
        RecipeError: if it can't be found, is no YAML, or does not fit; the message names the key.
    """
    path = TRAINING_RECIPES / f"{name}.yaml" if str(name) in shipped() else Path(name)
    if not path.is_file():
        raise RecipeError(f"no training recipe '{name}': it is neither a file nor one of {', '.join(shipped())}")
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path}: not valid YAML: {error}") from error
    return parse(tree, str(path), overrides)


def parse(tree: Any, where: str, overrides: Mapping[str, Any] | None = None) -> TrainRecipe:
    """A training recipe from a parsed tree. Raises `RecipeError`; `where` names it there."""
    if not isinstance(tree, dict):
        raise RecipeError(f"{where}: a training recipe is a mapping with the keys model, data, tune, optimizer and run")
    for key, value in (overrides or {}).items():
        node = tree
        *parts, last = key.split(".")
        for part in parts:
            node = node.setdefault(part, {})
            if not isinstance(node, dict):
                raise RecipeError(f"--set {key}: '{part}' holds no settings")
        node[last] = value
    try:
        return TrainRecipe.model_validate(tree)
    except ValidationError as error:
        unnamed = any(item["loc"] == ("model", "name") and item["type"] == "missing" for item in error.errors())
        hint = "; this recipe leaves the model to you: --set model.name=FOLDER" if unnamed else ""
        raise RecipeError(f"{where}: {explain(error)}{hint}") from error
