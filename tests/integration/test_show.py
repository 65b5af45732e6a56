"""`glossator show`: a pair's history and picture, over workspaces of every sort."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from PIL import Image, ImageDraw
from tests.chat_server import Body, ChatServer, question_of

import glossator
from glossator.cli.main import cli
from glossator.errors import GlossatorError


@dataclass
class Done:
    returncode: int
    stdout: str
    stderr: str


def run(*words: object) -> Done:
    """The command in this process, with the exit code and the message that `cli.main.main` gives an error."""
    result = CliRunner().invoke(cli, [str(word) for word in words], standalone_mode=False)
    if isinstance(result.exception, GlossatorError):
        return Done(result.exception.exit_code, result.stdout, f"{result.stderr}error: {result.exception}")
    assert result.exception is None, result.exception
    return Done(int(result.return_value), result.stdout, result.stderr)


def shown(workspace: Path, pair_id: str, *words: object) -> dict[str, Any]:
    done = run("show", workspace, pair_id, "--json", *words)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def pair_ids(workspace: Path) -> list[str]:
    return glossator.open(workspace).table("pairs")["pair_id"].to_pylist()


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A source with a picture, and what the fake engines make of it."""
    folder = tmp_path_factory.mktemp("built")
    (folder / "source").mkdir()
    Image.new("RGB", (120, 60), "white").save(folder / "source" / "0.png")
    record = {"id": "r0", "image": "0.png", "caption": "A receipt, number 0."}
    (folder / "source" / "records.jsonl").write_text(json.dumps(record), encoding="utf-8")
    glossator.build(folder / "source" / "records.jsonl", folder / "ws", "fake")
    return folder


@pytest.fixture
def workspace(built: Path, tmp_path: Path) -> Path:
    """A copy of it. Its picture is still the one in `built`."""
    shutil.copytree(built / "ws", tmp_path / "ws")
    return tmp_path / "ws"


def test_a_pair_is_told_from_its_source_to_its_verdict(workspace: Path) -> None:
    told = shown(workspace, pair_ids(workspace)[0])
    assert told["source"]["source_id"] == "r0"
    assert told["source"]["caption"] == "A receipt, number 0."
    assert [row["stage"] for row in told["stages"]] == ["ocr", "enrich", "extract", "explain", "score", "filter"]
    assert all(re.fullmatch("[0-9a-f]{16}", row["fingerprint"]) and row["version"] for row in told["stages"])
    assert told["losses"]["conditions"]["a_q"]["tokens"] > 0
    assert 0 < told["scores"]["ifd"]["percentile"] <= 100
    assert isinstance(told["verdict"]["keep"], bool)


def test_text_for_people_says_the_same(workspace: Path) -> None:
    done = run("show", workspace, pair_ids(workspace)[0])
    assert done.returncode == 0
    for word in ("record r0", "made by", "losses and scores", "percentile", "verdict", "show/"):
        assert word in done.stdout


def test_a_reason_comes_with_its_value_and_its_bound(workspace: Path) -> None:
    glossator.open(workspace).filter(answer_chars_max=1, ifd_max=0.001)
    pair = glossator.open(workspace).table("pairs").to_pylist()[0]
    reasons = {one["reason"]: one for one in shown(workspace, pair["pair_id"])["verdict"]["reasons"]}
    assert reasons["answer_too_long"] == {
        "reason": "answer_too_long", "measured": len(pair["answer"]), "side": "above", "bound": 1,
    }  # fmt: skip
    assert reasons["ifd_above_max"]["bound"] == 0.001
    assert reasons["ifd_above_max"]["measured"] > 0.001
    assert "answer_too_long: " in run("show", workspace, pair["pair_id"]).stdout


def test_the_picture_goes_where_it_is_wanted(workspace: Path, tmp_path: Path) -> None:
    pair_id = pair_ids(workspace)[0]
    shown(workspace, pair_id)
    assert Image.open(workspace / "show" / f"{pair_id}.png").size[1] > 60  # the picture and its legend
    shown(workspace, pair_id, "--image", tmp_path / "deep" / "own.png")
    assert (tmp_path / "deep" / "own.png").exists()
    other = pair_ids(workspace)[-1]
    assert shown(workspace, other, "--no-image")["picture"] is None
    assert not (workspace / "show" / f"{other}.png").exists()


