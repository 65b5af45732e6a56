"""The server by its addresses: hostile texts stay text, no path leads out, a confirmed verdict is safe."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from tests.review_kit import HOSTILE, Client, let_in, make_hostile, make_workspace, served

from glossator.verdict_log import open_log
from glossator.workspace import Workspace


class _Markup(HTMLParser):
    """What a page's markup could run, and all its text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.suspect: list[Any] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            bad = (
                name.startswith("on") or name in ("style", "srcdoc") or (value or "").strip().startswith("javascript:")
            )
            if bad and name not in ("value", "data-title", "data-same", "data-reason", "alt", "title"):
                self.suspect.append((tag, name, value))
        source = dict(attrs).get("src") or ""
        if tag in ("iframe", "object", "embed", "base", "meta http-equiv", "math") or (
            tag in ("script", "img") and not source.startswith(("/static/", "/image/"))
        ):
            self.suspect.append((tag, attrs))

    def handle_data(self, data: str) -> None:
        self.text += data


def markup(client: Client, path: str, **params: Any) -> _Markup:
    status, headers, body = client.get(path, **params)
    assert status == 200, body
    assert "unsafe" not in headers["content-security-policy"]
    found = _Markup()
    found.feed(body.decode())
    assert found.suspect == []
    return found


def test_fifty_hostile_texts_in_every_field_stay_text(ws: Workspace) -> None:
    make_hostile(ws)
    with served(ws.path, reviewer=HOSTILE[1]) as url:
        client = let_in(url)
        pairs = client.json("/api/pairs", limit=200)["pairs"]
        assert len({pair["question"] for pair in pairs}) > 30
        for i, text in enumerate(HOSTILE):
            pair_id = pairs[i % len(pairs)]["pair_id"]
            said = {
                "pair_id": pair_id,
                "verdict": "edit",
                "reason": text[:80],
                "note": text[:2000],
                "sampling": text[:40],
            }
            texts = dict.fromkeys(("question", "answer", "explain_question", "explain_answer"), text or "x")
            assert client.post("/api/verdicts", said | texts)[0] in (200, 422)  # some are nothing but blanks
        shown = ""
        for pair in pairs:
            shown += markup(client, f"/pair/{pair['pair_id']}").text
            shown += markup(client, f"/history/{pair['pair_id']}").text
        assert "{{ 7*7 }}" in shown
        assert '<script>document.title="owned"</script>' in shown
        for path in ("/", "/grid", "/agreement", "/captions", "/pair/nope"):
            if path != "/pair/nope":
                markup(client, path)
        for text in HOSTILE:
            markup(client, "/", text=text[:200], reason=text[:100], kind=text[:100], writer=text[:100])


@pytest.mark.parametrize(
    "path",
    ["/image/../../etc/passwd", "/image/%2e%2e%2f%2e%2e%2fetc%2fpasswd", "/image/records.jsonl", "/static/../app.py",
     "/static/%2e%2e/app.py", "/static//etc/passwd", "/pair/../../etc", "/image/", "/nothing", "/docs",
     "/openapi.json"],
)  # fmt: skip
def test_no_path_leads_anywhere_else(client: Client, path: str) -> None:
    status, _, body = client.get(path)
    assert status in (404, 405)
    assert b"root:" not in body
    assert b"import" not in body


def test_only_pictures_of_the_workspace_and_only_at_some_sizes(ws: Workspace, client: Client) -> None:
    image_id = ws.table("images")["image_id"][0].as_py()
    status, headers, body = client.get(f"/image/{image_id}")
    assert (status, headers["content-type"], body[:4]) == (200, "image/png", b"\x89PNG")
    assert client.get(f"/image/{image_id}", width=320)[1]["content-type"] == "image/jpeg"
    assert client.get(f"/image/{image_id}", width=999)[0] == 404
    assert client.get(f"/image/{'0' * 16}")[0] == 404


