"""A whole build against a real server with a real model: `transformers serve` over SmolLM2-135M.

Its text is poor; the run must be clean: every row accounted for, malformed replies asked again and then failed, the
filter doing its work, and nothing left over when the server goes.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

import glossator
from glossator.engines.loss.weights import EMBEDDED, model_path

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """Base URL and model name. The log is shown if it does not come up."""
    model = model_path(EMBEDDED)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = tmp_path_factory.mktemp("server") / "log.txt"
    command = [Path(sys.executable).with_name("transformers"), "serve", model]
    command += ["--host", "127.0.0.1", "--port", str(port), "--device", "cpu", "--dtype", "float32"]
    with log.open("wb") as file:
        process = subprocess.Popen(
            command, stdout=file, stderr=subprocess.STDOUT, env={**os.environ, "HF_HUB_OFFLINE": "1"}
        )
    try:
        for _ in range(600):
            with suppress(OSError):
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health").close()
                break
            assert process.poll() is None, log.read_text()
            time.sleep(0.2)
        else:
            pytest.fail(log.read_text())
        yield f"http://127.0.0.1:{port}/v1", model
    finally:
        process.terminate()
        process.wait(20)


def test_a_clean_run_over_poor_text(server: tuple[str, str], source: Path, tmp_path: Path) -> None:
    url, model = server
    chat = {"kind": "chat", "model": model, "structured": "none", "max_tokens": 48, "ask_again": 1, "system": False}
    tree = {
        "data": {"shard_size": 2},
        "stages": [
            {"use": "ocr", "engine": {"kind": "fake"}},
            {"use": "enrich", "engine": {**chat, "ask_again": 0}},
            {
                "use": "extract",
                "engine": {
                    "kind": "teachers",
                    "writers": [{"share": 1, "engine": chat}, {"share": 3, "engine": {"kind": "fake"}}],
                },
                "settings": {"max_pairs": 3},
            },
            {"use": "explain", "engine": chat},
            {"use": "score", "engine": {"kind": "fake"}},
            {"use": "filter"},
        ],
        "run": {
            "endpoints": {"default": {"url": url, "in_flight": 2, "timeout_s": 240}},
            "prices": {model: {"input": 1, "output": 1}},
            "budget": {"max_failed_share": 1, "usd": 5},
        },
    }
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(json.dumps(tree))
    built = glossator.build(source, tmp_path / "ws", recipe, limit=3)
    images = built.table("images").num_rows
    failures = built.table("failures").to_pylist()
    pairs, verdicts = built.table("pairs").to_pylist(), built.table("verdicts").to_pylist()

    def failed(stage: str) -> set[str]:
        return {row["image_id"] for row in failures if row["stage"] == stage}

    assert images == 3
    assert set(built.table("captions")["image_id"].to_pylist()) | failed("enrich") == set(
        built.table("images")["image_id"].to_pylist()
    )
    assert {pair["image_id"] for pair in pairs} | failed("extract") == failed("extract") | {
        row["image_id"] for row in verdicts
    }
    unexplained = {pair["pair_id"] for pair in pairs if not pair["explain_answer"]}
    told = {row["id"] for row in failures if row["stage"] == "explain"}
    assert all(pair_id in told or pair_id.split("-")[0] in told for pair_id in unexplained)
    assert {row["category"] for row in failures} <= {"malformed_reply", "empty_pair"}
    bought = built.table("calls").to_pylist()
    assert bought and all(row["tokens_in"] > 100 and row["tokens_out"] > 0 and row["usd"] > 0 for row in bought)
    assert sum(verdict["keep"] for verdict in verdicts) < len(verdicts) or not verdicts
    assert built.report().exists()
