"""Glossator: text-rich images and one caption each, turned into an instruction-tuning data set to trust."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from glossator.errors import GlossatorError, StopRun, UsageError
    from glossator.recipe import Recipe
    from glossator.workspace import Workspace, build, open, score

__version__ = "0.1.0"
__all__ = ["GlossatorError", "Recipe", "StopRun", "UsageError", "Workspace", "build", "open", "score"]

_HOME = {
    "GlossatorError": "errors",
    "StopRun": "errors",
    "UsageError": "errors",
    "Recipe": "recipe",
    "Workspace": "workspace",
    "build": "workspace",
    "open": "workspace",
    "score": "workspace",
}


def __getattr__(name: str) -> Any:
    """Public names are imported on first use, so that `import glossator` (and `glossator --help`) is quick."""
    if name not in _HOME:
        raise AttributeError(f"module 'glossator' has no attribute '{name}'")
    from importlib import import_module

    return getattr(import_module(f"glossator.{_HOME[name]}"), name)
