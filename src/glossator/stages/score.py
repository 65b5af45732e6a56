"""Stage `score`: the language model's losses of each pair under every condition of the method."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import islice

from pydantic import Field

from glossator.difficulty import MIN_TOKENS
from glossator.engines.base import LossItem, Session, Turn, TurnLoss
from glossator.records import CONDITIONS, Condition, Losses, Pair, Sample, TokenLoss
from glossator.results import Failed, Outcome
from glossator.stages.base import MapStage, Settings

IMAGES_AT_ONCE = 16
GUESS = "Here is an answer. Write the question that it answers.\n\n{answer}"


class ScoreSettings(Settings):
    """Settings of the stage `score`."""

    conditions: tuple[Condition, ...] = Field(
        CONDITIONS, description="Which losses to compute; a, a_q, a_qi, r_s and r_qas are enough for the four scores."
    )
    per_token: bool = Field(False, description="Store every token's loss too, for a heat map.")


class ScoreStage(MapStage[Losses]):
    """Asks the loss engine for each condition of each pair. What conditions share is the engine's to compute once.

    Losses that an earlier stage `score` of the recipe has measured with the same model are taken over.
    """

    kind = "score"
    version = 2
    reads = ("images", "ocr", "pairs")
    uses = ("losses",)
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
        known = [self._known(sample) for sample in samples]
        work = [
            [{} if pair.pair_id in rows else self._wanted(sample, pair) for pair in sample.pairs]
            for sample, rows in zip(samples, known, strict=True)
        ]
        items = [item for pairs in work for wanted in pairs for item in wanted.values()]
        losses = iter(self.engine.losses(items, session))
        return [
            [
                rows.get(pair.pair_id) or self._row(pair, wanted, losses)
                for pair, wanted in zip(sample.pairs, pairs, strict=True)
            ]
            for sample, pairs, rows in zip(samples, work, known, strict=True)
        ]

    def _known(self, sample: Sample) -> dict[str, Losses]:
        """What was scored before by the same model."""
        own = (self.engine.name, self.engine.instrument)
        return {row.pair_id: row for row in sample.losses if (row.scorer, row.scorer_kind) == own}

    def _wanted(self, sample: Sample, pair: Pair) -> dict[str, LossItem]:
        return {name: item for name, item in conditions(sample, pair).items() if name in self.settings.conditions}

    def _row(self, pair: Pair, wanted: dict[str, LossItem], losses: Iterator[Outcome[tuple[TurnLoss, ...]]]) -> Losses:
        values: dict[str, float | int] = {}
        tokens: list[TokenLoss] = []
        reasons: dict[str, list[str]] = {}
        for condition in wanted:
            outcome = next(losses)
            if isinstance(outcome, Failed):
                reasons.setdefault(outcome.message, []).append(condition)
                continue
            (loss,) = outcome
            values[f"nll_{condition}"] = loss.nll
            values[f"tokens_{condition}"] = loss.tokens
            if loss.tokens < MIN_TOKENS:
                why = f"only {loss.tokens} tokens, at least {MIN_TOKENS} are needed"
                reasons.setdefault(why, []).append(condition)
            if self.settings.per_token:
                tokens += [TokenLoss(condition, *token) for token in loss.by_token]
        return Losses(
            pair.pair_id,
            pair.image_id,
            self.engine.name,
            self.engine.instrument,
            token_losses=tuple(tokens),
            not_scored="; ".join(f"{', '.join(names)}: {why}" for why, names in reasons.items()),
            **values,  # type: ignore[arg-type]
        )


def conditions(sample: Sample, pair: Pair) -> dict[str, LossItem]:
    """The conversation of each condition, its last turn scored. Those with an explanation only where the pair has one,
    those with an image only where the sample has one."""
    question, answer = Turn("user", pair.question), Turn("assistant", pair.answer)
    before = tuple(Turn(role, text) for role, text in json.loads(pair.context or "[]"))
    asked = (*before, question, answer)
    guess = Turn("user", GUESS.format(answer=pair.answer))
    talks: dict[str, tuple[Turn, ...]] = {
        "a": (answer,),
        "a_q": asked,
        "a_i": (answer,),
        "a_qi": asked,
        "q": (Turn("assistant", pair.question),),
        "q_a": (guess, Turn("assistant", pair.question)),
    }
    if pair.explain_question and pair.explain_answer:
        explained = (Turn("user", pair.explain_question), Turn("assistant", pair.explain_answer))
        talks |= {"r_s": explained, "r_qas": (*asked, *explained)}
        talks |= {"r_si": explained, "r_qasi": (*asked, *explained)}
    return {
        name: LossItem(sample if name.endswith("i") else None, turns, (len(turns) - 1,))
        for name, turns in talks.items()
        if sample.image.path or not name.endswith("i")
    }
