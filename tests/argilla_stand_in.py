"""As much of Argilla's server as its SDK asks for to put up a data set, fill it, and take its records down."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

TIME = "2026-11-20T10:05:00.000001"
WORKSPACE = {"id": str(uuid.uuid4()), "name": "argilla", "inserted_at": TIME, "updated_at": TIME}
ANN, BOB = (
    {"id": str(uuid.uuid4()), "username": name, "role": "owner", "first_name": name, "last_name": None}
    for name in ("ann", "bob")
)
PARTS = ("fields", "questions", "vectors-settings", "metadata-properties")


class Server:
    """One data set and its records, as they were sent."""

    def __init__(self) -> None:
        self.url = ""
        self.dataset: dict[str, Any] = {}
        self.parts: dict[str, list[dict[str, Any]]] = {name: [] for name in PARTS}
        self.records: list[dict[str, Any]] = []

    def answer(self, record: int, user: dict[str, Any], status: str, time: str = TIME, **values: str) -> None:
        """What happens when a person answers in the interface."""
        kept = self.records[record]
        said = {name: {"value": value} for name, value in values.items()}
        response = {"id": str(uuid.uuid4()), "record_id": kept["id"], "user_id": user["id"], "status": status}
        kept["responses"].append(response | {"values": said, "inserted_at": TIME, "updated_at": time})
        submitted = sum(response["status"] == "submitted" for response in kept["responses"])
        kept["status"] = "completed" if submitted >= self.dataset["distribution"]["min_submitted"] else "pending"

    def get(self, path: list[str], query: dict[str, list[str]]) -> Any:
        match path:
            case ["me"]:
                return ANN
            case ["me", "workspaces"]:
                return {"items": [WORKSPACE]}
            case ["me", "datasets"]:
                return {"items": [self.dataset] if self.dataset else []}
            case ["users"]:
                return {"items": [ANN, BOB]}
            case ["workspaces", _]:
                return WORKSPACE
            case ["datasets", _, "records"]:
                first, count = int(query["offset"][0]), int(query["limit"][0])
                return {"items": self.records[first : first + count]}
            case ["datasets", _, name] | ["me", "datasets", _, name]:
                return {"items": self.parts[name]}
            case ["datasets", _]:
                return self.dataset
        return None

    def put(self, path: list[str], body: Any) -> Any:
        kept = {"id": str(uuid.uuid4()), "inserted_at": TIME, "updated_at": TIME}
        match path:
            case ["datasets"]:
                self.dataset = body | kept | {"status": "draft"}
                return self.dataset
            case ["datasets", _, "publish"]:
                self.dataset["status"] = "ready"
                return self.dataset
            case ["datasets", _, "records", "bulk"]:
                self.records += [one | kept | {"id": str(uuid.uuid4()), "responses": []} for one in body["items"]]
                for record in self.records:
                    for suggestion in record["suggestions"]:
                        question = self._question(suggestion["question_name"])
                        suggestion |= {"id": str(uuid.uuid4()), "question_id": question["id"]}
                return {"items": self.records, "updated_item_ids": []}
            case ["datasets", dataset, name] if name in PARTS:
                self.parts[name].append(body | kept | {"dataset_id": dataset})
                return self.parts[name][-1]
            case ["datasets", _]:
                self.dataset |= body
                return self.dataset
        return None

    def _question(self, name: str) -> dict[str, Any]:
        return next(question for question in self.parts["questions"] if question["name"] == name)


@contextmanager
def served() -> Iterator[Server]:
    """A server at `url`."""
    server = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            self._give(server.get(parts.path.split("/")[3:], parse_qs(parts.query)))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self._give(server.put(urlsplit(self.path).path.split("/")[3:], json.loads(body or b"null")))

        do_PUT = do_PATCH = do_POST

        def _give(self, answer: Any) -> None:
            data = json.dumps(answer).encode()
            self.send_response(404 if answer is None else 200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=http.serve_forever, daemon=True)
    thread.start()
    server.url = f"http://127.0.0.1:{http.server_port}"
    try:
        yield server
    finally:
        http.shutdown()
        http.server_close()
        thread.join()
