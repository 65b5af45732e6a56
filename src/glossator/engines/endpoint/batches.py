"""Buying through the Batch API (`/files`, `/batches`): half the price, an answer within a day.

Requests are collected until no more come, written into a file, uploaded and sent off as one batch. What was sent off
is noted in the shard's reply log before and after, so that a run that is killed finds its batches again and never pays
twice: a batch that was created but not noted is known by the name in its metadata. Requests that a batch did not
answer (it expired, or the server failed on them) go into the next one.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
import uuid
from dataclasses import dataclass
from typing import IO, Any

from glossator.engines.base import Session
from glossator.engines.endpoint.client import Call, Client, rest
from glossator.errors import UsageError
from glossator.replies import BATCHES
from glossator.results import Failed

MAX_REQUESTS = 50_000
MAX_BYTES = 150 << 20  # the limit is 200 MB
_QUIET_S = 1.0  # no new request for so long: the batch is full
_UPLOAD_S = 900.0
_ENDED = ("completed", "failed", "expired", "cancelled")


@dataclass(slots=True)
class _Waiting:
    """A request that waits for its batch."""

    future: asyncio.Future[dict[str, Any] | Failed]
    place: tuple[int, int]  # offset and length of its line in the file of requests
    tries: int = 0


class Batches:
    """See `engines.writer.asking.Exchange`. One for each shard and step; `close` it."""

    def __init__(self, client: Client, path: str, session: Session) -> None:
        self._client = client
        self._path = path
        self._session = session
        self._file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - see close
        self._waiting: dict[str, _Waiting] = {}
        self._collector: asyncio.Task[None] | None = None
        self._under_way: set[asyncio.Task[None]] = set()
        self._last = 0.0

    async def post(self, key: str, body: bytes, _tokens: int) -> dict[str, Any] | Failed:
        """See `Exchange`."""
        head = json.dumps({"custom_id": key, "method": "POST", "url": f"/v1/{self._path}"})[:-1]
        line = f'{head},"body":'.encode() + body + b"}\n"
        self._file.seek(0, 2)
        waiting = _Waiting(asyncio.get_running_loop().create_future(), (self._file.tell(), len(line)))
        self._file.write(line)
        self._enlist(key, waiting)
        return await waiting.future

    def close(self) -> None:
        """Forget the file of requests, and stop waiting. Batches that were sent off go on; the next run finds them."""
        for task in (*self._under_way, *((self._collector,) if self._collector else ())):
            task.cancel()
        self._file.close()

    def _enlist(self, key: str, waiting: _Waiting) -> None:
        self._waiting[key] = waiting
        self._last = asyncio.get_running_loop().time()
        if self._collector is None or self._collector.done():
            self._collector = asyncio.ensure_future(self._collect())

    async def _collect(self) -> None:
        """Wait until no more requests come, then send off all that have."""
        clock = asyncio.get_running_loop().time
        while (left := self._last + _QUIET_S - clock()) > 0:
            await asyncio.sleep(left)
        these, self._waiting = self._waiting, {}
        while these:
            part = _first_part(these)
            these = {key: waiting for key, waiting in these.items() if key not in part}
            task = asyncio.ensure_future(self._guarded(part))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)

    async def _guarded(self, part: dict[str, _Waiting]) -> None:
        try:
            await self._serve(part)
        except BaseException as error:
            for waiting in part.values():
                if not waiting.future.done():
                    waiting.future.set_exception(error)
                    waiting.future.exception()
            if isinstance(error, asyncio.CancelledError):
                raise

    async def _serve(self, part: dict[str, _Waiting]) -> None:
        """Replies from batches that were sent off before; for the rest a new one."""
        rest_of = dict(part)
        for note in self._notes():
            mine = {key: rest_of[key] for key in note["keys"] if key in rest_of}
            if mine and (batch := await self._known(note)):
                rest_of = {key: waiting for key, waiting in rest_of.items() if key not in mine}
                left = await self._answer(mine, await self._ended(batch))
                rest_of |= left
        if rest_of:
            self._session.meter.check()
            batch = await self._send_off(rest_of)
            for key, waiting in (await self._answer(rest_of, await self._ended(batch))).items():
                waiting.tries += 1
                if waiting.tries > self._client.endpoint.max_retries:
                    waiting.future.set_result(Failed("server", "no batch has answered this request", retriable=True))
                else:
                    self._enlist(key, waiting)

    # What has been sent off

    def _notes(self) -> list[dict[str, Any]]:
        return list((self._session.replies.get(BATCHES) or {}).get("sent", []))

    def _note(self, note: dict[str, Any]) -> None:
        others = [one for one in self._notes() if one["name"] != note["name"]]
        self._session.replies.put(BATCHES, {"sent": [*others, note]})

    async def _known(self, note: dict[str, Any]) -> str | None:
        """The id of a batch that an earlier run has sent off, or None if it never came to that."""
        return note["id"] or await self._find(note["name"])

    async def _find(self, name: str) -> str | None:
        after = ""
        while True:
            found = await self._ask(Call(f"batches?limit=100{after}"))
            page = [batch for batch in found.get("data") or [] if isinstance(batch, dict)]
            for batch in page:
                if (batch.get("metadata") or {}).get("glossator") == name:
                    return str(batch["id"])
            if not found.get("has_more") or not page:
                return None
            after = f"&after={page[-1]['id']}"

    async def _send_off(self, part: dict[str, _Waiting]) -> str:
        """Upload the requests and create their batch. Returns its id."""
        name = uuid.uuid4().hex
        note: dict[str, Any] = {"name": name, "id": "", "keys": list(part)}
        self._note(note)
        uploaded = await self._ask(Call("files", lambda: self._form(part), timeout_s=_UPLOAD_S))
        body = json.dumps(
            {
                "input_file_id": uploaded["id"],
                "endpoint": f"/v1/{self._path}",
                "completion_window": "24h",
                "metadata": {"glossator": name},
            }
        ).encode()
        while True:
            created = await self._client.once(Call("batches", body), self._session.meter)
            if not isinstance(created, Failed):
                note["id"] = str(created["id"])
                break
            if not created.retriable:
                raise UsageError(f"{self._client.endpoint.url} takes no batch: {created.message}")
            await rest(self._session.meter, 2.0)
            # The answer may have been lost, and the batch be there.
            if known := await self._find(name):
                note["id"] = known
                break
        self._note(note)
        return str(note["id"])

    def _form(self, part: dict[str, _Waiting]) -> Any:
        import aiohttp

        upload = tempfile.TemporaryFile()  # noqa: SIM115 - the form closes it
        for waiting in part.values():
            self._file.seek(waiting.place[0])
            upload.write(self._file.read(waiting.place[1]))
        upload.seek(0)
        form = aiohttp.FormData()
        form.add_field("purpose", "batch")
        form.add_field("file", upload, filename="requests.jsonl", content_type="application/jsonl")
        return form

    # What comes back

    async def _ended(self, batch_id: str) -> dict[str, Any]:
        """The batch, once it has ended."""
        while True:
            batch = await self._ask(Call(f"batches/{batch_id}"))
            if batch.get("status") in _ENDED:
                return batch
            await rest(self._session.meter, self._client.endpoint.batch_poll_s)

    async def _answer(self, part: dict[str, _Waiting], batch: dict[str, Any]) -> dict[str, _Waiting]:
        """Hand out what an ended batch holds. Returns the requests that it has not answered.

        Raises:
            UsageError: if the batch was refused as a whole.
        """
        if batch.get("status") == "failed":
            errors = (batch.get("errors") or {}).get("data") or [{}]
            raise UsageError(f"{self._client.endpoint.url} refused a batch: {errors[0].get('code', 'no reason given')}")
        left = dict(part)
        for name in ("output_file_id", "error_file_id"):
            if batch.get(name):
                content = await self._ask(Call(f"files/{batch[name]}/content", plain=True, timeout_s=_UPLOAD_S))
                for key, outcome in _lines(content["content"]):
                    if key in left and outcome is not None:
                        left.pop(key).future.set_result(outcome)
        return left

    async def _ask(self, call: Call) -> dict[str, Any]:
        """Raises `UsageError` if the endpoint refuses, as those do that have no Batch API."""
        answer = await self._client.request(call, self._session.meter)
        if isinstance(answer, Failed):
            raise UsageError(f"{self._client.endpoint.url}, asked for {call.path.split('?')[0]}: {answer.message}")
        return answer


def _first_part(these: dict[str, _Waiting]) -> dict[str, _Waiting]:
    """As many requests as one file may hold, at least one."""
    part: dict[str, _Waiting] = {}
    size = 0
    for key, waiting in these.items():
        size += waiting.place[1]
        if part and (len(part) == MAX_REQUESTS or size > MAX_BYTES):
            break
        part[key] = waiting
    return part


def _lines(content: bytes) -> list[tuple[str, dict[str, Any] | Failed | None]]:
    """Key and outcome of each line of an output or error file; None where another batch may do better."""
    found: list[tuple[str, dict[str, Any] | Failed | None]] = []
    for line in content.splitlines():
        try:
            entry = json.loads(line)
            response = entry.get("response") or {}
            status = int(response.get("status_code") or 0)
            body = response.get("body")
            key = str(entry["custom_id"])
        except (ValueError, KeyError, TypeError, AttributeError):
            continue
        if status == 200 and isinstance(body, dict):
            found.append((key, body))
        elif 400 <= status < 500 and status not in (408, 409, 429):
            found.append((key, Failed("refused", f"the endpoint refuses the request (status {status})")))
        else:
            found.append((key, None))
    return found
