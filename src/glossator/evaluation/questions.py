"""What a benchmark is: questions with their gold answers, how they are put, and by which metrics they are judged."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from glossator import metrics

SHORT_ANSWER = "\nAnswer the question using a single word or phrase."


@dataclass(frozen=True, slots=True)
class Question:
    """One question about one picture.

    Attributes:
        id: unique in its benchmark.
        picture: its file.
        text: the question as the benchmark has it.
        golds: right answers.
        kind: what results are also told by (a kind of image or of question, a split).
        image_id: questions about the same picture share it; intervals are drawn over pictures.
        formula: whether OCRBench's rule for formulas holds.
    """

    id: str
    picture: Path
    text: str
    golds: tuple[str, ...]
    kind: str = ""
    image_id: str = ""
    formula: bool = False

    @property
    def cluster(self) -> str:
        """What it shares with other questions about the same picture."""
        return self.image_id or str(self.picture)


@dataclass(slots=True)
class Benchmark:
    """All questions of one benchmark, and how many could not be taken, by reason.

    Attributes:
        name: as on the command line.
        metrics: names in `METRICS`; the first is the benchmark's own.
        prompt: how a question is put; `{question}` stands for it.
        max_new_tokens: longest answer.
        given_ocr: for each picture, OCR that comes with the benchmark, as spans.
        left_out: how many questions were left out, by reason.
    """

    name: str
    questions: list[Question]
    metrics: tuple[str, ...]
    prompt: str = "{question}" + SHORT_ANSWER
    max_new_tokens: int = 32
    given_ocr: dict[Path, list[Mapping[str, Any]]] = field(default_factory=dict)
    left_out: dict[str, int] = field(default_factory=dict)
    _ids: set[str] = field(default_factory=set, repr=False)

    def leave_out(self, reason: str, count: int = 1) -> None:
        """Count something that can't be asked."""
        self.left_out[reason] = self.left_out.get(reason, 0) + count

    def add(
        self,
        id_: Any,
        picture: Path | None,
        text: Any,
        golds: tuple[str, ...],
        *,
        kind: str = "",
        image_id: str = "",
        formula: bool = False,
    ) -> None:
        """Take a question, or count why it can't be asked. An id that is taken gets a number behind it."""
        if not isinstance(text, str) or not text.strip():
            self.leave_out("no question")
        elif not golds:
            self.leave_out("no answers")
        elif picture is None:
            self.leave_out("no picture")
        else:
            unique, number = str(id_), 2
            while unique in self._ids:
                unique, number = f"{id_}#{number}", number + 1
            self._ids.add(unique)
            self.questions.append(Question(unique, picture, text, golds, kind, image_id, formula))

    def put(self, question: Question) -> str:
        """The question as a model is asked."""
        return self.prompt.replace("{question}", question.text)


Judge = Callable[[str, Question], float]
METRICS: dict[str, Judge] = {
    "anls": lambda said, q: metrics.anls_papers(said, q.golds),
    "anls_lmms_eval": lambda said, q: metrics.anls_lmms_eval(said, q.golds),
    "relaxed_accuracy": lambda said, q: max((metrics.relaxed_accuracy(said, gold) for gold in q.golds), default=0.0),
    "vqa_accuracy": lambda said, q: metrics.vqa_accuracy(said, q.golds),
    "ocrbench": lambda said, q: metrics.ocrbench(said, q.golds, formula=q.formula),
    "ocrbench_lmms_eval": lambda said, q: metrics.ocrbench_folded(said, q.golds, formula=q.formula),
    "contained": lambda said, q: metrics.contained(said, q.golds),
    "kie_2023": lambda said, q: metrics.kie_2023(said, q.golds),
    "exact": lambda said, q: metrics.exact(said, q.golds),
    "rouge_l": lambda said, q: metrics.rouge_l(said, q.golds),
    "token_f1": lambda said, q: metrics.token_f1(said, q.golds),
}


def judged(said: str, question: Question, names: tuple[str, ...]) -> dict[str, float]:
    """What each metric says of an answer, 0..1."""
    return {name: METRICS[name](said, question) for name in names}
