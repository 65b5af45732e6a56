"""A build that is killed goes on: the same tables, and nothing bought twice but what was under way."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from test_mock_endpoint import Answer, Server

IN_FLIGHT = 2


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()

    def slow(_number: int) -> Answer:
        time.sleep(0.15)
        return 200, json.dumps({"caption": "A receipt."})

    running.script = slow
    yield running
    running.close()


def start(source: Path, workspace: Path, url: str) -> subprocess.Popen[str]:
    recipe = workspace.parent / "recipe.yaml"
    recipe.write_text(
        "data: {shard_size: 3}\n"
        "stages:\n- {use: ocr, engine: {kind: fake}}\n- {use: enrich, engine: {kind: chat, model: m}}\n"
        f'run: {{endpoints: {{default: {{url: "{url}", in_flight: {IN_FLIGHT}}}}}}}\n'
    )
    code = "from glossator.cli.main import main; main()"
    command = [sys.executable, "-c", code, "build", str(source), "-o", str(workspace), "-r", str(recipe), "--json"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def tables(workspace: Path) -> dict[str, bytes]:
    return {str(p.relative_to(workspace)): p.read_bytes() for p in workspace.rglob("enrich/*/part-*.parquet")}


def bought(server: Server) -> Counter[str]:
    return Counter(json.dumps(body, sort_keys=True) for body in server.bodies)


def test_a_killed_build_goes_on(source: Path, tmp_path: Path, server: Server) -> None:
    undisturbed = start(source, tmp_path / "whole", server.url)
    output = undisturbed.communicate(timeout=60)[0]
    assert undisturbed.returncode == 0, output
    expected = tables(tmp_path / "whole")
    assert expected
    assert len(server.bodies) == 6
    for calls_before_kill in (1, 4):
        server.bodies.clear()
        workspace = tmp_path / f"killed{calls_before_kill}"
        killed = start(source, workspace, server.url)
        while len(server.bodies) < calls_before_kill and killed.poll() is None:
            time.sleep(0.01)
        killed.kill()
        killed.communicate(timeout=10)
        again = start(source, workspace, server.url)
        output = again.communicate(timeout=60)[0]
        assert again.returncode == 0, output
        assert tables(workspace) == expected
        assert len(bought(server)) == 6
        assert len(server.bodies) - 6 <= IN_FLIGHT


def test_a_refused_key_ends_the_build_with_one_line(source: Path, tmp_path: Path, server: Server) -> None:
    server.script = lambda _n: (401, "no")
    build = start(source, tmp_path / "ws", server.url)
    output = build.communicate(timeout=60)[0]
    assert build.returncode == 3, output
    assert "refuses the key" in output
    assert "Traceback" not in output
