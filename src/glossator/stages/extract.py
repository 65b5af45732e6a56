"""Stage `extract`: question-answer pairs about local facts, each answer tied to its place on the image."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from pydantic import Field

from glossator.engines.base import PairDraft, Session
from glossator.grounding import question_similarity
from glossator.records import Pair, Sample
from glossator.results import Failed, Outcome
from glossator.stages.base import MapStage, Settings
from glossator.stages.measured import with_answer_measured
from glossator.text import clean, fold, one_line


class ExtractSettings(Settings):
    """Settings of the stage `extract`."""

    max_pairs: int = Field(9, ge=1, description="At most so many pairs an image; LLaVAR-2 has about nine.")


class ExtractStage(MapStage[Pair]):
    """Asks the writer for pairs, and looks up where each answer stands."""

    kind = "extract"
    version = 8
    reads = ("images", "ocr")
    uses = ("captions",)
    writes = "drafts"
    Settings = ExtractSettings
    family = "writer"
    default_engine = "grounded"

    def run(self, samples: Sequence[Sample], session: Session) -> list[list[Pair | Failed]]:
        results: list[list[Pair | Failed]] = []
        for sample, drafts in zip(samples, self.engine.extract(samples, self.settings.max_pairs, session), strict=True):
            writer = self.engine.name_for(sample)
            results.append([drafts] if isinstance(drafts, Failed) else _pairs(sample, drafts, writer))
        return results


def _pairs(sample: Sample, drafts: Sequence[Outcome[PairDraft]], writer: str) -> list[Pair | Failed]:
    rows: list[Pair | Failed] = []
    asked: list[tuple[str, str]] = []
    for order, draft in enumerate(drafts):
        if isinstance(draft, Failed):
            rows.append(draft)
            continue
        question, answer = one_line(draft.question), clean(draft.answer)
        pair_id = _pair_id(sample.image.image_id, order, question, answer)
        if not question or not answer:
            rows.append(Failed("empty_pair", f"pair {order + 1} has an empty question or answer", id=pair_id))
            continue
        said = fold(answer) + fold(draft.explain_answer)
        # A finished set may ask the same in several conversations; only the same pair again is a duplicate there.
        own = draft.conversation is None
        earlier = [other for other, reply in asked if own or reply == said]
        pair = Pair(
            pair_id=pair_id,
            image_id=sample.image.image_id,
            source_id=draft.source_id or sample.image.source_id,
            question=question,
            answer=answer,
            kind=draft.kind,
            evidence=draft.evidence,
            question_similarity=question_similarity(question, earlier),
            writer=writer,
            context=draft.context,
            conversation=order if draft.conversation is None else draft.conversation,
            meta=draft.meta,
        )
        rows.append(with_answer_measured(sample, pair, draft.quotes))
        asked.append((question, said))
    return rows


def _pair_id(image_id: str, order: int, question: str, answer: str) -> str:
    text = f"{order}\x1f{question}\x1f{answer}"
    return f"{image_id}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"
