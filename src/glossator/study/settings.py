"""A study: one YAML that varies the data (its arms) and holds training and test fixed."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from glossator.errors import RecipeError
from glossator.jobs.defects import DEFECTS
from glossator.recipe import SHIPPED, explain

STUDIES = SHIPPED / "study"


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


# What people transcribed is a study's ground truth, and no user of fresh images has it: pages are read by the engine.
READ_BY_ENGINE = {"ocr.use_given": False}


class StudyData(_Model):
    """One data set, built from the study's sources by one recipe."""

    recipe: str = Field("embedded", description="A shipped recipe's name or a YAML file.")
    overrides: dict[str, Any] = Field(
        default_factory=lambda: dict(READ_BY_ENGINE),
        description="Its settings by dotted name. By default OCR that records bring along is not used.",
    )
    human_captions: bool = Field(True, description="Whether the writer is shown what people wrote about the images.")
    noise_of: tuple[str, ...] = Field(
        DEFECTS,
        min_length=1,
        description="What the noise is made of, in equal shares: defects as `defects` plants them.",
    )

    @field_validator("noise_of")
    @classmethod
    def _known(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if name not in DEFECTS:
                raise ValueError(f"no defect '{name}'; known: {', '.join(DEFECTS)}")
        return names


class Arm(_Model):
    """One way to choose what is trained on. All else is the same in every arm."""

    data: str = Field("main", description="Which data set.")
    filter: dict[str, Any] | None = Field(
        default_factory=dict, description="Settings of the filter over its defaults; null keeps every pair."
    )
    noise: float = Field(0.0, ge=0, le=0.5, description="Share of the pairs that are replaced by spoilt copies.")
    share: float = Field(1.0, gt=0, le=1, description="Share of the chosen pairs, drawn at random.")
    like: str | None = Field(None, description="Draw at random as many pairs as this arm has, filter or no filter.")
    kinds: tuple[str, ...] = Field((), description="Only images of these kinds; none: all.")
    without_kinds: tuple[str, ...] = Field((), description="No images of these kinds.")
    untuned: bool = Field(False, description="Train on nothing: the model as it comes.")
    train: dict[str, Any] = Field(
        default_factory=dict, description="Settings of the training recipe's `data` part, such as explanations: false."
    )


class Test(_Model):
    """What every arm is tested on: human ground truth of images that no arm of the cell has seen."""

    folds: int = Field(3, ge=2, description="Seed s holds out the images of fold s modulo folds.")
    max_per_image: int = Field(6, ge=1, description="Questions of one image, at most; drawn at random.")
    max_ocr_tokens: int | None = Field(None, ge=16, description="Budget for OCR text; null: as in training.")
    max_new_tokens: int = Field(32, ge=1, description="Longest answer; `glossator eval` allows 64.")
    data: str = Field("main", description="The data set whose OCR text the reader is shown, whatever the arm's.")
    metric: Literal["anls", "relaxed_accuracy", "contained", "exact", "token_f1"] = Field(
        "anls", description="What arms are compared by."
    )


class Study(_Model):
    """A whole study."""

    name: str = Field(description="What it is called in tables and file names.")
    question: str = Field(description="What it asks.")
    sources: tuple[str, ...] = Field((), description="Sources with ground truth, relative to this file.")
    data: dict[str, StudyData] = Field(
        default_factory=lambda: {"main": StudyData()}, description="Data sets that arms may name."
    )
    train: str = Field("ocr-lm", description="The training recipe.")
    train_overrides: dict[str, Any] = Field(default_factory=dict, description="Its settings by dotted name.")
    test: Test = Field(default_factory=Test, description="What every arm is tested on.")
    seeds: tuple[int, ...] = Field((0, 1, 2), min_length=1, description="One cell an arm and seed.")
    arms: dict[str, Arm] = Field(min_length=1, description="The arms, in the order of the tables.")
    compare: tuple[tuple[str, str], ...] = Field((), description="Pairs of arms whose difference is told.")
    keep_models: bool = Field(False, description="Keep the tuned models; they are large.")

    @model_validator(mode="after")
    def _names_fit(self) -> Self:
        for name, arm in self.arms.items():
            if arm.data not in self.data:
                raise ValueError(f"arm {name}: no data set '{arm.data}'")
            if arm.like is not None and (arm.like not in self.arms or self.arms[arm.like].like is not None):
                raise ValueError(f"arm {name}: like '{arm.like}' is no arm that chooses by itself")
        if self.test.data not in self.data:
            raise ValueError(f"test: no data set '{self.test.data}'")
        for one, other in self.compare:
            if one not in self.arms or other not in self.arms:
                raise ValueError(f"compare: no arms '{one}' and '{other}'")
        return self


def shipped() -> list[str]:
    """Names of the studies that come with the package."""
    return sorted(path.stem for path in STUDIES.glob("*.yaml"))


def load(name: str | Path, sources: tuple[Path, ...] = ()) -> Study:
    """A shipped study by name or a YAML file by path; `sources` instead of its own.

    Raises:
        RecipeError: if it can't be found, is no YAML, does not fit, or has no source.
    """
    path = STUDIES / f"{name}.yaml" if str(name) in shipped() else Path(name)
    if not path.is_file():
        raise RecipeError(f"no study '{name}': it is neither a file nor one of {', '.join(shipped())}")
    try:
        study = Study.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path}: not valid YAML: {error}") from error
    except ValidationError as error:
        raise RecipeError(f"{path}: {explain(error)}") from error
    found = sources or tuple((path.parent / source) for source in study.sources)
    if not found:
        raise RecipeError(f"{path} names no sources; give some with --source")
    return study.model_copy(update={"sources": tuple(str(one) for one in found)})
