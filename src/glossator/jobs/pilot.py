"""The pilot: a few images of the source through every paid stage, to know what the rest will cost.

It works in a small workspace inside the real one, so that no shard is half done. What it bought is handed on to the
real reply logs: the build does not pay for it again. A second pilot over the same images pays nothing.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import sqrt
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from glossator import runner
from glossator.fingerprint import fingerprint
from glossator.jobs import ingest
from glossator.recipe import Recipe
from glossator.records import ImageRecord
from glossator.replies import ReplyLogs, calls, read_lines
from glossator.stages.base import StagePlan
from glossator.stages.resolve import resolve
from glossator.store import IMAGES, Store

IMAGES_TRIED = 24
_SURE = 1.96  # standard errors of a 95 % interval
FOLDER = "pilot"


@dataclass(frozen=True, slots=True)
class Pilot:
    """What the pilot measured.

    Attributes:
        images: how many images it tried.
        stages: calls, tokens and US dollars an image, by stage.
        bought_usd, bought_calls: what the pilot itself has cost now.
        spread: half the width of the 95 % interval of the cost of one image, as a share of it.
    """

    images: int
    stages: dict[str, dict[str, float]]
    bought_usd: float
    bought_calls: int
    spread: float


def run(
    source: Path, workspace: Path, recipe: Recipe, limit: int | None, images: int, events: runner.Events | None = None
) -> Pilot | None:
    """Take the source in, and try `images` of it, spread evenly over the source; None if it has none.

    Raises:
        GlossatorError: what a build would raise.
    """
    store = ingest.open_store(source, workspace, recipe.data)
    with store.lock():
        ingest.run(store, source, recipe.data, limit=limit, events=events)
        chosen = _spread(store, images)
        if not chosen:
            return None
        paid = _up_to_the_last_paid(recipe)
        small = _small_store(store, chosen)
        done = runner.run(small, paid, events)
        _hand_on(small, store, {image.image_id: image.shard for image in chosen})
    bought = done.meter.bought
    manifests = {plan.kind: small.read_json(f"{plan.folder}/manifest.json")["total"] for plan in resolve(paid)}
    stages = {kind: {key: total[key] / len(chosen) for key in runner.COSTS} for kind, total in manifests.items()}
    return Pilot(len(chosen), stages, bought.usd, bought.calls, _interval(small, len(chosen)))


def _up_to_the_last_paid(recipe: Recipe) -> Recipe:
    """The recipe without what comes after the last paid stage, and without targets: the pilot is to be finished."""
    plans = resolve(recipe)
    last = max(number for number, plan in enumerate(plans) if runner.paid_models([plan]))
    return recipe.model_copy(
        update={
            "stages": recipe.stages[: last + 1],
            "run": recipe.run.model_copy(update={"target_kept": None, "executor": "local"}),
        }
    )


def _spread(store: Store, number: int) -> list[ImageRecord]:
    """`number` images at equal distances over the whole source."""
    sizes = {shard: store.rows(IMAGES, shard) for shard in store.shards()}
    total = sum(sizes.values())
    number = min(number, total)
    wanted = sorted({int((turn + 0.5) * total / number) for turn in range(number)})
    found: list[ImageRecord] = []
    before = 0
    for shard, size in sizes.items():
        here = [place - before for place in wanted if before <= place < before + size]
        if here:
            images = store.read_part(IMAGES, "images", shard)
            found += [images[place] for place in here]
        before += size
    return found


def _small_store(store: Store, chosen: Sequence[ImageRecord]) -> Store:
    """A workspace with these images in one shard. An earlier one over other images makes way; its replies are kept."""
    root = store.root / FOLDER
    key = fingerprint([image.image_id for image in chosen])
    if root.exists() and Store(root).info["source"] != key:
        shutil.rmtree(root)
    small = Store.create_inside(root, key, store)
    if not small.shards():
        small.write_part(IMAGES, "images", 0, [replace(image, shard=0) for image in chosen])
    return small


def _hand_on(small: Store, store: Store, shard_of: dict[str, int]) -> None:
    """Append the pilot's replies to the logs of the shards that their images belong to."""
    for stage, key, reply in read_lines(small.replies_folder):
        shard = shard_of.get(str(reply.get("image")))
        if shard is None:
            continue
        with ReplyLogs(store.replies_folder).open(stage, shard) as log:
            if log.get(key) is None:
                log.put(key, reply)


def _interval(small: Store, images: int) -> float:
    import polars as pl

    table = calls(small.replies_folder).collect()
    measure = "usd" if (table["usd"].sum() or 0) > 0 else "tokens_in"
    per_image = table.group_by("image_id").agg(pl.col(measure).sum())[measure].to_list()
    per_image += [0.0] * (images - len(per_image))
    mean = fmean(per_image) if per_image else 0.0
    return _SURE * stdev(per_image) / sqrt(len(per_image)) / mean if len(per_image) > 1 and mean else 0.0


def paid_stages(plans: Sequence[StagePlan]) -> list[str]:
    """Kinds of the stages that cost money."""
    return [plan.kind for plan in plans if runner.paid_models([plan])]


def estimate(step: dict[str, Any], pilot: Pilot) -> dict[str, Any]:
    """A stage's step of the preview with what the pilot measured in the place of the guess."""
    costs = pilot.stages.get(step["stage"])
    if costs is None or not costs["calls"]:
        return step
    images = step["images"]
    tokens = round((costs["tokens_in"] + costs["tokens_out"]) * images)
    return step | {
        "calls": round(costs["calls"] * images),
        "tokens_in": round(costs["tokens_in"] * images),
        "tokens_out": round(costs["tokens_out"] * images),
        "tokens": tokens,
        "usd": costs["usd"] * images,
        "note": f"{step['model']}, {tokens:,} tokens" + (", price unknown" if costs["unpriced"] else ""),
    }
