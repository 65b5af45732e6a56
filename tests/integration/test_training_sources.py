"""What is trained on: a workspace and its exports give the same conversations, and the test split is never learned."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import polars as pl
import pytest

import glossator
from glossator.errors import GlossatorError, UsageError
from glossator.evaluation import benchmarks
from glossator.training import samples
from glossator.training.samples import Conversation, TrainingSet
from glossator.training.settings import DataSettings

INLINE = {f"run.workers.{stage}": 0 for stage in ("ocr", "enrich", "extract", "explain", "score")}
AS_IT_IS = DataSettings(pairs_per_sample=None, test_share=0.0)


@pytest.fixture
def workspace(source: Path, tmp_path: Path) -> glossator.Workspace:
    ws = glossator.build(source, tmp_path / "ws", "fake", **INLINE)
    ws.filter(mifd_max=0.4)
    return ws


def read(dataset: Path, settings: DataSettings = AS_IT_IS, images: Path | None = None, seed: int = 0) -> TrainingSet:
    return samples.read(dataset, settings, images=images, seed=seed)


def told(found: list[Conversation]) -> set[tuple[str, tuple[Path, ...], tuple[str, ...]]]:
    """Id, pictures and texts of each conversation."""
    return {
        (one.id, tuple(path.resolve() for path in one.pictures), tuple(turn.text for turn in one.turns))
        for one in found
    }


def kept_images(workspace: glossator.Workspace) -> set[str]:
    frame = workspace.scan("pairs").join(workspace.scan("verdicts"), on="pair_id").filter("keep").collect()
    return set(frame["image_id"])


@pytest.mark.parametrize("name", ["llava", "sharegpt"])
@pytest.mark.parametrize("copied", [False, True], ids=["by-path", "copied"])
def test_an_export_gives_the_conversations_of_its_workspace(
    workspace: glossator.Workspace, tmp_path: Path, source: Path, name: str, copied: bool
) -> None:
    summary = workspace.export(name, tmp_path / "out", copy_images=copied)
    found = read(summary.path, images=summary.image_root)
    shown = [one for one in read(workspace.path).train if one.image_id in kept_images(workspace)]
    assert len(found.train) == len(shown) > 12
    assert {(id_, texts) for id_, _, texts in told(found.train)} == {(id_, texts) for id_, _, texts in told(shown)}
    assert all(path.is_file() for one in found.train for path in one.pictures)
    if not copied:
        assert told(found.train) == told(shown)


def test_rejected_samples_of_an_export_are_not_learned(workspace: glossator.Workspace, tmp_path: Path) -> None:
    for name, file in (("llava", "x.json"), ("parquet", "x.parquet")):
        workspace.export(name, tmp_path / file, keep_all=True)
        found = read(tmp_path / file)
        counts = workspace.verdict_counts()
        assert found.left_out == {"rejected by the filter": counts["rejected"]}
        assert len([one for one in found.train if not one.id.endswith("-caption")]) == counts["kept"]


def test_every_kept_pair_is_in_one_sample_with_its_explanation(workspace: glossator.Workspace) -> None:
    settings = DataSettings(pairs_per_sample=4, test_share=0.0, captions="none")
    found = read(workspace.path, settings).train
    assert max(len(one.exchanges) for one in found) == 4
    exchanges = [tuple(turn.text for turn in exchange) for one in found for exchange in one.exchanges]
    frame = workspace.scan("pairs").join(workspace.scan("verdicts"), on="pair_id").filter("keep").collect()
    wanted = frame.select("question", "answer", "explain_question", "explain_answer").rows()
    assert sorted(exchanges) == sorted(wanted)


def test_settings_choose_what_is_shown(workspace: glossator.Workspace) -> None:
    def found(**settings: object) -> list[Conversation]:
        return read(workspace.path, AS_IT_IS.model_copy(update=settings)).train

    assert {len(one.turns) for one in found(captions="none", explanations=False)} == {2}
    assert {one.id.endswith("-caption") for one in found(pairs=False)} == {True}
    human = {one.turns[1].text for one in found(pairs=False, captions="human")}
    assert human == {f"A receipt, number {i}." for i in range(6)}
    half = [len(exchange) for one in found(captions="none", explain_share=0.5) for exchange in one.exchanges]
    assert {2, 4} == set(half)
    short = found(captions="none", short_answer="In a word.")
    assert any(one.turns[0].text.endswith("\nIn a word.") for one in short)


def test_the_seed_decides_which_pairs_come_together(workspace: glossator.Workspace) -> None:
    settings = DataSettings(pairs_per_sample=2, test_share=0.0)
    assert told(read(workspace.path, settings).train) == told(read(workspace.path, settings).train)
    assert told(read(workspace.path, settings).train) != told(read(workspace.path, settings, seed=1).train)


def test_the_test_split_is_counted_and_never_learned(workspace: glossator.Workspace) -> None:
    settings = DataSettings(test_share=0.5)
    found = read(workspace.path, settings)
    everything = read(workspace.path, settings.model_copy(update={"test_share": 0.0}))
    learned = {one.image_id for one in found.train}
    held = {one.image_id for one in everything.train} - learned
    assert learned
    assert held
    assert all(samples.held_out(image_id, settings) for image_id in held)
    assert found.left_out == {"test split": sum(one.image_id in held for one in everything.train)}


def test_what_eval_asks_of_a_workspace_is_what_train_holds_out(tmp_path: Path, source: Path) -> None:
    from PIL import Image

    folder = tmp_path / "many"
    folder.mkdir()
    for i in range(40):
        Image.new("RGB", (40 + i, 30), "white").save(folder / f"{i}.png")
    ws = glossator.build(folder, tmp_path / "many-ws", "fake", **INLINE)
    learned = {one.image_id for one in read(ws.path, DataSettings()).train}
    asked = {question.cluster for question in benchmarks.load("workspace", ws.path).questions}
    assert learned
    assert asked
    assert not learned & asked


def test_validation_pictures_are_not_learned(workspace: glossator.Workspace) -> None:
    found = read(workspace.path, DataSettings(test_share=0.0, validation_share=0.4))
    assert found.train
    assert found.validation
    assert not {one.image_id for one in found.train} & {one.image_id for one in found.validation}


def test_pictures_inside_a_set_are_kept_beside_it(tmp_path: Path, source: Path) -> None:
    data = "data:image/png;base64," + base64.b64encode((source.parent / "0.png").read_bytes()).decode()
    blocks = [{"type": "image_url", "image_url": {"url": data}}, {"type": "text", "text": "What is the total?"}]
    row = {"messages": [{"role": "user", "content": blocks}, {"role": "assistant", "content": "0.50"}]}
    (tmp_path / "set.jsonl").write_text("\n".join([json.dumps(row)] * 2), encoding="utf-8")
    first, second = read(tmp_path / "set.jsonl").train
    assert first.pictures == second.pictures
    assert first.pictures[0].read_bytes() == (source.parent / "0.png").read_bytes()


def test_bad_rows_of_a_set_are_counted(tmp_path: Path) -> None:
    good = {"conversations": [{"from": "human", "value": "Q"}, {"from": "gpt", "value": "A"}]}
    bad = {"conversations": [{"from": "human", "value": "Q"}, {"from": "human", "value": "Q"}]}
    (tmp_path / "set.json").write_text(json.dumps([good, bad, bad, {"x": 1}]), encoding="utf-8")
    found = read(tmp_path / "set.json")
    assert len(found.train) == 1
    assert sum(found.left_out.values()) == 3


def test_what_is_no_data_set_is_told(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "torn.json").write_text('[{"conversations": ', encoding="utf-8")
    for path in (tmp_path / "gone", tmp_path / "folder", tmp_path / "torn.json"):
        with pytest.raises(GlossatorError) as error:
            read(path)
        assert isinstance(error.value, UsageError)
        assert path.name in str(error.value)


def test_a_table_of_pairs_needs_no_verdicts(workspace: glossator.Workspace, tmp_path: Path) -> None:
    workspace.export("parquet", tmp_path / "p.parquet")
    pl.read_parquet(tmp_path / "p.parquet").drop("keep").write_parquet(tmp_path / "bare.parquet")
    assert told(read(tmp_path / "bare.parquet").train) == told(read(tmp_path / "p.parquet").train)
