"""What each score sees: planted defects, the AUC of each score against clean pairs, and what the defaults keep.

    python benchmarks/thresholds.py [--data ../shared/data/records.jsonl] [--pages 24] [--plot docs/img/thresholds.svg]

The clean pairs are what the embedded writer proposes on the human transcriptions, as far as the answer also stands in a
human annotation of the record. Five defects are planted in each: another page's text, a wrong answer from the same
page, a question from another pair, a foreign explanation, and an explanation that only repeats the question and answer.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl

from glossator.difficulty import scores
from glossator.engines import registry
from glossator.engines.base import Runtime, Session
from glossator.layout.reading_order import lines_text, reading_order
from glossator.recipe import EngineSpec
from glossator.records import ImageRecord, Losses, Page, Pair, Sample, Span
from glossator.schemas import to_arrow
from glossator.stages.explain import ExplainStage
from glossator.stages.extract import ExtractStage
from glossator.stages.filter import FilterSettings, FilterStage
from glossator.stages.score import ScoreStage
from glossator.text import fold

SCORES = ("ifd", "vfd", "mifd", "ffd")
DEFECTS = ("other page", "wrong answer", "wrong question", "foreign explanation", "redundant explanation")


class NoReplies:
    def get(self, _key: str) -> dict[str, Any] | None:
        return None

    def put(self, _key: str, _reply: dict[str, Any]) -> None:
        raise RuntimeError("nothing is bought here")


def sample(record: dict[str, Any]) -> Sample:
    spans = tuple(reading_order(tuple(Span(piece["text"], tuple(piece["box"])) for piece in record["ocr"])))
    image = ImageRecord(record["id"], record["id"], record["image"], "", 1000, 1500, record["kind"])
    return Sample("", replace(image, caption=record["caption"]), Page(record["id"], "human", spans, lines_text(spans)))


def clean_pairs(record: dict[str, Any], session: Session, writer: Any) -> tuple[Sample, list[Pair]]:
    """The page and its written pairs whose answers a person has annotated too."""
    page = sample(record)
    truth = json.dumps(record.get("fields") or record.get("qa") or "", ensure_ascii=False)
    drafts = ExtractStage(ExtractStage.Settings(), writer).run([page], session)[0]
    wanted = tuple(pair for pair in drafts if isinstance(pair, Pair) and fold(pair.answer) in fold(truth))
    pairs = ExplainStage(ExplainStage.Settings(), writer).run([replace(page, pairs=wanted)], session)[0]
    return page, [pair for pair in pairs if isinstance(pair, Pair) and pair.explain_answer]


def planted(
    page: Sample, pairs: Sequence[Pair], others: Sequence[tuple[Sample, list[Pair]]], rng: random.Random
) -> list[Sample]:
    """The page with its clean pairs and the defects that need its text; then another page with the same pairs."""
    rows = []
    for pair in pairs:
        foreign = rng.choice([other for _, found in others for other in found])
        spans = page.page.spans if page.page else ()
        lines = [span.text for span in spans if fold(span.text) not in fold(pair.answer)]
        bare = replace(pair, explain_question="", explain_answer="")
        repeats = f"The question is: {pair.question} The answer is {pair.answer}."
        rows += [
            named(pair, "clean"),
            named(replace(bare, answer=rng.choice([line for line in lines if len(line) > 3])), "wrong answer"),
            named(replace(bare, question=foreign.question), "wrong question"),
            named(replace(pair, explain_answer=foreign.explain_answer), "foreign explanation"),
            named(replace(pair, explain_answer=repeats), "redundant explanation"),
        ]
    other = rng.choice(others)[0]
    swapped = [named(replace(pair, explain_question="", explain_answer=""), "other page") for pair in pairs]
    other = replace(other, image=replace(other.image, image_id=f"{page.image.image_id} as {other.image.image_id}"))
    return [replace(page, pairs=tuple(rows)), replace(other, pairs=tuple(swapped))]


def named(pair: Pair, defect: str) -> Pair:
    return replace(pair, pair_id=f"{pair.pair_id}|{defect}")


def auc(clean: Sequence[float], bad: Sequence[float]) -> float:
    """Chance that a defective pair scores higher than a clean one; ties count half."""
    wins = sum((b > a) + 0.5 * (b == a) for a in clean for b in bad)
    return wins / (len(clean) * len(bad))


def interval(
    clean: Sequence[float], bad: Sequence[float], rng: random.Random, rounds: int = 200
) -> tuple[float, float]:
    """The 2.5th and 97.5th percentile of the AUC over bootstrap samples of the pairs."""
    again: Callable[[Sequence[float]], list[float]] = lambda values: rng.choices(values, k=len(values))  # noqa: E731
    found = sorted(auc(again(clean), again(bad)) for _ in range(rounds))
    return found[int(rounds * 0.025)], found[int(rounds * 0.975)]


def report(table: pl.DataFrame, rng: random.Random) -> None:
    clean = table.filter(defect="clean")
    for score in SCORES:
        marks = clean[score].drop_nulls()
        quantiles = "  ".join(f"{q:.2f}: {marks.quantile(q):.3f}" for q in (0.01, 0.05, 0.5, 0.9, 0.95, 0.99))
        print(f"clean {score:5}  n {len(marks):4}  {quantiles}")
    print("\ndefect                  score  AUC    95 % interval")
    for defect in DEFECTS:
        for score in SCORES:
            bad = table.filter(defect=defect)[score].drop_nulls().to_list()
            good = clean[score].drop_nulls().to_list()
            if bad:
                low, high = interval(good, bad, rng)
                print(f"{defect:23} {score:5}  {auc(good, bad):.3f}  {low:.3f}-{high:.3f}")
    print("\nkept by the default thresholds")
    for defect in ("clean", *DEFECTS):
        rows = table.filter(defect=defect)
        print(f"{defect:23} {rows['keep'].sum()} of {len(rows)}")


def judged(pairs: list[Pair], losses: list[Losses]) -> pl.DataFrame:
    """Every pair with its defect, scores and verdict. The defaults judge, but for the need of an explanation."""
    drafts, marks = (pl.DataFrame(pl.from_arrow(to_arrow(*what))) for what in (("drafts", pairs), ("losses", losses)))
    stage = FilterStage(FilterSettings(require_explanation=False))
    verdicts = stage.run({"drafts": drafts.lazy(), "losses": marks.lazy()}).collect()
    table = drafts.select("pair_id", "question", "answer", "explain_answer").join(verdicts, on="pair_id")
    table = table.join(scores(marks.lazy()).collect(), on="pair_id")
    return table.with_columns(pl.col("pair_id").str.split("|").list.last().alias("defect"))


def plot(table: pl.DataFrame, path: Path) -> None:
    """The scores' distributions as strips, one row a defect; the default bounds as lines."""
    bounds = FilterSettings()
    parts, width, row = [], 340, 26
    shown = [("mifd", ("clean", *DEFECTS[:3])), ("ffd", ("clean", *DEFECTS[3:]))]
    for panel, (score, defects) in enumerate(shown):
        left = 160 + panel * (width + 150)
        for limit in (getattr(bounds, f"{score}_max"), getattr(bounds, f"{score}_min", None)):
            if limit is not None:
                x = left + min(limit, 2) * width / 2
                parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="24" y2="140" stroke="#c33" stroke-dasharray="4 3"/>')
        parts.append(f'<text x="{left}" y="16" font-weight="bold">{score}, 0 to 2</text>')
        for line, defect in enumerate(defects):
            y = 40 + line * row
            parts.append(f'<text x="{left - 8}" y="{y + 4}" text-anchor="end">{defect}</text>')
            for value in table.filter(defect=defect)[score].drop_nulls():
                x = left + min(value, 2.0) * width / 2
                parts.append(f'<circle cx="{x:.1f}" cy="{y}" r="2.5" fill="#247" fill-opacity=".35"/>')
    size = 'width="1000" height="150" viewBox="0 0 1000 150"'
    style = 'font-family="sans-serif" font-size="12"'
    body = "\n".join(parts)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'<svg xmlns="http://www.w3.org/2000/svg" {size} {style}>\n{body}\n</svg>\n', encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[2] / "shared/data/records.jsonl")
    parser.add_argument("--pages", type=int, default=24)
    parser.add_argument("--plot", type=Path, help="write the distributions as SVG")
    parser.add_argument("--table", type=Path, help="write every pair with its scores as Parquet")
    options = parser.parse_args()
    rng, session = random.Random(1), Session(NoReplies())
    with options.data.open(encoding="utf-8") as file:
        records = [record for record in map(json.loads, file) if record.get("ocr")]
    writer = registry.build("writer", EngineSpec(kind="grounded"), Runtime(threads=1))
    found = (clean_pairs(record, session, writer) for record in rng.sample(records, len(records)))
    pages = [page for page, _ in zip((page for page in found if page[1]), range(options.pages), strict=False)]
    work = []
    for i, (page, pairs) in enumerate(pages):
        work += planted(page, pairs, pages[:i] + pages[i + 1 :], rng)
    engine = registry.build("loss", EngineSpec(kind="embedded"), Runtime(threads=1))
    losses = [row for rows in ScoreStage(ScoreStage.Settings(), engine).run(work, session) for row in rows]
    pairs = [pair for sample in work for pair in sample.pairs]
    table = judged(pairs, [row for row in losses if isinstance(row, Losses)])
    report(table, rng)
    if options.table:
        table.write_parquet(options.table)
    if options.plot:
        plot(table, options.plot)


if __name__ == "__main__":
    main()
