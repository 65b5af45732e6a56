"""New tables under an open page: noticed at a request, and taken in whole, never beside old ones."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

from starlette.concurrency import run_in_threadpool

from glossator.errors import WorkspaceError
from glossator.review.catalog import Catalog
from glossator.review.desk import Desk
from glossator.review.safety import App, Message, Receive, Scope, Send
from glossator.workspace import Workspace

_EVERY_S = 1.0  # between two looks at the disk
_OF_VERDICTS = {"verdicts", "human", "recipe"}


class Fresh:
    """What the page has in memory, and whether the workspace has gone on since.

    A run writes its tables one after the other; they are taken in when it has ended.

    Args:
        workspace: where to look.
        catalog: its pairs, loaded just now.
        desk: its verdicts.
        others: what else is to be done when all tables are new.
    """

    def __init__(self, workspace: Workspace, catalog: Catalog, desk: Desk, *others: Callable[[], None]) -> None:
        self._workspace, self._catalog, self._desk, self._others = workspace, catalog, desk, others
        self._held = self._marks()
        self._next, self._applied = 0.0, 0
        self.edition = 0

    def due(self) -> bool:
        """Whether it is time to look again: each second, and after an apply."""
        return time.monotonic() >= self._next or self._desk.applied != self._applied

    def stale(self) -> bool:
        """Whether there is something new that can be taken in now. What other people have said is taken in at once.

        Raises:
            WorkspaceError: if the workspace is not there any more.
        """
        marks = self._marks()
        self._desk.look()
        self._next, self._applied = time.monotonic() + _EVERY_S, self._desk.applied
        return marks != self._held and not self._workspace.store.running()

    def take_in(self) -> None:
        """Load what is new. Nobody may ask the catalog anything meanwhile.

        Raises:
            WorkspaceError: if it can't be read; the next request tries again.
        """
        before, now = self._held, self._marks()
        changed = {name for name in {*before, *now} if before.get(name) != now.get(name)}
        self._held, self._next = {}, 0.0
        if changed <= _OF_VERDICTS:
            self._catalog.load_verdicts()
        else:
            self._catalog.load()
            for one in self._others:
                one()
        self._held = now
        self.edition += 1

    def _marks(self) -> dict[str, Any]:
        """By table, what tells one state of it from another. Parts are renamed into place, so a folder's time does."""
        store = self._workspace.store
        tables = store.read_json("current.json").get("tables", {})
        folders = {name: (folder, store.changed_at(folder)) for name, folder in tables.items()}
        if not store.is_there():
            raise WorkspaceError(f"{store.root} is not there any more: it was moved or deleted while the page was open")
        return {**folders, "recipe": store.changed_at("recipe.yaml")}


class Gate:
    """Lets requests in: many at a time, but nobody while new tables are taken in."""

    def __init__(self, fresh: Fresh) -> None:
        self._fresh = fresh
        self._turn = asyncio.Lock()
        self._inside = 0
        self._empty = asyncio.Event()

    async def __call__(self) -> AsyncIterator[None]:
        """A dependency of every route, in the manner of FastAPI."""
        async with self._turn:
            if self._fresh.due() and await run_in_threadpool(self._fresh.stale):
                while self._inside:
                    self._empty.clear()
                    await self._empty.wait()
                await run_in_threadpool(self._fresh.take_in)
            self._inside += 1
        try:
            yield
        finally:
            self._inside -= 1
            self._empty.set()


class Edition:
    """ASGI middleware that tells the page in a header when it looks at other tables than before."""

    def __init__(self, app: App, fresh: Fresh) -> None:
        self._app = app
        self._fresh = fresh

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                header = (b"x-edition", str(self._fresh.edition).encode())
                message = {**message, "headers": [*message.get("headers", ()), header]}
            await send(message)

        await self._app(scope, receive, sending)