def test_a_changed_picture_is_not_drawn(workspace: Path, built: Path, tmp_path: Path) -> None:
    shutil.copytree(built / "source", tmp_path / "source")
    info = json.loads((workspace / "workspace.json").read_text())
    (workspace / "workspace.json").write_text(json.dumps(info | {"source_root": str(tmp_path / "source")}))
    Image.new("RGB", (120, 60), "red").save(tmp_path / "source" / "0.png")
    done = run("show", workspace, pair_ids(workspace)[0])
    assert done.returncode == 0
    assert "changed since" in done.stderr
    done = run("show", workspace, pair_ids(workspace)[0], "--image", tmp_path / "own.png")
    assert (done.returncode, "changed since" in done.stderr) == (2, True)


def test_ids_may_be_short_and_wrong_ones_are_answered_with_near_ones(workspace: Path) -> None:
    pair_id = pair_ids(workspace)[0]
    assert shown(workspace, pair_id[:-3])["pair"]["pair_id"] == pair_id
    command = [sys.executable, "-m", "glossator.cli.main", "show", str(workspace), pair_id[:-1] + "x"]
    wrong = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (wrong.returncode, pair_id in wrong.stderr, "Traceback" in wrong.stderr) == (2, True, False)
    several = run("show", workspace, pair_id[:16])
    assert several.returncode == 2
    assert "begins with" in several.stderr


# A model behind an endpoint


def said(body: Body) -> tuple[int, str]:
    schema = body["response_format"]["json_schema"]["name"]
    if schema == "CaptionReply":
        return 200, json.dumps({"caption": "A receipt with a total."})
    if schema == "PairsReply":
        pairs = [
            {"question": "What is the total?", "answer": "9.50", "kind": "lookup", "evidence": ["9.50"]},
            {"question": "How much is the total over the tip?", "answer": "8.00", "kind": "arithmetic",
             "evidence": ["9.50", "1.50"]},
        ]  # fmt: skip
        first = "already asked" not in question_of(body)
        return 200, json.dumps({"pairs": pairs if first else []})
    wrong = 'The value 9.50 stands above "SHOP", at the bottom left.'
    right = "Both amounts stand on the right side, at the bottom of the receipt."
    return 200, json.dumps(
        {"explanations": [
            {"number": 1, "question": "How do you know?", "answer": wrong},
            {"number": 2, "question": "How do you know?", "answer": right},
        ]}
    )  # fmt: skip


@pytest.fixture
def receipt(tmp_path: Path) -> Path:
    folder = tmp_path / "one"
    folder.mkdir()
    Image.new("RGB", (300, 400), "white").save(folder / "a.png")
    words = [("SHOP", 20, 20), ("Total", 20, 300), ("9.50", 240, 300), ("Tip", 20, 330), ("1.50", 240, 330)]
    ocr = [{"text": text, "box": [x, y, x + 40, y + 16]} for text, x, y in words]
    record = {"id": "one", "image": "a.png", "caption": "A receipt.", "kind": "receipt", "ocr": ocr}
    (folder / "records.jsonl").write_text(json.dumps(record), encoding="utf-8")
    return folder / "records.jsonl"


def chat_workspace(source: Path, workspace: Path, script: Callable[[Body], tuple[int, Any]] = said) -> list[str]:
    with ChatServer(script) as server:
        endpoint = {"run.endpoints.default.url": server.url, "score.engine.kind": "fake"}
        chat = {f"{stage}.engine.kind": "chat" for stage in ("enrich", "extract", "explain")}
        models = {f"{stage}.engine.model": "teacher" for stage in ("enrich", "extract", "explain")}
        settings = {**chat, **models, **endpoint, "ocr.engine.kind": "given"}
        glossator.build(source, workspace, "fake", **settings)
    return pair_ids(workspace)


def test_the_models_own_reply_is_shown_with_its_prompt(receipt: Path, tmp_path: Path) -> None:
    first, second = chat_workspace(receipt, tmp_path / "ws")
    told = shown(tmp_path / "ws", first)
    replies = {one["stage"]: one for one in told["replies"]}
    assert json.loads(replies["extract"]["text"])["pairs"][0]["answer"] == "9.50"
    assert "above" in json.loads(replies["explain"]["text"])["explanations"][0]["answer"]
    extract = next(row for row in told["stages"] if row["stage"] == "extract")
    assert extract["models"] == ["teacher"]
    assert extract["prompts"][0]["name"] == "extract-text"
    text = run("show", tmp_path / "ws", second).stdout
    assert "prompt extract-text version" in text
    assert "computed: difference" in text


