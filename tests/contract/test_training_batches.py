"""Batches for tiny vision-language models of each family: what carries loss, and where the pictures are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import tiny_models
from glossator.engines.base import Turn
from glossator.results import Failed
from glossator.training import collate, model
from glossator.training.encode import IGNORED
from glossator.training.samples import Conversation, TrainingSet
from glossator.training.settings import ModelSpec
from training_kit import HOSTILE, draw, duo, said, saved, several

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return draw(tmp_path_factory.mktemp("pictures"))


@pytest.fixture(scope="module", params=tiny_models.VISION_MODELS)
def loaded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = saved(tiny_models.VISION_MODELS[request.param], tmp_path_factory.mktemp("models") / request.param)
    return model.load(ModelSpec(name=str(folder), dtype="float32"), "cpu")


def batch_of(loaded: Any, *samples: Conversation) -> dict[str, Any]:
    found = collate.PictureCollator(loaded).batch(samples)
    assert not isinstance(found, Failed)
    return found


def learned(loaded: Any, batch: dict[str, Any], row: int) -> list[str]:
    """What is learned in one row, cut at its end marks, without blanks at the ends."""
    labels = batch["labels"][row]
    kept = labels != IGNORED
    assert bool((labels[kept] == batch["input_ids"][row][kept]).all())
    assert bool(batch["attention_mask"][row][kept].all())
    marks = loaded.tokenizer.convert_ids_to_tokens(sorted(loaded.encoder.end_marks()))
    assert len(marks) == 1
    text = loaded.tokenizer.decode(labels[kept])
    assert text.endswith(marks[0])
    return [part.strip() for part in text.split(marks[0])[:-1]]


def slots(loaded: Any, batch: dict[str, Any]) -> list[int]:
    """How many image tokens each row has."""
    return [int(row.sum()) for row in batch["input_ids"] == loaded.image_token]


def test_a_batch_learns_the_answers_and_nothing_else(loaded: Any, pictures: tuple[Path, Path]) -> None:
    wide, high = pictures
    samples = [duo(1), duo(2, [wide]), several(3, 3, [wide, high]), duo(4, [high])]
    batch = batch_of(loaded, *samples)
    assert (batch["attention_mask"].sum(dim=1) < batch["input_ids"].shape[1]).any()  # there is padding
    assert [learned(loaded, batch, row) for row in range(4)] == [said(sample) for sample in samples]
    assert not ((batch["labels"] == loaded.image_token).any())


def test_no_image_token_is_lost_or_made_up(loaded: Any, pictures: tuple[Path, Path]) -> None:
    wide, high = pictures
    found = slots(loaded, batch_of(loaded, duo(1), duo(2, [wide]), duo(3, [high]), duo(4, [wide, high])))
    assert found[0] == 0
    assert min(found[1:]) > 0
    assert found[3] == found[1] + found[2]


def test_printed_special_tokens_are_text(loaded: Any, pictures: tuple[Path, Path]) -> None:
    plain = duo(1, pictures[:1])
    turns = (Turn("user", f"What is {HOSTILE}?"), Turn("assistant", f"{HOSTILE} stands there."))
    batch = batch_of(loaded, plain, replace(plain, exchanges=(turns,)))
    assert slots(loaded, batch)[0] == slots(loaded, batch)[1]
    (text,) = learned(loaded, batch, 1)
    assert text.replace("\u200d", "") == turns[1].text


def test_a_sample_is_as_long_as_it_is_measured(loaded: Any, pictures: tuple[Path, Path]) -> None:
    wide, high = pictures
    collator = collate.PictureCollator(loaded)
    for sample in (duo(1), duo(2, [wide]), several(3, 5, [wide]), duo(4, [wide, high])):
        batch = batch_of(loaded, sample)
        size = collator.measure(sample)
        assert isinstance(size, collate.Size)
        assert size.tokens == batch["input_ids"].shape[1]
        assert size.learned == int((batch["labels"] != IGNORED).sum())


def test_the_model_takes_every_mix_of_pictures(loaded: Any, pictures: tuple[Path, Path]) -> None:
    import torch

    wide, high = pictures
    mixes: list[Sequence[Conversation]] = [[duo(1), duo(2)], [duo(1), duo(2, [wide])], [duo(3, [wide, high]), duo(1)]]
    for samples in mixes:
        with torch.no_grad():
            loss = loaded.model(**batch_of(loaded, *samples)).loss
        assert bool(torch.isfinite(loss))


def test_what_is_too_long_is_split_and_no_picture_is_cut(loaded: Any, pictures: tuple[Path, Path]) -> None:
    collator = collate.PictureCollator(loaded)
    long = several(1, 6, pictures[:1])
    whole, one = collator.measure(long), collator.measure(replace(long, exchanges=long.exchanges[:1]))
    assert isinstance(whole, collate.Size)
    assert isinstance(one, collate.Size)
    found = TrainingSet()
    limit = (whole.tokens + one.tokens) // 2
    parts = [sample for sample, _ in collate.fitting([long], limit, collator.measure, found)]
    assert [exchange for part in parts for exchange in part.exchanges] == list(long.exchanges)
    assert found.split >= 1
    assert not found.left_out
    rows = [batch_of(loaded, part) for part in parts]
    assert all(row["input_ids"].shape[1] <= limit for row in rows)
    assert {tuple(slots(loaded, row)) for row in rows} == {tuple(slots(loaded, batch_of(loaded, long)))}


def test_an_explanation_that_does_not_fit_is_left_out_and_its_fact_kept(
    loaded: Any, pictures: tuple[Path, Path]
) -> None:
    collator = collate.PictureCollator(loaded)
    sample = duo(1, pictures[:1])
    whole = collator.measure(sample)
    assert isinstance(whole, collate.Size)
    found = TrainingSet()
    ((kept, _),) = collate.fitting([sample], whole.tokens - 1, collator.measure, found)
    assert kept.turns == sample.turns[:2]
    assert found.left_out == {"explanation, too long with its fact": 1}
    assert not list(collate.fitting([sample], 8, collator.measure, found))
    assert found.left_out["too long"] == 1


def test_a_picture_that_is_not_there_leaves_its_sample_out(loaded: Any, pictures: tuple[Path, Path]) -> None:
    collator = collate.PictureCollator(loaded)
    found = TrainingSet()
    gone = duo(1, [pictures[0].with_name("gone.png")])
    kept = list(collate.fitting([gone, duo(2, pictures[:1])], 4096, collator.measure, found))
    assert [sample.id for sample, _ in kept] == ["c2"]
    assert [reason.partition(":")[0] for reason in found.left_out] == ["missing"]
