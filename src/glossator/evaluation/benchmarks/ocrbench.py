"""OCRBench (arXiv 2305.07895), in its authors' file `OCRBench.json` beside the folder `OCRBench_Images`.

A list of `{id, dataset_name, type, question, answers, image_path}`. Judged by substring; the score out of 1,000 is the
value times 1,000 where all questions are there. Kinds are its question types. Questions are put as they are.
"""

from __future__ import annotations

from pathlib import Path

from glossator.evaluation.benchmarks.files import Pictures, data_rows, one_file, texts
from glossator.evaluation.questions import Benchmark

_FORMULAS = "HME100k"


def ocrbench(path: Path) -> Benchmark:
    """All questions. Raises `UsageError` if there are none."""
    file = one_file(path, ("OCRBench.json",))
    metrics = ("ocrbench", "ocrbench_lmms_eval", "anls")
    found = Benchmark("ocrbench", [], metrics, prompt="{question}", max_new_tokens=128)
    pictures = Pictures(file.parent)
    for number, row in enumerate(data_rows(file)):
        kind = row.get("type") or row.get("dataset_name")
        question = row.get("question")
        found.add(
            row.get("id", number),
            pictures.find(row.get("image_path")),
            question.strip() if isinstance(question, str) else None,
            texts(row.get("answers")),
            kind=kind if isinstance(kind, str) else "",
            formula=row.get("dataset_name") == _FORMULAS,
        )
    return found
