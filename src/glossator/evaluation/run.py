"""`glossator eval`: a model's answers to benchmarks, judged, with intervals, in a folder that can be gone on with."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from glossator import intervals
from glossator.errors import UsageError
from glossator.evaluation import benchmarks, predictions, readers
from glossator.evaluation.gallery import write_gallery
from glossator.evaluation.predictions import Predictions
from glossator.evaluation.questions import Benchmark, Question, judged
from glossator.evaluation.readers import Ask, EndpointReader, Reader
from glossator.fingerprint import fingerprint
from glossator.reading import read_pages
from glossator.results import Failed, Outcome, Usage

RESULTS = "results.json"
_WEIGHTS = ("*.safetensors", "*.bin", "*.gguf")
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
    max_usd: float | None = None,
    request: Mapping[str, Any] | None = None,
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
        key_env, in_flight, max_usd, request, max_ocr_tokens: see `readers.build`.
        against: the folder of another evaluation, to tell the paired difference from.
        limit: ask only the first so many questions of each.
        progress: told the benchmark, how many questions are answered, and of how many.

    Returns:
        What `results.json` holds: for each benchmark its metric, value, low, high, n, by_kind and more.

    Raises:
        UsageError: for a model, benchmark or folder that can't be used.
        StopRun: if an endpoint can't go on, or `max_usd` is spent; answers are kept.
    """
    folder = Path(out)
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file; give a folder with -o")
    loaded = _load_all(named, limit)
    others = {name: predictions.read(Path(against) / name) for name in loaded} if against is not None else {}
    reader = readers.build(
        model,
        folder,
        key_env=key_env,
        in_flight=in_flight,
        max_usd=max_usd,
        request=request,
        max_ocr_tokens=max_ocr_tokens,
    )
    results: dict[str, dict[str, Any]] = {}
    for name, benchmark in loaded.items():
        before = _bought(reader)
        answers, seconds = _answers(reader, model, benchmark, folder / name, partial(progress, name))
        results[name] = summary(answers, benchmark) | {"model": reader.name, "seconds": round(seconds, 1)}
        if isinstance(reader, EndpointReader):
            results[name]["bought"] = {key: now - before[key] for key, now in _bought(reader).items()}
        if name in others:
            results[name]["against"] = {"folder": str(against)} | compared(answers, others[name], benchmark)
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
    started = time.monotonic()
    pages = _pages(reader, benchmark, folder)
    asks = {
        question.id: Ask(
            benchmark.put(question), question.picture, pages.get(question.picture, ""), benchmark.max_new_tokens
        )
        for question in benchmark.questions
    }
    asked = {id_: _hash(ask) for id_, ask in asks.items()}
    with Predictions(folder, fingerprint([reader.identity, _weights(Path(model))]), asked) as log:
        left = [question for question in benchmark.questions if question.id not in log.known]
        if not reader.sees:
            for question in left:
                if question.picture not in pages:
                    log.put(question, Failed("engine", "the picture can't be read, so there is no text to show"))
            left = [question for question in left if question.id not in log.known]

        def told(place: int, outcome: Outcome[str]) -> None:
            log.put(left[place], outcome)
            progress(len(log.known), len(asks))

        progress(len(log.known), len(asks))
        if left:
            reader.answer([asks[question.id] for question in left], told)
        return judge_all(benchmark, log.known), time.monotonic() - started


def _bought(reader: Reader) -> dict[str, float]:
    """What an endpoint's reader has bought in this run so far."""
    usage = reader.bought if isinstance(reader, EndpointReader) else Usage()
    return {"calls": usage.calls, "tokens_in": usage.tokens_in, "tokens_out": usage.tokens_out, "usd": usage.usd}


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
    """The pages' OCR text, where the reader has no eyes. Other OCR that comes with a benchmark is another workspace."""
    if reader.sees:
        return {}
    pictures = list(dict.fromkeys(question.picture for question in benchmark.questions))
    given = benchmark.given_ocr
    shown = sorted([str(picture), json.dumps(spans, default=str)] for picture, spans in given.items())
    name = f"pages-{fingerprint(shown)[:8]}" if given else "pages"
    return read_pages(pictures, folder / name, given=given)


