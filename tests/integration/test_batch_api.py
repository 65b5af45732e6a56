"""Buying through the Batch API: half the price, nothing twice, whatever happens to the batch or to us."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from batch_server import BatchServer
from glossator.engines.base import Runtime, Session
from glossator.engines.writer.chat import ChatSpec, ChatWriter
from glossator.errors import BudgetError, UsageError
from glossator.meter import Meter
from glossator.recipe import Budget, Endpoint, Price
from glossator.records import ImageRecord, Page, Sample, Span
from glossator.replies import ReplyLogs

PRICES = {"m": Price(input=1.0, output=10.0)}


def caption(body: dict[str, Any]) -> str:
    return json.dumps({"caption": f"A receipt, told in {len(body['messages'])} messages."})


@pytest.fixture
def server() -> Iterator[BatchServer]:
    running = BatchServer(caption)
    yield running
    running.close()


def writer(server: BatchServer) -> ChatWriter:
    endpoint = Endpoint(url=server.url, batch=True, batch_poll_s=0.05, timeout_s=10)
    return ChatWriter.build(ChatSpec(model="m"), Runtime(endpoints={"default": endpoint}, prices=PRICES))


def samples(count: int) -> list[Sample]:
    found = []
    for number in range(count):
        image = ImageRecord(f"{number:016x}", str(number), f"{number}.png", "0" * 64, 100, 100)
        page = Page(image.image_id, "test", (Span(f"TOTAL {number}.00", (0, 0, 90, 20)),), f"TOTAL {number}.00")
        found.append(Sample("", image, page))
    return found


def enrich(server: BatchServer, folder: Path, meter: Meter | None = None) -> tuple[list[Any], Session]:
    with ReplyLogs(folder).open("enrich", 0) as replies:
        session = Session(replies, meter=meter or Meter())
        return writer(server).enrich(samples(10), session), session


def test_one_batch_at_half_the_price(server: BatchServer, tmp_path: Path) -> None:
    captions, session = enrich(server, tmp_path)
    assert all(isinstance(one, str) for one in captions)
    assert len(server.batches) == 1
    assert session.paid.calls == 10
    assert session.paid.usd == pytest.approx(10 * 0.5 * (1000 + 10 * 100) / 1e6)
    again, session = enrich(server, tmp_path)
    assert again == captions
    assert session.paid.calls == 0
    assert len(server.batches) == 1


def test_an_expired_batch_is_finished_by_another(server: BatchServer, tmp_path: Path) -> None:
    server.expire = 1
    captions, session = enrich(server, tmp_path)
    assert all(isinstance(one, str) for one in captions)
    assert len(server.batches) == 2
    assert session.paid.calls == 10
    assert set(server.answered.values()) == {1}


def test_lines_that_failed_go_into_another_batch(server: BatchServer, tmp_path: Path) -> None:
    server.fail_lines = 3
    captions, _ = enrich(server, tmp_path)
    assert all(isinstance(one, str) for one in captions)
    assert set(server.answered.values()) == {1}


def test_a_malformed_reply_is_asked_again_in_another_batch(server: BatchServer, tmp_path: Path) -> None:
    server.reply = lambda body: caption(body) if len(body["messages"]) > 2 else "{half"
    captions, _ = enrich(server, tmp_path)
    assert captions == ["A receipt, told in 4 messages."] * 10
    assert len(server.batches) == 2


def test_a_batch_whose_creation_was_not_confirmed_is_found(server: BatchServer, tmp_path: Path) -> None:
    server.lose_created = 1
    captions, _ = enrich(server, tmp_path)
    assert all(isinstance(one, str) for one in captions)
    assert len(server.batches) == 1


def test_a_stopped_run_finds_its_batch_again(server: BatchServer, tmp_path: Path) -> None:
    class Impatient(Meter):
        """Stops the run as soon as the batch is on its way."""

        def check(self) -> None:
            if server.batches:
                self.stop(BudgetError("stopped by the test"))
            super().check()

    with pytest.raises(BudgetError):
        enrich(server, tmp_path, Impatient())
    assert len(server.batches) == 1
    assert not server.answered
    captions, session = enrich(server, tmp_path)
    assert all(isinstance(one, str) for one in captions)
    assert len(server.batches) == 1
    assert session.paid.calls == 10


def test_a_refused_batch_is_one_clear_error(server: BatchServer, tmp_path: Path) -> None:
    server.status = "failed"
    with pytest.raises(UsageError, match="invalid_json_line"):
        enrich(server, tmp_path)


def test_no_batch_is_sent_off_over_the_budget(server: BatchServer, tmp_path: Path) -> None:
    meter = Meter(Budget(tokens=10))
    enrich(server, tmp_path, meter)
    with ReplyLogs(tmp_path).open("enrich", 1) as replies, pytest.raises(BudgetError):
        writer(server).enrich(samples(10), Session(replies, meter=meter))
    assert len(server.batches) == 1
