"""A server that speaks vLLM's protocol for prompt log-probabilities, over a transformers model, on a thread of its own.

`/v1/completions` takes token ids; `/v1/chat/completions` takes messages with pictures as data URIs. Faults can be set.
"""

from __future__ import annotations

import asyncio
import base64
import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from PIL import Image


@dataclass
class LogprobServer:
    """What it serves, and what has been asked of it. `faults` are statuses given to the next requests."""

    model: Any
    tokenizer: Any
    processor: Any = None
    gives_logprobs: bool = True
    faults: list[int] = field(default_factory=list)
    requests: list[dict[str, Any]] = field(default_factory=list)
    url: str = ""

    async def completions(self, request: web.Request) -> web.Response:
        body = await request.json()
        return self._answer(body, lambda: {"input_ids": self._tensor(body["prompt"])}, chat=False)

    async def chat(self, request: web.Request) -> web.Response:
        body = await request.json()
        return self._answer(body, lambda: self._chat_inputs(body), chat=True)

    def _answer(self, body: dict[str, Any], inputs: Any, *, chat: bool) -> web.Response:
        self.requests.append(body)
        if self.faults:
            return web.json_response({"error": {"message": "fault"}}, status=self.faults.pop(0))
        found = self._logprobs(inputs()) if self.gives_logprobs else None
        choice: dict[str, Any] = {"index": 0, "finish_reason": "length", "logprobs": None}
        answer = {
            "id": "x",
            "created": 0,
            "model": "served",
            "choices": [choice],
            "usage": {"prompt_tokens": len(found or []), "completion_tokens": 1, "total_tokens": len(found or []) + 1},
        }
        if chat:
            choice["message"] = {"role": "assistant", "content": "x"}
            answer |= {"object": "chat.completion", "prompt_logprobs": found}
        else:
            choice |= {"text": "x", "prompt_logprobs": found}
            answer["object"] = "text_completion"
        return web.json_response(answer)

    def _tensor(self, ids: list[int]) -> Any:
        import torch

        return torch.tensor([ids])

    def _chat_inputs(self, body: dict[str, Any]) -> dict[str, Any]:
        pictures, messages = [], []
        for message in body["messages"]:
            blocks = []
            for block in message["content"]:
                if block["type"] == "image_url":
                    data = base64.b64decode(block["image_url"]["url"].partition(",")[2])
                    pictures.append(Image.open(io.BytesIO(data)))
                    blocks.append({"type": "image"})
                else:
                    blocks.append(block)
            messages.append({"role": message["role"], "content": blocks})
        owner = self.processor or self.tokenizer
        text = owner.apply_chat_template(
            messages, tokenize=False, add_generation_prompt=body.get("add_generation_prompt", True)
        )
        if pictures:
            return dict(self.processor(text=[text], images=pictures, return_tensors="pt", add_special_tokens=False))
        return {"input_ids": self.tokenizer(text, add_special_tokens=False, return_tensors="pt")["input_ids"]}

    def _logprobs(self, inputs: dict[str, Any]) -> list[Any]:
        import torch

        ids = inputs["input_ids"][0].tolist()
        if hasattr(self.model.base_model, "rope_deltas"):
            self.model.base_model.rope_deltas = None
        with torch.no_grad():
            chances = self.model(**inputs).logits[0].float().log_softmax(-1)
        found: list[Any] = [None]
        for at in range(1, len(ids)):
            best = int(chances[at - 1].argmax())
            entries = {str(best): {"logprob": chances[at - 1, best].item(), "rank": 1, "decoded_token": "?"}}
            entries[str(ids[at])] = {"logprob": chances[at - 1, ids[at]].item(), "rank": 2, "decoded_token": "?"}
            found.append(entries)
        return found


@contextmanager
def running(server: LogprobServer) -> Iterator[LogprobServer]:
    """The server on a free port of loopback."""
    loop = asyncio.new_event_loop()
    ready = threading.Event()

    async def start() -> web.AppRunner:
        app = web.Application(client_max_size=64 << 20)
        app.router.add_post("/v1/completions", server.completions)
        app.router.add_post("/v1/chat/completions", server.chat)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        server.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
        ready.set()
        return runner

    def serve() -> None:
        asyncio.set_event_loop(loop)
        runner = loop.run_until_complete(start())
        loop.run_forever()
        loop.run_until_complete(runner.cleanup())

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
