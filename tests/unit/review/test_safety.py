"""The guard before the review page: three doors, each tried from outside."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from glossator.review.safety import HEADERS, MAX_BODY, Guard

HOST = "127.0.0.1:8765"
TOKEN = "secret-token"
OWN = {"host": HOST, "origin": f"http://{HOST}"}


async def _app(scope: Any, receive: Any, send: Any) -> None:
    body = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": b"inside " + body})


def ask(
    guard: Guard,
    method: str = "GET",
    path: str = "/",
    query: str = "",
    body: tuple[bytes, ...] = (b"",),
    **headers: str,
) -> tuple[int, dict[str, str], bytes]:
    """Status (0: no answer), headers and body of a request. Underscores in header names stand for hyphens."""
    scope = {
        "type": "http", "method": method, "path": path, "query_string": query.encode(),
        "headers": [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in headers.items()],
    }  # fmt: skip
    parts = [{"type": "http.request", "body": part, "more_body": i + 1 < len(body)} for i, part in enumerate(body)]
    sent: list[Any] = []

    async def receive() -> Any:
        return parts.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(guard(scope, receive, send))
    if not sent:
        return 0, {}, b""
    found = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], found, b"".join(message["body"] for message in sent[1:])


@pytest.fixture
def guard() -> Guard:
    return Guard(_app, TOKEN, {HOST})


@pytest.fixture
def cookie(guard: Guard) -> str:
    status, headers, _ = ask(guard, query=f"token={TOKEN}", host=HOST)
    assert (status, headers["location"]) == (303, "/")
    assert "; HttpOnly; SameSite=Strict" in headers["set-cookie"]
    return headers["set-cookie"].partition(";")[0]


def test_the_start_url_opens_and_the_cookie_goes_on(guard: Guard, cookie: str) -> None:
    status, headers, body = ask(guard, path="/pair/x", host=HOST, cookie=cookie)
    assert (status, body) == (200, b"inside ")
    assert HEADERS.items() <= headers.items()
    assert headers["cache-control"] == "no-store"


@pytest.mark.parametrize("query", ["", "token=", "token=wrong", f"token={TOKEN}x", "token=%ff", f"TOKEN={TOKEN}"])
def test_without_the_token_nothing_opens(guard: Guard, query: str) -> None:
    assert ask(guard, query=query, host=HOST)[0] == 403
    assert ask(guard, path="/api/pairs", query=f"token={TOKEN}", host=HOST)[0] == 403


@pytest.mark.parametrize("header", ["", "glossator=x", "a;b;=;", 'x="', "glossator-00000000=secret-token", "\xff=\xff"])
def test_other_cookies_open_nothing(guard: Guard, cookie: str, header: str) -> None:
    assert ask(guard, host=HOST, cookie=header)[0] == 403
    assert ask(guard, host=HOST, cookie=cookie[:-1])[0] == 403


@pytest.mark.parametrize(
    "host", ["evil.example:8765", "evil.example", "127.0.0.1", "127.0.0.1:80", "", "localhost:8765.evil"]
)
def test_foreign_names_are_refused(guard: Guard, cookie: str, host: str) -> None:
    """DNS rebinding: the browser believes that the page comes from there."""
    assert ask(guard, host=host, cookie=cookie)[0] == 421
    assert ask(guard, query=f"token={TOKEN}", host=host)[0] == 421
    assert ask(guard, cookie=cookie)[0] == 421  # none at all


@pytest.mark.parametrize(
    "origin",
    ["http://evil.example", "null", "", f"https://{HOST}", "http://127.0.0.1:9999", f"http://{HOST}.evil.example"],
)
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_other_pages_change_nothing(guard: Guard, cookie: str, origin: str, method: str) -> None:
    assert ask(guard, method, "/api/verdicts", host=HOST, cookie=cookie, origin=origin)[0] == 403
    assert ask(guard, method, "/api/verdicts", host=HOST, cookie=cookie)[0] == 403
    assert ask(guard, method, "/api/verdicts", cookie=cookie, **OWN)[0] == 200


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_other_pages_read_nothing(guard: Guard, cookie: str, site: str) -> None:
    for mode, destination in (("no-cors", "image"), ("cors", "empty"), ("navigate", "iframe")):
        fetch = {"sec_fetch_site": site, "sec_fetch_mode": mode, "sec_fetch_dest": destination}
        assert ask(guard, host=HOST, cookie=cookie, **fetch)[0] == 403
    visit = {"sec_fetch_site": site, "sec_fetch_mode": "navigate", "sec_fetch_dest": "document"}
    assert ask(guard, host=HOST, cookie=cookie, **visit)[0] == 200
    assert ask(guard, "POST", cookie=cookie, **OWN, **visit)[0] == 403


def test_large_bodies_are_refused(guard: Guard, cookie: str) -> None:
    assert ask(guard, "POST", cookie=cookie, content_length=str(MAX_BODY + 1), **OWN)[0] == 413
    assert ask(guard, "POST", cookie=cookie, content_length="many", **OWN)[0] == 400
    chunked = tuple(b"x" * 400_000 for _ in range(4))
    assert ask(guard, "POST", body=chunked, cookie=cookie, **OWN)[0] == 0, "cut off, not read to its end"
    assert ask(guard, "POST", body=(b"small",), cookie=cookie, **OWN)[2] == b"inside small"


def test_read_only_changes_nothing(cookie: str) -> None:
    guard = Guard(_app, TOKEN, {HOST}, read_only=True)
    own = ask(guard, query=f"token={TOKEN}", host=HOST)[1]["set-cookie"].partition(";")[0]
    assert ask(guard, host=HOST, cookie=own)[0] == 200
    assert ask(guard, "POST", cookie=own, **OWN)[0] == 403


def test_two_servers_do_not_take_each_others_cookies(guard: Guard, cookie: str) -> None:
    other = Guard(_app, TOKEN, {HOST})
    assert ask(other, host=HOST, cookie=cookie)[0] == 403


def test_behind_tls_the_cookie_is_secure() -> None:
    guard = Guard(_app, TOKEN, {"review.example"}, scheme="https")
    _, headers, _ = ask(guard, query=f"token={TOKEN}", host="review.example")
    assert "; Secure" in headers["set-cookie"]
    own = headers["set-cookie"].partition(";")[0]
    there = {"host": "review.example", "cookie": own}
    assert ask(guard, "POST", origin="http://review.example", **there)[0] == 403
    assert ask(guard, "POST", origin="https://review.example", **there)[0] == 200


def test_the_policy_lets_no_script_but_our_files_run() -> None:
    policy = HEADERS["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy


def test_websockets_are_not_spoken(guard: Guard) -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(guard({"type": "websocket", "path": "/", "headers": []}, send, send))  # type: ignore[arg-type]
    assert sent == []
