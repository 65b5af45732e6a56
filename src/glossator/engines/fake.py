"""Engines of all three families that need nothing and make everything up from hashes: for tests and for trying recipes.

Equal specs give equal output on every machine. `fail_share` makes that share of the samples fail, chosen by the hash of
the image id; with `recover` they succeed at the second try, as after a server's hiccup.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from typing import Any, ClassVar, Self

from pydantic import Field

from glossator.engines.base import (
    Explanation,
    Judgement,
    LossItem,
    Mended,
    PairDraft,
    Reading,
    Rejected,
    Runtime,
    Session,
    Spec,
    Step,
    TurnLoss,
)
from glossator.records import Evidence, Page, Sample, Span
from glossator.results import Failed, Outcome

_LABELS = ("Invoice No", "Date", "Customer", "Subtotal", "Tax", "Total", "Phone", "Table", "Cashier", "Terminal")


class FakeSpec(Spec):
    """What the fake engines share."""

    kind: str = "fake"
    seed: int = Field(0, description="Another seed gives other output.")
    fail_share: float = Field(0.0, ge=0, le=1, description="Share of samples that fail.")
    recover: bool = Field(False, description="Whether failed samples succeed when tried again.")
    delay_s: float = Field(0.0, ge=0, description="Seconds that each sample takes.")


class _Fake:
    """What the fake engines share."""

    Spec: ClassVar[type[FakeSpec]] = FakeSpec
    version: ClassVar[int] = 1
    local_cpu: ClassVar[bool] = True

    def __init__(self, spec: FakeSpec) -> None:
        self.spec = spec

    @classmethod
    def build(cls, spec: Any, _runtime: Runtime) -> Self:
        """See `engines.base.Engine`."""
        return cls(spec)

    @classmethod
    def identity(cls, spec: Any, step: Step) -> dict[str, Any]:
        """See `engines.base.Engine`. The delay changes no output, so it is not hashed."""
        return {**spec.model_dump(mode="json", exclude={"delay_s"}), "version": cls.version, "step": step}

    @classmethod
    def parallelism(cls, cores: int) -> tuple[int, int]:
        """See `engines.base.Engine`."""
        return cores, 1

    @property
    def name(self) -> str:
        """What the tables record."""
        return "fake"

    def name_for(self, _sample: Sample) -> str:
        """See `engines.base.Writer`."""
        return self.name

    def _number(self, *parts: object) -> int:
        text = "\x1f".join(str(part) for part in (self.spec.seed, *parts))
        return int.from_bytes(hashlib.sha256(text.encode("utf-8", "replace")).digest()[:6], "big")

    def _failure(self, sample: Sample, session: Session) -> Failed | None:
        """A failure for the chosen share of the samples; also waits and reports progress."""
        if self.spec.delay_s:
            time.sleep(self.spec.delay_s)
        session.progress(1)
        unlucky = self._number("fail", sample.image.image_id) % 10_000 < self.spec.fail_share * 10_000
        if not unlucky or (self.spec.recover and session.retry):
            return None
        return Failed("engine", "the fake engine was told to fail", retriable=self.spec.recover)


class FakeOcr(_Fake):
    """Prints six label-value lines on every image."""

    def read(self, samples: Sequence[Sample], session: Session) -> list[Outcome[Reading]]:
        """See `engines.base.OcrEngine`."""
        return [self._failure(sample, session) or Reading("fake", self._spans(sample)) for sample in samples]

    def _spans(self, sample: Sample) -> tuple[Span, ...]:
        image = sample.image
        height = image.height / 8
        spans = []
        for line in range(6):
            number = self._number(image.image_id, line)
            top = height * (line + 1)
            label = _LABELS[(number + line) % len(_LABELS)]
            spans.append(Span(f"{label}:", (image.width * 0.1, top, image.width * 0.4, top + height * 0.8), 0.99))
            value = f"{number % 900 + 100}.{number % 89 + 10}"
            spans.append(Span(value, (image.width * 0.6, top, image.width * 0.9, top + height * 0.8), 0.97))
        return tuple(spans)


class FakeWriter(_Fake):
    """Asks for each value of the page by the label before it."""

    def enrich(self, samples: Sequence[Sample], session: Session) -> list[Outcome[str]]:
        """See `engines.base.Writer`."""
        return [self._failure(sample, session) or self._caption(sample) for sample in samples]

    def extract(
        self, samples: Sequence[Sample], max_pairs: int, session: Session
    ) -> list[Outcome[Sequence[Outcome[PairDraft]]]]:
        """See `engines.base.Writer`."""
        return [self._failure(sample, session) or self._drafts(sample)[:max_pairs] for sample in samples]

    def explain(self, samples: Sequence[Sample], session: Session) -> list[Outcome[list[Outcome[Explanation]]]]:
        """See `engines.base.Writer`."""
        return [self._failure(sample, session) or self._explanations(sample) for sample in samples]

    def answer(self, samples: Sequence[Sample], session: Session) -> list[Outcome[list[Outcome[str]]]]:
        """See `engines.base.Answerer`. Every fifth answer is another one."""
        return [
            self._failure(sample, session)
            or [pair.answer if self._number("answer", pair.pair_id) % 5 else "another one" for pair in sample.pairs]
            for sample in samples
        ]

    def judge(self, samples: Sequence[Sample], turn: int, session: Session) -> list[Outcome[list[Outcome[Judgement]]]]:
        """See `engines.base.Judge`."""
        return [
            self._failure(sample, session) or [self._judgement(pair.pair_id, turn) for pair in sample.pairs]
            for sample in samples
        ]

    def repair(
        self, samples: Sequence[Sample], rejected: Sequence[Sequence[Rejected]], session: Session
    ) -> list[Outcome[list[Outcome[Mended | None]]]]:
        """See `engines.base.Repairer`. It knows the answers to its own questions, and one better explanation."""
        return [
            self._failure(sample, session) or [self._mended(sample, one) for one in these]
            for sample, these in zip(samples, rejected, strict=True)
        ]

    def _mended(self, sample: Sample, rejected: Rejected) -> Mended | None:
        pair = rejected.pair
        answers = {draft.question: draft for draft in self._drafts(sample)}
        known = answers.get(pair.question)
        answer = pair.answer if rejected.part == "explanation" else known.answer if known else ""
        told = f'The line of its label ends in "{answer}".'
        if not answer or (rejected.part == "answer" and answer == pair.answer) or told == pair.explain_answer:
            return None
        return Mended(pair.question, answer, "Where does it stand?", told, known.evidence if known else ())

    def _judgement(self, pair_id: str, turn: int) -> Judgement:
        mark = 1 + self._number("judge", pair_id) % 5
        return Judgement(mark, 5, 4, min(5, mark + turn % 2), "" if mark > 2 else "made up")

    def _caption(self, sample: Sample) -> str:
        lines = (sample.page.text if sample.page else "").split("\n")
        return (
            f"{sample.image.caption or 'An image.'} It shows {len(lines)} lines of text, the first reads {lines[0]!r}."
        )

    def _drafts(self, sample: Sample) -> list[PairDraft]:
        spans = sample.page.spans if sample.page else ()
        pairs = zip(spans[::2], spans[1::2], strict=False)
        return [
            PairDraft(
                f"What is printed beside {label.text.rstrip(':')}, line {i + 1}?",
                value.text,
                "field",
                (Evidence(value.text, value.box),),
            )
            for i, (label, value) in enumerate(pairs)
        ]

    def _explanations(self, sample: Sample) -> list[Outcome[Explanation]]:
        return [
            Explanation("How do you know?", f"{pair.answer} is printed on the right of its label, on the same line.")
            for pair in sample.pairs
        ]


class FakeLoss(_Fake):
    """Four characters make a token; what stands before a text lowers its loss, the image most of all."""

    instrument = "ocr-proxy"

    def losses(self, items: Sequence[LossItem], _session: Session) -> list[Outcome[tuple[TurnLoss, ...]]]:
        """See `engines.base.LossEngine`."""
        return [tuple(self._loss(item, index) for index in item.scored) for item in items]

    def _loss(self, item: LossItem, index: int) -> TurnLoss:
        text = item.turns[index].text
        tokens = max(3, len(text) // 4)
        per_token = 2.0 + self._number("loss", text) % 100 / 100
        help_of_context = 0.8 ** min(index, 3)
        if item.image is not None:
            help_of_context *= 0.5 if _on_page(text, item.image.page) else 1.1
        spread = 0.9 + self._number("context", text, index, item.image is None) % 20 / 100
        each = per_token * help_of_context * spread
        by_token = tuple((4 * i, min(4 * i + 4, len(text)), each) for i in range(tokens))
        return TurnLoss(each * tokens, tokens, by_token)


def _on_page(text: str, page: Page | None) -> bool:
    return page is not None and any(word in page.text for word in text.split() if any(map(str.isdigit, word)))
