"""Stage `judge`: a chat model's marks for each pair, blind to who wrote it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from statistics import fmean

from pydantic import Field

from glossator.engines.base import Judgement, Session
from glossator.records import Marks, Sample
from glossator.results import Failed, Outcome
from glossator.stages.base import MapStage, Settings
from glossator.text import one_line

_MARKS = ("correct", "grounded", "clear", "useful")


class JudgeSettings(Settings):
    """Settings of the stage `judge`."""

    turns: int = Field(
        2, ge=1, le=6, description="How often each pair is judged; every second turn reverses the order of the pairs."
    )


class JudgeStage(MapStage[Marks]):
    """Asks an engine that can judge. With two turns, what a pair owes to its place in the list is seen and halved."""

    kind = "judge"
    version = 1
    reads = ("images", "ocr", "drafts")
    uses = ("pairs",)
    writes = "judgements"
    Settings = JudgeSettings
    family = "writer"
    default_engine = "chat"
    needs = "judge"

    def run(self, samples: Sequence[Sample], session: Session) -> list[list[Marks | Failed]]:
        turns = [self.engine.judge(samples, turn, session) for turn in range(self.settings.turns)]
        name = self.engine.name
        return [
            _rows(sample, list(of_sample), name)
            for sample, of_sample in zip(samples, zip(*turns, strict=True), strict=True)
        ]


def _rows(sample: Sample, turns: Sequence[Outcome[list[Outcome[Judgement]]]], name: str) -> list[Marks | Failed]:
    for turn in turns:
        if isinstance(turn, Failed):
            return [turn]
    rows: list[Marks | Failed] = []
    by_pair = zip(*(turn for turn in turns if not isinstance(turn, Failed)), strict=True)
    for pair, marks in zip(sample.pairs, by_pair, strict=True):
        failed = next((mark for mark in marks if isinstance(mark, Failed)), None)
        if failed is not None:
            rows.append(replace(failed, id=pair.pair_id))
        else:
            rows.append(
                _marks(pair.pair_id, pair.image_id, name, [mark for mark in marks if isinstance(mark, Judgement)])
            )
    return rows


def _marks(pair_id: str, image_id: str, name: str, judged: Sequence[Judgement]) -> Marks:
    means = {mark: fmean(getattr(one, mark) for one in judged) for mark in _MARKS}
    gaps = [max(getattr(one, mark) for one in judged) - min(getattr(one, mark) for one in judged) for mark in _MARKS]
    problem = next((one.problem for one in judged if one.problem), "")
    return Marks(
        pair_id=pair_id,
        image_id=image_id,
        judge=name,
        lowest=min(means.values()),
        turn_gap=fmean(gaps) if len(judged) > 1 else None,
        problem=one_line(problem),
        **means,
    )
