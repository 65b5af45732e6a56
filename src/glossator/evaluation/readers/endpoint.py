"""The reader `endpoint:MODEL@URL`: any OpenAI-compatible server; each reply is kept, and none is bought twice."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from glossator.engines.base import Session
from glossator.engines.endpoint import loop, prices
from glossator.engines.endpoint.client import Call, Client, client_of
from glossator.engines.endpoint.pictures import data_uri
from glossator.engines.writer.asking import CHAT, stored, usage_of
from glossator.evaluation.readers.base import Ask, Told
from glossator.fingerprint import digest
from glossator.meter import Meter
from glossator.recipe import Budget, Endpoint
from glossator.replies import ShardReplies
from glossator.results import Failed, Outcome
from glossator.text import clean


class EndpointReader:
    """See `readers.base.Reader`.

    Args:
        model: as the endpoint names it.
        endpoint: how it is reached.
        replies: the folder where replies are kept.
        side: longest side of a picture, in pixels.
        budget: when to stop.
    """

    sees = True

    def __init__(
        self, model: str, endpoint: Endpoint, replies: Path, *, side: int = 1568, budget: Budget | None = None
    ) -> None:
        self.name = model
        self._endpoint = endpoint
        self._replies = replies
        self._side = side
        self._budget = budget or Budget()

    def answer(self, asks: Sequence[Ask], told: Told) -> None:
        """See `readers.base.Reader`. Raises the errors of `engines.endpoint.client`."""
        with ShardReplies(self._replies, 0) as log:
            session = Session(log, meter=Meter(self._budget))
            loop.run(self._all(asks, told, session))

    async def _all(self, asks: Sequence[Ask], told: Told, session: Session) -> None:
        client = await client_of(self._endpoint, self.name)

        async def one(i: int) -> None:
            async with client.admitted:
                told(i, await self._one(client, asks[i], session))

        await loop.each(range(len(asks)), one, client.width)

    async def _one(self, client: Client, ask: Ask, session: Session) -> Outcome[str]:
        uri = data_uri(ask.picture, self._side)
        if isinstance(uri, Failed):
            return uri
        content: list[dict[str, Any]] = [
            {"type": "image_url", "image_url": {"url": uri}},
            {"type": "text", "text": ask.text},
        ]
        body = {
            "model": self.name,
            "messages": [{"role": "user", "content": content}],
            "temperature": 0,
            "max_tokens": ask.max_new_tokens,
        }
        wire = json.dumps(body, separators=(",", ":")).encode("ascii")
        key = digest(wire)
        reply = session.replies.get(key)
        if reply is None:
            answer = await client.request(Call(CHAT, wire, ask.max_new_tokens), session.meter)
            if isinstance(answer, Failed):
                return answer
            reply = stored(answer, self.name, str(ask.picture.name))
            reply["usd"] = prices.usd({}, self.name, reply["tokens_in"], reply["cached"], reply["tokens_out"])
            session.replies.put(key, reply)
            session.buy(key, self.name, usage_of(reply))
        if reply.get("refusal") or reply["finish"] == "content_filter":
            return Failed("refused", f"{self.name} refuses to answer")
        return clean(reply["text"]).strip()
