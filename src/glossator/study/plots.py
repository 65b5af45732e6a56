"""Plots of a study, as SVG."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from glossator.errors import MissingExtraError


def arms(result: Mapping[str, Any], path: Path) -> None:
    """Each arm's figure with its interval, one below the other."""
    rows = list(result["arms"].items())
    figure, axes = _figure(height=0.9 + 0.34 * len(rows))
    for place, (_, arm) in enumerate(rows):
        axes.plot([arm["low"] * 100, arm["high"] * 100], [place, place], color="#4c72b0", linewidth=2.5, alpha=0.55)
        axes.plot(arm["value"] * 100, place, "o", color="#1f3a68", markersize=6)
    axes.set_yticks(range(len(rows)), [name for name, _ in rows])
    axes.invert_yaxis()
    axes.set_xlabel(f"{result['metric'].upper()}, percent (95 % interval over images)")
    axes.grid(axis="x", alpha=0.25)
    _save(figure, path)


def sizes(result: Mapping[str, Any], path: Path) -> None:
    """Each arm's figure against the number of pairs that it was trained on."""
    figure, axes = _figure(height=3.8)
    for name, arm in result["arms"].items():
        value, low, high = (arm[key] * 100 for key in ("value", "low", "high"))
        axes.errorbar(arm["pairs"], value, yerr=[[value - low], [high - value]], fmt="o", capsize=2, alpha=0.8)
        axes.annotate(name, (arm["pairs"], value), textcoords="offset points", xytext=(6, 3), fontsize=7)
    axes.margins(x=0.18)  # room for the last names
    axes.set_xlabel("pairs trained on (mean over seeds)")
    axes.set_ylabel(f"{result['metric'].upper()}, percent")
    axes.grid(alpha=0.25)
    _save(figure, path)


def _figure(*, height: float) -> tuple[Any, Any]:
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError("plots", "train") from error
    figure = Figure(figsize=(8, height), layout="constrained")
    axes = figure.subplots()
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    return figure, axes


def _save(figure: Any, path: Path) -> None:
    import matplotlib

    with matplotlib.rc_context({"svg.hashsalt": "glossator"}):  # equal figures give equal bytes
        figure.savefig(path, metadata={"Date": None})
