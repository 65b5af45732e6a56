"""OCRBench (arXiv 2305.07895), in its authors' file `OCRBench.json` beside the folder `OCRBench_Images`.

A list of `{id, dataset_name, type, question, answers, image_path}`. Judged by substring; the score out of 1,000 is the
value times 1,000 where all questions are there. Kinds are its question types. Questions are put as they are.
"""

from __future__ import annotations

from pathlib import Path

from glossator.evaluation.benchmarks.files import Pictures, data_rows, one_file, texts
from glossator.evaluation.questions import Benchmark, Question

_FORMULAS = "HME100k"


def ocrbench(path: Path) -> Benchmark:
    """All questions. Raises `UsageError` if there are none."""
    file = one_file(path, ("OCRBench.json", "*.json"))
    metrics = ("ocrbench", "ocrbench_lmms_eval", "anls")
    found = Benchmark("ocrbench", [], metrics, prompt="{question}", max_new_tokens=128)
    pictures = Pictures(file.parent)
    for number, row in enumerate(data_rows(file)):
        picture, golds = pictures.find(str(row.get("image_path"))), texts(row.get("answers") or [])
        if picture is None or not golds or not isinstance(row.get("question"), str):
            reason = "no picture" if picture is None else "no question or answers"
            found.left_out[reason] = found.left_out.get(reason, 0) + 1
            continue
        formula = row.get("dataset_name") == _FORMULAS
        kind = str(row.get("type") or row.get("dataset_name") or "")
        id_ = str(row.get("id", number))
        found.questions.append(Question(id_, picture, row["question"].strip(), golds, kind, formula=formula))
    return found
