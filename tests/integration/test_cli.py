"""The command line as a user meets it: output, exit codes, mistakes, Ctrl-C, the lock."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

SLOW = ["--set", "ocr.engine.delay_s=0.5", "--set", "data.shard_size=2"]


def run(*words: object, timeout: float = 120) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "glossator.cli.main", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)


def start(*words: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "glossator.cli.main", *map(str, words)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.fixture
def workspace(source: Path, tmp_path: Path) -> Path:
    ws = tmp_path / "ws"
    done = run("build", source, "-o", ws, "-r", "fake", "--json")
    assert done.returncode == 0, done.stderr
    return ws


def test_build_prints_one_json_object(source: Path, tmp_path: Path) -> None:
    done = run("build", source, "-o", tmp_path / "ws", "-r", "fake", "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["counts"]["images"] == 6


def test_the_whole_round(workspace: Path, tmp_path: Path) -> None:
    assert "6 images" in run("status", workspace).stdout
    assert "kept" in run("filter", workspace, "--set", "filter.mifd_max=0.9").stdout
    assert run("report", workspace).returncode == 0
    assert "<!doctype html>" in (workspace / "report.html").read_text()
    out = tmp_path / "out" / "llava.json"
    assert run("export", workspace, "--format", "llava", "-o", out, "--copy-images").returncode == 0
    assert json.loads(out.read_text())[0]["conversations"][0]["from"] == "human"
    assert run("retry", workspace, "--quiet").stdout == ""
    assert "would delete 1 folders" in run("gc", workspace).stdout  # the verdicts before the new threshold
    assert "deleted 1" in run("gc", workspace, "--delete").stdout
    assert run("score", out, "-o", tmp_path / "scored", "-r", "rescore", "--set", "ocr.engine.kind=fake",
               "--set", "score.engine.kind=fake", "--quiet").returncode == 0  # fmt: skip


def test_recipe_commands(workspace: Path) -> None:
    assert "the recipe is sound" in run("recipe", "check", "embedded").stdout
    assert "fingerprint" in run("recipe", "show", "fake", "--json").stdout
    assert "nothing would run again" in run("recipe", "diff", workspace, "fake").stdout
    changed = run("recipe", "diff", workspace, "fake", "--set", "extract.max_pairs=3").stdout
    assert "extract" in changed and "max_pairs: 9 -> 3" in changed and "ocr " not in changed


def test_dry_run_makes_nothing_and_counts_paid_calls(source: Path, tmp_path: Path) -> None:
    done = run("build", source, "-o", tmp_path / "ws", "-r", "llavar2", "--dry-run", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["calls"] == 24  # of six images: one to enrich, two to extract, one to explain
    assert not (tmp_path / "ws").exists()


def test_completion_script() -> None:
    assert "_GLOSSATOR_COMPLETE" in run("completion", "bash").stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["build", "no-such-source", "-o", "WS"], "no-such-source"),
        (["build", "SOURCE", "-o", "WS", "-r", "no-such-recipe"], "embedded"),
        (["build", "SOURCE", "-o", "WS", "--set", "ocr.colour=red"], "colour"),
        (["build", "SOURCE", "-o", "WS", "--set", "ocr"], "stage.setting=value"),
        (["build", "SOURCE"], "--out"),
        (["status", "WS"], "no workspace"),
        (["export", "WS", "-o", "x.json"], "no workspace"),
        (["frobnicate"], "frobnicate"),
    ],
)
def test_mistakes_exit_with_2_and_never_show_a_traceback(
    source: Path, tmp_path: Path, words: list[str], message: str
) -> None:
    names = {"SOURCE": str(source), "WS": str(tmp_path / "ws")}
    done = run(*(names.get(word, word) for word in words))
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_failed_rows_give_exit_code_1(source: Path, tmp_path: Path) -> None:
    with source.open("a") as file:
        file.write('\n{"id": "gone", "image": "gone.png"}')
    done = run("build", source, "-o", tmp_path / "ws", "-r", "fake")
    assert done.returncode == 1
    assert "1 ingest missing" in done.stdout


@pytest.mark.parametrize("workers", [0, 2])
def test_ctrl_c_stops_within_two_seconds_and_a_second_run_goes_on(source: Path, tmp_path: Path, workers: int) -> None:
    ws = tmp_path / "ws"
    words = ["build", source, "-o", ws, "-r", "fake", *SLOW, "--set", f"run.workers.ocr={workers}"]
    process = start(*words)
    _wait_for(ws / "run.json")
    time.sleep(1.2)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=5)
    assert process.returncode == 130
    assert "run the same command again" in errors
    assert "Traceback" not in errors
    assert run(*words).returncode == 0


def test_a_second_run_is_refused_while_the_first_goes_on(source: Path, tmp_path: Path) -> None:
    ws = tmp_path / "ws"
    words = ["build", source, "-o", ws, "-r", "fake", *SLOW, "--set", "run.workers.ocr=0"]
    first = start(*words)
    _wait_for(ws / "run.json")
    second = run(*words)
    first.kill()
    first.communicate()
    assert second.returncode == 2
    assert f"process {first.pid}" in second.stderr
    assert run(*words).returncode == 0  # the dead process's lock is free


def test_workers_die_with_a_killed_main_process(source: Path, tmp_path: Path) -> None:
    import psutil

    ws = tmp_path / "ws"
    slow = ["--set", "ocr.engine.delay_s=20", "--set", "run.workers.ocr=2", "--set", "data.shard_size=3"]
    process = start("build", source, "-o", ws, "-r", "fake", *slow)
    deadline = time.monotonic() + 30
    children: list[int] = []
    while len(children) < 3 and time.monotonic() < deadline:  # two workers and the resource tracker
        children = [child.pid for child in psutil.Process(process.pid).children(recursive=True)]
        time.sleep(0.1)
    time.sleep(1.5)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    while any(map(_alive, children)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(map(_alive, children))


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "Z" not in Path(f"/proc/{pid}/stat").read_text().split(")")[-1].split()[0]


def _wait_for(path: Path) -> None:
    deadline = time.monotonic() + 30
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} did not come up"
        time.sleep(0.05)
