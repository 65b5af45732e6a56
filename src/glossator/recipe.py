"""The recipe: what is done (`data`, `stages`: hashed) and how it is run (`run`: never hashed).

Stage settings and engine specs stay plain mappings here; the stage and the engine that they belong to validate them
(`stages.base.resolve`), so that a new stage or engine needs no change in this file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from glossator.errors import RecipeError

SHIPPED = Path(__file__).parent / "recipes"


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class DataSpec(_Model):
    """How the source is cut up."""

    shard_size: int | None = Field(
        None, ge=1, description="Images per shard; by default a 16th of the source, at least 8 and at most 2,000."
    )
    max_megapixels: float = Field(100.0, gt=0, description="Larger images are refused before they are decoded.")
    captions: str = Field(
        "", pattern="^[0-9a-f]*$", description="Which edition of the captions; filled in by the build from the source."
    )


class EngineSpec(BaseModel):
    """Which engine does a stage's work. Beside `kind`, each engine documents its own keys."""

    model_config = ConfigDict(frozen=True, extra="allow")

    kind: str = Field(description="Name of the engine, such as rapidocr, grounded, chat or embedded.")


class StageSpec(_Model):
    """One stage of the recipe."""

    use: str = Field(description="Kind of the stage, such as ocr, enrich, extract, explain, score or filter.")
    engine: EngineSpec | None = Field(None, description="The engine; the stage's default if left out.")
    settings: dict[str, Any] = Field(default_factory=dict, description="The stage's own settings.")


_KEY = re.compile(r"(?:sk|gsk|hf|pk|rk|xai|AIza)[-_]?[A-Za-z0-9_-]{16,}")


class Endpoint(_Model):
    """How to reach a model. Never part of a fingerprint."""

    url: str = Field(description="Base URL of an OpenAI-compatible server, such as https://api.openai.com/v1.")
    key_env: str | None = Field(
        None,
        pattern=r"^[A-Z_][A-Z0-9_]*$",
        description="NAME of the environment variable that holds the key (upper case). The key itself is refused.",
    )
    in_flight: int = Field(
        64, ge=1, description="Requests under way at once, at most; fewer where the endpoint says that it is too much."
    )
    timeout_s: float = Field(60.0, gt=0, description="Seconds until a request is given up.")
    max_retries: int = Field(6, ge=0, description="Tries after the first for timeouts and server errors.")
    requests_per_minute: int | None = Field(None, ge=1, description="Never send more.")
    tokens_per_minute: int | None = Field(None, ge=1, description="Never ask for more, by estimate.")
    patience_s: float = Field(
        90.0, gt=0, description="Seconds that an endpoint may be silent before the run stops (10 if it never answered)."
    )
    hedge_after_s: float | None = Field(
        None, gt=0, description="Send a second copy of a request that is slower than this. Both are paid for."
    )
    batch: bool = Field(False, description="Buy through the Batch API: half the price, an answer within a day.")
    batch_poll_s: float = Field(30.0, gt=0, description="Seconds between two looks at a batch.")

    @field_validator("url")
    @classmethod
    def _no_credentials(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("must be an http or https URL")
        if parts.username or parts.password or parts.query or parts.fragment or _KEY.search(parts.path):
            raise ValueError("holds credentials; put the key into an environment variable and name it in key_env")
        return url


class Price(_Model):
    """What a model costs, in US dollars for a million tokens. Never part of a fingerprint."""

    input: float = Field(ge=0, description="A million prompt tokens.")
    cached_input: float | None = Field(None, ge=0, description="The same from the provider's cache; as input if unset.")
    output: float = Field(ge=0, description="A million completion tokens.")


class Budget(_Model):
    """When to stop. Never part of a fingerprint."""

    usd: float | None = Field(
        None, gt=0, description="Stop before the next request once this many US dollars are spent."
    )
    tokens: int | None = Field(None, gt=0, description="Stop before the next request once this many tokens are used.")
    max_failed_share: float = Field(
        0.5, gt=0, le=1, description="Stop if more than this share of a stage's rows fails (from 20 rows on)."
    )


class RunSpec(_Model):
    """How the recipe is run. Nothing here changes a result, so nothing here is hashed."""

    executor: Literal["local", "ray"] = Field("local", description="local processes, or a Ray cluster.")
    workers: dict[str, int] = Field(
        default_factory=dict,
        description="Worker processes by stage; 0 runs the stage in the main process. The engine chooses if unset.",
    )
    endpoints: dict[str, Endpoint] = Field(
        default_factory=dict, description='Endpoint by model name; "default" serves every model that is not named.'
    )
    prices: dict[str, Price] = Field(
        default_factory=dict, description="Prices by model, before those of the package genai-prices."
    )
    budget: Budget = Field(default_factory=Budget, description="When to stop.")
    target_kept: int | None = Field(
        None,
        ge=1,
        description="Stop as soon as so many pairs are kept: shard by shard, scored and filtered as it goes.",
    )


REPEATABLE = ("score", "repair")  # what is repaired is scored anew


class Recipe(_Model):
    """A whole recipe. Equal recipes give equal fingerprints, whatever `run` says."""

    data: DataSpec = Field(default_factory=DataSpec, description="How the source is cut up.")
    stages: tuple[StageSpec, ...] = Field(min_length=1, description="The stages, in order.")
    run: RunSpec = Field(default_factory=RunSpec, description="How it is run; never hashed.")

    @field_validator("stages")
    @classmethod
    def _once_each(cls, stages: tuple[StageSpec, ...]) -> tuple[StageSpec, ...]:
        names = [stage.use for stage in stages]
        twice = sorted({name for name in names if names.count(name) > 1 and name not in REPEATABLE})
        if twice:
            raise ValueError(f"stage {', '.join(twice)} stands more than once")
        return stages

    def stage(self, kind: str) -> StageSpec | None:
        """The (first) stage of that kind, or None."""
        return next((stage for stage in self.stages if stage.use == kind), None)


def shipped() -> list[str]:
    """Names of the recipes that come with the package."""
    return sorted(path.stem for path in SHIPPED.glob("*.yaml"))


def load(name: str | Path, overrides: Mapping[str, Any] | None = None) -> Recipe:
    """Read a shipped recipe by name or a YAML file by path, and apply `overrides` (`{"filter.mifd_max": 0.9}`).

    Raises:
        RecipeError: if it can't be found, is no YAML, or does not fit the schema; the message names the key.
    """
    path = SHIPPED / f"{name}.yaml" if str(name) in shipped() else Path(name)
    if not path.is_file():
        raise RecipeError(f"no recipe '{name}': it is neither a file nor one of {', '.join(shipped())}")
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path}: not valid YAML: {error}") from error
    return parse_tree(tree, str(path), overrides)


