"""A server that speaks the Batch API (`/v1/files`, `/v1/batches`) on loopback, and misbehaves on order."""

from __future__ import annotations

import asyncio
import itertools
import json
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

from aiohttp import web

Body = dict[str, Any]


class BatchServer:
    """Answers each request of a batch with `reply(body)` once the batch has been looked at `looks` times.

    Attributes:
        answered: how often each request (as canonical JSON) was answered, and so paid for.
        expire: how many of the next batches expire with only half of their requests answered.
        fail_lines: how many of the next requests fail with status 500 inside their batch.
        lose_created: how many of the next created batches are created without the client ever hearing of it.
        status: what the next batches end with, instead of completed.
    """

    def __init__(self, reply: Callable[[Body], str]) -> None:
        self.reply = reply
        self.looks = 2
        self.expire = self.fail_lines = self.lose_created = 0
        self.status = "completed"
        self.answered: Counter[str] = Counter()
        self.batches: dict[str, dict[str, Any]] = {}
        self.files: dict[str, bytes] = {}
        self._ids = itertools.count()
        self._loop = asyncio.new_event_loop()
        self._port = 0
        started = threading.Event()
        threading.Thread(target=self._serve, args=(started,), daemon=True).start()
        assert started.wait(10)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}/v1"

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self._runner.cleanup(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)

    def _serve(self, started: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        app = web.Application(client_max_size=64 << 20)
        app.add_routes(
            [
                web.post("/v1/files", self._upload),
                web.get("/v1/files/{id}/content", self._content),
                web.post("/v1/batches", self._create),
                web.get("/v1/batches", self._list),
                web.get("/v1/batches/{id}", self._look),
            ]
        )
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        self._loop.run_until_complete(self._runner.setup())
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        self._loop.run_until_complete(site.start())
        self._port = self._runner.addresses[0][1]
        started.set()
        self._loop.run_forever()

    async def _upload(self, request: web.Request) -> web.Response:
        form = await request.post()
        assert form["purpose"] == "batch"
        uploaded = form["file"]
        assert isinstance(uploaded, web.FileField)
        name = f"file-{next(self._ids)}"
        self.files[name] = uploaded.file.read()
        return web.json_response({"id": name, "object": "file"})

    async def _content(self, request: web.Request) -> web.Response:
        return web.Response(body=self.files[request.match_info["id"]])

    async def _create(self, request: web.Request) -> web.Response:
        wanted = await request.json()
        batch = {
            "id": f"batch-{next(self._ids)}",
            "object": "batch",
            "status": "validating",
            "metadata": wanted.get("metadata"),
            "input_file_id": wanted["input_file_id"],
            "looks": 0,
        }
        self.batches[batch["id"]] = batch
        if self.lose_created:
            self.lose_created -= 1
            assert request.transport is not None
            request.transport.abort()
        return web.json_response(batch)

    async def _list(self, _request: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": list(self.batches.values()), "has_more": False})

    async def _look(self, request: web.Request) -> web.Response:
        batch = self.batches[request.match_info["id"]]
        batch["looks"] += 1
        if batch["looks"] >= self.looks and batch["status"] in ("validating", "in_progress"):
            self._end(batch)
        elif batch["status"] == "validating":
            batch["status"] = "in_progress"
        return web.json_response(batch)

    def _end(self, batch: dict[str, Any]) -> None:
        if self.status == "failed":
            batch |= {"status": "failed", "errors": {"data": [{"code": "invalid_json_line", "message": "no"}]}}
            return
        lines = [json.loads(line) for line in self.files[batch["input_file_id"]].splitlines()]
        done = lines
        if self.expire:
            self.expire -= 1
            done = lines[: len(lines) // 2]
        output = [self._answer(line) for line in done]
        errors = [
            {"custom_id": line["custom_id"], "response": None, "error": {"code": "batch_expired", "message": "late"}}
            for line in lines[len(done) :]
        ]
        batch["status"] = "expired" if errors else "completed"
        batch["output_file_id"] = self._file(output)
        batch["error_file_id"] = self._file(errors) if errors else None

    def _answer(self, line: dict[str, Any]) -> dict[str, Any]:
        if self.fail_lines:
            self.fail_lines -= 1
            return {"custom_id": line["custom_id"], "response": {"status_code": 500, "body": {}}, "error": None}
        self.answered[json.dumps(line["body"], sort_keys=True)] += 1
        message = {"role": "assistant", "content": self.reply(line["body"])}
        body = {
            "id": "x",
            "object": "chat.completion",
            "model": line["body"]["model"],
            "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
            "usage": {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100},
        }
        return {"custom_id": line["custom_id"], "response": {"status_code": 200, "body": body}, "error": None}

    def _file(self, lines: list[dict[str, Any]]) -> str:
        name = f"file-{next(self._ids)}"
        self.files[name] = "".join(json.dumps(line) + "\n" for line in lines).encode()
        return name
