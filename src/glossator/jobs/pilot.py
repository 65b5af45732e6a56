"""The pilot: a few images of the source through every stage of a paid writer, to know what the rest will cost.

It works in a small workspace inside the real one, so that no shard is half done. What it bought is handed on to the
real reply logs, whatever ends it, and what the build has bought before is handed to it: nothing is paid for twice. It
never goes through the Batch API, which would take a day; a batch's price is applied to what it measured.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import sqrt
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from glossator import runner
from glossator.earlier import with_edition
from glossator.engines.endpoint.client import endpoint_for
from glossator.engines.endpoint.prices import BATCH_SHARE
from glossator.fingerprint import fingerprint
from glossator.jobs import ingest
from glossator.recipe import Recipe
from glossator.records import ImageRecord
from glossator.replies import ReplyLogs, calls, read_lines
from glossator.stages.base import StagePlan
from glossator.stages.resolve import resolve
from glossator.store import IMAGES, Store, images_folder

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
    recipe = with_edition(recipe, "")  # the small workspace has but one
    store = ingest.open_store(source, workspace, recipe.data)
    with store.lock():
        ingest.run(store, source, recipe.data, limit=limit, events=events)
        chosen = _spread(store, images)
        if not chosen:
            return None
        paid = _up_to_the_last_paid(recipe)
        small = _small_store(store, chosen)
        _hand_on(store, small, dict.fromkeys((image.image_id for image in chosen), 0))
        try:
            done = runner.run(small, paid, events)
        finally:
            _hand_on(small, store, {image.image_id: image.shard for image in chosen})
    bought = done.meter.bought
    manifests = {plan.kind: small.read_json(f"{plan.folder}/manifest.json")["total"] for plan in resolve(paid)}
    stages = {kind: _per_image(total, len(chosen), recipe) for kind, total in manifests.items()}
    return Pilot(len(chosen), stages, bought.usd, bought.calls, _interval(small, len(chosen)))


def _per_image(total: Mapping[str, Any], images: int, recipe: Recipe) -> dict[str, float]:
    """A stage's costs an image, with what a batch takes off where the build will buy in batches."""
    usd = sum(
        costs["usd"] * (BATCH_SHARE if endpoint_for(recipe.run.endpoints, model).batch else 1.0)
        for model, costs in total["models"].items()
    )
    return {key: (usd if key == "usd" else total[key]) / images for key in runner.COSTS}


def _up_to_the_last_paid(recipe: Recipe) -> Recipe:
    """The recipe without what comes after the last paid writer, without a target, and without batches."""
    kinds = paid_stages(resolve(recipe))
    last = max(number for number, stage in enumerate(recipe.stages) if stage.use in kinds)
    endpoints = {name: endpoint.model_copy(update={"batch": False}) for name, endpoint in recipe.run.endpoints.items()}
    run = recipe.run.model_copy(update={"target_kept": None, "executor": "local", "endpoints": endpoints})
    return recipe.model_copy(update={"stages": recipe.stages[: last + 1], "run": run})


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
            images = store.read_part(images_folder(store.caption_editions()[0]), "images", shard)
            found += [images[place] for place in here]
        before += size
    return found


def _small_store(store: Store, chosen: Sequence[ImageRecord]) -> Store:
    """A workspace with these images in one shard. An earlier one over other images makes way; its replies are kept."""
    root = store.root / FOLDER
    key = fingerprint([[image.image_id, image.caption] for image in chosen])
    if root.exists() and Store(root).info["source"] != key:
        # A pilot that was killed has not handed on yet.
        ids = store.scan(IMAGES, "images").select("image_id", "shard").collect()
        _hand_on(Store(root), store, dict(ids.iter_rows()))
        shutil.rmtree(root)
    small = Store.create_inside(root, key, store)
    if not small.shards():
        small.write_part(IMAGES, "images", 0, [replace(image, shard=0) for image in chosen])
    return small


def _hand_on(giver: Store, taker: Store, shard_of: Mapping[str, int]) -> None:
    """Append the replies about the images of `shard_of` to the logs of those shards, where they are not known."""
    found: dict[tuple[str, int], dict[str, dict[str, Any]]] = {}
    for stage, key, reply in read_lines(giver.replies_folder):
        shard = shard_of.get(str(reply.get("image")))
        if shard is not None:
            found.setdefault((stage, shard), {})[key] = reply
    for (stage, shard), replies in found.items():
        with ReplyLogs(taker.replies_folder).open(stage, shard) as log:
            for key, reply in replies.items():
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
    """Kinds of the stages whose writer costs money. A paid scorer is guessed: its replies know no image."""
    return [plan.kind for plan in plans if plan.kind != "score" and runner.paid_models([plan])]


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
