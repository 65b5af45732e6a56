"""The HTML report: one file that needs no network, and says what came out, what did not, why, and at what cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glossator.difficulty import SCORES
from glossator.jobs.audit import audit
from glossator.jobs.defects import CLEAN, DEFECTS, labelled
from glossator.jobs.gallery import gallery
from glossator.jobs.trust import trust
from glossator.pieces import counts
from glossator.pieces.environment import environment

if TYPE_CHECKING:
    import polars as pl

MORE_DEFECTS = 12  # labels that are not ours
WITHOUT_PAIRS = 12
FAILURES_SHOWN = 50
_FUNNEL = (
    ("images", "images taken in"),
    ("read", "read by OCR"),
    ("captioned", "captions enriched"),
    ("with_pairs", "images with pairs"),
    ("pairs", "pairs written"),
    ("explained", "pairs explained"),
    ("scored", "pairs scored"),
    ("kept", "pairs kept"),
)
_OF_IMAGES = ("images", "read", "captioned", "with_pairs")


@dataclass(frozen=True, slots=True)
class ReportData:
    """All that a report shows.

    Attributes:
        title: the workspace's name.
        counts: the funnel, by the keys of `_FUNNEL`.
        tables: the workspace's tables by name.
        stages: one mapping a stage: stage, engine, fingerprint, rows, failed, seconds, calls, tokens_in, tokens_out,
            usd.
        recipe_yaml: the exact recipe.
        source_root: the folder that image paths are relative to.
        thresholds: the filter's settings.
        mix: settings of the stage `mix`; None without one.
    """

    title: str
    counts: Mapping[str, int]
    tables: Mapping[str, pl.LazyFrame]
    stages: list[dict[str, Any]]
    recipe_yaml: str
    source_root: Path
    thresholds: Mapping[str, Any]
    mix: Mapping[str, Any] | None = None


def write_report(data: ReportData, path: Path) -> None:
    """Write the report to `path`; its folder is made if needed."""
    template = environment("glossator.jobs", "report_assets").get_template("report.html")
    text = template.render(
        title=data.title,
        funnel=_funnel(data.counts),
        counts=data.counts,
        distributions=_distributions(data),
        planted=_planted(data),
        audit=audit(data.tables),
        trust=trust(data.tables, data.mix),
        reasons=_reasons(data),
        kept=gallery(data.tables, data.source_root, data.thresholds, keep=True),
        rejected=gallery(data.tables, data.source_root, data.thresholds, keep=False),
        without=_without_pairs(data),
        failures=_failures(data),
        failed_total=_height(data.tables["failures"]),
        stages=data.stages,
        totals={key: sum(stage[key] for stage in data.stages) for key in ("seconds", "calls", "usd")}
        | {"tokens": sum(stage["tokens_in"] + stage["tokens_out"] for stage in data.stages)},
        scorers=_scorers(data),
        recipe=data.recipe_yaml,
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _funnel(counts: Mapping[str, int]) -> list[dict[str, Any]]:
    """Each step with its share of the widest step of its grain: images, or pairs."""
    steps = []
    for key, label in _FUNNEL:
        of_images = key in _OF_IMAGES
        whole = counts["images" if of_images else "pairs"]
        share = counts[key] / whole if whole else 0.0
        steps.append({"label": label, "count": counts[key], "share": share, "pairs": not of_images})
    return steps


def _distributions(data: ReportData) -> dict[str, Any]:
    """How the scores lie: `histograms` (a mapping for each score) and the `scatter` of mIFD against FFD."""
    import polars as pl

    keep = data.tables["verdicts"].select("pair_id", "keep")
    rows = data.tables["scores"].select("pair_id", *SCORES).join(keep, on="pair_id", how="left")
    scores = rows.with_columns(pl.col("keep").fill_null(value=True)).collect()
    bounds = {name: (data.thresholds.get(f"{name}_min"), data.thresholds.get(f"{name}_max")) for name in SCORES}
    ends = {name: _end(counts.top(scores[name]), bounds[name]) for name in SCORES}
    histograms = [
        {
            "name": name,
            "scored": scores.height - scores[name].null_count(),
            "missing": scores[name].null_count(),
            "median": scores[name].median(),
            "end": ends[name],
            "counts": counts.histogram(scores, name, ends[name]),
            "lower": bounds[name][0],
            "upper": bounds[name][1],
        }
        for name in SCORES
    ]
    return {"histograms": histograms, "scatter": counts.scatter(scores, ends["mifd"], ends["ffd"])}


def _end(top: float, bounds: tuple[float | None, float | None]) -> float:
    """Where an axis ends: behind the bounds, unless they lie so far out that the scores would be flattened."""
    return max(top, *(1.02 * bound for bound in (0.0, *bounds) if bound is not None and bound <= 2 * top))


def _planted(data: ReportData) -> dict[str, Any]:
    """Where pairs carry labels (`meta.defect`): how many of each are kept, and how their scores lie."""
    table = labelled(data.tables).collect()
    names = [name for name in (CLEAN, *DEFECTS) if name in set(table["defect"])]
    names += sorted(set(table["defect"]) - set(names))[:MORE_DEFECTS]
    rows = []
    for name in names:
        pairs = table.filter(defect=name)
        rows.append({"name": name, "pairs": pairs.height, "kept": int(pairs["keep"].sum() or 0)})
    charts = []
    for score in (*SCORES, "ffd_image"):
        lines = {name: table.filter(defect=name)[score].drop_nulls().to_list() for name in names}
        if any(lines.values()):
            charts.append({"name": score, "lines": lines})
    return {"rows": rows, "charts": charts} if rows else {}


def _reasons(data: ReportData) -> list[dict[str, Any]]:
    """Reasons for rejection with their counts, most frequent first."""
    import polars as pl

    counted = (
        data.tables["verdicts"]
        .select(pl.col("reasons").explode())
        .drop_nulls()
        .group_by("reasons")
        .len()
        .sort("len", "reasons", descending=[True, False])
        .collect()
    )
    most = max(counted["len"].to_list(), default=1)
    return [{"reason": r.replace("_", " "), "count": n, "share": n / most} for r, n in counted.iter_rows()]


def _without_pairs(data: ReportData) -> dict[str, Any]:
    """Images that gave no pair: how many, and the first few by name."""
    images = data.tables["images"].join(data.tables["pairs"].select("image_id").unique(), on="image_id", how="anti")
    rows = images.select("source_id", "kind").collect()
    return {"count": rows.height, "rows": rows.head(WITHOUT_PAIRS).to_dicts()}


def _failures(data: ReportData) -> list[dict[str, Any]]:
    return data.tables["failures"].sort("stage", "category", "id").head(FAILURES_SHOWN).collect().to_dicts()


def _scorers(data: ReportData) -> list[dict[str, Any]]:
    """Which instrument gave how many pairs a score; more than one in a set must be seen."""
    import polars as pl

    scores = data.tables["scores"].filter(pl.any_horizontal(pl.col(SCORES).is_not_null()))
    return scores.group_by("scorer", "scorer_kind").len().sort("scorer").collect().to_dicts()


def _height(frame: pl.LazyFrame) -> int:
    import polars as pl

    return int(frame.select(pl.len()).collect().item())
