"""The ensemble: what is voted, what is marked, and how members fail."""

from __future__ import annotations

from typing import Any

import pytest

from glossator.engines.base import Reading, Runtime, Session
from glossator.engines.ocr.align import places
from glossator.engines.ocr.calibration import final, probability, weight
from glossator.engines.ocr.complete import completeness
from glossator.engines.ocr.ensemble import combined
from glossator.engines.registry import build, engine_class, parse_spec
from glossator.errors import RecipeError
from glossator.recipe import EngineSpec
from glossator.records import ImageRecord, Sample, Span
from glossator.results import Failed

NAMES = ["rapidocr", "ppocrv5", "tesseract"]


class NoReplies:
    def get(self, key: str) -> dict[str, Any] | None:
        raise AssertionError("the ensemble asked for a bought reply")

    def put(self, key: str, reply: dict[str, Any]) -> None:
        raise AssertionError("the ensemble stored a bought reply")


def line(text: str, sure: float = 0.97, y: float = 0) -> Span:
    return Span(text, (0, y, 10.0 * len(text), y + 20), sure)


def test_two_that_are_sure_outvote_one_that_is_not_and_the_place_is_marked() -> None:
    (voted,) = combined(places([[line("T0TAL", 0.7)], [line("TOTAL", 0.98)], [line("TOTAL", 0.93)]]), NAMES)
    assert voted.span.text == "TOTAL"
    assert voted.others == ("T0TAL",)


def test_agreement_is_worth_more_than_dispute() -> None:
    (agreed,) = combined(places([[line("TOTAL")], [line("TOTAL")], [line("TOTAL")]]), NAMES)
    (disputed,) = combined(places([[line("TOTAL")], [line("TQTAL")], [line("TQTAL")]]), NAMES)
    assert agreed.others == ()
    assert disputed.others
    assert 0 < disputed.span.confidence < agreed.span.confidence < 1


def test_what_one_alone_read_is_kept_only_if_it_is_sure() -> None:
    sure, unsure = line("SUBTOTAL", 0.95, y=50), line("vv,", 0.5, y=90)
    texts = [one.span.text for one in combined(places([[line("TOTAL")], [], [sure, unsure]]), NAMES)]
    assert texts == ["TOTAL", "SUBTOTAL"]


def test_hatching_that_one_alone_reads_as_letters_is_not_added() -> None:
    found = places([[line("TOTAL")], [], [line("IIIIIIIIII", 0.95, y=50)]])
    assert [one.span.text for one in combined(found, NAMES)] == ["TOTAL"]


def test_east_asian_letters_on_a_latin_page_are_not_added() -> None:
    ghost = line("ニ三ュ二", 0.95, y=50)
    assert [v.span.text for v in combined(places([[line("TOTAL")], [ghost], []]), NAMES)] == ["TOTAL"]
    assert len(combined(places([[line("合計")], [ghost], []]), NAMES)) == 2


def test_calibration_rises_with_confidence() -> None:
    for name in [*NAMES, "rapidocr:scaled", "somebody else's"]:
        sure = [probability(name, step / 50) for step in range(51)]
        assert sure == sorted(sure)
        assert 0 < sure[0] <= sure[-1] < 1
        assert weight(name, 0.3) <= weight(name, 0.99)
    assert final(2.0, 1.0, 0.0) > final(2.0, 0.2, 0.8)


def test_a_page_that_others_see_more_of_is_less_complete() -> None:
    whole = [line(f"line number {i}", y=30.0 * i) for i in range(10)]
    full = completeness(places([whole, whole]), 2)
    part = completeness(places([whole[:5], whole]), 2)
    assert full is not None
    assert part is not None
    assert 0 <= part < full <= 1
    assert completeness(places([[], []]), 2) is None


def spec(**more: Any) -> EngineSpec:
    return EngineSpec.model_validate({"kind": "ensemble", **more})


def sample(spans: tuple[Span, ...] | None) -> Sample:
    return Sample(".", ImageRecord("a1", "a1", "gone.png", "", 400, 300, given_ocr=spans))


def test_members_that_fail_are_left_out_and_all_failing_is_a_failure() -> None:
    engine = build("ocr", spec(members=[{"kind": "given"}, {"kind": "fake", "fail_share": 1}]), Runtime())
    good, bad = engine.read([sample((line("TOTAL"),)), sample(None)], Session(replies=NoReplies()))
    assert isinstance(good, Reading)
    assert [span.text for span in good.spans] == ["TOTAL"]
    assert isinstance(bad, Failed)
    assert bad.category == "missing"


def test_disputes_travel_with_the_reading() -> None:
    fake = build("ocr", EngineSpec(kind="fake"), Runtime()).read([sample(None)], Session(replies=NoReplies()))[0]
    wrong = tuple(Span(span.text.replace("a", "o"), span.box, 0.5) for span in fake.spans)
    engine = build("ocr", spec(members=[{"kind": "given"}, {"kind": "fake"}]), Runtime())
    (reading,) = engine.read([sample(wrong)], Session(replies=NoReplies()))
    assert len(reading.spans) == len(fake.spans)
    assert reading.disputed
    for place in reading.disputed:
        taken, *others = place.text.split("\n")
        assert others
        assert any(span.box == place.box and span.text == taken for span in reading.spans)


def test_identity_holds_the_members() -> None:
    def identity(*members: dict[str, Any]) -> Any:
        parsed = parse_spec("ocr", spec(members=members))
        return engine_class("ocr", "ensemble").identity(parsed, "ocr")

    assert identity({"kind": "given"}, {"kind": "fake"}) != identity({"kind": "given"}, {"kind": "fake", "seed": 1})
    assert identity({"kind": "given"}, {"kind": "fake"}) == identity({"kind": "given"}, {"kind": "fake", "delay_s": 1})


@pytest.mark.parametrize(
    "members",
    [[{"kind": "given"}], [{"kind": "given"}, {"kind": "ensemble"}], [{"kind": "given"}, {"name": "fake"}]],
)
def test_impossible_members_are_refused(members: list[dict[str, str]]) -> None:
    with pytest.raises(RecipeError, match="engine ensemble"):
        parse_spec("ocr", spec(members=members))


def test_preparation_needs_a_first_member_that_reads_pixels() -> None:
    with pytest.raises(RecipeError, match="given reads no pixels"):
        build("ocr", spec(members=[{"kind": "given"}, {"kind": "fake"}], prepare=["turn"]), Runtime())
