"""Where engines are found: a dict of import strings, then the entry-point group `glossator.engines`."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import entry_points
from typing import Any, Literal

from pydantic import ValidationError

from glossator.engines.base import Engine, Runtime, Spec
from glossator.errors import MissingExtraError, RecipeError
from glossator.recipe import EngineSpec, explain

Family = Literal["ocr", "writer", "loss"]
GROUP = "glossator.engines"

BUILTIN: dict[Family, dict[str, str]] = {
    "ocr": {
        "ensemble": "glossator.engines.ocr.ensemble:EnsembleOcr",
        "ensemble-chat": "glossator.engines.ocr.settled:EnsembleChatOcr",
        "fake": "glossator.engines.fake:FakeOcr",
        "given": "glossator.engines.ocr.given:GivenOcr",
        "ppocrv5": "glossator.engines.ocr.ppocrv5:PpOcrV5Engine",
        "rapidocr": "glossator.engines.ocr.rapid:RapidOcrEngine",
        "tesseract": "glossator.engines.ocr.tesseract:TesseractEngine",
    },
    "writer": {
        "chat": "glossator.engines.writer.chat:ChatWriter",
        "fake": "glossator.engines.fake:FakeWriter",
        "given": "glossator.engines.writer.given:GivenWriter",
        "grounded": "glossator.engines.writer.grounded:GroundedWriter",
        "teachers": "glossator.engines.writer.teachers:TeachersWriter",
    },
    "loss": {
        "embedded": "glossator.engines.loss.embedded:EmbeddedLoss",
        "endpoint": "glossator.engines.loss.endpoint:EndpointLoss",
        "fake": "glossator.engines.fake:FakeLoss",
        "hf": "glossator.engines.loss.hf:HfLoss",
    },
}
EXTRA_OF = {
    "rapidocr": "embedded",
    "ppocrv5": "ocr",
    "tesseract": "ocr",
    "ensemble": "ocr",
    "ensemble-chat": "ocr",
    "embedded": "embedded",
    "chat": "chat",
    "endpoint": "chat",
    "hf": "hf",
}


def known(family: Family) -> list[str]:
    """Names of all engines of a family, built in or installed."""
    names = set(BUILTIN[family])
    prefix = f"{family}."
    names.update(
        point.name.removeprefix(prefix) for point in entry_points(group=GROUP) if point.name.startswith(prefix)
    )
    return sorted(names)


def engine_class(family: Family, kind: str) -> type[Engine]:
    """The class behind a name.

    Raises:
        RecipeError: if no engine has that name; the message lists those that exist.
        MissingExtraError: if its module needs a package that is not installed.
    """
    target = BUILTIN[family].get(kind)
    if target is None:
        points = [point for point in entry_points(group=GROUP) if point.name == f"{family}.{kind}"]
        if not points:
            raise RecipeError(f"no {family} engine '{kind}'; known: {', '.join(known(family))}")
        target = points[0].value
    module, _, name = target.partition(":")
    try:
        return getattr(import_module(module), name)  # type: ignore[no-any-return]
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("glossator"):
            raise
        raise MissingExtraError(
            f"the engine '{kind}' ({error.name} is not installed)", EXTRA_OF.get(kind, "all")
        ) from error


def parse_spec(family: Family, spec: EngineSpec) -> Spec:
    """Validate the recipe's engine mapping against the engine's own spec.

    Raises:
        RecipeError: if a key is unknown or a value does not fit.
    """
    cls = engine_class(family, spec.kind)
    try:
        return cls.Spec.model_validate(spec.model_dump())
    except ValidationError as error:
        raise RecipeError(f"engine {spec.kind}: {explain(error)}") from error


def build(family: Family, spec: EngineSpec, runtime: Runtime) -> Any:
    """The live engine. Same errors as `engine_class` and `parse_spec`."""
    return engine_class(family, spec.kind).build(parse_spec(family, spec), runtime)
