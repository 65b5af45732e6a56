"""Questions and test questions by the million: two parts of `duplicates.py`."""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import polars as pl
from duplicates_figures import peak, told, took

from glossator.copies import test_sets
from glossator.stages.dedup import DedupSettings, DedupStage
from glossator.stages.leaks import LeaksSettings, LeaksStage

SEED = 6
PAIRS_AN_IMAGE = 9
TEMPLATES = (
    "What is the {noun} printed next to '{label}' on this {kind}?",
    "How much was paid for {name} at {place} on {day} May 2026?",
    "According to the {kind}, which {noun} does {name} give for the {label} in the row of {place}?",
    "What does the {kind} say under '{label}'?",
    "Who signed the {kind} about the {noun} of {place}, and for which {label} was it issued by {name}?",
)
SYLLABLES = ("ba", "co", "di", "fu", "ga", "he", "ji", "ko", "lu", "ma", "ne", "po", "ra", "so", "tu", "vi", "wa", "ze")


def word(draw: random.Random, length: int = 3) -> str:
    return "".join(draw.choices(SYLLABLES, k=length))


def asked(draw: random.Random) -> tuple[str, str]:
    values = {
        "noun": draw.choice(["amount", "number", "date", "rate", "name"]),
        "kind": draw.choice(["receipt", "form", "chart", "page"]),
        "label": word(draw, 2).title(),
        "name": word(draw).title(),
        "place": word(draw).title(),
        "day": str(draw.randint(1, 28)),
    }
    return draw.choice(TEMPLATES).format(**values), f"{draw.randint(1, 400)}.{draw.randint(0, 99):02d}"


def reworded(question: str, draw: random.Random) -> str:
    """Another case and punctuation, and a small word put before or behind."""
    question = draw.choice([f"Please: {question}", f"{question[:-1]}, please?", question.upper(), question[:-1]])
    return question.replace("'", draw.choice(["'", '"', ""]))


def drafts(pairs: list[tuple[str, str]], images: list[int]) -> pl.LazyFrame:
    """Pairs of question and answer in the shape of the table, as far as `dedup` and `leaks` read it."""
    columns = {
        "pair_id": [f"{image:016x}-{row:012x}" for row, image in enumerate(images)],
        "image_id": [f"{image:016x}" for image in images],
        "question": [question for question, _ in pairs],
        "answer": [answer for _, answer in pairs],
        "repaired_from": [None] * len(pairs),
    }
    return pl.DataFrame(columns, schema_overrides={"repaired_from": pl.String}).lazy()


def questions(_data: Path, items: int) -> Iterator[str]:
    draw = random.Random(SEED)
    planted = items // 100
    first = items - planted
    pairs = [asked(draw) for _ in range(first)]
    of = draw.sample(range(first), planted)
    pairs += [(reworded(pairs[row][0], draw), pairs[row][1]) for row in of]
    table = drafts(pairs, [row // PAIRS_AN_IMAGE for row in (*range(first), *of)])
    del pairs
    yield f"{items:,} pairs made; peak memory so far {peak():,.0f} MB"
    started, cpu = time.monotonic(), time.process_time()
    found = DedupStage(DedupSettings()).run({"drafts": table}).collect()
    yield took(f"stage dedup over {items:,} pairs", started, cpu)
    ids = found["pair_id"]
    right = (found["question_copy_of"][first:] == ids.gather(of)).sum()
    yield told("planted near-duplicates found", int(right or 0), planted)
    yield told("others taken for near-duplicates", found["question_copy_of"][:first].count(), first)
    yield f"templates: {found['template'].n_unique():,}"


def texts(_data: Path, items: int) -> Iterator[str]:
    draw = random.Random(SEED)
    tests = [asked(draw) for _ in range(10_000)]
    planted = draw.sample(range(len(tests)), 1_000)
    first = items - len(planted)
    pairs = [asked(draw) for _ in range(first)]
    pairs += [(reworded(tests[row][0], draw), tests[row][1]) for row in planted]
    table = drafts(pairs, [row // PAIRS_AN_IMAGE for row in range(items)])
    del pairs
    yield f"{items:,} pairs made; peak memory so far {peak():,.0f} MB"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tests.parquet"
        test_sets.write(
            path, "bench", 13, [test_sets.question_row(str(i), q, (a,), 13) for i, (q, a) in enumerate(tests)]
        )
        started, cpu = time.monotonic(), time.process_time()
        found = LeaksStage(LeaksSettings(test_sets=(str(path),))).run({"drafts": table}).collect()
        yield took(f"stage leaks over {items:,} pairs, 10,000 test questions", started, cpu)
    told_items = found["text_leak"].str.extract(r"^bench: (\d+) ")
    right = (told_items[first:] == pl.Series([str(row) for row in planted])).sum()
    yield told("planted, reworded test questions found", int(right or 0), len(planted))
    yield told("others taken for them", found["text_leak"][:first].count(), first)
