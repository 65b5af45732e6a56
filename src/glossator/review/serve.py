"""`glossator review`: the server around the page, and the URL to open it with."""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from glossator.errors import MissingExtraError, UsageError
from glossator.review.safety import Guard, new_token
from glossator.workspace import Workspace

if TYPE_CHECKING:
    import uvicorn

DEFAULT_PORT = 8765


def serve(
    workspace: Workspace,
    *,
    host: str = "127.0.0.1",
    port: int | None = None,
    reviewer: str = "me",
    read_only: bool = False,
    tls: tuple[Path, Path] | None = None,
    behind_proxy: str = "",
    started: Callable[[str], None],
    ended: Callable[[str], None],
) -> None:
    """Serve the page until it is interrupted.

    Args:
        workspace: what is reviewed.
        host: the address to listen on. One that other machines reach needs `tls` or `behind_proxy`.
        port: by default 8765, or the next free one.
        reviewer: whose verdicts they are.
        read_only: whether nothing may be changed.
        tls: certificate and key files.
        behind_proxy: the name under which a reverse proxy on this machine that adds TLS is reached.
        started: told the start URL, once the server listens.
        ended: told what was done, after Ctrl-C or SIGTERM.

    Raises:
        MissingExtraError: without the extra `review`.
        UsageError: for an address that can't be used.
    """
    # The allocator of polars, which reads this when it is loaded, gives memory back soon: a quarter less is held.
    os.environ.setdefault("_RJEM_MALLOC_CONF", "dirty_decay_ms:100,muzzy_decay_ms:0")
    try:
        import uvicorn

        from glossator.review.app import create
        from glossator.review.shared import Review
    except ModuleNotFoundError as error:
        raise MissingExtraError(f"the review page ({error.name} is not installed)", "review") from error

    _refuse_in_the_open(host, secure=tls is not None or bool(behind_proxy))
    listening = _listen(host, port)
    number = listening.getsockname()[1]
    scheme = "https" if tls or behind_proxy else "http"
    name = behind_proxy or f"{_shown(host)}:{number}"
    names = {name} if behind_proxy else {name, f"localhost:{number}"}
    token = new_token()
    review = None
    try:
        review = Review(workspace, reviewer, read_only=read_only)
        config = _config(Guard(create(review), token, names, scheme=scheme, read_only=read_only), tls)
        started(f"{scheme}://{name}/?token={token}")
        uvicorn.Server(config).run(sockets=[listening])
    except KeyboardInterrupt:
        pass  # the way to end it
    finally:
        if review is not None and not read_only:
            review.desk.close()
    ended(review.desk.farewell() if review is not None else "stopped before it had begun")


def _config(app: Guard, tls: tuple[Path, Path] | None) -> uvicorn.Config:
    import uvicorn

    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,  # addresses hold the token
        server_header=False,
        timeout_graceful_shutdown=5,
        ssl_certfile=tls[0] if tls else None,
        ssl_keyfile=tls[1] if tls else None,
    )
    try:
        config.load()
    except OSError as error:  # an SSLError is one
        raise UsageError(f"--tls-cert or --tls-key can't be used: {error}") from error
    return config


def _refuse_in_the_open(host: str, *, secure: bool) -> None:
    if not secure and not _loopback(host):
        raise UsageError(
            f"--host {host} can be reached by other machines: give --tls-cert and --tls-key, or --behind-proxy NAME "
            "where a reverse proxy adds TLS"
        )


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _listen(host: str, port: int | None) -> socket.socket:
    """A listening socket: on `port`, or on the first free one from the default on."""
    for number in (port,) if port is not None else (*range(DEFAULT_PORT, DEFAULT_PORT + 20), 0):
        try:
            return socket.create_server((host, number), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
        except (OSError, OverflowError) as error:
            problem = error
    raise UsageError(f"can't listen on {host}:{port if port is not None else DEFAULT_PORT}: {problem}")
