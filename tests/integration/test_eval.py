"""`glossator eval` from end to end, against a server on loopback or with the fake reader."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import glossator
from chat_server import Body, ChatServer, question_of
from glossator.errors import CredentialsError, UsageError
from glossator.evaluation import benchmarks
from glossator.evaluation.run import evaluate, table_text
from glossator.training.samples import share_of

HOSTILE = '</dd><script>document.title="owned"</script><img src=x onerror=alert(1)> {{ 7*7 }}\u202egnp.\x07\ud800'


@pytest.fixture
def truth(tmp_path: Path) -> Path:
    """Six pictures of two kinds, two questions each; the first line of each page answers the first of them."""
    folder = tmp_path / "truth"
    folder.mkdir()
    rows = []
    for i in range(6):
        Image.new("RGB", (40, 30), (i * 40, 0, 0)).save(folder / f"{i}.png")
        spans = [{"text": f"Total {i}.50", "box": [0, 0, 30, 9]}, {"text": f"Shop {i}", "box": [0, 12, 30, 20]}]
        asked = [
            {"question": f"Total of {i}?", "answers": [f"Total {i}.50"]},
            {"question": f"Shop of {i}?", "answers": [f"Shop {i}", "any shop"]},
        ]
        rows.append({"id": f"r{i}", "image": f"{i}.png", "kind": ["receipt", "form"][i % 2], "ocr": spans, "qa": asked})
    return write(folder / "records.jsonl", rows)


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return path


def half_right(body: Body) -> tuple[int, Any]:
    """Right about totals, wrong about shops."""
    question = question_of(body).splitlines()[0]
    return 200, f"Total {question[9]}.50" if question.startswith("Total") else "no idea"


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with ChatServer(half_right) as running:
        yield running


def ask(server: ChatServer, truth: Path, out: Path, model: str = "m", **options: Any) -> dict[str, Any]:
    return evaluate(f"endpoint:{model}@{server.url}", [("records", truth)], out, **options)["records"]


def asked(server: ChatServer) -> list[str]:
    """The questions that the server has heard since the last call."""
    found = [question_of(body).splitlines()[0] for body in server.bodies]
    server.bodies.clear()
    return sorted(found)


def test_results_tell_value_interval_kinds_and_other_metrics(truth: Path, server: ChatServer, tmp_path: Path) -> None:
    with truth.open("a", encoding="utf-8") as file:
        file.write('\n{"image": "none.png", "fields": {"a": "1", "b": "2"}}\n{torn')
    told: list[tuple[str, int, int]] = []
    found = ask(server, truth, tmp_path / "out", progress=lambda *step: told.append(step))
    assert (found["metric"], found["value"], found["n"], found["images"], found["failed"]) == ("anls", 0.5, 12, 6, 0)
    assert found["low"] <= 0.5 <= found["high"]
    assert set(found["by_kind"]) == {"receipt", "form"}
    for row in (*found["by_kind"].values(), *found["metrics"].values()):
        assert set(row) == {"value", "low", "high", "n"} and 0 <= row["low"] <= row["value"] <= row["high"] <= 1
    assert found["metrics"]["exact"]["value"] == 0.5
    assert found["left_out"] == {"no picture": 2, "bad record": 1}
    assert found["bought"] == {"calls": 12, "tokens_in": 1200, "tokens_out": 120, "usd": 0.0}
    assert told[0] == ("records", 0, 12) and told[-1] == ("records", 12, 12)
    assert json.loads((tmp_path / "out" / "results.json").read_text()) == {"records": found}
    text = table_text({"records": found})
    assert "anls 50.0" in text and "receipt" in text and "2 (no picture)" in text and "12 replies" in text


def test_two_benchmarks_of_one_name_stand_apart(truth: Path, server: ChatServer, tmp_path: Path) -> None:
    named = [("records", truth), ("records", truth)]
    found = evaluate(f"endpoint:m@{server.url}", named, tmp_path / "out")
    assert list(found) == ["records", "records-2"]
    assert (tmp_path / "out" / "records-2.html").is_file()


def test_what_is_kept_is_not_asked_again(truth: Path, server: ChatServer, tmp_path: Path) -> None:
    """Neither after a kill that tore the last line, nor after one that tore the first."""
    first = ask(server, truth, tmp_path / "out")
    everything = asked(server)
    log = tmp_path / "out" / "records" / "predictions.jsonl"
    whole = log.read_bytes()
    lines = whole.splitlines(keepends=True)
    for torn, again in ((whole, 0), (whole[:-30], 1), (b"".join(lines[:5]), 8), (whole[:9], 12), (b"", 12)):
        log.write_bytes(torn)
        shutil.rmtree(tmp_path / "out" / "replies")  # so that every question which is asked is heard
        found = ask(server, truth, tmp_path / "out")
        assert len(server.bodies) == again
        assert found["metrics"] == first["metrics"]
        server.bodies.clear()
        assert not ask(server, truth, tmp_path / "out")["bought"]["calls"]  # and what was mended stays so
        (tmp_path / "out" / "replies").mkdir(exist_ok=True)
    log.write_bytes(b'{"id": 5}\nnull\n[]\n\xff\xfe\n' + whole + b'{"id": "r0-0", "said": 7}\n')
    assert ask(server, truth, tmp_path / "out")["metrics"] == first["metrics"]
    assert len(everything) == 12


def test_a_killed_evaluation_goes_on(truth: Path, tmp_path: Path) -> None:
    def slow(body: Body) -> tuple[int, Any]:
        time.sleep(0.15)
        return half_right(body)

    with ChatServer(slow) as server:
        command = [
            sys.executable, "-m", "glossator.cli.main", "eval", f"endpoint:m@{server.url}", "--benchmark",
            f"records={truth}", "-o", str(tmp_path / "out"), "--in-flight", "1", "--json",
        ]  # fmt: skip
        run = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while len(server.bodies) < 4 and run.poll() is None:
            time.sleep(0.01)
        os.kill(run.pid, signal.SIGKILL)
        run.wait()
        before = len(server.bodies)
        assert 4 <= before < 12
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert len(server.bodies) - 12 <= 1  # at most the one that was under way
    found = json.loads(done.stdout)["records"]
    assert found["n"] == 12 and found["value"] == 0.5 and found["failed"] == 0


def test_another_models_answers_are_set_aside_until_it_comes_back(
    truth: Path, server: ChatServer, tmp_path: Path
) -> None:
    for model, heard in (("a", 12), ("b", 12), ("a", 0), ("b", 0)):
        found = ask(server, truth, tmp_path / "out", model)
        assert found["model"] == model
        assert len(asked(server)) == heard
        shutil.rmtree(tmp_path / "out" / "replies", ignore_errors=True)
    assert len(list((tmp_path / "out" / "records").glob("predictions*.jsonl"))) == 2


def test_only_a_question_that_has_changed_is_asked_again(truth: Path, server: ChatServer, tmp_path: Path) -> None:
    assert ask(server, truth, tmp_path / "out", limit=4)["n"] == 4
    assert len(asked(server)) == 4
    assert ask(server, truth, tmp_path / "out")["n"] == 12
    assert len(asked(server)) == 8
    truth.write_text(truth.read_text().replace("Shop of 2?", "Which shop is 2?"), encoding="utf-8")
    Image.new("RGB", (90, 90), "blue").save(truth.parent / "4.png")  # another picture of the same name
    ask(server, truth, tmp_path / "out")
    assert asked(server) == ["Shop of 4?", "Total of 4?", "Which shop is 2?"]


def test_failed_questions_are_wrong_and_those_that_may_be_mended_are_asked_again(truth: Path, tmp_path: Path) -> None:
    replies: dict[str, Any] = {
        "Total of 0?": {"choices": []},  # no answer: a fault that may pass
        "Total of 1?": {"choices": [{"finish_reason": "content_filter", "message": {"content": "Total 1.50"}}]},
    }

    def script(body: Body) -> tuple[int, Any]:
        question = question_of(body).splitlines()[0]
        return (200, replies[question]) if question in replies else half_right(body)

    (truth.parent / "2.png").write_bytes(b"no picture any more")
    with ChatServer(script) as server:
        found = ask(server, truth, tmp_path / "out")
        assert found["failed"] == 4 and found["n"] == 12
        assert found["value"] == pytest.approx(3 / 12)
        assert "4 questions without an answer count as wrong" in table_text({"records": found})
        server.bodies.clear()
        replies.clear()
        found = ask(server, truth, tmp_path / "out")
        assert asked(server) == ["Total of 0?"]
        assert found["failed"] == 3 and found["value"] == pytest.approx(4 / 12)


def test_the_difference_from_another_model_is_paired(truth: Path, server: ChatServer, tmp_path: Path) -> None:
    ask(server, truth, tmp_path / "first", limit=6)
    with ChatServer(lambda body: (200, "no idea")) as other:
        worse = ask(other, truth, tmp_path / "worse", against=tmp_path / "first")
        assert worse["against"]["n"] == 6  # those that both were asked
        assert worse["against"]["difference"] == pytest.approx(-0.5)
        assert worse["against"]["low"] <= -0.5 <= worse["against"]["high"]
        assert worse["against"]["folder"] == str(tmp_path / "first")
        assert "-50.0" in table_text({"records": worse})
    same = ask(server, truth, tmp_path / "same", against=tmp_path / "first")
    assert (same["against"]["difference"], same["against"]["low"], same["against"]["high"]) == (0, 0, 0)


def test_a_comparison_that_cannot_be_made_is_told_before_anything_is_bought(
    truth: Path, server: ChatServer, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="holds no answers"):
        ask(server, truth, tmp_path / "out", against=tmp_path / "nowhere")
    assert not server.bodies
    ask(server, truth, tmp_path / "first")
    truth.write_text(truth.read_text().replace(" of ", " in "), encoding="utf-8")
    with pytest.raises(UsageError, match="none of these questions"):
        ask(server, truth, tmp_path / "out", against=tmp_path / "first")


def test_a_stop_keeps_what_was_answered(truth: Path, tmp_path: Path) -> None:
    def script(body: Body) -> tuple[int, Any]:
        return half_right(body) if len(server.bodies) < 5 else (401, "bad key")

    with ChatServer(script) as server:
        with pytest.raises(CredentialsError):
            ask(server, truth, tmp_path / "out", in_flight=1)
        kept = (tmp_path / "out" / "records" / "predictions.jsonl").read_text().count('"said"')
        assert kept == 4
        server.script = half_right
        server.bodies.clear()
        assert ask(server, truth, tmp_path / "out")["value"] == 0.5
        assert len(server.bodies) == 8


def test_the_gallery_shows_hostile_texts_as_texts(tmp_path: Path) -> None:
    Image.new("RGB", (900, 700), "white").save(tmp_path / "a.png")
    asked = [{"question": f"{HOSTILE} {i}", "answers": [HOSTILE]} for i in range(3)]
    truth = write(tmp_path / "r.jsonl", [{"id": HOSTILE, "image": "a.png", "kind": HOSTILE, "qa": asked}])
    message = {"index": 0, "finish_reason": "stop", "message": {"content": HOSTILE}}
    with ChatServer(lambda _body: (200, {"choices": [message]})) as server:
        found = ask(server, truth, tmp_path / "out", model="m<script>")
    assert found["value"] == 1.0
    page = (tmp_path / "out" / "records.html").read_text(encoding="utf-8")
    assert "<script" not in page and "onerror=alert(1)&gt;" in page
    assert "{{ 7*7 }}" in page and " 49" not in page
    assert not set(page) & {"\u202e", "\x07", "\ud800"}
    assert page.count("data:image/jpeg;base64,") == 3 and len(page) < 200_000
    assert "default-src 'none'" in page
    assert json.loads((tmp_path / "out" / "results.json").read_text())["records"]["by_kind"]


# Without eyes


def test_a_reader_without_eyes_is_shown_the_pages_text(truth: Path, tmp_path: Path) -> None:
    (truth.parent / "5.png").write_bytes(b"no picture any more")
    first = evaluate("fake:first", [("records", truth)], tmp_path / "out")["records"]
    assert first["value"] == pytest.approx(5 / 12) and first["failed"] == 2
    last = evaluate("fake:last", [("records", truth)], tmp_path / "out", against=tmp_path / "out")["records"]
    assert last["value"] == pytest.approx(5 / 12)
    assert last["against"]["difference"] == 0 and last["against"]["n"] == 12


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty pictures with captions, through the fake recipe."""
    folder = tmp_path_factory.mktemp("source")
    rows = []
    for i in range(40):
        Image.new("RGB", (40, 30), (i * 6, i, 0)).save(folder / f"{i}.png")
        rows.append({"id": f"r{i}", "image": f"{i}.png", "caption": f"A receipt, number {i}.", "kind": "receipt"})
    workers = {f"run.workers.{stage}": 0 for stage in ("ocr", "enrich", "extract", "explain", "score")}
    glossator.build(write(folder / "records.jsonl", rows), folder / "ws", "fake", **workers)
    return folder / "ws"


