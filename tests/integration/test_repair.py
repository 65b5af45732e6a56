"""Repair from end to end: builds, fingerprints, a second round, failures that are tried again, a chat endpoint."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

import glossator
from chat_server import Body, ChatServer, question_of
from glossator.errors import RecipeError
from glossator.recipe import Recipe, load

# Fake losses and labels are drawn by lot ("Date: 120.50"): what is kept is to depend on the answers alone.
OPEN = dict.fromkeys(("question_fit_min", "ifd_max", "vfd_max", "mifd_max", "ffd_max", "ffd_min", "ffd_image_min"))
HERE = {"workers": dict.fromkeys(("ocr", "extract", "explain", "score", "repair"), 0)}
QUESTION = "What is printed beside {label}, line {line}?"


def recipe(repair: dict[str, Any] | None = None, *, rounds: int = 1, **settings: Any) -> Recipe:
    stages: list[dict[str, Any]] = [{"use": "ocr", "engine": {"kind": "fake"}}]
    stages += [{"use": use, "engine": {"kind": "given"}} for use in ("extract", "explain")]
    for _ in range(rounds):
        stages += [{"use": "score", "engine": {"kind": "fake"}}]
        stages += [{"use": "repair", "engine": repair or {"kind": "fake"}}]
    stages += [{"use": "score", "engine": {"kind": "fake"}}, {"use": "filter", "settings": settings}]
    run = {**HERE, "budget": {"max_failed_share": 1.0}}
    return Recipe.model_validate({"data": {"shard_size": 2}, "stages": stages, "run": run})


@pytest.fixture
def spoilt(source: Path, tmp_path: Path) -> Path:
    """Every image with one pair of the fake writer's kind that has a wrong answer."""
    read = Recipe.model_validate({"stages": [{"use": "ocr", "engine": {"kind": "fake"}}], "run": HERE})
    plain = glossator.build(source, tmp_path / "plain", read)
    texts = {row["image_id"]: row["text"].split("\n") for row in plain.table("ocr").to_pylist()}
    records = []
    for image in plain.table("images").to_pylist():
        label, value = texts[image["image_id"]][2].rsplit(" ", 1)
        asked = QUESTION.format(label=label.rstrip(":"), line=3)
        wrong = {"question": asked, "answer": "Nowhere Printed", "explain_question": "Why?", "explain_answer": "So."}
        records.append({"id": image["source_id"], "image": image["path"], "given_pairs": [wrong], "meta": value})
    path = source.parent / "spoilt.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


def repairs(workspace: glossator.Workspace) -> list[dict[str, Any]]:
    return [row for row in workspace.table("pairs").to_pylist() if row["repaired_from"]]


def test_wrong_answers_come_back_right(spoilt: Path, tmp_path: Path) -> None:
    built = glossator.build(spoilt, tmp_path / "ws", recipe(repair_accept="all", **OPEN))
    values = {record["id"]: record["meta"] for record in map(json.loads, spoilt.read_text().splitlines())}
    new = repairs(built)
    assert len(new) == 6
    assert all(row["answer"] == values[row["source_id"]] for row in new)
    kept = {row["pair_id"] for row in built.table("verdicts").to_pylist() if row["keep"]}
    assert {row["pair_id"] for row in new} <= kept
    assert not {row["repaired_from"] for row in new} & kept
    assert {row["pair_id"] for row in built.table("losses").to_pylist()} >= {row["pair_id"] for row in new}


def test_the_same_build_gives_the_same_bytes(spoilt: Path, tmp_path: Path) -> None:
    found = []
    for name in ("one", "two"):
        built = glossator.build(spoilt, tmp_path / name, recipe(rounds=2))
        parts = sorted(built.path.glob("repair/*/part-*.parquet"))
        assert len(parts) == 6
        found.append([part.read_bytes() for part in parts])
    assert found[0] == found[1]


