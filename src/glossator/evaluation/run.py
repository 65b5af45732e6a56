"""`glossator eval`: a model's answers to benchmarks, judged, with intervals, in a folder that can be gone on with."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from glossator import intervals
from glossator.errors import UsageError
from glossator.evaluation import benchmarks, readers
from glossator.evaluation.gallery import write_gallery
from glossator.evaluation.questions import Benchmark, Question, judged
from glossator.evaluation.readers import Ask, Reader
from glossator.fingerprint import digest
from glossator.reading import read_pages
from glossator.results import Failed, Outcome

RESULTS = "results.json"
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Answer:
    """A question, what was answered (empty where it failed, and why), and what each metric says of it."""

    question: Question
    said: str
    problem: str
    scores: Mapping[str, float]


def _silent(_name: str, _done: int, _all: int) -> None:
    """Progress that nobody watches."""


def evaluate(
    model: str,
    named: Sequence[tuple[str, str | Path]],
    out: str | Path,
    *,
    key_env: str | None = None,
    in_flight: int = 16,
    max_ocr_tokens: int | None = None,
    against: str | Path | None = None,
    limit: int | None = None,
    progress: Progress = _silent,
) -> dict[str, dict[str, Any]]:
    """Ask a model all questions of some benchmarks, and judge its answers.

    Args:
        model: a reader's name, see `evaluation.readers`.
        named: names of benchmarks and where their files are.
        out: the folder for answers, `results.json` and galleries; run again, answers that are there are kept.
        key_env, in_flight, max_ocr_tokens: see `readers.build`.
        against: the folder of another evaluation, to tell the paired difference from.
        limit: ask only the first so many questions of each.
        progress: told the benchmark, how many questions are answered, and of how many.

    Returns:
        What `results.json` holds: for each benchmark its metric, value, low, high, n, by_kind and more.

    Raises:
        UsageError: for a model, benchmark or folder that can't be used.
        StopRun: if an endpoint can't go on; answers are kept.
    """
    folder = Path(out)
    loaded = _load_all(named, limit)
    reader = readers.build(model, folder, key_env=key_env, in_flight=in_flight, max_ocr_tokens=max_ocr_tokens)
    results: dict[str, dict[str, Any]] = {}
    for name, benchmark in loaded.items():
        answers, seconds = _answers(reader, model, benchmark, folder / name, partial(progress, name))
        results[name] = summary(answers, benchmark) | {"model": reader.name, "seconds": round(seconds, 1)}
        if against is not None:
            results[name]["against"] = _compared(answers, Path(against) / name, benchmark)
        write_gallery(folder / f"{name}.html", reader.name, name, answers, benchmark.metrics[0])
    _write_json(folder / RESULTS, results)
    return results


def _load_all(named: Sequence[tuple[str, str | Path]], limit: int | None) -> dict[str, Benchmark]:
    found: dict[str, Benchmark] = {}
    for name, path in named:
        benchmark = benchmarks.load(name, path)
        if limit is not None:
            benchmark.questions = benchmark.questions[:limit]
        key, number = name, 2
        while key in found:
            key, number = f"{name}-{number}", number + 1
        found[key] = benchmark
    return found


def _answers(
    reader: Reader, model: str, benchmark: Benchmark, folder: Path, progress: Callable[[int, int], None]
) -> tuple[list[Answer], float]:
    """Every question's answer, bought or computed only where it is not kept yet, and the seconds it took."""
    folder.mkdir(parents=True, exist_ok=True)
    pages = _pages(reader, benchmark, folder)
    asks = [
        Ask(benchmark.put(q), q.picture, pages.get(q.picture, ""), benchmark.max_new_tokens)
        for q in benchmark.questions
    ]
    log = _Predictions(folder / "predictions.jsonl", _identity(model, reader, benchmark, asks))
    left = [i for i, question in enumerate(benchmark.questions) if question.id not in log.known]
    done = len(asks) - len(left)
    started = time.monotonic()

    def told(place: int, outcome: Outcome[str]) -> None:
        nonlocal done
        log.put(benchmark.questions[left[place]].id, outcome)
        done += 1
        progress(done, len(asks))

    if left:
        reader.answer([asks[i] for i in left], told)
    log.close()
    return judge_all(benchmark, log.known), time.monotonic() - started


def judge_all(benchmark: Benchmark, known: Mapping[str, Mapping[str, str]]) -> list[Answer]:
    """What each metric says of each answer; a question without one is a wrong answer."""
    found = []
    for question in benchmark.questions:
        one = known.get(question.id, {"problem": "not asked"})
        said, problem = one.get("said", ""), one.get("problem", "")
        scores = dict.fromkeys(benchmark.metrics, 0.0) if problem else judged(said, question, benchmark.metrics)
        found.append(Answer(question, said, problem, scores))
    return found


def _pages(reader: Reader, benchmark: Benchmark, folder: Path) -> dict[Path, str]:
    """The pages' OCR text, where the reader has no eyes."""
    if reader.sees:
        return {}
    pictures = list(dict.fromkeys(question.picture for question in benchmark.questions))
    return read_pages(pictures, folder / "pages", given=benchmark.given_ocr)


def _identity(model: str, reader: Reader, benchmark: Benchmark, asks: Sequence[Ask]) -> str:
    """What decides the answers: the reader, its weights where they were trained here, and all that is asked."""
    trained = Path(model) / "training.json"
    weights = trained.read_text(encoding="utf-8") if trained.is_file() else ""
    shown = [[ask.text, str(ask.picture), ask.page, ask.max_new_tokens] for ask in asks]
    return digest(json.dumps([reader.name, weights, benchmark.name, shown]).encode())


