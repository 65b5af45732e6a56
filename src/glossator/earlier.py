"""What was made before some captions came later: a stage takes over the rows of each image whose inputs are the same.

A new edition of the captions gives every stage that sees them a new fingerprint, and so a new folder. What an earlier
folder holds of an image is what the stage would make of it now if all that it reads of the image is equal: that alone
is asked, so it does not matter which edition the rows come from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice

from glossator.recipe import Recipe
from glossator.records import Sample
from glossator.stages.base import StagePlan
from glossator.stages.resolve import resolve
from glossator.store import Store

MOST_EDITIONS = 16  # that are looked into, the latest first

Earlier = Mapping[str, Sequence[StagePlan]]


def with_edition(recipe: Recipe, edition: str) -> Recipe:
    """The recipe over an edition of the captions."""
    return recipe.model_copy(update={"data": recipe.data.model_copy(update={"captions": edition})})


def with_captions(store: Store, recipe: Recipe) -> Recipe:
    """The recipe over the captions that count in the workspace now."""
    return with_edition(recipe, store.caption_editions()[0])


def earlier_plans(store: Store, recipe: Recipe) -> Earlier:
    """For the fingerprint of each stage, the same stage over earlier editions of the captions, the latest first."""
    editions = [one for one in store.caption_editions() if one != recipe.data.captions]
    olds = [resolve(with_edition(recipe, one)) for one in islice(editions, MOST_EDITIONS)]
    return {
        plan.fingerprint: [old[place] for old in olds if old[place].fingerprint != plan.fingerprint]
        for place, plan in enumerate(resolve(recipe) if olds else [])
    }


def giver(store: Store, plan: StagePlan, earlier: Earlier, shard: int) -> StagePlan | None:
    """The latest of a stage's earlier plans that has finished a shard, with all that it was made from."""
    for old in earlier.get(plan.fingerprint, ()):
        made_from = [(folder, _part(table, shard)) for table, folder in old.parents.items()]
        if all(store.has_part(*part) for part in [(old.folder, shard), *made_from]):
            return old
    return None


def same_inputs(store: Store, plan: StagePlan, old: StagePlan, shard: int) -> bool:
    """Whether a whole shard can be taken over: everything that it is made from is the same, byte for byte."""
    return plan.parents.keys() == old.parents.keys() and all(
        store.same_part(folder, old.parents[table], _part(table, shard)) for table, folder in plan.parents.items()
    )


def same_images(samples: Sequence[Sample], before: Sequence[Sample], *, whole_shard: bool) -> frozenset[str]:
    """Ids of the images of which everything that a stage reads is as it was; with `whole_shard` all or none."""
    known = {sample.image.image_id: sample for sample in before}
    same = frozenset(s.image.image_id for s in samples if known.get(s.image.image_id) == s)
    return frozenset() if whole_shard and len(same) < max(len(samples), len(before)) else same


def other_captions(store: Store, plan: StagePlan, old: StagePlan, shard: int) -> int:
    """How many images of a shard have another caption now."""
    folders = plan.parents["images"], old.parents["images"]
    if store.same_part(*folders, shard):
        return 0
    now, then = ([image.caption for image in store.read_part(folder, "images", shard)] for folder in folders)
    return sum(new != old for new, old in zip(now, then, strict=True))


def _part(table: str, shard: int) -> int:
    return 0 if table == "edits" else shard  # one part for all shards