def test_what_is_rejected_decides_the_fingerprint(spoilt: Path, tmp_path: Path) -> None:
    built = glossator.build(spoilt, tmp_path / "ws", recipe())
    first = {path.name for path in built.path.glob("repair/*")}
    looser = recipe().model_dump(mode="json")
    looser["stages"][4]["settings"] = {"filter": {"grounding_min": 0.0, "question_fit_min": 0.0}}
    again = glossator.build(spoilt, tmp_path / "ws", Recipe.model_validate(looser))
    assert len({path.name for path in again.path.glob("repair/*")} - first) == 1


def test_failed_repairs_are_rows_and_are_tried_again(spoilt: Path, tmp_path: Path) -> None:
    broken = {"kind": "fake", "fail_share": 0.5, "seed": 3}
    built = glossator.build(spoilt, tmp_path / "ws", recipe(broken))
    failed = [row for row in built.table("failures").to_pylist() if row["stage"] == "repair"]
    assert 0 < len(failed) < 6
    assert len(repairs(built)) == 6 - len(failed)
    assert len(built.table("pairs")) == 12 - len(failed)
    mended = glossator.build(spoilt, tmp_path / "other", recipe({**broken, "recover": True}))
    assert len(repairs(mended)) == 6


def answers(body: Body) -> tuple[int, str]:
    """Finds the value in the text that it is shown; explains by a sentence."""
    text = question_of(body)
    if "the questions:" in text:
        value = text.split("reading order")[1].split("\n")[3].rsplit(" ", 1)[1]
        return 200, json.dumps({"answers": [{"number": 1, "answer": value, "evidence": [value]}]})
    told = {"number": 1, "question": "How do you know?", "answer": "It ends the third line of the page."}
    return 200, json.dumps({"explanations": [told]})


def test_chat_repairs_and_a_resumed_build_buys_nothing(spoilt: Path, tmp_path: Path) -> None:
    chosen = recipe({"kind": "chat", "model": "m"}, repair_accept="all", **OPEN).model_dump()
    with ChatServer(answers) as server:
        chosen["run"] |= {"endpoints": {"default": {"url": server.url, "key_env": None}}}
        chat = Recipe.model_validate(chosen)
        built = glossator.build(spoilt, tmp_path / "ws", chat)
        assert len(server.bodies) == 12
        assert {row["writer"] for row in repairs(built)} == {"chat:m"}
        assert {row["explain_answer"] for row in repairs(built)} == {"It ends the third line of the page."}
        before = [part.read_bytes() for part in sorted(built.path.glob("repair/*/part-*.parquet"))]
        for folder in built.path.glob("repair/*"):
            shutil.rmtree(folder)
        again = glossator.build(spoilt, tmp_path / "ws", chat)
        assert len(server.bodies) == 12
        assert [part.read_bytes() for part in sorted(again.path.glob("repair/*/part-*.parquet"))] == before


def test_one_bad_reply_costs_one_image_and_a_retry_mends_it(spoilt: Path, tmp_path: Path) -> None:
    broken = True

    def script(body: Body) -> tuple[int, str]:
        if broken and "the questions:" in question_of(body) and "1." in question_of(body) and first in json.dumps(body):
            return 200, "I would rather not."
        return answers(body)

    texts = glossator.build(spoilt, tmp_path / "read", recipe()).table("ocr").to_pylist()
    first = json.dumps(texts[0]["text"].split("\n")[2])[1:-1]
    chosen = recipe({"kind": "chat", "model": "m", "ask_again": 0}).model_dump()
    with ChatServer(script) as server:
        chosen["run"] |= {"endpoints": {"default": {"url": server.url, "key_env": None}}}
        built = glossator.build(spoilt, tmp_path / "ws", Recipe.model_validate(chosen))
        assert len(repairs(built)) == 5
        bought = len(server.bodies)
        broken = False
        built.retry()
        assert len(repairs(built)) == 6
        assert len(server.bodies) == bought + 2


def test_a_writer_that_cannot_repair_is_refused(spoilt: Path, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="can't repair"):
        glossator.build(spoilt, tmp_path / "ws", recipe({"kind": "given"}))


def test_the_shipped_recipe_repairs_between_two_scores() -> None:
    uses = [stage.use for stage in load("repair").stages]
    assert uses[-4:] == ["score", "repair", "score", "filter"]
