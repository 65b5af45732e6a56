"""Stage `agree`: a second model answers each question blind; how far the two answers agree is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from glossator.engines.base import Session
from glossator.metrics import anls_papers
from glossator.records import Agreement, Sample
from glossator.results import Failed, Outcome
from glossator.stages.base import MapStage, Settings
from glossator.text import clean


class AgreeSettings(Settings):
    """Settings of the stage `agree`: none so far."""


class AgreeStage(MapStage[Agreement]):
    """Asks an engine that can answer; it sees the questions, and neither the answers nor who wrote them."""

    kind = "agree"
    version = 1
    reads = ("images", "ocr", "drafts")
    writes = "agreement"
    Settings = AgreeSettings
    family = "writer"
    default_engine = "chat"
    needs = "answer"

    def run(self, samples: Sequence[Sample], session: Session) -> list[list[Agreement | Failed]]:
        answered = self.engine.answer(samples, session)
        name = self.engine.name
        return [_rows(sample, outcome, name) for sample, outcome in zip(samples, answered, strict=True)]


def _rows(sample: Sample, outcome: Outcome[list[Outcome[str]]], name: str) -> list[Agreement | Failed]:
    if isinstance(outcome, Failed):
        return [outcome]
    rows: list[Agreement | Failed] = []
    for pair, answer in zip(sample.pairs, outcome, strict=True):
        if isinstance(answer, Failed):
            rows.append(replace(answer, id=pair.pair_id))
        else:
            text = clean(answer)
            rows.append(Agreement(pair.pair_id, pair.image_id, name, text, anls_papers(text, [pair.answer])))
    return rows
