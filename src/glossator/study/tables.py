"""What a study found: one row an arm with its interval, the differences that it asked for, and plots."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from glossator import intervals
from glossator.fingerprint import digest
from glossator.intervals import Interval
from glossator.study import plots
from glossator.study.cells import Cell, mean_scores
from glossator.study.settings import Study, StudyData


def data_key(data: StudyData, sources: Sequence[Path]) -> str:
    """The folder's name of a built data set; what noise is made of has folders of its own in it."""
    what = [data.model_dump(mode="json", exclude={"noise_of"}), [str(source) for source in sources]]
    return digest(json.dumps(what, sort_keys=True).encode())[:12]


def write(study: Study, found: Mapping[str, Sequence[Cell]], folder: Path) -> dict[str, Any]:
    """Write `<name>.json`, `<name>.md` and the plots into a folder; returns what the JSON holds."""
    result = summary(study, found)
    _write(folder / f"{study.name}.json", json.dumps(result, indent=1))
    _write(folder / f"{study.name}.md", markdown(result))
    if result["arms"]:
        plots.arms(result, folder / f"{study.name}.svg")
        plots.sizes(result, folder / f"{study.name}-size.svg")
    return result


def _write(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}")
    temporary.write_text(text, encoding="utf-8")
    temporary.rename(path)


def summary(study: Study, found: Mapping[str, Sequence[Cell]]) -> dict[str, Any]:
    """The study's figures. An arm is shown once all its seeds are there; differences are question by question."""
    whole = {name: cells for name in study.arms if len(cells := found.get(name, ())) == len(study.seeds)}
    scores = {name: mean_scores(cells) for name, cells in whole.items()}
    image, kind = {}, {}
    for cells in whole.values():
        for row in (row for cell in cells for row in cell.scores):
            image[row["id"]], kind[row["id"]] = row["image_id"], row["kind"]
    return {
        "study": study.name,
        "question": study.question,
        "metric": study.test.metric,
        "seeds": list(study.seeds),
        "cells": sum(len(cells) for cells in found.values()),
        "planned": len(study.arms) * len(study.seeds),
        "arms": {name: _arm(whole[name], scores[name], image, kind) for name in whole},
        "differences": [
            {"one": one, "other": other, **_row(_difference(scores[one], scores[other], image))}
            for one, other in study.compare
            if one in scores and other in scores
        ],
    }


def _arm(
    cells: Sequence[Cell], scores: Mapping[str, float], image: Mapping[str, str], kind: Mapping[str, str]
) -> dict[str, Any]:
    kinds = sorted(set(kind.values()) - {""})
    by_seed = [intervals.mean([r["score"] for r in c.scores], [r["image_id"] for r in c.scores]).value for c in cells]
    return {
        "pairs": round(sum(cell.pairs for cell in cells) / len(cells)),
        "spoilt": round(sum(cell.spoilt for cell in cells) / len(cells)),
        "images": round(sum(cell.images for cell in cells) / len(cells)),
        "steps": round(sum(cell.steps for cell in cells) / len(cells)),
        "seconds": round(sum(cell.seconds for cell in cells)),
        "by_seed": [round(value, 6) for value in by_seed],
        **_row(_mean(scores, image)),
        "by_kind": {
            one: _row(_mean({id_: score for id_, score in scores.items() if kind[id_] == one}, image)) for one in kinds
        },
    }


def _mean(scores: Mapping[str, float], image: Mapping[str, str]) -> Interval:
    ids = sorted(scores)
    return intervals.mean([scores[id_] for id_ in ids], [image[id_] for id_ in ids])


def _difference(one: Mapping[str, float], other: Mapping[str, float], image: Mapping[str, str]) -> Interval:
    ids = sorted(one.keys() & other.keys())
    return intervals.difference([one[i] for i in ids], [other[i] for i in ids], [image[i] for i in ids])


def _row(found: Interval) -> dict[str, Any]:
    return {
        "value": round(found.value, 6), "low": round(found.low, 6), "high": round(found.high, 6),
        "n": found.n, "images_tested": found.clusters,
    }  # fmt: skip


def markdown(result: Mapping[str, Any]) -> str:
    """The figures as Markdown tables, in percent."""
    kinds = sorted({kind for arm in result["arms"].values() for kind in arm["by_kind"]})
    lines = [
        f"## {result['study']}: {result['question']}",
        "",
        f"{result['metric'].upper()} in percent with 95 % intervals over images; seeds {result['seeds']}, each with "
        f"another fold held out; {result['cells']} of {result['planned']} cells.",
        "",
        "| arm | pairs | spoilt | all | " + " | ".join(kinds) + " | by seed |",
        "|---|--:|--:|---|" + "---|" * len(kinds) + "---|",
    ]
    for name, arm in result["arms"].items():
        by_kind = [_text(arm["by_kind"][kind]) if kind in arm["by_kind"] else "" for kind in kinds]
        seeds = ", ".join(f"{value * 100:.1f}" for value in arm["by_seed"])
        lines.append(f"| {name} | {arm['pairs']} | {arm['spoilt']} | {_text(arm)} | {' | '.join(by_kind)} | {seeds} |")
    if result["differences"]:
        lines += ["", "| difference, question by question | points | |", "|---|---|---|"]
    for one in result["differences"]:
        clear = "excludes zero" if one["low"] > 0 or one["high"] < 0 else "includes zero"
        lines.append(f"| {one['one']} − {one['other']} | {_text(one, sign='+')} | {clear} |")
    if result["arms"]:
        first = next(iter(result["arms"].values()))
        lines += ["", f"{first['n']} human questions about {first['images_tested']} images."]
    return "\n".join(lines) + "\n"


def _text(row: Mapping[str, Any], sign: str = "") -> str:
    value, low, high = (format(row[key] * 100, f"{sign}.1f") for key in ("value", "low", "high"))
    return f"{value} [{low}, {high}]"
