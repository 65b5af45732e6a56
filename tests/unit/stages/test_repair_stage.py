"""Stage `repair`: which pairs are written anew, which part of them, and where the new ones stand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from glossator.engines.base import Mended, Rejected, Runtime, Session
from glossator.engines.fake import FakeWriter
from glossator.engines.writer.grounded import GroundedSpec, GroundedWriter
from glossator.layout.reading_order import lines_text, reading_order
from glossator.records import Evidence, ImageRecord, Losses, Page, Pair, Sample, Span
from glossator.results import Failed
from glossator.stages.filter import FilterSettings
from glossator.stages.repair import RepairSettings, RepairStage
from glossator.stages.repairable import rejections


class Replies:
    """A log without replies."""

    def get(self, _key: str) -> None:
        return None

    def put(self, _key: str, _reply: dict[str, Any]) -> None:
        raise AssertionError("nothing is bought here")


def sample(name: str, lines: Sequence[Sequence[str]], *pairs: Pair, kind: str = "form") -> Sample:
    spans = tuple(
        reading_order(
            Span(text, (20 + 300 * column, 40 * i + 10, 20 + 300 * column + 10 * len(text), 40 * i + 32), 0.98)
            for i, line in enumerate(lines)
            for column, text in enumerate(line)
        )
    )
    image = ImageRecord(name, f"s-{name}", f"{name}.png", "0" * 64, 800, 600, kind)
    return Sample("", image, Page(name, "test", spans, lines_text(spans)), None, pairs)


def pair(name: str, image: str, question: str, answer: str, **more: Any) -> Pair:
    known: dict[str, Any] = {"grounding": 1.0, "question_fit": 1.0, "explain_grounding": 1.0, "explain_answer": "Told."}
    return Pair(name, image, f"s-{image}", question, answer, "field", **(known | {"explain_question": "Why?"} | more))


FORM = (("Supplier:", "Kapuler Marketing"), ("Agency:", "North Media"))
ASKED = 'What is printed for "Supplier" on this form?'
BAD = pair("a-1", "a", ASKED, "Somebody Else", grounding=0.2)
GOOD = pair("a-2", "a", 'What is printed for "Agency" on this form?', "North Media")


def stage(engine: Any = None, **settings: Any) -> RepairStage:
    grounded = GroundedWriter.build(GroundedSpec(lm="none"), Runtime())
    return RepairStage(RepairSettings.model_validate(settings), engine or grounded)


def run(*samples: Sample, engine: Any = None, **settings: Any) -> list[list[Any]]:
    return stage(engine, **settings).run(samples, Session(Replies()))


def test_an_old_pair_stays_and_its_repair_stands_behind_it() -> None:
    (rows,) = run(sample("a", FORM, BAD, GOOD))
    assert rows[:2] == [BAD, GOOD]
    (new,) = rows[2:]
    assert (new.question, new.answer, new.repaired_from, new.writer) == (ASKED, "Kapuler Marketing", "a-1", "grounded")
    assert new.pair_id not in ("a-1", "a-2")
    assert (new.grounding, new.question_fit) == (1.0, 1.0)
    assert new.evidence[0].text == "Kapuler Marketing"
    assert "Supplier" in new.explain_answer
    assert new.explain_grounding == 1.0
    assert (new.kind, new.source_id, new.conversation) == (BAD.kind, BAD.source_id, BAD.conversation)


def test_the_same_input_gives_the_same_rows() -> None:
    one = sample("a", FORM, BAD, GOOD)
    assert run(one) == run(one)


def test_what_is_kept_is_not_touched() -> None:
    assert run(sample("a", FORM, GOOD), sample("b", ())) == [[GOOD], []]


def test_a_bad_explanation_keeps_its_answer() -> None:
    bad = replace(GOOD, explain_grounding=0.0, evidence=(Evidence("North Media", (320, 50, 430, 72)),))
    (rows,) = run(sample("a", FORM, bad))
    assert (rows[1].answer, rows[1].explain_answer != bad.explain_answer) == ("North Media", True)
    assert rows[1].explain_grounding == 1.0


def test_reasons_that_no_writer_can_mend_are_left() -> None:
    twice = replace(BAD, question_similarity=1.0)
    assert run(sample("a", FORM, twice)) == [[twice]]
    assert len(run(sample("a", FORM, twice), filter={"question_similarity_max": None})[0]) == 2


def test_a_setting_of_the_filter_decides_what_is_rejected() -> None:
    assert len(run(sample("a", FORM, BAD), filter={"grounding_min": 0.1})[0]) == 1
    with pytest.raises(ValidationError, match="whole set"):
        RepairSettings.model_validate({"filter": {"top_k": 3}})
    with pytest.raises(ValidationError, match="no_such_rule"):
        RepairSettings.model_validate({"filter": {"no_such_rule": 3}})


def test_losses_reject_too() -> None:
    fine = pair("a-1", "a", ASKED, "North Media")
    losses = Losses("a-1", "a", "x", "text", nll_a=9, tokens_a=3, nll_a_q=9, tokens_a_q=3, nll_a_qi=99, tokens_a_qi=3)
    (rows,) = run(replace(sample("a", FORM, fine), losses=(losses,)))
    assert [row.answer for row in rows] == ["North Media", "Kapuler Marketing"]
    (found,) = rejections([replace(sample("a", FORM, fine), losses=(losses,))], FilterSettings(), 2)
    assert found == [Rejected(fine, "answer", ("vfd_above_max", "mifd_above_max"))]


def test_a_repair_is_not_made_twice_and_chains_end() -> None:
    first = pair("a-3", "a", ASKED, "Nobody", grounding=0.2, repaired_from="a-1")
    second = pair("a-4", "a", ASKED, "No One", grounding=0.2, repaired_from="a-3")
    (rows,) = run(sample("a", FORM, BAD, first))
    assert [row.repaired_from for row in rows] == [None, "a-1", "a-3"]
    assert len(run(sample("a", FORM, BAD, first), rounds=1)[0]) == 2
    assert len(run(sample("a", FORM, BAD, first, second))[0]) == 3
    assert len(run(sample("a", FORM, BAD, first, second), rounds=3)[0]) == 4


def test_what_cannot_be_found_gives_no_row() -> None:
    lost = pair("a-1", "a", 'What is printed for "Waiter" on this form?', "Ann", grounding=0.0)
    assert run(sample("a", FORM, lost)) == [[lost]]


def test_a_pair_of_another_image_is_moved_there() -> None:
    stray = pair("b-1", "b", ASKED, "Kapuler Marketing", grounding=0.1, conversation=0)
    home, host = sample("a", FORM, GOOD), sample("b", (("Client:", "Tobacco House"),), stray)
    rows = run(home, host)
    assert rows[1] == [stray]
    assert rows[0][0] == GOOD
    (moved,) = rows[0][1:]
    assert (moved.image_id, moved.source_id, moved.repaired_from) == ("a", "s-a", "b-1")
    assert (moved.question, moved.answer, moved.grounding) == (ASKED, "Kapuler Marketing", 1.0)
    assert moved.conversation != GOOD.conversation
    assert run(home, host, move=False) == [[GOOD], [stray]]


def test_a_pair_that_may_belong_to_two_images_stays() -> None:
    stray = pair("b-1", "b", ASKED, "Kapuler Marketing", grounding=0.1)
    host = sample("b", (("Client:", "Tobacco House"),), stray)
    assert run(sample("a", FORM, GOOD), host, sample("c", FORM, replace(GOOD, pair_id="c-1", image_id="c"))) == [
        [GOOD],
        [stray],
        [replace(GOOD, pair_id="c-1", image_id="c")],
    ]


def test_a_pair_that_is_there_already_is_not_moved() -> None:
    known = pair("a-9", "a", ASKED, "Kapuler Marketing")
    stray = pair("b-1", "b", ASKED, "Kapuler Marketing", grounding=0.1)
    host = sample("b", (("Client:", "Tobacco House"),), stray)
    assert run(sample("a", FORM, known), host) == [[known], [stray]]


class Scripted(FakeWriter):
    """Mends as it is told."""

    def __init__(self, *outcomes: Any) -> None:
        super().__init__(FakeWriter.Spec())
        self.outcomes = outcomes

    def repair(self, samples: Sequence[Sample], rejected: Sequence[Sequence[Rejected]], _session: Session) -> list[Any]:
        return [self.outcomes[0] if isinstance(self.outcomes[0], Failed) else list(self.outcomes) for _ in samples]


def test_failures_are_rows_beside_the_old_pairs() -> None:
    failed = Failed("refused", "no")
    assert run(sample("a", FORM, BAD), engine=Scripted(failed)) == [[BAD, failed]]
    other = replace(BAD, pair_id="a-5", question="Who?")
    mended = Mended(ASKED, "North Media", "How?", "It is.")
    (rows,) = run(sample("a", FORM, BAD, other), engine=Scripted(mended, Failed("malformed_reply", "x")))
    assert rows[2].answer == "North Media"
    assert rows[3] == Failed("malformed_reply", "x", id="a-5")


def test_empty_repairs_and_repetitions_are_none() -> None:
    for mended in (Mended("", "x", "How?", "So."), Mended(ASKED, " \n", "How?", "So."),
                   Mended(ASKED, "Somebody Else", "How?", "Told.")):  # fmt: skip
        assert run(sample("a", FORM, BAD), engine=Scripted(mended)) == [[BAD]]


def test_hostile_repairs_are_cleaned() -> None:
    (rows,) = run(
        sample("a", FORM, BAD), engine=Scripted(Mended(f"{ASKED}\n", "North\u202e Media", "How\n?", "So\x00."))
    )
    assert (rows[1].question, rows[1].answer) == (ASKED, "North Media")
    assert (rows[1].explain_question, rows[1].explain_answer) == ("How ?", "So.")
