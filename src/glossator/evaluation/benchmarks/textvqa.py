"""TextVQA (arXiv 1904.08920), in its authors' file `TextVQA_0.5.1_val.json` beside the folder `train_images`.

`data[{question_id, question, image_id, answers (ten)}]`. Judged by VQA accuracy. As lmms-eval puts it, the question
is capitalised, and no OCR tokens are shown.
"""

from __future__ import annotations

from pathlib import Path

from glossator.evaluation.benchmarks.files import Pictures, data_rows, one_file, texts
from glossator.evaluation.questions import Benchmark, Question


def textvqa(path: Path) -> Benchmark:
    """The validation split. Raises `UsageError` if it is not there."""
    file = one_file(path, ("TextVQA*val*.json", "*val*.json"))
    found = Benchmark("textvqa", [], ("vqa_accuracy", "kie_2023", "ocrbench", "anls"))
    pictures = Pictures(file.parent)
    for number, row in enumerate(data_rows(file)):
        name = f"{row.get('image_id')}.jpg"
        picture, golds = pictures.find(name), texts(row.get("answers") or [])
        if picture is None or not golds or not isinstance(row.get("question"), str):
            reason = "no picture" if picture is None else "no question or answers"
            found.left_out[reason] = found.left_out.get(reason, 0) + 1
            continue
        id_ = str(row.get("question_id", number))
        found.questions.append(Question(id_, picture, row["question"].capitalize(), golds))
    return found