def test_a_false_place_is_a_reason(receipt: Path, tmp_path: Path) -> None:
    first, second = chat_workspace(receipt, tmp_path / "ws")
    told = shown(tmp_path / "ws", first)
    assert {place["words"]: place["true"] for place in told["explanation"]["places"]} == {
        'above "SHOP"': False, "bottom left": False,
    }  # fmt: skip
    assert told["pair"]["explain_places"] == 0
    reason = next(one for one in told["verdict"]["reasons"] if one["reason"] == "false_place")
    assert (reason["measured"], reason["side"], reason["bound"]) == (0.0, "below", 1.0)
    assert shown(tmp_path / "ws", second)["pair"]["explain_places"] == 1.0


def test_no_text_reaches_the_terminal_as_a_command(receipt: Path, tmp_path: Path) -> None:
    evil = "\x1b[2J\x1b]0;owned\x07\u202eevil\u202c\u2066x\u2069\x9b31m\r\n\x00"

    def script(body: Body) -> tuple[int, str]:
        status, text = said(body)
        return status, text.replace("How do you know?", "How do you know?" + json.dumps(evil)[1:-1]) + evil.strip(
            "\x00"
        )

    record = json.loads(receipt.read_text()) | {"id": f"one{evil}", "caption": f"A receipt.{evil}", "note": evil}
    receipt.write_text(json.dumps(record), encoding="utf-8")
    first, _ = chat_workspace(receipt, tmp_path / "ws", script)
    for words in ((), ("--json",)):
        out = run("show", tmp_path / "ws", first, *words)
        assert out.returncode == 0, out.stderr
        assert not re.search(
            "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069]", out.stdout + out.stderr
        )


# Finished sets, pairs without a picture, repairs


def test_a_foreign_set(tmp_path: Path) -> None:
    picture = Image.new("RGB", (200, 100), "white")
    ImageDraw.Draw(picture).text((10, 10), "Total 9.50", fill="black")
    picture.save(tmp_path / "a.png")
    turns = [{"from": "human", "value": "<image>\nWhat is the total?"}, {"from": "gpt", "value": "9.50"}]
    plain = [{"from": "human", "value": "Say hello"}, {"from": "gpt", "value": "Hello there"}]
    rows = [{"id": "a", "image": "a.png", "conversations": turns}, {"id": "b", "conversations": plain}]
    (tmp_path / "set.json").write_text(json.dumps(rows), encoding="utf-8")
    engines = {"ocr.engine.kind": "fake", "score.engine.kind": "fake"}
    ws = glossator.score(tmp_path / "set.json", tmp_path / "ws", images=tmp_path, **engines)
    rows = {row["source_id"]: row["pair_id"] for row in ws.table("pairs").to_pylist()}
    assert shown(tmp_path / "ws", rows["a"])["picture"]
    without = shown(tmp_path / "ws", rows["b"])
    assert (without["picture"], without["source"]["path"], without["replies"]) == (None, "", [])
    assert "no picture" in run("show", tmp_path / "ws", rows["b"]).stdout
    asked = run("show", tmp_path / "ws", rows["b"], "--image", tmp_path / "b.png")
    assert (asked.returncode, "has no picture" in asked.stderr) == (2, True)


def test_a_repaired_pair_shows_its_whole_chain(receipt: Path, tmp_path: Path) -> None:
    from dataclasses import replace

    chat_workspace(receipt, tmp_path / "ws")
    ws = glossator.open(tmp_path / "ws")
    folder = ws.store.read_json("current.json")["tables"]["pairs"]
    first, second = ws.store.read_part(folder, "pairs", 0)
    mended = replace(first, pair_id=f"{first.image_id}-aaaaaaaaaaaa", repaired_from=first.pair_id, answer="9.5")
    again = replace(mended, pair_id=f"{first.image_id}-bbbbbbbbbbbb", repaired_from=mended.pair_id, answer="9,50")
    ws.store.write_part(folder, "pairs", 0, [first, second, mended, again])
    chain = [first.pair_id, mended.pair_id, again.pair_id]
    for pair_id in chain:
        assert [row["pair_id"] for row in shown(tmp_path / "ws", pair_id)["repairs"]] == chain
    assert shown(tmp_path / "ws", second.pair_id)["repairs"] == []
    assert f"repairs {mended.pair_id}" in run("show", tmp_path / "ws", first.pair_id).stdout
