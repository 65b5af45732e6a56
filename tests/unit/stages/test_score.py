"""Which conversations are scored for a pair, and what becomes of those that can't be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from glossator.engines.base import LossItem, Runtime, Session, TurnLoss
from glossator.engines.fake import FakeLoss, FakeSpec
from glossator.records import CONDITIONS, ImageRecord, Losses, Page, Pair, Sample
from glossator.results import Failed, Outcome
from glossator.stages.score import ScoreSettings, ScoreStage, conditions

IMAGE = ImageRecord("i", "i", "i.png", "0" * 64, 100, 100)
PAIR = Pair("i-1", "i", "i", "What is the total?", "The total is 53.60", explain_question="How so?",
            explain_answer="It stands beside TOTAL.")  # fmt: skip
BARE = Pair("i-2", "i", "i", "What was paid?", "It was 60.00")
SAMPLE = Sample("", IMAGE, Page("i", "test", (), "TOTAL 53.60\nCASH 60.00"), pairs=(PAIR, BARE))


class NoReplies:
    """A reply log for engines that buy nothing."""

    def get(self, key: str) -> dict[str, Any] | None:
        return None

    def put(self, key: str, reply: dict[str, Any]) -> None:
        raise AssertionError("scoring is not meant to buy anything")


class Counting:
    """A loss engine whose loss tells which condition it saw; it can't score a text that stands alone."""

    name, instrument = "counting", "text"

    def losses(self, items: Sequence[LossItem], _session: Session) -> list[Outcome[tuple[TurnLoss, ...]]]:
        return [self._one(item) for item in items]

    def _one(self, item: LossItem) -> Outcome[tuple[TurnLoss, ...]]:
        if len(item.turns) == 1:
            return Failed("not_scored", "only 2 tokens")
        return tuple(TurnLoss(100.0 * (item.image is not None) + 10 * len(item.turns) + i, 7) for i in item.scored)


def score(engine: Any, samples: Sequence[Sample]) -> list[list[Losses | Failed]]:
    return ScoreStage(ScoreSettings(), engine).run(samples, Session(NoReplies()))


def rows(engine: Any) -> list[Losses]:
    return [row for row in score(engine, [SAMPLE])[0] if isinstance(row, Losses)]


def fake() -> FakeLoss:
    return FakeLoss.build(FakeSpec(), Runtime())


def test_every_condition_of_a_pair_is_scored() -> None:
    full, bare = rows(fake())
    assert (full.pair_id, bare.pair_id) == ("i-1", "i-2")
    assert None not in [getattr(full, f"nll_{condition}") for condition in CONDITIONS]
    assert None not in [getattr(bare, f"nll_{c}") for c in CONDITIONS if not c.startswith("r")]
    assert (bare.nll_r_s, bare.nll_r_qas, bare.tokens_r_s, bare.not_scored) == (None, None, 0, "")


def test_losses_land_in_the_column_of_their_condition() -> None:
    full, bare = rows(Counting())
    assert (full.nll_a_qi, full.nll_a_q, full.nll_r_qas, full.nll_r_s) == (121.0, 21.0, 43.0, 21.0)
    assert (full.nll_r_qasi, full.nll_r_si, full.nll_q_a) == (143.0, 121.0, 21.0)
    assert (bare.nll_a_qi, bare.nll_a_q) == (121.0, 21.0)


def test_what_could_not_be_scored_is_a_reason_and_no_number() -> None:
    full, _ = rows(Counting())
    assert full.nll_a is None
    assert full.tokens_a == 0
    assert full.not_scored == "a, a_i, q: only 2 tokens"


def test_only_conditions_with_the_image_see_it() -> None:
    found = conditions(SAMPLE, PAIR)
    assert [name for name, item in found.items() if item.image is not None] == ["a_i", "a_qi", "r_si", "r_qasi"]


def test_a_sample_without_a_picture_has_no_condition_with_one() -> None:
    text = replace(SAMPLE, image=replace(IMAGE, path=""))
    assert list(conditions(text, PAIR)) == ["a", "a_q", "q", "q_a", "r_s", "r_qas"]


def test_the_conversation_before_a_question_stands_before_it() -> None:
    later = replace(PAIR, context='[["user", "Who?"], ["assistant", "A shop."]]')
    found = conditions(SAMPLE, later)
    assert [turn.text for turn in found["a_qi"].turns] == ["Who?", "A shop.", PAIR.question, PAIR.answer]
    assert [turn.text for turn in found["a"].turns] == [PAIR.answer]


def test_the_recipe_chooses_conditions_and_whether_tokens_are_kept() -> None:
    settings = ScoreSettings(conditions=("a", "a_q"), per_token=True)
    (full, _) = ScoreStage(settings, fake()).run([SAMPLE], Session(NoReplies()))[0]
    assert isinstance(full, Losses)
    assert full.nll_a_qi is None
    assert {token.condition for token in full.token_losses} == {"a", "a_q"}
    assert sum(token.nll for token in full.token_losses if token.condition == "a") == pytest.approx(full.nll_a)


def test_one_list_a_sample_in_order_even_where_there_is_nothing() -> None:
    empty = Sample("", IMAGE)
    assert [len(found) for found in score(fake(), [empty, SAMPLE, empty])] == [0, 2, 0]


def test_what_the_same_model_has_scored_before_is_taken_over() -> None:
    class Once(Counting):
        asked = 0

        def losses(self, items: Sequence[LossItem], session: Session) -> list[Outcome[tuple[TurnLoss, ...]]]:
            self.asked += len(items)
            return super().losses(items, session)

    known = Losses(PAIR.pair_id, "i", "counting", "text", nll_a_q=5.0, tokens_a_q=3)
    engine, other = Once(), Once()
    found = score(engine, [replace(SAMPLE, losses=(known,))])[0]
    assert found[0] is known
    assert engine.asked == len(conditions(SAMPLE, BARE))
    score(other, [replace(SAMPLE, losses=(replace(known, scorer="another"),))])
    assert other.asked == len(conditions(SAMPLE, BARE)) + len(conditions(SAMPLE, PAIR))
