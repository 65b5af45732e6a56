"""The server as a process: how it begins and ends, and what is left where it is not let."""

from __future__ import annotations

import contextlib
import resource
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.review_kit import Client, let_in

import glossator
from glossator.verdict_log import open_log
from glossator.workspace import Workspace


class Served:
    """A running `glossator review`."""

    def __init__(self, process: subprocess.Popen[str], client: Client) -> None:
        self.process, self.client = process, client

    def stop(self, number: signal.Signals) -> tuple[int, str]:
        """Its exit code, and what it says at the end."""
        self.process.send_signal(number)
        _, told = self.process.communicate(timeout=60)
        return self.process.returncode, told.strip()


def command(ws: Workspace, *options: str) -> list[str]:
    return [sys.executable, "-m", "glossator.cli.main", "review", str(ws.path), "--by", "ada", *options]


@contextlib.contextmanager
def running(ws: Workspace, *options: str) -> Iterator[Served]:
    with subprocess.Popen(
        command(ws, "--port", "0", *options), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            yield Served(process, let_in(process.stdout.readline().strip()))
        finally:
            process.kill()


def judge(client: Client, number: int, **said: str) -> int:
    pair_id = client.json("/api/pairs")["pairs"][number]["pair_id"]
    return client.post("/api/verdicts", {"pair_id": pair_id, "verdict": "keep", **said})[0]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_farewell_says_what_was_done_and_what_follows(ws: Workspace, number: signal.Signals) -> None:
    with running(ws) as server:
        for i in range(2):
            assert judge(server.client, i) == 200
        texts = {"question": "Another one?", "answer": "42", "explain_question": "Why?", "explain_answer": "So."}
        assert judge(server.client, 2, verdict="edit", **texts) == 200
        assert judge(server.client, 3) == 200
        server.client.post("/api/undo", {})
        code, told = server.stop(number)
    assert code == 130
    assert told == (
        f"stopped; 3 verdicts given in this session: they count from the next glossator filter {ws.path} on; "
        "edits become pairs at the next glossator build"
    )
    assert len(ws.table("human")) == 4  # and the pair that the edit makes is vouched for


def test_the_farewell_of_one_who_has_applied_all_or_done_nothing(ws: Workspace) -> None:
    with running(ws) as server:
        assert judge(server.client, 0) == 200
        assert server.client.post("/api/apply", {"settings": {}})[0] == 200
        assert server.stop(signal.SIGTERM)[1] == "stopped; 1 verdict given in this session, applied"
    with running(ws, "--read-only") as server:
        assert server.stop(signal.SIGTERM)[1] == "stopped; no verdict was given in this session"


def test_a_port_that_is_taken_is_told_and_the_default_gives_way(ws: Workspace) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        done = subprocess.run(command(ws, "--port", str(port)), capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    assert (done.stdout, f"127.0.0.1:{port}" in done.stderr, "Traceback" in done.stderr) == ("", True, False)


def test_a_certificate_that_is_none_or_half_is_told(ws: Workspace, tmp_path: Path) -> None:
    no_certificate = tmp_path / "cert.pem"
    no_certificate.write_text("nothing", encoding="utf-8")
    half = ("--tls-cert", str(no_certificate))
    for options in (half, (*half, "--tls-key", str(no_certificate))):
        done = subprocess.run(command(ws, *options), capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 2
        assert (done.stdout, "--tls-" in done.stderr, "Traceback" in done.stderr) == ("", True, False)


def test_where_the_disk_is_full_nothing_is_confirmed_and_nothing_is_lost(ws: Workspace) -> None:
    """A limit on the size of files stands for a full disk: it refuses the same writes."""
    before, recipe = ws.verdict_counts(), ws.store.read_recipe()
    with running(ws) as server:
        client = server.client
        assert judge(client, 0) == 200
        _, unlimited = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (1, unlimited))
        pair_id = client.json("/api/pairs")["pairs"][1]["pair_id"]
        for path, body in (
            ("/api/verdicts", {"pair_id": pair_id, "verdict": "reject"}),
            ("/api/undo", {}),
            ("/api/apply", {"settings": {"mifd_max": 0.123}}),
        ):
            status, told = client.post(path, body)
            assert (status, "written" in told["error"] or "write" in told["error"]) == (409, True), told
        assert client.get(f"/pair/{pair_id}")[0] == 200
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (unlimited, unlimited))
        assert ws.verdict_counts() == before
        assert ws.store.read_recipe() == recipe
        assert list(ws.path.rglob("*.tmp")) == []
        # There is room again: all goes on.
        assert client.post("/api/undo", {})[1]["pair_id"] is not None
        assert judge(client, 1, verdict="reject") == 200
        assert client.post("/api/apply", {"settings": {"mifd_max": 0.123}})[1]["kept"] < before["kept"]
        server.stop(signal.SIGTERM)
    assert [entry.verdict.verdict for entry in open_log(ws.store).standing()] == ["reject"]


def test_killed_while_thresholds_are_applied_the_verdicts_are_the_old_or_the_new_ones(ws: Workspace) -> None:
    pairs = ws.verdict_counts()["pairs"]
    for bound in (0.1, 0.15, 0.2):
        with running(ws) as server:
            asked = threading.Event()

            def apply(client: Client = server.client, bound: float = bound, asked: threading.Event = asked) -> None:
                asked.set()
                with contextlib.suppress(OSError):
                    client.post("/api/apply", {"settings": {"mifd_max": bound}})

            thread = threading.Thread(target=apply)
            thread.start()
            asked.wait()
            server.stop(signal.SIGKILL)
            thread.join()
        assert ws.verdict_counts()["pairs"] == pairs
    assert ws.filter(mifd_max=0.3)["pairs"] == pairs  # and the lock is free


def test_a_workspace_without_pairs_is_served(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "a.png").write_bytes(b"no picture")
    ws = glossator.build(source, tmp_path / "ws", "fake")
    with running(ws) as server:
        for path in ("/", "/agreement", "/captions", "/blind", "/api/estimate"):
            assert server.client.get(path)[0] in (200, 307)
        for query in ({"order": "border"}, {"order": "random"}, {"text": "x"}, {"reason": "x"}, {"judged": "yes"}):
            assert server.client.json("/api/pairs", **query) == {"total": 0, "pairs": []}
        assert server.client.json("/api/overview")["total"] == 0
        assert server.client.json("/api/preview", mifd_max=0.3)["kept"] == 0
        assert server.client.post("/api/apply", {"settings": {"mifd_max": 0.3}})[0] == 200
        assert server.client.get("/pair/x")[0] == 404
