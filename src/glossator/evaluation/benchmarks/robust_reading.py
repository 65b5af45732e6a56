"""DocVQA, InfographicVQA and ST-VQA, in the files of the Robust Reading Competition.

    docvqa    val_v1.0_withQT.json: data[{questionId, question, question_types, image, answers}]
    infovqa   infographicsVQA_val_v1.0_withQT.json: data[{questionId, question, image_local_name, answers, answer_type}]
    stvqa     train_task_3.json: data[{question_id, question, file_path, file_name, dataset, answers}]

Test splits have no answers and are scored on the competition's server; their questions are left out and counted.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from glossator.evaluation.benchmarks.files import Pictures, data_rows, one_file, texts
from glossator.evaluation.questions import Benchmark

_ANLS = ("anls", "anls_lmms_eval", "exact")


def docvqa(path: Path) -> Benchmark:
    """DocVQA (arXiv 2007.00398), by ANLS; kinds are its question types, the first where there are several."""
    return _read("docvqa", one_file(path, ("val*withQT*.json", "val*.json")), _ANLS)


def infovqa(path: Path) -> Benchmark:
    """InfographicVQA (arXiv 2104.12756), by ANLS; kinds are its answer types, the first where there are several."""
    return _read("infovqa", one_file(path, ("*val*withQT*.json", "*val*.json")), _ANLS)


def stvqa(path: Path) -> Benchmark:
    """ST-VQA (arXiv 1905.13648), by ANLS, and by containment as MultimodalOCR counts it; kinds are its sources."""
    metrics = ("anls", "anls_lmms_eval", "kie_2023", "ocrbench", "exact")
    return _read("stvqa", one_file(path, ("train_task_3*.json", "*task_3*.json")), metrics)


def _read(name: str, file: Path, metrics: tuple[str, ...]) -> Benchmark:
    found = Benchmark(name, [], metrics)
    pictures = Pictures(file.parent)
    for number, row in enumerate(data_rows(file)):
        picture = pictures.find(*_names(row))
        id_ = row.get("questionId", row.get("question_id", number))
        found.add(id_, picture, row.get("question"), texts(row.get("answers")), kind=_kind(row))
    return found


def _names(row: dict[str, Any]) -> list[Any]:
    """Where its picture may lie."""
    return [
        row.get("image_local_name"),
        row.get("file_path"),
        row.get("image"),
        f"{row.get('dataset')}/{row.get('file_name')}",
        row.get("file_name"),
    ]


def _kind(row: dict[str, Any]) -> str:
    kinds = row.get("question_types") or row.get("answer_type") or row.get("dataset") or ""
    first = kinds[0] if isinstance(kinds, list) else kinds
    return first if isinstance(first, str) else ""
