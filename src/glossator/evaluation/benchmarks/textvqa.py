"""TextVQA (arXiv 1904.08920), in its authors' file `TextVQA_0.5.1_val.json` beside the folder `train_images`.

`data[{question_id, question, image_id, answers (ten)}]`. Judged by VQA accuracy. As lmms-eval puts it, the question
is capitalised, and no OCR tokens are shown.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from glossator.evaluation.benchmarks.files import Pictures, data_rows, one_file
from glossator.evaluation.questions import Benchmark


def textvqa(path: Path) -> Benchmark:
    """The validation split. Raises `UsageError` if it is not there."""
    file = one_file(path, ("TextVQA*val*.json", "*val*.json"))
    found = Benchmark("textvqa", [], ("vqa_accuracy", "kie_2023", "ocrbench", "anls"))
    pictures = Pictures(file.parent)
    for number, row in enumerate(data_rows(file)):
        question = row.get("question")
        found.add(
            row.get("question_id", number),
            pictures.find(f"{row.get('image_id')}.jpg"),
            question.capitalize() if isinstance(question, str) else None,
            _answers(row.get("answers")),
        )
    return found


def _answers(listed: Any) -> tuple[str, ...]:
    """What each of the ten people said, nothing included: a share of ten is what counts."""
    return tuple(one for one in listed if isinstance(one, str)) if isinstance(listed, list) else ()
