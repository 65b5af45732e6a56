"""How a chat model mends pairs: blind for answers, with the reason for explanations, and nothing bought twice."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from chat_server import Body, ChatServer, question_of
from glossator.engines.base import Mended, Rejected, Runtime, Session
from glossator.engines.writer.chat import ChatSpec, ChatWriter
from glossator.recipe import Endpoint
from glossator.records import Evidence, ImageRecord, Page, Pair, Sample, Span
from glossator.results import Failed

SPANS = (
    Span("TOTAL", (20, 20, 80, 40)), Span("51.00", (200, 20, 260, 40)),
    Span("CASH", (20, 60, 80, 80)), Span("60.00", (200, 60, 260, 80)),
)  # fmt: skip


class Replies:
    """A reply log in memory."""

    def __init__(self) -> None:
        self.known: dict[str, Any] = {}

    def get(self, key: str) -> Any:
        return self.known.get(key)

    def put(self, key: str, reply: Any) -> None:
        self.known[key] = reply


def sample(name: str) -> Sample:
    image = ImageRecord(name, name, f"{name}.png", "0" * 64, 400, 300, "receipt")
    return Sample("", image, Page(name, "test", SPANS, "TOTAL 51.00\nCASH 60.00"))


def rejected(part: Any, question: str, answer: str, *reasons: str, explained: str = "It is so.") -> Rejected:
    evidence = tuple(Evidence(span.text, span.box) for span in SPANS if span.text == answer)
    pair = Pair(question, "a", "a", question, answer, evidence=evidence, explain_answer=explained)
    return Rejected(pair, part, reasons)


def reply_to(body: Body, **more: Any) -> tuple[int, str]:
    """Answers the total, knows no waiter, and explains whatever it is asked to."""
    text = question_of(body)
    listed = [line for line in text.split("the pairs:")[-1].split("the questions:")[-1].split("\n") if ". " in line]
    if "the questions:" in text:
        answers = [
            {"number": i, "answer": "51.00", "evidence": ["TOTAL 51.00"]}
            if "total" in line
            else {"number": i, "answer": "The image does not say.", "evidence": []}
            for i, line in enumerate(listed, 1)
        ]
        return 200, json.dumps({"answers": answers})
    told = [{"number": i, "question": "How?", "answer": f'Right of "TOTAL", {i}.'} for i in range(1, len(listed) + 1)]
    return 200, json.dumps({"explanations": told} | more)


def mend(
    script: Callable[[Body], tuple[int, Any]], *pairs: Rejected, session: Session | None = None
) -> tuple[Any, list[Body]]:
    with ChatServer(script) as server:
        endpoint = Endpoint(url=server.url, key_env=None)
        writer = ChatWriter.build(ChatSpec(model="m"), Runtime(endpoints={"default": endpoint}))
        (found, nothing) = writer.repair([sample("a"), sample("b")], [pairs, ()], session or Session(Replies()))
        assert nothing == []
        return found, server.bodies


TOTAL = rejected("answer", "What is the total?", "99.99", "not_grounded")
WAITER = rejected("answer", "Who is the waiter?", "Ann", "not_grounded")
CASH = rejected("explanation", "How much cash?", "60.00", "ffd_image_below_min", explained="The answer is 60.00.")


def test_answers_are_asked_again_blind_and_explained() -> None:
    found, bodies = mend(reply_to, TOTAL, WAITER, CASH)
    assert [isinstance(one, Mended) for one in found] == [True, False, True]
    assert (found[0].question, found[0].answer, found[0].explain_answer) == (
        "What is the total?", "51.00", 'Right of "TOTAL", 1.',
    )  # fmt: skip
    assert found[0].evidence == (Evidence("51.00", SPANS[1].box),)
    assert found[1] is None
    assert (found[2].answer, found[2].explain_answer) == ("60.00", 'Right of "TOTAL", 2.')
    assert len(bodies) == 2
    assert "99.99" not in json.dumps(bodies)
    assert "Ann" not in json.dumps(bodies)


def test_an_explanation_is_asked_again_with_the_reason() -> None:
    _, bodies = mend(reply_to, CASH)
    (body,) = bodies
    assert "'The answer is 60.00.' because it only repeats question and answer" in question_of(body)


def test_nothing_rejected_asks_nothing() -> None:
    found, bodies = mend(reply_to)
    assert (found, bodies) == ([], [])


def test_the_same_answer_again_is_no_repair() -> None:
    found, bodies = mend(reply_to, rejected("answer", "What is the total?", "51.00", "question_misfit"))
    assert found == [None]
    assert len(bodies) == 1


def test_replies_are_bought_once() -> None:
    session = Session(Replies())
    first, bodies = mend(reply_to, TOTAL, CASH, session=session)
    assert len(bodies) == 2
    again, bodies = mend(reply_to, TOTAL, CASH, session=session)
    assert (again, bodies) == (first, [])


def test_a_number_that_is_left_out_fails_alone() -> None:
    def script(body: Body) -> tuple[int, str]:
        if "the questions:" in question_of(body):
            return 200, json.dumps({"answers": [{"number": 2, "answer": "51.00", "evidence": []}]})
        return reply_to(body)

    found, _ = mend(script, WAITER, TOTAL)
    assert isinstance(found[0], Failed)
    assert found[0].category == "malformed_reply"
    assert found[1].answer == "51.00"


@pytest.mark.parametrize("said", ["no JSON at all", '{"answers": 3}', "{}"])
def test_malformed_replies_fail_the_image_only(said: str) -> None:
    found, bodies = mend(lambda _body: (200, said), TOTAL)
    assert isinstance(found, Failed)
    assert found.retriable
    assert len(bodies) == 3  # asked again twice


def test_a_computed_answer_keeps_its_quotes() -> None:
    def script(body: Body) -> tuple[int, str]:
        if "the questions:" in question_of(body):
            return 200, json.dumps({"answers": [{"number": 1, "answer": 9, "evidence": ["60.00", "51.00"]}]})
        return reply_to(body)

    found, _ = mend(script, rejected("answer", "How much more cash than total?", "8", "not_grounded"))
    assert (found[0].answer, found[0].quotes) == ("9", ("60.00", "51.00"))


def test_another_prompt_is_another_fingerprint() -> None:
    identity = ChatWriter.identity(ChatSpec(model="m"), "repair")
    assert [prompt["name"] for prompt in identity["prompts"]] == ["reanswer-text", "reexplain-text"]
    assert "prompts" not in ChatWriter.identity(ChatSpec(model="m"), "explain")