def _hash(ask: Ask) -> str:
    """What decides an answer beside the reader. A picture is known by its name and size, wherever it lies."""
    size = ask.picture.stat().st_size if ask.picture.is_file() else -1
    return fingerprint([ask.text, ask.picture.name, size, ask.page, ask.max_new_tokens])


def _weights(folder: Path) -> list[list[Any]]:
    """Which weights lie in a model's folder, so that those that were trained anew are asked anew."""
    files = [path for pattern in _WEIGHTS for path in sorted(folder.glob(pattern))] if folder.is_dir() else []
    return [[path.name, path.stat().st_size, path.stat().st_mtime_ns] for path in files]


def summary(answers: Sequence[Answer], benchmark: Benchmark) -> dict[str, Any]:
    """The benchmark's own metric with its interval over pictures, by kind, and the other metrics."""
    first = benchmark.metrics[0]
    rows = {name: _row(answers, name) for name in benchmark.metrics}
    kinds = sorted({answer.question.kind for answer in answers} - {""})
    return {
        "metric": first,
        **rows[first],
        "images": len({answer.question.cluster for answer in answers}),
        "failed": sum(bool(answer.problem) for answer in answers),
        "by_kind": {kind: _row([a for a in answers if a.question.kind == kind], first) for kind in kinds},
        "metrics": rows,
        "left_out": benchmark.left_out,
        "prompt": benchmark.prompt,
    }


def _row(answers: Sequence[Answer], metric: str) -> dict[str, Any]:
    found = intervals.mean([a.scores[metric] for a in answers], [a.question.cluster for a in answers])
    return {"value": round(found.value, 6), "low": round(found.low, 6), "high": round(found.high, 6), "n": found.n}


def compared(answers: Sequence[Answer], other: Mapping[str, Mapping[str, str]], benchmark: Benchmark) -> dict[str, Any]:
    """The paired difference from another model's answers, on the questions that both were asked.

    Raises:
        UsageError: if there is none.
    """
    metric = benchmark.metrics[0]
    theirs = {answer.question.id: answer for answer in judge_all(benchmark, other)}
    both = [a for a in answers if other.get(a.question.id, {}).get("question") == a.question.text]
    if not both:
        raise UsageError(f"the other model was asked none of these questions of {benchmark.name}")
    found = intervals.difference(
        [a.scores[metric] for a in both],
        [theirs[a.question.id].scores[metric] for a in both],
        [a.question.cluster for a in both],
    )
    return {
        "difference": round(found.value, 6),
        "low": round(found.low, 6),
        "high": round(found.high, 6),
        "n": found.n,
    }


def _write_json(path: Path, value: Any) -> None:
    temporary = path.with_name(f".{path.name}")
    temporary.write_text(json.dumps(value, indent=1), encoding="utf-8")
    temporary.replace(path)


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
        if one.get("bought", {}).get("calls"):
            paid = one["bought"]
            tokens = paid["tokens_in"] + paid["tokens_out"]
            lines.append(f"  bought: {paid['calls']:,} replies, {tokens:,} tokens, {paid['usd']:.2f} US dollars")
        if "against" in one:
            other = one["against"]
            lines.append(
                f"  against {other['folder']}: {other['difference'] * 100:+.1f} "
                f"[{other['low'] * 100:+.1f}, {other['high'] * 100:+.1f}] on {other['n']:,} questions"
            )
    return "\n".join(lines)


def _percent(row: Mapping[str, Any]) -> str:
    return f"{row['value'] * 100:.1f} [{row['low'] * 100:.1f}, {row['high'] * 100:.1f}]"
