"""Who may talk to the review server: the browser that was given the start URL, and nobody through it.

Three doors, each enough against one attack: the `Host` must be ours (a foreign name that resolves to this machine is
DNS rebinding), what changes something must come from our own page (`Origin`, `Sec-Fetch-Site`: cross-site requests),
and every request carries a cookie that only the start URL's random token gives. A strict content security policy
stands behind it: should hostile text ever become markup, no script of it runs.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

MAX_BODY = 1_000_000  # bytes; the longest edit is far smaller
SAFE = ("GET", "HEAD")
HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}


def new_token() -> str:
    """A token that nobody can guess: 256 random bits."""
    return secrets.token_urlsafe(32)


class Guard:
    """ASGI middleware that lets nothing through but the requests of our own page.

    Args:
        app: what it guards.
        token: the start URL's.
        hosts: values of the header `Host` that are ours, such as `127.0.0.1:8765`.
        scheme: `http` or `https`.
        read_only: whether nothing may be changed.
    """

    def __init__(self, app: App, token: str, hosts: Iterable[str], *, scheme: str = "http", read_only: bool = False):
        self._app = app
        self._token = token
        self._hosts = frozenset(host.lower() for host in hosts)
        self._scheme = scheme
        self._read_only = read_only
        # Cookies know no port: two servers on one machine must not take each other's.
        self._cookie = f"glossator-{secrets.token_hex(4)}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the ASGI specification."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return  # no websockets
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        refusal = self._refusal(scope["method"], headers)
        if refusal:
            await _plain(send, *refusal)
        elif self._starts(scope):
            await _plain(send, 303, "", {"location": "/", "set-cookie": self._set_cookie()})
        elif not self._known(headers):
            await _plain(send, 403, "Open the start URL that the command has printed; it holds the key to this page.")
        elif int(headers.get("content-length") or 0) > MAX_BODY:
            await _plain(send, 413, "This is too large.")
        else:
            await self._app(scope, _limited(receive), _with_headers(send))

    def _refusal(self, method: str, headers: dict[str, str]) -> tuple[int, str] | None:
        host = headers.get("host", "").lower()
        if host not in self._hosts:
            return 421, "This server answers to its own name only."
        if headers.get("sec-fetch-site", "none") not in ("same-origin", "none") and not _is_visit(method, headers):
            return 403, "Requests of other pages are refused."
        if method in SAFE:
            return None
        if headers.get("origin") != f"{self._scheme}://{host}":
            return 403, "Requests of other pages are refused."
        if not headers.get("content-length", "0").isdigit():
            return 400, "The header Content-Length is no number."
        return (403, "The page is read-only: start it without --read-only to judge.") if self._read_only else None

    def _starts(self, scope: Scope) -> bool:
        given = parse_qs(scope.get("query_string", b"").decode("latin-1")).get("token", [""])[0]
        return scope["path"] == "/" and secrets.compare_digest(given.encode(), self._token.encode())

    def _known(self, headers: dict[str, str]) -> bool:
        try:
            cookie = SimpleCookie(headers.get("cookie", "")).get(self._cookie)
        except CookieError:
            return False
        return cookie is not None and secrets.compare_digest(cookie.value.encode(), self._token.encode())

    def _set_cookie(self) -> str:
        secure = "; Secure" if self._scheme == "https" else ""
        return f"{self._cookie}={self._token}; Path=/; HttpOnly; SameSite=Strict{secure}"


def _is_visit(method: str, headers: dict[str, str]) -> bool:
    """A person who follows a link to this page, which can't change anything."""
    return (
        method == "GET" and headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
    )


def _limited(receive: Receive) -> Receive:
    """A body of unknown length is cut off where it gets too long."""
    read = 0

    async def limited() -> Message:
        nonlocal read
        message = await receive()
        read += len(message.get("body", b""))
        return {"type": "http.disconnect"} if read > MAX_BODY else message

    return limited


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            known = {name.lower() for name, _ in message.get("headers", ())}
            more = [(k.encode(), v.encode()) for k, v in HEADERS.items() if k.encode() not in known]
            if b"cache-control" not in known:
                more.append((b"cache-control", b"no-store"))
            message = {**message, "headers": [*message.get("headers", ()), *more]}
        await send(message)

    return sending


async def _plain(send: Send, status: int, text: str, headers: dict[str, str] | None = None) -> None:
    all_headers = {"content-type": "text/plain; charset=utf-8", **(headers or {})}
    start = {
        "type": "http.response.start",
        "status": status,
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in all_headers.items()],
    }
    sending = _with_headers(send)
    await sending(start)
    await sending({"type": "http.response.body", "body": text.encode()})