class _Predictions:
    """Answers as they come, one a line, on disk at once; those of another model or other questions are set aside."""

    def __init__(self, path: Path, identity: str) -> None:
        self.known: dict[str, dict[str, str]] = {}
        rows = list(_json_lines(path))
        if rows and rows[0].get("identity") != identity:
            path.rename(path.with_suffix(f".{str(rows[0].get('identity'))[:12]}.jsonl"))
            rows = []
        for row in rows[1:]:
            if isinstance(row.get("id"), str):
                self.known[row["id"]] = row
        self._file = path.open("a", encoding="utf-8")
        self._write({} if rows else {"identity": identity})

    def put(self, id_: str, outcome: Outcome[str]) -> None:
        failed = isinstance(outcome, Failed)
        row = {"id": id_} | (
            {"problem": f"{outcome.category}: {outcome.message}"} if isinstance(outcome, Failed) else {"said": outcome}
        )
        if not failed or not outcome.retriable:  # type: ignore[union-attr]
            self._write(row)
        self.known[id_] = row

    def _write(self, row: dict[str, str]) -> None:
        # A torn last line of a killed run ends here, so that it can't swallow the next.
        self._file.write(("\n" if not row else json.dumps(row)) + ("" if not row else "\n"))
        self._file.flush()

    def close(self) -> None:
        self._file.close()


def _json_lines(path: Path) -> Iterable[dict[str, Any]]:
    if not path.is_file():
        return
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            row = json.loads(line)
        except ValueError:  # torn by a kill
            continue
        if isinstance(row, dict):
            yield row


def summary(answers: Sequence[Answer], benchmark: Benchmark) -> dict[str, Any]:
    """The benchmark's own metric with its interval over pictures, by kind, and the other metrics."""
    first = benchmark.metrics[0]
    whole = _interval(answers, first)
    kinds = sorted({answer.question.kind for answer in answers} - {""})
    by_kind = {kind: _row([a for a in answers if a.question.kind == kind], first) for kind in kinds}
    failed = sum(bool(answer.problem) for answer in answers)
    return {
        "metric": first,
        **_row(answers, first),
        "images": whole.clusters,
        "failed": failed,
        "by_kind": by_kind,
        "metrics": {name: _row(answers, name) for name in benchmark.metrics},
        "left_out": benchmark.left_out,
        "prompt": benchmark.prompt,
    }


def _interval(answers: Sequence[Answer], metric: str) -> intervals.Interval:
    return intervals.mean([a.scores[metric] for a in answers], [a.question.cluster for a in answers])


def _row(answers: Sequence[Answer], metric: str) -> dict[str, Any]:
    found = _interval(answers, metric)
    return {"value": round(found.value, 6), "low": round(found.low, 6), "high": round(found.high, 6), "n": found.n}


def _compared(answers: Sequence[Answer], folder: Path, benchmark: Benchmark) -> dict[str, Any]:
    """The paired difference from another model's answers to the same questions.

    Raises:
        UsageError: if there are none, or to other questions.
    """
    known = {row["id"]: row for row in _json_lines(folder / "predictions.jsonl") if "id" in row}
    missing = [answer.question.id for answer in answers if answer.question.id not in known]
    if missing:
        raise UsageError(f"{folder} holds no answers to {len(missing)} of these questions; evaluate that model on them")
    first = benchmark.metrics[0]
    other = judge_all(benchmark, known)
    mine, theirs = [a.scores[first] for a in answers], [a.scores[first] for a in other]
    found = intervals.difference(mine, theirs, [a.question.cluster for a in answers])
    return {
        "folder": str(folder),
        "difference": round(found.value, 6),
        "low": round(found.low, 6),
        "high": round(found.high, 6),
    }


def _write_json(path: Path, value: Any) -> None:
    temporary = path.with_name(f".{path.name}")
    temporary.write_text(json.dumps(value, indent=1, ensure_ascii=False), encoding="utf-8")
    temporary.rename(path)


def table_text(results: Mapping[str, Mapping[str, Any]]) -> str:
    """For a person."""
    lines = []
    for name, one in results.items():
        lines.append(
            f"{name}: {one['metric']} {_percent(one)} on {one['n']:,} questions about {one['images']:,} images"
        )
        lines += [f"  {kind:24} {_percent(row)}  n={row['n']:,}" for kind, row in one["by_kind"].items()]
        others = [
            f"{metric} {row['value'] * 100:.1f}" for metric, row in one["metrics"].items() if metric != one["metric"]
        ]
        lines.append(f"  also: {', '.join(others)}")
        if one["failed"]:
            lines.append(f"  {one['failed']:,} questions without an answer count as wrong")
        if one["left_out"]:
            lines.append(f"  left out: {'; '.join(f'{n:,} ({why})' for why, n in one['left_out'].items())}")
        if "against" in one:
            other = one["against"]
            lines.append(
                f"  against {other['folder']}: {other['difference'] * 100:+.1f} "
                f"[{other['low'] * 100:+.1f}, {other['high'] * 100:+.1f}]"
            )
    return "\n".join(lines)


def _percent(row: Mapping[str, Any]) -> str:
    return f"{row['value'] * 100:.1f} [{row['low'] * 100:.1f}, {row['high'] * 100:.1f}]"