def test_the_test_split_of_a_workspace_is_what_training_leaves_out(workspace: Path, tmp_path: Path) -> None:
    opened = glossator.open(workspace)
    held = {row["image_id"] for row in opened.table("images").to_pylist() if share_of(row["image_id"]) < 0.1}
    assert 0 < len(held) < 20
    kept = {row["pair_id"] for row in opened.table("verdicts").to_pylist() if row["keep"]}
    pairs = [row for row in opened.table("pairs").to_pylist() if row["image_id"] in held and row["pair_id"] in kept]
    found = benchmarks.load("workspace", workspace)
    assert {(q.image_id, q.text, q.golds, q.kind) for q in found.questions} == {
        (row["image_id"], row["question"], (row["answer"],), "receipt") for row in pairs
    }
    results = evaluate("fake:first", [("workspace", workspace), ("captions", workspace)], tmp_path / "out")
    assert results["workspace"]["n"] == len(pairs) and results["workspace"]["images"] == len(held)
    assert results["captions"]["n"] == len(held) and results["captions"]["metric"] == "rouge_l"


def test_captions_are_asked_for_as_descriptions(workspace: Path) -> None:
    enriched = {row["image_id"]: row["enriched"] for row in glossator.open(workspace).table("captions").to_pylist()}
    found = benchmarks.load("captions", workspace)
    for question in found.questions:
        assert question.golds == (enriched[question.image_id],)
        assert found.put(question) == question.text and "single word" not in question.text


