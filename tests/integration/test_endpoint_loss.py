"""The loss engine `endpoint` against a server that speaks vLLM's protocol over the same models as the engine `hf`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import tiny_models
from glossator.engines import registry
from glossator.engines.base import LossItem, Runtime, Session, Turn
from glossator.engines.loss.weights import EMBEDDED, model_path
from glossator.errors import EndpointDownError, UsageError
from glossator.recipe import Endpoint, EngineSpec
from glossator.records import ImageRecord, Page, Sample
from glossator.results import Failed
from logprob_server import LogprobServer, running

pytestmark = pytest.mark.model
QUESTION, ANSWER = Turn("user", "What is the total?"), Turn("assistant", "The total is 53.60")
ASK, EXPLANATION = Turn("user", "How do you know?"), Turn("assistant", "53.60 is printed right of the word TOTAL.")


class Log:
    """A reply log in memory."""

    def __init__(self) -> None:
        self.kept: dict[str, dict[str, Any]] = {}

    def get(self, key: str) -> dict[str, Any] | None:
        return self.kept.get(key)

    def put(self, key: str, reply: dict[str, Any]) -> None:
        self.kept[key] = reply


def items(folder: Path, name: str = "a.png") -> list[LossItem]:
    image = ImageRecord(name, "i", name, "0" * 64, 120, 80)
    shown = Sample(str(folder), image, Page(name, "test", (), "CORNER SHOP\nTOTAL 53.60\nCASH 60.00"))
    return [
        LossItem(None, (ANSWER,), (0,)),
        LossItem(None, (QUESTION, ANSWER), (1,)),
        LossItem(None, (QUESTION, ANSWER, ASK, EXPLANATION), (3,)),
        LossItem(shown, (ANSWER,), (0,)),
        LossItem(shown, (QUESTION, ANSWER), (1,)),
        LossItem(shown, (QUESTION, ANSWER, ASK, EXPLANATION), (3,)),
    ]


def endpoint(server: LogprobServer, tokenizer: str | Path, **spec: Any) -> Any:
    found = EngineSpec.model_validate({"kind": "endpoint", "model": "served", "tokenizer": str(tokenizer), **spec})
    runtime = Runtime(endpoints={"default": Endpoint(url=server.url, max_retries=0, in_flight=4)})
    return registry.build("loss", found, runtime)


def local(model: str | Path) -> Any:
    spec = EngineSpec.model_validate({"kind": "hf", "model": str(model), "dtype": "float32", "device": "cpu"})
    return registry.build("loss", spec, Runtime(threads=2))


def assert_equal(bought: list[Any], computed: list[Any]) -> None:
    for one, other in zip(bought, computed, strict=True):
        assert not isinstance(one, Failed), one
        for a, b in zip(one, other, strict=True):
            assert a.tokens == b.tokens
            assert a.nll == pytest.approx(b.nll, rel=2e-3)
            assert [token[:2] for token in a.by_token] == [token[:2] for token in b.by_token]


@pytest.fixture(scope="module")
def embedded() -> Iterator[tuple[LogprobServer, Any, str]]:
    path = model_path(EMBEDDED)
    engine = local(path)
    from transformers import AutoTokenizer

    with running(LogprobServer(engine.model, AutoTokenizer.from_pretrained(path))) as server:
        yield server, engine, path


def test_equals_hf_over_the_embedded_model(embedded: tuple[LogprobServer, Any, str], tmp_path: Path) -> None:
    server, engine, path = embedded
    session = Session(Log())
    bought = endpoint(server, path).losses(items(tmp_path), session)
    assert_equal(bought, engine.losses(items(tmp_path), Session(Log())))
    # s(A|Q) lies within the conversation that goes on to the explanation, so four conversations pay for all six.
    assert session.paid.calls == 4
    assert session.paid.tokens_in > 0


@pytest.mark.parametrize("family", ["qwen2-vl", "idefics3"])
def test_equals_hf_with_pictures(family: str, tmp_path: Path) -> None:
    from glossator.engines.loss.processors import load_processor

    Image.radial_gradient("L").resize((120, 80)).convert("RGB").save(tmp_path / "a.png")
    folder = tmp_path / family
    tiny_models.VISION_MODELS[family](folder)
    engine = local(folder)
    processor = load_processor(str(folder), engine.model.config)
    if not processor.tokenizer.chat_template:
        (folder / "template.jinja").write_text(processor.chat_template, encoding="utf-8")
    with running(LogprobServer(engine.model, processor.tokenizer, processor)) as server:
        template = {"chat_template": str(folder / "template.jinja")} if (folder / "template.jinja").exists() else {}
        bought = endpoint(server, folder, image="pixels", **template)
        assert bought.instrument == "vision"
        assert_equal(bought.losses(items(tmp_path), Session(Log())), engine.losses(items(tmp_path), Session(Log())))


def test_a_bought_loss_is_not_bought_again(embedded: tuple[LogprobServer, Any, str], tmp_path: Path) -> None:
    server, _, path = embedded
    log = Log()
    first = endpoint(server, path).losses(items(tmp_path), Session(log))
    before = len(server.requests)
    again = Session(log)
    assert endpoint(server, path).losses(items(tmp_path), again) == first
    assert again.paid.calls == 0
    assert len(server.requests) == before + 1  # the check of the server alone


def test_a_server_without_prompt_log_probabilities_is_told_first(
    embedded: tuple[LogprobServer, Any, str], tmp_path: Path
) -> None:
    served, _, path = embedded
    with running(LogprobServer(served.model, served.tokenizer, gives_logprobs=False)) as server:
        session = Session(Log())
        with pytest.raises(UsageError, match="prompt_logprobs"):
            endpoint(server, path).losses(items(tmp_path), session)
        assert len(server.requests) == 1
        assert session.paid.calls == 0


def test_another_tokenizer_than_the_servers_is_told_first(
    embedded: tuple[LogprobServer, Any, str], tmp_path: Path
) -> None:
    server, _, _ = embedded
    tiny_models.TEXT_MODELS["qwen2"](tmp_path / "other")
    server_ids = LogprobServer(server.model, server.tokenizer)
    server_ids._tensor = lambda ids: server._tensor([i + 1 for i in ids])  # type: ignore[method-assign]
    with running(server_ids) as wrong, pytest.raises(UsageError, match="other tokens"):
        endpoint(wrong, tmp_path / "other").losses(items(tmp_path), Session(Log()))


def test_a_refused_request_fails_its_items_alone(embedded: tuple[LogprobServer, Any, str], tmp_path: Path) -> None:
    server, _, path = embedded
    engine = endpoint(server, path)
    engine.losses(items(tmp_path)[:1], Session(Log()))
    server.faults.append(500)
    found = engine.losses(items(tmp_path), Session(Log()))
    failed = [one for one in found if isinstance(one, Failed)]
    assert 1 <= len(failed) <= 2
    assert all(one.category == "server" and one.retriable for one in failed)


def test_a_dead_server_stops_the_run(tmp_path: Path) -> None:
    dead = LogprobServer(None, None, url="http://127.0.0.1:9/v1")
    with pytest.raises(EndpointDownError):
        endpoint(dead, model_path(EMBEDDED)).losses(items(tmp_path), Session(Log()))
