"""ChartQA (arXiv 2203.10244), in its authors' files: `test/test_human.json`, `test/test_augmented.json`, `test/png/`.

Each is a list of `{imgname, query, label}`. Judged by relaxed accuracy; kinds are the two splits.
"""

from __future__ import annotations

from pathlib import Path

from glossator.errors import UsageError
from glossator.evaluation.benchmarks.files import Pictures, data_rows, texts
from glossator.evaluation.questions import Benchmark


def chartqa(path: Path) -> Benchmark:
    """Both splits of a folder, or one file. Raises `UsageError` if there is none."""
    folder = path / "test" if (path / "test").is_dir() else path
    files = [path] if path.is_file() else sorted(folder.glob("test_*.json"))
    if not files:
        raise UsageError(f"{path}: no test_human.json or test_augmented.json here")
    found = Benchmark(
        "chartqa",
        [],
        ("relaxed_accuracy", "exact", "anls"),
        prompt="{question}\nAnswer the question with a single word.",
        max_new_tokens=16,
    )
    for file in files:
        pictures = Pictures(file.parent)
        split = file.stem.removeprefix("test_")
        for number, row in enumerate(data_rows(file)):
            picture = pictures.find(row.get("imgname"))
            found.add(f"{split}-{number}", picture, row.get("query"), texts(row.get("label")), kind=split)
    return found
