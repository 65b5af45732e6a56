"""From a recipe to the plans of its stages: settings validated, parents found, fingerprints computed."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module

from pydantic import ValidationError

from glossator.engines.base import Engine
from glossator.engines.registry import engine_class, parse_spec
from glossator.errors import RecipeError
from glossator.fingerprint import fingerprint
from glossator.recipe import EngineSpec, Recipe, StageSpec, explain
from glossator.stages.base import MapStage, Settings, Stage, StagePlan, TableStage
from glossator.store import HUMAN, IMAGES, images_folder

STAGES: dict[str, str] = {
    "ocr": "glossator.stages.ocr:OcrStage",
    "hash": "glossator.stages.hash:HashStage",
    "enrich": "glossator.stages.enrich:EnrichStage",
    "extract": "glossator.stages.extract:ExtractStage",
    "explain": "glossator.stages.explain:ExplainStage",
    "agree": "glossator.stages.agree:AgreeStage",
    "judge": "glossator.stages.judge:JudgeStage",
    "mask": "glossator.stages.mask:MaskStage",
    "mask_captions": "glossator.stages.mask:MaskCaptionsStage",
    "inspect": "glossator.stages.inspect:InspectStage",
    "score": "glossator.stages.score:ScoreStage",
    "repair": "glossator.stages.repair:RepairStage",
    "edits": "glossator.stages.edits:EditsStage",
    "dedup": "glossator.stages.dedup:DedupStage",
    "leaks": "glossator.stages.leaks:LeaksStage",
    "filter": "glossator.stages.filter:FilterStage",
    "mix": "glossator.stages.mix:MixStage",
}


def stage_class(kind: str) -> type[Stage]:
    """The class of a stage kind. Raises `RecipeError` that lists the known ones."""
    if kind not in STAGES:
        raise RecipeError(f"no stage '{kind}'; known: {', '.join(STAGES)}")
    module, _, name = STAGES[kind].partition(":")
    return getattr(import_module(module), name)  # type: ignore[no-any-return]


def resolve(recipe: Recipe) -> list[StagePlan]:
    """The plan of each stage, in order.

    Raises:
        RecipeError: for an unknown stage, engine or setting, and where a stage reads a table that none before it makes.
        MissingExtraError: if an engine's package is not installed.
    """
    supplied = {"images": images_folder(recipe.data.captions), "human": HUMAN}
    plans = []
    for spec in recipe.stages:
        plan = _plan(spec, supplied)
        plans.append(plan)
        supplied[plan.writes] = plan.folder
    return plans


def over_stored(recipe: Recipe, tables: Mapping[str, str]) -> list[StagePlan]:
    """The plans of the recipe's table stages over tables as they stand in a workspace, whichever version made them.

    Args:
        recipe: the recipe.
        tables: the folder of each table there is.
    """
    supplied = {"human": HUMAN, **tables}
    plans = []
    for spec in recipe.stages:
        if issubclass(stage_class(spec.use), TableStage):
            plans.append(_plan(spec, supplied))
            supplied[plans[-1].writes] = plans[-1].folder
    return plans


def live(plan: StagePlan, engine: object | None) -> MapStage[object] | TableStage:
    """The stage that a plan describes, over its live engine."""
    cls = stage_class(plan.kind)
    settings = cls.Settings.model_validate(plan.settings)
    if issubclass(cls, MapStage):
        return cls(settings, engine)
    assert issubclass(cls, TableStage)
    return cls(settings)


def engine_of(plan: StagePlan) -> type[Engine] | None:
    """The class of a stage's engine; None for a stage without one."""
    cls = stage_class(plan.kind)
    if plan.engine is None or not issubclass(cls, MapStage) or cls.family is None:
        return None
    return engine_class(cls.family, str(plan.engine["kind"]))


def _plan(spec: StageSpec, supplied: dict[str, str]) -> StagePlan:
    cls = stage_class(spec.use)
    settings = _settings(cls, spec)
    parents = {table: supplied[table] for table in (*cls.reads, *cls.uses) if table in supplied}
    for table in cls.reads:
        if table not in parents:
            makers = [kind for kind in STAGES if stage_class(kind).writes == table]
            raise RecipeError(f"stage '{spec.use}' reads {table}: put the stage {' or '.join(makers)} before it")
    if "images" in parents and not cls.sees_captions:
        parents["images"] = IMAGES
    parents |= cls.also_reads(settings)
    engine, identity = _engine(cls, spec)
    identity = {
        "stage": cls.kind,
        "version": cls.version,
        "settings": settings.model_dump(mode="json"),
        "engine": identity,
        "parents": parents,
    }
    also = cls.also_hashed(settings)
    if also is not None:
        identity["also"] = also
    return StagePlan(
        kind=cls.kind,
        settings=settings.model_dump(mode="json"),
        engine=engine,
        fingerprint=fingerprint(identity),
        writes=cls.writes,
        parents=parents,
        identity=identity,
    )


def _settings(cls: type[Stage], spec: StageSpec) -> Settings:
    try:
        return cls.Settings.model_validate(spec.settings)
    except ValidationError as error:
        unknown = any(item["type"] == "extra_forbidden" for item in error.errors())
        known = f" (its settings: {', '.join(cls.Settings.model_fields) or 'none'})" if unknown else ""
        raise RecipeError(f"stage '{spec.use}': {explain(error)}{known}") from error


def _engine(cls: type[Stage], spec: StageSpec) -> tuple[dict[str, object] | None, dict[str, object] | None]:
    """The engine's full mapping and what of it is hashed; None for a table stage."""
    if not issubclass(cls, MapStage):
        if spec.engine is not None:
            raise RecipeError(f"stage '{spec.use}' works on tables and takes no engine")
        return None, None
    if cls.family is None:
        if spec.engine is not None:
            raise RecipeError(f"stage '{spec.use}' does its work itself and takes no engine")
        return None, None
    wanted = spec.engine or EngineSpec(kind=cls.default_engine)
    parsed = parse_spec(cls.family, wanted)
    if cls.needs and not hasattr(engine_class(cls.family, wanted.kind), cls.needs):
        raise RecipeError(f"stage '{spec.use}': the engine {wanted.kind} can't {cls.needs}; chat can")
    identity = engine_class(cls.family, wanted.kind).identity(parsed, spec.use)  # type: ignore[arg-type]
    return parsed.model_dump(mode="json"), identity