# The command


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "glossator.cli.main", "eval", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_command_prints_json_or_a_table(truth: Path, tmp_path: Path) -> None:
    arguments = ["fake:first", "--benchmark", f"records={truth}", "-o", str(tmp_path / "out")]
    done = run(*arguments, "--json", "--limit", "4")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["records"]["n"] == 4
    done = run(*arguments, "--against", str(tmp_path / "out"))
    assert done.returncode == 0 and "records: anls 50.0" in done.stdout and "+0.0 [+0.0, +0.0]" in done.stdout
    assert str(tmp_path / "out" / "results.json") in done.stdout


MISTAKES: list[tuple[str, Callable[[Path], list[str]]]] = [
    ("no benchmark", lambda _truth: ["fake:first"]),
    ("NAME=PATH", lambda truth: ["fake:first", "--benchmark", str(truth)]),
    ("no benchmark 'mmlu'", lambda truth: ["fake:first", "--benchmark", f"mmlu={truth}"]),
    ("is not there", lambda truth: ["fake:first", "--benchmark", f"records={truth}.gone"]),
    ("fake:odd", lambda truth: ["fake:odd", "--benchmark", f"records={truth}"]),
    ("there is no such folder", lambda truth: ["./no-model", "--benchmark", f"records={truth}"]),
    ("endpoint:MODEL@URL", lambda truth: ["endpoint:x", "--benchmark", f"records={truth}"]),
    ("is not set", lambda truth: ["endpoint:m@http://127.0.0.1:9/v1", "--key-env", "GLOSSATOR_NO_SUCH_KEY",
                                  "--benchmark", f"records={truth}"]),
    ("holds no answers", lambda truth: ["fake:first", "--benchmark", f"records={truth}", "--against", "nowhere"]),
    ("limit", lambda truth: ["fake:first", "--benchmark", f"records={truth}", "--limit", "0"]),
]  # fmt: skip


@pytest.mark.parametrize(("said", "arguments"), MISTAKES, ids=[said for said, _ in MISTAKES])
def test_a_mistake_is_told_without_a_traceback(
    said: str, arguments: Callable[[Path], list[str]], truth: Path, tmp_path: Path
) -> None:
    done = run(*arguments(truth), "-o", str(tmp_path / "out"))
    assert done.returncode == 2 and not done.stdout
    assert said.replace("no benchmark", "benchmark") in done.stderr and "Traceback" not in done.stderr


def test_a_stopped_endpoint_ends_with_3(truth: Path, tmp_path: Path) -> None:
    with ChatServer(lambda _body: (401, "bad key")) as server:
        done = run(f"endpoint:m@{server.url}", "--benchmark", f"records={truth}", "-o", str(tmp_path / "out"))
    assert done.returncode == 3 and "Traceback" not in done.stderr
