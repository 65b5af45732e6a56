"""DocVQA, InfographicVQA and ST-VQA, in the files of the Robust Reading Competition.

    docvqa    val_v1.0_withQT.json: data[{questionId, question, question_types, image, answers}]
    infovqa   infographicsVQA_val_v1.0_withQT.json: data[{questionId, question, image_local_name, answers, answer_type}]
    stvqa     train_task_3.json: data[{question_id, question, file_path, dataset, answers}]

Test splits have no answers and are scored on the competition's server; their questions are left out and counted.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from glossator.evaluation.benchmarks.files import Pictures, data_rows, one_file, texts
from glossator.evaluation.questions import Benchmark, Question

_ANLS = ("anls", "anls_lmms_eval", "exact")


def docvqa(path: Path) -> Benchmark:
    """DocVQA (arXiv 2007.00398), by ANLS; kinds are its question types."""
    file = one_file(path, ("val*.json", "*.json"))
    return _read("docvqa", file, _ANLS)


def infovqa(path: Path) -> Benchmark:
    """InfographicVQA (arXiv 2104.12756), by ANLS; kinds are its answer types."""
    file = one_file(path, ("*val*.json", "*.json"))
    return _read("infovqa", file, _ANLS)


def stvqa(path: Path) -> Benchmark:
    """ST-VQA (arXiv 1905.13648), by ANLS, and by containment as MultimodalOCR counts it; kinds are its sources."""
    file = one_file(path, ("*task_3*.json", "*.json"))
    return _read("stvqa", file, ("anls", "anls_lmms_eval", "kie_2023", "ocrbench", "exact"))


def _read(name: str, file: Path, metrics: tuple[str, ...]) -> Benchmark:
    found = Benchmark(name, [], metrics)
    pictures = Pictures(file.parent)
    for number, row in enumerate(data_rows(file)):
        image = row.get("image_local_name") or row.get("file_path") or row.get("image") or row.get("file_name")
        question, golds = row.get("question"), texts(row.get("answers") or [])
        picture = pictures.find(image) if isinstance(image, str) else None
        reason = _wrong(question, golds, picture)
        if reason:
            found.left_out[reason] = found.left_out.get(reason, 0) + 1
        elif picture is not None:
            id_ = str(row.get("questionId", row.get("question_id", number)))
            found.questions.append(Question(id_, picture, str(question), golds, _kind(row)))
    return found


def _wrong(question: Any, golds: tuple[str, ...], picture: Path | None) -> str:
    if not isinstance(question, str) or not question.strip():
        return "no question"
    if not golds:
        return "no answers"
    return "" if picture else "no picture"


def _kind(row: dict[str, Any]) -> str:
    kinds = row.get("question_types") or row.get("answer_type") or row.get("dataset") or ""
    return str(kinds[0] if isinstance(kinds, list) else kinds)