def test_a_picture_that_a_link_leads_out_of_the_source_is_not_served(tmp_path: Path) -> None:
    ws = make_workspace(tmp_path, images=1)
    secret = tmp_path / "secret.png"
    picture = tmp_path / "source" / "0.png"
    shutil.move(picture, secret)
    picture.symlink_to(secret)
    with served(ws.path) as url:
        client = let_in(url)
        image_id = ws.table("images")["image_id"][0].as_py()
        assert client.get(f"/image/{image_id}")[0] == 404
        assert client.get(f"/image/{image_id}", width=320)[0] == 404


@pytest.mark.parametrize(
    "params", [{"ranges": "x:1:2"}, {"order": "nonsense"}, {"keep": "perhaps"}, {"offset": "many"}, {"text": "x" * 300}]
)
def test_an_address_that_makes_no_sense_is_told(client: Client, params: dict[str, str]) -> None:
    assert client.get("/", **params)[0] == 422
    status, headers, _ = client.get("/api/pairs", **params)
    assert (status, headers["content-type"]) == (422, "application/json")


@pytest.mark.parametrize(
    "said",
    [{}, {"pair_id": "x"}, {"pair_id": "nope", "verdict": "keep"}, {"verdict": "maybe"}, {"verdict": "edit"},
     {"verdict": "keep", "more": 1}, {"verdict": "reject", "reason": "r" * 100}, [], "keep"],
)  # fmt: skip
def test_what_is_no_verdict_is_not_taken(ws: Workspace, client: Client, said: Any) -> None:
    pair_id = ws.table("pairs")["pair_id"][0].as_py()
    body = {"pair_id": pair_id, **said} if isinstance(said, dict) and said else said
    assert client.post("/api/verdicts", body)[0] in (404, 422)
    assert open_log(ws.store).standing() == []


def test_verdicts_undo_and_take_back(ws: Workspace, client: Client) -> None:
    first, second = ws.table("pairs")["pair_id"].to_pylist()[:2]
    for pair_id, verdict in ((first, "keep"), (second, "reject"), (first, "reject")):
        assert client.post("/api/verdicts", {"pair_id": pair_id, "verdict": verdict})[0] == 200
    assert client.json(f"/api/pair/{first}")["said"]["verdict"] == "reject"
    assert client.post("/api/undo", {})[1] == {"pair_id": first}
    assert client.json(f"/api/pair/{first}")["said"]["verdict"] == "keep"
    assert client.post("/api/take-back", {"pair_id": first})[1] == {"pair_id": first}
    assert client.post("/api/take-back", {"pair_id": first})[1] == {"pair_id": None}
    assert client.post("/api/undo", {})[1] == {"pair_id": second}
    assert client.post("/api/undo", {})[1] == {"pair_id": None}
    assert open_log(ws.store).standing() == []


def test_an_edit_that_changes_nothing_is_refused(ws: Workspace, client: Client) -> None:
    pair = ws.table("pairs").to_pylist()[0]
    texts = {name: pair[name] for name in ("question", "answer", "explain_question", "explain_answer")}
    said = {"pair_id": pair["pair_id"], "verdict": "edit", **texts}
    for same in ({}, {"explain_question": "", "explain_answer": ""}, {"answer": f"  {texts['answer']}\n"}):
        status, told = client.post("/api/verdicts", said | same)
        assert (status, "changes none" in told["error"]) == (409, True)
    assert open_log(ws.store).standing() == []
    for name, text in texts.items():
        assert client.post("/api/verdicts", said | {name: f"{text} and more"})[0] == 200


def test_a_verdict_counts_once_it_is_applied(ws: Workspace, client: Client) -> None:
    rejected = client.json("/api/pairs", keep="rejected")["pairs"][0]["pair_id"]
    before = ws.verdict_counts()
    client.post("/api/verdicts", {"pair_id": rejected, "verdict": "keep"})
    status, counts = client.post("/api/apply", {"settings": {}})
    assert (status, counts["kept"]) == (200, before["kept"] + 1)
    shown = client.json(f"/api/pair/{rejected}")["verdict"]
    assert (shown["keep"], shown["by"]) == (True, "person")
    status, answer = client.post("/api/apply", {"settings": {"mifd_max": "much"}})
    assert status == 409
    assert "mifd_max" in answer["error"]


