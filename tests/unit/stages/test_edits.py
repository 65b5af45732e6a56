"""What people change becomes a new pair, measured as a writer's would be."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from glossator.engines.base import Session
from glossator.recipe import Recipe
from glossator.records import HumanVerdict, ImageRecord, Page, Pair, Sample, Span
from glossator.stages.edits import EditsSettings, EditsStage
from glossator.stages.resolve import resolve
from glossator.verdict_log import edited_id

IMAGE = ImageRecord("0123456789abcdef", "r1", "a.jpg", "", 400, 800, kind="receipt")
SPANS = (Span("TOTAL", (10, 10, 60, 30)), Span("53.60", (80, 10, 130, 30)), Span("CASH", (10, 40, 60, 60)))
PAIR = Pair(
    f"{IMAGE.image_id}-aaaaaaaaaaaa", IMAGE.image_id, "r1", "What is the total?", "58.60", kind="field", grounding=0.4,
    explain_question="How so?", explain_answer='It stands beside "CASH".', writer="grounded", conversation=4,
)  # fmt: skip
LAST = replace(PAIR, pair_id=f"{IMAGE.image_id}-bbbbbbbbbbbb", question="What is paid in cash?", conversation=5)
EDIT = HumanVerdict(PAIR.pair_id, IMAGE.image_id, "ann", "edit", answer="53.60")


class NoLog:
    def get(self, key: str) -> None:
        return None

    def put(self, key: str, reply: dict[str, Any]) -> None:
        raise AssertionError("this stage buys nothing")


def run(*edits: HumanVerdict) -> list[Pair]:
    page = Page(IMAGE.image_id, "given", SPANS, "TOTAL 53.60\nCASH")
    done: list[int] = []
    session = Session(replies=NoLog(), progress=done.append)
    (rows,) = EditsStage(EditsSettings(), None).run([Sample("", IMAGE, page, None, (PAIR, LAST), (), edits)], session)
    assert sum(done) == 1
    return rows  # type: ignore[return-value]


def test_without_edits_nothing_changes() -> None:
    assert run() == [PAIR, LAST]


def test_an_edit_stands_behind_what_it_changes() -> None:
    old, new, last = run(EDIT)
    assert (old, last) == (PAIR, LAST)
    assert (new.pair_id, new.repaired_from, new.writer) == (edited_id(EDIT), PAIR.pair_id, "person")
    assert (new.question, new.answer, new.explain_answer) == (PAIR.question, "53.60", PAIR.explain_answer)
    assert (new.conversation, new.kind) == (PAIR.conversation, PAIR.kind)


def test_its_texts_are_measured_anew() -> None:
    _, new, _ = run(EDIT)
    assert new.grounding == 1.0
    assert [piece.text for piece in new.evidence] == ["53.60"]
    assert new.explain_grounding == 1.0
    _, worse, _ = run(replace(EDIT, answer="never printed", explain_answer='It stands beside "NOWHERE".'))
    assert worse.grounding is not None and worse.grounding < 0.85
    assert worse.explain_grounding == 0.0
    _, misplaced, _ = run(replace(EDIT, explain_answer='"53.60" stands to the left of "TOTAL".'))
    assert misplaced.explain_places == 0.0
    _, asked, _ = run(replace(EDIT, answer="", question="What is paid in cash?"))
    assert asked.question_similarity == 1.0  # as the pair behind it


def test_an_edit_of_an_edit_stands_behind_it() -> None:
    again = replace(EDIT, pair_id=edited_id(EDIT), question="What is the sum?", answer="")
    _, first, second, _ = run(EDIT, again)
    assert (second.repaired_from, second.answer, second.question) == (first.pair_id, "53.60", "What is the sum?")


def test_an_edit_that_changes_nothing_makes_no_pair() -> None:
    assert run(replace(EDIT, answer=PAIR.answer)) == [PAIR, LAST]
    assert run(replace(EDIT, answer=" 58.60 ")) == [PAIR, LAST]


def test_hostile_texts_are_cleaned() -> None:
    _, new, _ = run(replace(EDIT, question="What\u202e is\nit?", answer="53.60\x00"))
    assert (new.question, new.answer) == ("What is it?", "53.60")


def test_the_fingerprint_follows_the_edits_and_what_stands_before_does_not() -> None:
    def plans(digest: str) -> dict[str, str]:
        stages: list[dict[str, Any]] = [
            {"use": use, "engine": {"kind": "fake"}} for use in ("ocr", "extract", "explain", "score")
        ]
        stages += [{"use": "edits", "settings": {"digest": digest}}, {"use": "filter"}]
        return {plan.kind: plan.fingerprint for plan in resolve(Recipe.model_validate({"stages": stages}))}

    one, other = plans("a" * 16), plans("b" * 16)
    changed = {kind for kind in one if one[kind] != other[kind]}
    assert changed == {"edits", "filter"}
