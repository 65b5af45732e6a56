"""The HTML report: one file that needs no network, and says what came out, what did not, why, and at what cost."""

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader

from glossator.images import open_image
from glossator.jobs.audit import audit
from glossator.jobs.charts import curves, histogram
from glossator.jobs.defects import CLEAN, DEFECTS, labelled
from glossator.jobs.trust import trust
from glossator.results import Failed

if TYPE_CHECKING:
    import polars as pl

MORE_DEFECTS = 12  # labels that are not ours
GALLERY = 18
WITHOUT_PAIRS = 12
FAILURES_SHOWN = 50
_SIDE = 560
_MAX_PIXELS = 10**9  # ingest has already refused what is over the recipe's limit
_SCORES = ("ifd", "vfd", "mifd", "ffd")
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
    environment = Environment(loader=PackageLoader("glossator.jobs", "report_assets"), autoescape=True)
    text = environment.get_template("report.html").render(
        title=data.title,
        funnel=_funnel(data.counts),
        counts=data.counts,
        histograms=_histograms(data),
        planted=_planted(data),
        audit=audit(data.tables),
        trust=trust(data.tables, data.mix),
        reasons=_reasons(data),
        kept=_gallery(data, keep=True),
        rejected=_gallery(data, keep=False),
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


def _histograms(data: ReportData) -> list[dict[str, Any]]:
    scores = data.tables["scores"].select(_SCORES).collect()
    found = []
    for name in _SCORES:
        values = scores[name].drop_nulls().to_list()
        lower, upper = data.thresholds.get(f"{name}_min"), data.thresholds.get(f"{name}_max")
        found.append(
            {
                "name": name,
                "count": len(values),
                "missing": scores.height - len(values),
                "median": scores[name].median(),
                "svg": histogram(
                    values, lower, upper, label=f"Distribution of {name.upper()} over {len(values)} pairs"
                ),
                "lower": lower,
                "upper": upper,
            }
        )
    return found


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
    for score in (*_SCORES, "ffd_image"):
        lines = {name: table.filter(defect=name)[score].drop_nulls().to_list() for name in names}
        if any(lines.values()):
            drawn = curves(lines, label=f"Share of pairs at or below a {score.upper()}, by planted defect")
            charts.append({"name": score, "svg": drawn})
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


def _gallery(data: ReportData, *, keep: bool) -> list[dict[str, Any]]:
    """A sample of pairs, spread over images and the same at every call, with picture, evidence and scores."""
    import polars as pl

    pairs = data.tables["pairs"].join(
        data.tables["verdicts"].filter(pl.col("keep") == keep).select("pair_id", "reasons"), on="pair_id", how="inner"
    )
    ids = pairs.select("pair_id", "image_id").collect()
    chosen = _spread(list(ids.iter_rows()))
    rows = (
        pairs.filter(pl.col("pair_id").is_in(chosen))
        .join(data.tables["images"].select("image_id", "path", "width", "height"), on="image_id", how="left")
        .join(data.tables["captions"].select("image_id", "caption", "enriched"), on="image_id", how="left")
        .join(data.tables["scores"].select("pair_id", *_SCORES), on="pair_id", how="left")
        .collect()
    )
    order = {pair_id: i for i, pair_id in enumerate(chosen)}
    return [_card(row, data.source_root) for row in sorted(rows.to_dicts(), key=lambda row: order[row["pair_id"]])]


def _spread(pairs: list[tuple[str, str]]) -> list[str]:
    """Ids of `GALLERY` pairs: one an image before any image has its second, in an order fixed by hashes."""
    turn: dict[str, int] = {}
    ranked: list[tuple[int, int, str]] = []
    for pair_id, image_id in sorted(pairs, key=lambda pair: hashlib.sha256(pair[0].encode()).hexdigest()):
        turn[image_id] = turn.get(image_id, -1) + 1
        ranked.append((turn[image_id], len(ranked), pair_id))
    return [pair_id for _, _, pair_id in sorted(ranked)[:GALLERY]]


def _card(row: dict[str, Any], root: Path) -> dict[str, Any]:
    human, enriched = row["caption"] or "", row["enriched"] or ""
    added = enriched.removeprefix(human).strip() if human and enriched.startswith(human) else enriched
    return row | {
        "picture": _picture(root / row["path"]),
        "boxes": [_percent(piece["box"], row["width"], row["height"]) for piece in row["evidence"] or []],
        "human": human if enriched.startswith(human) else "",
        "added": added,
        "scores": [(name, row[name]) for name in _SCORES],
        "reasons": [reason.replace("_", " ") for reason in row["reasons"] or []],
    }


def _percent(box: list[float], width: int, height: int) -> dict[str, float]:
    """A box as shares of the picture in percent, a little wider than the text, kept inside."""
    x0, y0, x1, y1 = box
    grow = 0.006 * max(width, height)
    left, top = max(0.0, x0 - grow), max(0.0, y0 - grow)
    right, bottom = min(float(width), x1 + grow), min(float(height), y1 + grow)
    return {
        "x": round(100 * left / max(1, width), 2),
        "y": round(100 * top / max(1, height), 2),
        "w": round(100 * max(0.0, right - left) / max(1, width), 2),
        "h": round(100 * max(0.0, bottom - top) / max(1, height), 2),
    }


def _picture(path: Path) -> str:
    """The picture as a small JPEG data URI; nothing if it is not there any more."""
    image = open_image(path, _MAX_PIXELS)
    if isinstance(image, Failed):
        return ""
    image.thumbnail((_SIDE, 2 * _SIDE))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=72, optimize=True)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"


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

    scores = data.tables["scores"].filter(pl.any_horizontal(pl.col(_SCORES).is_not_null()))
    return scores.group_by("scorer", "scorer_kind").len().sort("scorer").collect().to_dicts()


def _height(frame: pl.LazyFrame) -> int:
    import polars as pl

    return int(frame.select(pl.len()).collect().item())
