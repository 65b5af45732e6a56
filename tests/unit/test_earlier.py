"""What may be taken over from before: equal inputs, and nothing less."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from glossator.earlier import earlier_plans, giver, same_images, same_inputs, with_captions, with_edition
from glossator.recipe import load
from glossator.records import Caption, ImageRecord, Page, Sample
from glossator.stages.resolve import resolve
from glossator.store import IMAGES, Store, images_folder


def image(number: int, caption: str | None = None) -> ImageRecord:
    return ImageRecord(f"i{number}", f"r{number}", f"{number}.png", "00", 30, 20, caption=caption)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Two shards of two images; in edition `ab` the first of them has a caption."""
    store = Store.create(tmp_path / "ws", tmp_path / "source", tmp_path, 2)
    store.write_part(IMAGES, "images", 0, [image(0), image(1)])
    store.write_part(IMAGES, "images", 1, [image(2), image(3)])
    store.write_part(images_folder("ab"), "images", 0, [image(0, "One."), image(1)])
    store.share_part(images_folder("ab"), 1, IMAGES)
    store.set_caption_edition("ab", {"0": "x"})
    return store


def test_only_what_sees_captions_gets_another_fingerprint(store: Store) -> None:
    before = resolve(load("fake"))
    now = resolve(with_captions(store, load("fake")))
    same = {plan.kind for plan, old in zip(now, before, strict=True) if plan.fingerprint == old.fingerprint}
    assert same == {"ocr"}
    assert resolve(with_edition(with_captions(store, load("fake")), "")) == before


def test_a_shard_is_taken_over_from_where_it_is_finished(store: Store) -> None:
    recipe = with_captions(store, load("fake"))
    plan = next(plan for plan in resolve(recipe) if plan.kind == "enrich")
    earlier = earlier_plans(store, recipe)
    assert giver(store, plan, earlier, 0) is None
    (old,) = earlier[plan.fingerprint]
    for shard in (0, 1):
        store.write_part(old.folder, "captions", shard, [Caption(f"i{2 * shard}", None, "", "fake")])
        assert giver(store, plan, earlier, shard) is None, "what it was made from is not there"
        store.write_part(plan.parents["ocr"], "ocr", shard, [Page(f"i{2 * shard}", "fake", (), "")])
        assert giver(store, plan, earlier, shard) == old
    assert [same_inputs(store, plan, old, shard) for shard in (0, 1)] == [False, True]


def test_images_are_the_same_if_all_that_is_read_of_them_is() -> None:
    before = [Sample("/", image(number), Page(f"i{number}", "fake", (), "text")) for number in range(3)]
    now = [
        replace(before[0], image=image(0, "One.")),
        before[1],
        replace(before[2], page=replace(before[2].page, text="x")),  # type: ignore[type-var]
        Sample("/", image(3)),
    ]
    assert same_images(now, before, whole_shard=False) == {"i1"}
    assert same_images(now, before, whole_shard=True) == frozenset()
    assert same_images(before, before, whole_shard=True) == {"i0", "i1", "i2"}
    assert same_images(before[:2], before, whole_shard=True) == frozenset(), "one that is gone may have given a row"
