"""What every loss engine promises, and that the embedded one equals a plain forward pass a sample."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pytest

from glossator.engines import registry
from glossator.engines.base import LossItem, Runtime, Session, Turn, TurnLoss
from glossator.recipe import EngineSpec
from glossator.records import ImageRecord, Page, Sample, Span
from glossator.results import Failed


class NoReplies:
    """A reply log for engines that buy nothing."""

    def get(self, key: str) -> dict[str, Any] | None:
        return None

    def put(self, key: str, reply: dict[str, Any]) -> None:
        raise AssertionError("this engine is not meant to buy anything")


def page(name: str, text: str) -> Sample:
    spans = tuple(Span(line, (0, 10 * i, 90, 10 * i + 9)) for i, line in enumerate(text.split("\n")))
    image = ImageRecord(name, name, f"{name}.png", "0" * 64, 100, 100)
    return Sample("", image, Page(name, "test", spans, text))


CLOSE = 2e-2  # bfloat16, which is taken where the CPU is fast at it, has not three digits
RECEIPT = page("a", "CORNER SHOP\nInvoice No: 4711-0815\nTOTAL 53.60\nCASH 60.00\nCHANGE 6.40")
POSTER = page("b", "SUMMER JAZZ FESTIVAL\n12 July 2026, 19:30\nTown hall, free entry")
QUESTION, ANSWER = Turn("user", "What is the total on this receipt?"), Turn("assistant", "The total is 53.60")
ASK, EXPLANATION = Turn("user", "How do you know?"), Turn("assistant", "53.60 is printed right of the word TOTAL.")
ITEMS = [
    LossItem(None, (ANSWER,), (0,)),
    LossItem(RECEIPT, (QUESTION, ANSWER), (1,)),
    LossItem(None, (QUESTION, ANSWER, ASK, EXPLANATION), (1, 3)),
    LossItem(POSTER, (QUESTION, ANSWER), (1,)),
    LossItem(None, (ASK, EXPLANATION), (1,)),
    LossItem(RECEIPT, (QUESTION, ANSWER, ASK, EXPLANATION), (1, 3)),
]


@pytest.fixture(
    scope="module",
    params=["fake", pytest.param("embedded", marks=pytest.mark.model)],
)
def engine(request: pytest.FixtureRequest) -> Any:
    spec = EngineSpec.model_validate({"kind": request.param})
    return registry.build("loss", spec, Runtime(threads=1))


def losses(engine: Any, items: Sequence[LossItem]) -> list[tuple[TurnLoss, ...]]:
    results = engine.losses(items, Session(NoReplies()))
    assert not any(isinstance(result, Failed) for result in results)
    return results  # type: ignore[no-any-return]


def test_one_loss_for_each_scored_turn_in_order(engine: Any) -> None:
    results = losses(engine, ITEMS)
    assert [len(result) for result in results] == [len(item.scored) for item in ITEMS]
    assert all(math.isfinite(loss.nll) and loss.nll > 0 and loss.tokens > 0 for result in results for loss in result)


def test_a_text_has_the_same_tokens_in_every_condition(engine: Any) -> None:
    alone, shown, asked, other, explained, both = losses(engine, ITEMS)
    assert len({loss.tokens for loss in (alone[0], shown[0], asked[0], other[0], both[0])}) == 1
    assert len({loss.tokens for loss in (asked[1], explained[0], both[1])}) == 1


def test_the_right_page_helps_and_a_foreign_one_does_not(engine: Any) -> None:
    _, shown, asked, other, *_ = losses(engine, ITEMS)
    assert shown[0].nll < asked[0].nll
    assert shown[0].nll < other[0].nll


def test_order_and_company_do_not_matter(engine: Any) -> None:
    together = losses(engine, ITEMS)
    backwards = losses(engine, ITEMS[::-1])[::-1]
    single = [losses(engine, [item])[0] for item in ITEMS]
    for first, second, third in zip(together, backwards, single, strict=True):
        for a, b, c in zip(first, second, third, strict=True):
            assert a.nll == pytest.approx(b.nll, rel=CLOSE)
            assert a.nll == pytest.approx(c.nll, rel=CLOSE)


def test_nothing_to_do(engine: Any) -> None:
    assert losses(engine, []) == []


def test_the_name_says_the_instrument(engine: Any) -> None:
    assert engine.name
    assert engine.instrument in ("ocr-proxy", "vision", "text")
