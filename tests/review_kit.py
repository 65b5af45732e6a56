"""What the tests of the review page share: a small workspace, a server in a thread, and a client that is let in."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pyarrow as pa
import pyarrow.parquet as pq
import uvicorn
from PIL import Image, ImageDraw

import glossator
from glossator.records import HumanVerdict
from glossator.review.app import create
from glossator.review.safety import Guard
from glossator.review.shared import Review
from glossator.verdict_log import open_log
from glossator.workspace import Workspace

TOKEN = "the-token-of-the-tests"
IN_PROCESS = {f"run.workers.{stage}": 0 for stage in ("ocr", "enrich", "extract", "explain", "score")}
# Never shown as text, or what the tables are joined by.
_KEYS = {"pair_id", "image_id", "path", "more_paths", "sha256", "repaired_from", "scorer_kind", "condition", "time"}
HOSTILE = [
    '<script>document.title="owned"</script>', '"><script>document.title="owned"</script>',
    "<img src=x onerror=owned()>", "'\"><svg onload=owned()>", "<svg><script>owned()</script></svg>",
    "</textarea><script>owned()</script>", "</title><script>owned()</script>", "</style><script>owned()</script>",
    "<iframe src=javascript:owned()>", "<a href=javascript:owned()>a</a>", "javascript:owned()",
    "<body onload=owned()>", "<input autofocus onfocus=owned()>", "<details open ontoggle=owned()>",
    "<math><mtext></mtext><img src=x onerror=owned()>", "<!--<img src=x onerror=owned()>-->",
    "--><img src=x onerror=owned()>", "<![CDATA[<img src=x onerror=owned()>]]>", "{{ 7*7 }}", "{% raw %}",
    "{{ ''.__class__ }}", "${7*7}", "#{7*7}", "<%= 7*7 %>", "`${owned()}`",
    "&lt;script&gt;owned()&lt;/script&gt;", "&#60;script&#62;owned()",
    "\\u003cscript\\u003eowned()", "\\x3cscript\\x3e",
    "' onmouseover='owned()",
    '" onfocus="owned()" autofocus="', "\u202eright to left\u202c", "\u2066isolated\u2067again",
    "\u200b\u200d\u2060\ufeff", "\x07\x1b[31mred\x1b[0m", "a\x0bb\x0cc", "line\nbreak\r\nand more\n\n\n",
    "W" * 4000, "ä" * 3000, "漢字" * 800, "🧾" * 600, "e" + "\u0301" * 400, "a\u00a0" * 300, "'; DROP TABLE pairs; --",
    "../../../../etc/passwd", "file:///etc/passwd", "%3Cscript%3E", "?a=b&c=d#e", "NaN", "",
]  # fmt: skip
assert len(HOSTILE) == 50


def make_source(folder: Path, images: int = 6, more: int = 0) -> Path:
    """Records of pictures of some size; `more`: how many smaller ones stand beside each."""
    source = folder / "source"
    source.mkdir(parents=True)
    lines = []
    for i in range(images):
        names = [f"{i}.png", *(f"{i}-{j}.png" for j in range(more))]
        for name, size in zip(names, [(600, 800), *[(300, 200)] * more], strict=True):
            image = Image.new("RGB", size, "white")
            ImageDraw.Draw(image).text((40, 60), f"Total {i}.50", fill="black", font_size=40)
            image.save(source / name)
        record = {
            "id": f"r{i}",
            "image": names[0],
            "more_images": names[1:],
            "caption": f"A receipt, number {i}.",
            "kind": "receipt",
        }
        lines.append(json.dumps(record))
    (source / "records.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return source / "records.jsonl"


def make_workspace(folder: Path, images: int = 6) -> Workspace:
    """A workspace of the fake engines: losses of each token, verdicts of both kinds."""
    ws = glossator.build(make_source(folder, images), folder / "ws", "fake", **IN_PROCESS, **{"score.per_token": True})
    ws.filter(mifd_max=0.4)
    return ws


def judge_twice(ws: Workspace) -> None:
    """Two people judge the same pairs; now and then they differ."""
    with open_log(ws.store) as log:
        for i, row in enumerate(ws.table("verdicts").to_pylist()[:60]):
            for reviewer, differs in (("ada", i % 17 == 3), ("bo", i % 19 == 5)):
                verdict = "keep" if (i % 5 == 2) is differs else "reject"
                reason = "unclear_question" if verdict == "reject" else ""
                log.put(HumanVerdict(row["pair_id"], row["image_id"], reviewer, verdict, reason, sampling="random"))


def judge_hostile(ws: Workspace) -> None:
    """Two people who differ on each pair; their names, reasons, notes and edits are hostile."""
    with open_log(ws.store) as log:
        for i, row in enumerate(ws.table("pairs").to_pylist()):
            text = HOSTILE[i % len(HOSTILE)] or "empty"
            of_pair = row["pair_id"], row["image_id"]
            log.put(HumanVerdict(*of_pair, HOSTILE[0], "reject", text, text, sampling="random"))
            log.put(HumanVerdict(*of_pair, HOSTILE[2], "edit", note=text, question=text, answer=text, sampling=text))


def make_hostile(ws: Workspace, *, captions: bool = True) -> None:
    """Put hostile texts into every text of every table, another one into each row; `captions`: or none at all."""
    number = 0

    def changed(value: Any, name: str) -> Any:
        if name in ("caption", "enriched") and not captions:
            return None
        if isinstance(value, str) and name not in _KEYS:
            return HOSTILE[number % len(HOSTILE)]
        if isinstance(value, list):
            return [changed(one, name) for one in value]
        return {key: changed(one, key) for key, one in value.items()} if isinstance(value, dict) else value

    folders = {*ws.store.read_json("current.json")["tables"].values()}
    for path in sorted(path for folder in folders for path in (ws.path / folder).glob("part-*.parquet")):
        table = pq.read_table(path)
        rows = []
        for row in table.to_pylist():
            rows.append({key: changed(value, key) for key, value in row.items()})
            number += 1
        pq.write_table(pa.Table.from_pylist(rows, table.schema), path)


@dataclass(frozen=True)
class Client:
    """Speaks to a server as its own page does."""

    base: str
    cookie: str

    def get(self, path: str, **params: Any) -> tuple[int, dict[str, str], bytes]:
        return self._ask("GET", f"{path}?{urlencode(params)}" if params else path)

    def json(self, path: str, **params: Any) -> Any:
        status, _, body = self.get(path, **params)
        assert status == 200, body
        return json.loads(body)

    def post(self, path: str, body: Any) -> tuple[int, Any]:
        status, _, answer = self._ask("POST", path, json.dumps(body).encode())
        return status, json.loads(answer) if answer.startswith(b"{") else answer

    def _ask(self, method: str, path: str, body: bytes | None = None) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection(self.base.removeprefix("http://"), timeout=30)
        headers = {"cookie": self.cookie, "origin": self.base, "content-type": "application/json"}
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        found = answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        connection.close()
        return found


def let_in(start_url: str) -> Client:
    """A client with the cookie that the start URL gives."""
    base, _, query = start_url.partition("/?")
    connection = http.client.HTTPConnection(base.removeprefix("http://"), timeout=30)
    connection.request("GET", f"/?{query}")
    cookie = connection.getresponse().getheader("set-cookie") or ""
    connection.close()
    return Client(base, cookie.partition(";")[0])


@contextlib.contextmanager
def served(workspace: Path, reviewer: str = "ada", *, read_only: bool = False) -> Iterator[str]:
    """The start URL of a server in a thread."""
    review = Review(glossator.open(workspace), reviewer, read_only=read_only)
    listening = socket.create_server(("127.0.0.1", 0))
    host = f"127.0.0.1:{listening.getsockname()[1]}"
    guard = Guard(create(review), TOKEN, {host}, read_only=read_only)
    server = uvicorn.Server(uvicorn.Config(guard, log_level="warning", access_log=False))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        yield f"http://{host}/?token={TOKEN}"
    finally:
        server.should_exit = True
        thread.join()
        if not read_only:
            review.desk.close()