def test_read_only_writes_nothing(ws: Workspace) -> None:
    def everything() -> dict[Path, int]:
        return {path: path.stat().st_mtime_ns for path in ws.path.rglob("*") if path.is_file()}

    before = everything()
    with served(ws.path, read_only=True) as url:
        client = let_in(url)
        pair_id = client.json("/api/pairs")["pairs"][0]["pair_id"]
        page = client.get(f"/pair/{pair_id}")[2].decode()
        assert "read-only" in page
        assert 'data-do="keep"' not in page
        client.get("/agreement")
        assert client.post("/api/verdicts", {"pair_id": pair_id, "verdict": "keep"})[0] == 403
        assert client.post("/api/apply", {"settings": {"mifd_max": 0.1}})[0] == 403
    assert everything() == before


def test_blind_shows_no_judgement_of_anybody_else(ws: Workspace) -> None:
    with served(ws.path, "bo") as url:
        client = let_in(url)
        pair_id = client.json("/api/pairs", order="random")["pairs"][0]["pair_id"]
        client.post("/api/verdicts", {"pair_id": pair_id, "verdict": "reject", "reason": "secret_word", "note": "hm"})
    with served(ws.path, "ada") as url:
        client = let_in(url)
        query = {"blind": "true", "sample": 10, "keep": "rejected"}
        shown = client.json(f"/api/pair/{pair_id}", **query)
        assert (shown["verdict"], shown["scores"], shown["tokens"], shown["others"]) == (None, {}, {}, [])
        assert (shown["total"], shown["sampling"]) == (10, "random")
        page = client.get(f"/pair/{pair_id}", **query)[2].decode()
        for word in ("secret_word", "secret word", "mIFD", "above max", "Rejected"):
            assert word not in page
        assert "secret word" in client.get(f"/pair/{pair_id}")[2].decode()


def test_two_blind_reviewers_are_compared(ws: Workspace) -> None:
    words = {"ada": ["keep", "keep", "reject", "reject"], "bo": ["keep", "reject", "reject", "reject"]}
    for reviewer, verdicts in words.items():
        with served(ws.path, reviewer) as url:
            client = let_in(url)
            assert client.get("/blind", sample=4)[0] == 307
            for i, verdict in enumerate(verdicts):
                pairs = client.json("/api/pairs", blind="true", sample=4)["pairs"]
                said = {"pair_id": pairs[i]["pair_id"], "verdict": verdict, "sampling": "random"}
                assert client.post("/api/verdicts", said)[0] == 200
            assert client.get("/blind", sample=4)[1]["location"] == "/agreement"
            page = client.get("/agreement")[2].decode()
    assert "<b>0.50</b>" in page, "Cohen's kappa of 2x2 (1, 1, 0, 2)"
    assert "1 disagreement<" in page
    estimate = client_estimate(ws)
    assert estimate["pairs"] == 4 - 1  # one is evenly divided
    wrong = estimate["wrong"]
    assert wrong["value"] == pytest.approx(66.7)
    assert wrong["low"] < wrong["value"] < wrong["high"]


def client_estimate(ws: Workspace) -> Any:
    with served(ws.path, read_only=True) as url:
        return let_in(url).json("/api/estimate")


def test_kill_in_the_middle_of_verdicts_loses_none_that_was_confirmed(ws: Workspace) -> None:
    command = [sys.executable, "-m", "glossator.cli.main", "review", str(ws.path), "--port", "0", "--by", "ada"]
    confirmed = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        client = let_in(server.stdout.readline().strip())
        pairs = client.json("/api/pairs", limit=200)["pairs"]
        for i in range(200):
            if i == 137:
                server.send_signal(signal.SIGKILL)
            said = {"pair_id": pairs[i % len(pairs)]["pair_id"], "verdict": "reject", "note": f"number {i}"}
            try:
                status, answer = client.post("/api/verdicts", said)
            except OSError:
                break
            assert status == 200
            confirmed.append((answer["id"], said["note"]))
    assert 137 <= len(confirmed) < 200
    log = open_log(ws.store)
    assert {(entry.id, entry.verdict.note) for entry in log.standing()} >= set(confirmed)
    with served(ws.path) as url:
        assert let_in(url).json("/api/pairs", judged="yes")["total"] == len(pairs)
