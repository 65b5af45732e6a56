"""Stage `explain`: for each extractive pair, how its answer was found. Both turns form one conversation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from glossator.engines.base import Explanation, Session
from glossator.records import Pair, Sample
from glossator.results import Failed, Outcome
from glossator.stages.base import MapStage, Settings
from glossator.stages.measured import with_explanation_measured
from glossator.text import clean, one_line


class ExplainSettings(Settings):
    """Settings of the stage `explain`: none so far."""


class ExplainStage(MapStage[Pair]):
    """Asks the writer for one self-explain pair for each extractive pair.

    A pair whose explanation fails stays in the table without one, and its failure is recorded under its pair id.
    """

    kind = "explain"
    version = 4
    reads = ("images", "ocr", "drafts")
    uses = ("captions",)
    writes = "pairs"
    Settings = ExplainSettings
    family = "writer"
    default_engine = "grounded"

    def run(self, samples: Sequence[Sample], session: Session) -> list[list[Pair | Failed]]:
        explained = self.engine.explain(samples, session)
        return [_rows(sample, outcome) for sample, outcome in zip(samples, explained, strict=True)]


def _rows(sample: Sample, outcome: Outcome[list[Outcome[Explanation]]]) -> list[Pair | Failed]:
    if isinstance(outcome, Failed):
        return [*sample.pairs, outcome]
    rows: list[Pair | Failed] = []
    for pair, explanation in zip(sample.pairs, outcome, strict=True):
        if isinstance(explanation, Failed):
            rows += [pair, replace(explanation, id=pair.pair_id)]
        else:
            question, answer = one_line(explanation.question), clean(explanation.answer)
            told = replace(pair, explain_question=question, explain_answer=answer)
            rows.append(with_explanation_measured(sample, told))
    return rows
