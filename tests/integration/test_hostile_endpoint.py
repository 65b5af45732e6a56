"""Replies that no sane server sends: each is a failed row or a clean pair, and nothing breaks."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from test_mock_endpoint import GOOD, samples, writer

from glossator.engines.base import Session
from glossator.replies import ReplyLogs
from glossator.results import Failed


class RawServer:
    """Answers every request with the bytes `answer`, and hangs up."""

    def __init__(self, answer: bytes) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}/v1"
        self._answer = answer
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._reply, args=(connection,), daemon=True).start()

    def _reply(self, connection: socket.socket) -> None:
        with connection:
            head = b""
            while b"\r\n\r\n" not in head:
                head += connection.recv(65536)
            length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
            got = len(head.split(b"\r\n\r\n", 1)[1])
            while got < length:
                got += len(connection.recv(65536))
            with suppress(OSError):
                connection.sendall(self._answer)

    def close(self) -> None:
        self._socket.close()


def response(body: bytes, more: str = "", status: str = "200 OK") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n{more}\r\n"
    return head.encode() + body


def completion(content: object, **more: object) -> bytes:
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": content}}
    return response(json.dumps({"choices": [choice], "usage": {}, **more}).encode())


BROKEN = {
    "no http": b"SSH-2.0-OpenSSH_9\r\n",
    "nothing": b"",
    "cut body": response(b'{"choices": []}').replace(b"Content-Length: 15", b"Content-Length: 1500"),
    "not utf-8": response(b'{"choices": "\xff\xfe"}'),
    "not json": response(b"<html>welcome</html>"),
    "a list": response(b"[]"),
    "deep": response(b"[" * 100_000),
    "false gzip": response(b"no gzip", "Content-Encoding: gzip\r\n"),
    "no choices": response(b'{"object": "chat.completion"}'),
    "choices of another kind": response(b'{"choices": {"0": 1}, "usage": [1]}'),
    "null content": completion(None),
    "a number": completion(3),
    "an error with status 200": response(b'{"error": {"message": "over", "code": 502}}'),
    "a redirect": response(b"{}", "Location: http://127.0.0.1:1/v1\r\n", "302 Found"),
}
ODD = {
    "blocks": completion([{"type": "text", "text": GOOD}]),
    "surrogates": completion('{"caption": "A receipt \\ud800 here."}'),
    "raw surrogates": completion("\ud800" + GOOD),
    "controls": completion(json.dumps({"caption": "A\u0000 receipt\u202e."})),
    "endless tokens": completion(GOOD, usage={"prompt_tokens": float("inf"), "completion_tokens": -3}),
    "odd usage": completion(GOOD, usage={"prompt_tokens": "many", "prompt_tokens_details": 7}),
    "huge tokens": completion(GOOD, usage={"prompt_tokens": 10**300, "completion_tokens": 1}),
    "unknown finish": completion(GOOD, model=None),
}


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Iterator[RawServer]:
    running = RawServer(request.param)
    yield running
    running.close()


@pytest.mark.parametrize("server", BROKEN.values(), ids=BROKEN, indirect=True)
def test_what_is_no_reply_is_a_failed_row(server: RawServer, tmp_path: Path) -> None:
    with ReplyLogs(tmp_path).open("enrich", 0) as log:
        found = writer(server.url, max_retries=1, timeout_s=5).enrich(samples(2), Session(log))
    assert all(isinstance(one, Failed) and one.category in ("server", "refused", "malformed_reply") for one in found)


@pytest.mark.parametrize("server", ODD.values(), ids=ODD, indirect=True)
def test_what_is_only_odd_is_understood_or_refused(server: RawServer, tmp_path: Path) -> None:
    with ReplyLogs(tmp_path).open("enrich", 0) as log:
        session = Session(log)
        found = writer(server.url, max_retries=1, timeout_s=5).enrich(samples(2), session)
    assert all(isinstance(one, str) or one.category == "malformed_reply" for one in found)
    assert 0 <= session.paid.tokens_in < 10**9
    with ReplyLogs(tmp_path).open("enrich", 0) as log:
        again = Session(log)
        assert writer(server.url, max_retries=1, timeout_s=5).enrich(samples(2), again) == found
    assert again.paid.calls == 0
