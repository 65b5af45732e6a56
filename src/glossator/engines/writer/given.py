"""Writer `given`: the pairs that a finished data set brings along, taken as they are."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, ClassVar, Self

from glossator.engines.base import Explanation, PairDraft, Runtime, Session, Spec, Step
from glossator.records import Sample
from glossator.results import Outcome


class GivenSpec(Spec):
    """Spec of the writer `given`."""

    kind: str = "given"


class GivenWriter:
    """See `engines.base.Writer`. `image.given_pairs` is a JSON list of mappings with the fields of `PairDraft`."""

    Spec: ClassVar[type[GivenSpec]] = GivenSpec
    version: ClassVar[int] = 2
    local_cpu: ClassVar[bool] = False
    name = "given"

    @classmethod
    def build(cls, _spec: Any, _runtime: Runtime) -> Self:
        """See `engines.base.Engine`."""
        return cls()

    @classmethod
    def identity(cls, spec: Any, _step: Step) -> dict[str, Any]:
        """See `engines.base.Engine`."""
        return {**spec.model_dump(mode="json"), "version": cls.version}

    @classmethod
    def parallelism(cls, _cores: int) -> tuple[int, int]:
        """See `engines.base.Engine`."""
        return 1, 1

    def name_for(self, _sample: Sample) -> str:
        """See `engines.base.Writer`."""
        return self.name

    def enrich(self, samples: Sequence[Sample], session: Session) -> list[Outcome[str]]:
        """The human caption as it is."""
        session.progress(len(samples))
        return [sample.image.caption or "" for sample in samples]

    def extract(
        self, samples: Sequence[Sample], max_pairs: int, session: Session
    ) -> list[Outcome[Sequence[Outcome[PairDraft]]]]:
        """The given pairs, in their order."""
        session.progress(len(samples))
        return [_drafts(sample)[:max_pairs] for sample in samples]

    def explain(self, samples: Sequence[Sample], session: Session) -> list[Outcome[list[Outcome[Explanation]]]]:
        """The given explanations; empty where the set has none."""
        session.progress(len(samples))
        results: list[Outcome[list[Outcome[Explanation]]]] = []
        for sample in samples:
            known = {
                (draft.question, draft.answer, draft.context, draft.meta): draft for draft in reversed(_drafts(sample))
            }
            found = [known.get((pair.question, pair.answer, pair.context, pair.meta)) for pair in sample.pairs]
            results.append(
                [Explanation(one.explain_question, one.explain_answer) if one else Explanation("", "") for one in found]
            )
        return results


def _drafts(sample: Sample) -> list[PairDraft]:
    given = json.loads(sample.image.given_pairs or "[]")
    return [_draft(row) for row in given]


def _draft(row: dict[str, Any]) -> PairDraft:
    def text(name: str) -> str:
        return str(row.get(name, ""))

    return PairDraft(
        text("question"),
        text("answer"),
        text("kind"),
        source_id=text("source_id"),
        explain_question=text("explain_question"),
        explain_answer=text("explain_answer"),
        context=text("context"),
        conversation=row.get("conversation"),
        meta=text("meta"),
    )
