"""Stage `score`: the language model's losses of each pair under every condition of the method."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from glossator.difficulty import MIN_TOKENS
from glossator.engines.base import LossItem, Session, Turn, TurnLoss
from glossator.records import Losses, Pair, Sample
from glossator.results import Failed, Outcome
from glossator.stages.base import MapStage, Settings

IMAGES_AT_ONCE = 16


class ScoreSettings(Settings):
    """Settings of the stage `score`: none so far."""


@dataclass(slots=True)
class _Conditions:
    """The loss items of one pair, and for each the columns that its scored turns fill."""

    pair: Pair
    items: list[LossItem] = field(default_factory=list)
    columns: list[tuple[str, ...]] = field(default_factory=list)

    def add(self, item: LossItem, *columns: str) -> None:
        self.items.append(item)
        self.columns.append(columns)


class ScoreStage(MapStage[Losses]):
    """Asks the loss engine for `s(A)`, `s(A|Q)`, `s(A|Q,I)`, `s(R|S)` and `s(R|Q,A,S)` of each pair.

    One pass over the conversation Q, A, S, R gives both `s(A|Q)` and `s(R|Q,A,S)`: a causal model does not look ahead.
    """

    kind = "score"
    version = 1
    reads = ("images", "ocr", "pairs")
    writes = "losses"
    Settings = ScoreSettings
    family = "loss"
    default_engine = "embedded"

    def run(self, samples: Sequence[Sample], session: Session) -> list[list[Losses | Failed]]:
        results: list[list[Losses | Failed]] = []
        remaining = iter(samples)
        # A few images at a time: their conditions without an image fill a batch, and memory stays bounded.
        while some := list(islice(remaining, IMAGES_AT_ONCE)):
            results += self._score(some, session)
            session.progress(len(some))
        return results

    def _score(self, samples: Sequence[Sample], session: Session) -> list[list[Losses | Failed]]:
        work = [[conditions(sample, pair) for pair in sample.pairs] for sample in samples]
        items = [item for pairs in work for one in pairs for item in one.items]
        losses = iter(self.engine.losses(items, session))
        return [[self._row(one, losses) for one in pairs] for pairs in work]

    def _row(self, one: _Conditions, losses: Iterator[Outcome[tuple[TurnLoss, ...]]]) -> Losses:
        values: dict[str, float | int] = {}
        reasons = []
        for columns in one.columns:
            outcome = next(losses)
            if isinstance(outcome, Failed):
                reasons.append(f"{'/'.join(columns)}: {outcome.message}")
                continue
            for column, loss in zip(columns, outcome, strict=True):
                values[f"nll_{column}"] = loss.nll
                values[f"tokens_{column}"] = loss.tokens
                if loss.tokens < MIN_TOKENS:
                    reasons.append(f"{column}: only {loss.tokens} tokens, at least {MIN_TOKENS} are needed")
        return Losses(
            one.pair.pair_id,
            one.pair.image_id,
            self.engine.name,
            self.engine.instrument,
            not_scored="; ".join(reasons),
            **values,  # type: ignore[arg-type]
        )


def conditions(sample: Sample, pair: Pair) -> _Conditions:
    """The conversations whose losses a pair needs; those with an explanation only where it has one."""
    question, answer = Turn("user", pair.question), Turn("assistant", pair.answer)
    one = _Conditions(pair)
    one.add(LossItem(None, (answer,), (0,)), "a")
    one.add(LossItem(sample, (question, answer), (1,)), "a_qi")
    if pair.explain_question and pair.explain_answer:
        ask, explanation = Turn("user", pair.explain_question), Turn("assistant", pair.explain_answer)
        one.add(LossItem(None, (question, answer, ask, explanation), (1, 3)), "a_q", "r_qas")
        one.add(LossItem(None, (ask, explanation), (1,)), "r_s")
    else:
        one.add(LossItem(None, (question, answer), (1,)), "a_q")
    return one
