"""The reader `endpoint:MODEL@URL`: any OpenAI-compatible server; each reply is kept, and none is bought twice."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from glossator.engines.base import Session
from glossator.engines.endpoint import loop, prices
from glossator.engines.endpoint.client import Call, Client, client_of
from glossator.engines.endpoint.pictures import data_uri
from glossator.engines.writer.asking import CHAT, stored, usage_of
from glossator.evaluation.readers.base import Ask, Told
from glossator.fingerprint import digest, fingerprint
from glossator.images import check
from glossator.meter import Meter
from glossator.recipe import Budget, Endpoint
from glossator.replies import ShardReplies
from glossator.results import Failed, Outcome, Usage


class EndpointReader:
    """See `readers.base.Reader`.

    Args:
        model: as the endpoint names it.
        endpoint: how it is reached.
        replies: the folder where replies are kept.
        request: further keys of each request; None takes one out.
        side: longest side of a picture, in pixels.
        budget: when to stop.
    """

    sees = True

    def __init__(
        self,
        model: str,
        endpoint: Endpoint,
        replies: Path,
        *,
        request: Mapping[str, Any] | None = None,
        side: int = 1568,
        budget: Budget | None = None,
    ) -> None:
        self.name = model
        self.identity = fingerprint([model, side, dict(request or {})])
        self._endpoint = endpoint
        self._replies = replies
        self._request = dict(request or {})
        self._side = side
        self._meter = Meter(budget)

    @property
    def bought(self) -> Usage:
        """What this reader has bought so far."""
        return self._meter.bought

    def answer(self, asks: Sequence[Ask], told: Told) -> None:
        """See `readers.base.Reader`. Raises the errors of `engines.endpoint.client` and `meter`."""
        self._meter.begin_stage()
        with ShardReplies(self._replies, 0) as log:
            loop.run(self._all(asks, told, Session(log, meter=self._meter)))

    async def _all(self, asks: Sequence[Ask], told: Told, session: Session) -> None:
        client = await client_of(self._endpoint, self.name)

        async def one(i: int) -> None:
            async with client.admitted:
                outcome = await self._one(client, asks[i], session)
            session.meter.row(failed=isinstance(outcome, Failed))
            told(i, outcome)

        await loop.each(range(len(asks)), one, client.width)

    async def _one(self, client: Client, ask: Ask, session: Session) -> Outcome[str]:
        seen = check(ask.picture)  # a file that goes as it is has its header read only
        uri = seen if isinstance(seen, Failed) else data_uri(ask.picture, self._side)
        if isinstance(uri, Failed):
            return uri
        wire = json.dumps(self._body(ask, uri), separators=(",", ":")).encode("ascii")
        key = digest(wire)
        reply = session.replies.get(key) or await self._buy(client, key, wire, ask, session)
        if isinstance(reply, Failed):
            return reply
        if reply.get("refusal") or reply["finish"] == "content_filter":
            return Failed("refused", f"{self.name} refuses to answer")
        return str(reply["text"]).strip()

    def _body(self, ask: Ask, uri: str) -> dict[str, Any]:
        content = [{"type": "image_url", "image_url": {"url": uri}}, {"type": "text", "text": ask.text}]
        body = {
            "model": self.name,
            "messages": [{"role": "user", "content": content}],
            "temperature": 0,
            "max_tokens": ask.max_new_tokens,
        }
        return {key: value for key, value in (body | self._request).items() if value is not None}

    async def _buy(self, client: Client, key: str, wire: bytes, ask: Ask, session: Session) -> dict[str, Any] | Failed:
        answer = await client.request(Call(CHAT, wire, ask.max_new_tokens), session.meter)
        if isinstance(answer, Failed):
            return answer
        reply = stored(answer, self.name, ask.picture.name)
        if not isinstance(answer.get("choices"), list) or not answer["choices"]:
            return Failed("malformed_reply", f"{self.name} sent no answer", retriable=True)
        reply["usd"] = prices.usd({}, self.name, reply["tokens_in"], reply["cached"], reply["tokens_out"])
        session.replies.put(key, reply)
        session.buy(key, self.name, usage_of(reply))
        return reply