def parse_tree(tree: Any, where: str, overrides: Mapping[str, Any] | None = None) -> Recipe:
    """A recipe from a parsed tree (changed in place by `overrides`). `where` names it in errors.

    Raises:
        RecipeError: if it does not fit the schema.
    """
    if not isinstance(tree, dict):
        raise RecipeError(f"{where}: a recipe is a mapping with the keys data, stages and run")
    for key, value in (overrides or {}).items():
        _override(tree, key, value)
    try:
        return Recipe.model_validate(tree)
    except ValidationError as error:
        raise RecipeError(f"{where}: {explain(error)}") from error


def parse_override(text: str) -> tuple[str, Any]:
    """Split `a.b=c` into the dotted key and the value, read as YAML (so `1`, `true`, `null` and lists work).

    Raises:
        RecipeError: if there is no `=` or the value is no YAML.
    """
    key, separator, value = text.partition("=")
    if not separator or not key.strip():
        raise RecipeError(f"--set {text}: write it as stage.setting=value, such as filter.mifd_max=0.9")
    try:
        return key.strip(), yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise RecipeError(f"--set {text}: the value is not valid YAML") from error


def explain(error: ValidationError) -> str:
    """A pydantic error in one line a key, without the input (which may hold a secret)."""
    lines = []
    for item in error.errors(include_url=False, include_input=False):
        where = ".".join(str(part) for part in item["loc"])
        lines.append(f"{where}: ".removeprefix(": ") + item["msg"].removeprefix("Value error, "))
    return "; ".join(lines)


def _override(tree: dict[str, Any], key: str, value: Any) -> None:
    """Set one dotted key: `data.*`, `run.*`, `<stage>.engine.*`, or `<stage>.*` for the stage's settings.

    A stage that stands several times is set wherever it stands.
    """
    head, *rest = key.split(".")
    if not rest:
        raise RecipeError(f"--set {key}: name a setting too, as in {key}.name=value")
    if head in ("data", "run"):
        _set(tree.setdefault(head, {}), rest, value, key)
        return
    stages = [stage for stage in tree.get("stages", []) if stage.get("use") == head]
    if not stages:
        raise RecipeError(f"--set {key}: the recipe has no stage '{head}'")
    if rest[0] not in ("engine", "settings"):
        rest = ["settings", *rest]
    for stage in stages:
        _set(stage, rest, value, key)


def _set(node: dict[str, Any], path: list[str], value: Any, key: str) -> None:
    for part in path[:-1]:
        node = node.setdefault(part, {})
        if not isinstance(node, dict):
            raise RecipeError(f"--set {key}: '{part}' holds no settings")
    node[path[-1]] = value
