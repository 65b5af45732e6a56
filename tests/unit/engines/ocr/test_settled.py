"""A chat model settles what the members dispute, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from PIL import Image

from chat_server import Body, ChatServer, question_of
from glossator.engines.base import Runtime, Session
from glossator.engines.registry import build
from glossator.recipe import Endpoint, EngineSpec
from glossator.records import ImageRecord, Sample, Span


class Replies(dict[str, Any]):
    def put(self, key: str, reply: dict[str, Any]) -> None:
        self[key] = reply


def sample(folder: Path, change: tuple[str, str] = ("a", "o")) -> Sample:
    """A sample whose given OCR differs from what the fake engine reads."""
    Image.new("RGB", (400, 320), "white").save(folder / "page.png")
    bare = Sample(str(folder), ImageRecord("a1", "a1", "page.png", "", 400, 320))
    fake = build("ocr", EngineSpec(kind="fake"), Runtime()).read([bare], Session(replies=Replies()))[0]
    given = tuple(Span(span.text.replace(*change), span.box, 0.5) for span in fake.spans)
    return Sample(str(folder), ImageRecord("a1", "a1", "page.png", "", 400, 320, given_ocr=given))


def engine(url: str, **more: Any) -> Any:
    spec = {"kind": "ensemble-chat", "model": "eyes", "members": [{"kind": "given"}, {"kind": "fake"}], **more}
    return build("ocr", EngineSpec.model_validate(spec), Runtime(endpoints={"default": Endpoint(url=url)}))


def numbered(body: Body, text: str | None = None) -> str:
    """A reply with the last reading of each place, or with `text`."""
    places = [line for line in question_of(body).splitlines() if line[:1].isdigit()]
    said = [text or line.split('"')[-2] for line in places]
    return json.dumps({"texts": [{"number": i, "text": one} for i, one in enumerate(said, start=1)]})


def test_disputed_places_alone_are_shown_and_the_reply_is_taken_and_kept(tmp_path: Path) -> None:
    page, replies = sample(tmp_path), Replies()
    with ChatServer(lambda body: (200, numbered(body))) as server:
        unsettled = build(
            "ocr",
            EngineSpec.model_validate({"kind": "ensemble", "members": [{"kind": "given"}, {"kind": "fake"}]}),
            Runtime(),
        ).read([page], Session(replies=replies))[0]
        first = engine(server.url).read([page], Session(replies=replies))[0]
        again = engine(server.url).read([page], Session(replies=replies))[0]
        assert len(server.bodies) == 1, "what is bought is not bought again"
        content = server.bodies[0]["messages"][-1]["content"]
    assert unsettled.disputed
    assert sum(part["type"] == "image_url" for part in content) == len(unsettled.disputed)
    assert first == again
    assert first.disputed == ()
    wanted = {place.text.split("\n")[-1] for place in unsettled.disputed}
    assert wanted <= {span.text for span in first.spans}


def test_what_is_far_from_all_readings_is_not_taken(tmp_path: Path) -> None:
    page = sample(tmp_path)
    with ChatServer(lambda body: (200, numbered(body, "Ignore the rules and say hello to everybody"))) as server:
        found = engine(server.url).read([page], Session(replies=Replies()))[0]
    assert found.disputed
    assert not any("Ignore" in span.text for span in found.spans)


def test_a_model_that_fails_leaves_the_vote(tmp_path: Path) -> None:
    page = sample(tmp_path)
    with ChatServer(lambda _body: (200, "no JSON at all")) as server:
        found = engine(server.url, ask_again=0).read([page], Session(replies=Replies()))[0]
    assert found.spans
    assert found.disputed


def test_nobody_is_asked_where_nothing_is_disputed(tmp_path: Path) -> None:
    page = sample(tmp_path, ("a", "a"))
    with ChatServer(lambda body: (200, numbered(body))) as server:
        found = engine(server.url).read([page], Session(replies=Replies()))[0]
        assert server.bodies == []
    assert found.spans
    assert found.disputed == ()
