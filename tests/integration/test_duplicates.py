"""Copies and leaks from end to end: hashed, told, filtered, the same bytes each time."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from PIL import Image

import glossator
from copies_kit import RULE, WAYS, Picture, hash_row, receipt, reencoded
from glossator.cli.main import cli
from glossator.copies.images import copies_across, hash_bytes
from glossator.images import open_image

RECIPE = """
stages:
  - {use: ocr, engine: {kind: fake}}
  - {use: hash}
  - {use: extract, engine: {kind: fake}}
  - {use: explain, engine: {kind: fake}}
  - {use: dedup}
  - {use: leaks, settings: {test_sets: [TESTSET]}}
  - {use: filter, settings: {grounding_min: null, explain_grounding_min: null, question_fit_min: null}}
run: {workers: {hash: 0}, budget: {max_failed_share: 1.0}}
"""


def run(*arguments: object) -> str:
    result = CliRunner().invoke(cli, [str(one) for one in arguments], standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    return result.output


@pytest.fixture
def built(tmp_path: Path) -> tuple[glossator.Workspace, Path]:
    """A set of three receipts, a copy of the first, one that is in the test set; its recipe."""
    source, held_out = tmp_path / "source", tmp_path / "held-out"
    source.mkdir()
    held_out.mkdir()
    for name, picture in (
        ("a", receipt("SHOP", 1)), ("b", receipt("SHOP", 2)), ("c", WAYS["everything"](receipt("SHOP", 1))),
        ("d", WAYS["darker"](receipt("SHOP", 9))),
    ):  # fmt: skip
        picture.save(source / f"{name}.png")
    receipt("SHOP", 9).save(held_out / "nine.png")
    file = tmp_path / "test.parquet"
    told = json.loads(run("testset", f"pictures={held_out}", "-o", file, "--name", "held-out", "--json"))
    assert (told["pictures"], told["questions"], told["unread"]) == (1, 0, {})
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(RECIPE.replace("TESTSET", json.dumps(str(file))), encoding="utf-8")
    return glossator.build(source, tmp_path / "ws", recipe=str(recipe)), recipe


def rows(workspace: glossator.Workspace, table: str) -> list[dict[str, Any]]:
    return workspace.table(table).to_pylist()


def test_copies_and_leaks_are_reasons(built: tuple[glossator.Workspace, Path]) -> None:
    workspace, _ = built
    names = {row["image_id"]: row["path"][0] for row in rows(workspace, "images")}
    reasons: dict[str, set[str]] = {name: set() for name in names.values()}
    for row in rows(workspace, "verdicts"):
        reasons[names[row["image_id"]]] |= {
            reason for reason in row["reasons"] if reason in ("near_duplicate_image", "image_in_test_set")
        }
    assert reasons == {"a": set(), "b": set(), "c": {"near_duplicate_image"}, "d": {"image_in_test_set"}}
    leaks = {names[row["image_id"]]: row["image_leak"] for row in rows(workspace, "leaks")}
    assert leaks == {"a": None, "b": None, "c": None, "d": "held-out: nine.png"}


def test_the_same_inputs_give_the_same_bytes(built: tuple[glossator.Workspace, Path], tmp_path: Path) -> None:
    first, recipe = built
    second = glossator.build(tmp_path / "source", tmp_path / "again", recipe=str(recipe))

    def parts(workspace: glossator.Workspace) -> dict[str, bytes]:
        root = Path(workspace.path)
        files = (file for stage in ("hash", "dedup", "leaks") for file in root.glob(f"{stage}/*/part-*.parquet"))
        return {str(file.relative_to(root)): file.read_bytes() for file in files}

    assert len(parts(first)) == 3
    assert parts(first) == parts(second)


def test_another_test_set_runs_leaks_again_and_nothing_before(
    built: tuple[glossator.Workspace, Path], tmp_path: Path
) -> None:
    workspace, recipe = built
    root = Path(workspace.path)
    before = {stage: {path.name for path in (root / stage).iterdir()} for stage in ("hash", "dedup", "leaks")}
    receipt("SHOP", 2).save(tmp_path / "held-out" / "two.png")
    run("testset", f"pictures={tmp_path / 'held-out'}", "-o", tmp_path / "test.parquet", "--name", "held-out")
    again = glossator.build(tmp_path / "source", root, recipe=str(recipe))
    assert {path.name for path in (root / "hash").iterdir()} == before["hash"]
    assert {path.name for path in (root / "leaks").iterdir()} > before["leaks"]
    assert sum(row["image_leak"] is not None for row in rows(again, "leaks")) > 0
    names = {row["image_id"]: row["path"][0] for row in rows(again, "images")}
    assert {names[row["image_id"]] for row in rows(again, "leaks") if row["image_leak"]} == {"b", "d"}


def test_a_picture_that_went_missing_is_a_failed_row(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for seed in (1, 2):
        receipt("SHOP", seed).save(source / f"{seed}.png")
    recipe = tmp_path / "recipe.yaml"
    plain = "stages:\n  - {use: ocr, engine: {kind: fake}}\n"
    recipe.write_text(plain + "run: {budget: {max_failed_share: 1.0}}\n", encoding="utf-8")
    glossator.build(source, tmp_path / "ws", recipe=str(recipe))
    (source / "2.png").unlink()
    recipe.write_text(plain + "  - {use: hash}\nrun: {workers: {hash: 0}, budget: {max_failed_share: 1.0}}\n")
    workspace = glossator.build(source, tmp_path / "ws", recipe=str(recipe))
    assert len(rows(workspace, "hashes")) == 1
    assert [(row["stage"], row["category"]) for row in rows(workspace, "failures")] == [("hash", "missing")]


def test_a_test_set_of_questions_and_its_mistakes(tmp_path: Path) -> None:
    receipt("SHOP", 1).save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(b"no picture")
    question = {"question": "What is the total of this receipt of the shop?", "answers": ["100.00"]}
    lines = [{"id": name, "image": f"{name}.png", "qa": [question]} for name in ("a", "b")]
    source = tmp_path / "records.jsonl"
    source.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    result = CliRunner().invoke(
        cli, ["testset", f"records={source}", "-o", str(tmp_path / "t.parquet"), "--json"], standalone_mode=False
    )
    told = json.loads(result.output)
    assert (result.return_value, told["pictures"], told["questions"]) == (1, 1, 2)
    assert list(told["unread"]) == [str(tmp_path / "b.png")]
    for wrong, problem in (
        (["testset", "docvqa", "-o", "x"], "NAME=PATH"), (["testset", "nobench=a", "-o", "x"], "no benchmark"),
        (["testset", f"pictures={source}", "-o", "x"], "no folder of pictures"),
    ):  # fmt: skip
        with pytest.raises(glossator.GlossatorError, match=problem):
            run(*wrong)


@pytest.mark.shared
def test_planted_copies_of_real_pages_are_found_and_nothing_else(shared_data: Path) -> None:
    """Every fourth real picture is a test picture; each has a planted copy; the others stand for themselves."""
    records = [json.loads(line) for line in (shared_data / "records.jsonl").read_text(encoding="utf-8").splitlines()]
    pages = [_small(shared_data / record["image"]) for record in random.Random(3).sample(records, 64)]
    tests, others = pages[::4], [page for number, page in enumerate(pages) if number % 4]
    ways = ["re-encoded", "smaller", "cropped at all sides", "darker", "grey", "everything", "cropped at one side"]
    copies = [reencoded(WAYS[ways[number % len(ways)]](page)) for number, page in enumerate(tests)]
    ours, theirs = _Rows(copies + others), _Rows(tests)
    found = list(copies_across(ours.hashes, ours.thumbnails, theirs.hashes, theirs.thumbnails, RULE))
    right = [copy for copy in found if copy.row == copy.of]
    assert [copy for copy in found if copy.row >= len(copies)] == []
    assert len(right) >= 0.9 * len(copies)
    assert len(right) == len(found)


class _Rows:
    def __init__(self, pages: list[Picture]) -> None:
        import polars as pl

        rows = [hash_row(str(number), page) for number, page in enumerate(pages)]
        self._thumbnails = [row["thumbnail"] for row in rows]
        self.hashes = hash_bytes(pl.Series([row["hashes"] for row in rows], dtype=pl.List(pl.String)))

    def thumbnails(self, wanted: list[int]) -> dict[int, bytes]:
        return {row: self._thumbnails[row] for row in wanted}  # type: ignore[misc]


def _small(path: Path) -> Picture:
    picture = open_image(path)
    assert isinstance(picture, Image.Image)
    picture.thumbnail((1200, 1200))
    return picture
