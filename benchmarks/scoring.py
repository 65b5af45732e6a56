"""Scoring: times faster than one forward pass a sample and condition, as Cherry_LLM does it. Same model, same run.

    python benchmarks/scoring.py [--data ../shared/data/records.jsonl] [--pages 4]

`tokens` are those of the conversations as they would be fed one by one, so both rates count the same work. The plain
way computes logits for every position and repeats the page for each question; the engine shares and selects.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM

from glossator.engines import registry
from glossator.engines.base import LossItem, Runtime, Session
from glossator.engines.loss.embedded import EmbeddedLoss, EmbeddedSpec
from glossator.engines.loss.weights import model_path
from glossator.layout.reading_order import lines_text, reading_order
from glossator.recipe import EngineSpec
from glossator.records import ImageRecord, Page, Pair, Sample, Span
from glossator.results import Failed
from glossator.stages.explain import ExplainStage
from glossator.stages.extract import ExtractStage
from glossator.stages.score import conditions


class NoReplies:
    def get(self, _key: str) -> dict[str, Any] | None:
        return None

    def put(self, _key: str, _reply: dict[str, Any]) -> None:
        raise RuntimeError("nothing is bought here")


def samples(data: Path, count: int) -> list[Sample]:
    """The first receipts with human OCR and the pairs that the embedded writer proposes on them."""
    session = Session(NoReplies())
    writer = registry.build("writer", EngineSpec(kind="grounded"), Runtime(threads=1))
    found = []
    with data.open(encoding="utf-8") as file:
        records = [record for record in map(json.loads, file) if record["kind"] == "receipt"][:count]
    for record in records:
        spans = tuple(reading_order(Span(piece["text"], tuple(piece["box"])) for piece in record["ocr"]))
        image = ImageRecord(record["id"], record["id"], record["image"], "", 1000, 1500)
        one = Sample("", image, Page(record["id"], "human", spans, lines_text(spans)))
        for stage in (ExtractStage, ExplainStage):
            pairs = stage(stage.Settings(), writer).run([one], session)[0]
            one = replace(one, pairs=tuple(pair for pair in pairs if isinstance(pair, Pair)))
        found.append(one)
    return found


def plain_inputs(
    engine: EmbeddedLoss, groups: Sequence[Sequence[LossItem]]
) -> list[tuple[list[int], list[tuple[int, int]]]]:
    """Token ids and scored spans of every condition, one sequence for each scored text: Cherry_LLM's way."""
    sequences = []
    for items in groups:
        for item in items:
            shown = [other for other in items if other.image is not None] if item.image is not None else [item]
            context = engine._context(shown)
            branch = engine._branch(0, item, context)
            if isinstance(branch, Failed):
                continue
            prefix = [*engine._system, *(context or [])]
            for start, end in branch.scored:
                ids = [*prefix, *branch.ids[:end]]
                sequences.append((ids, [(len(prefix) + start, len(prefix) + end)]))
    return sequences


def plain(model: Any, sequences: Sequence[tuple[list[int], list[tuple[int, int]]]]) -> float:
    """Sum of all losses, one forward pass a sequence, logits everywhere."""
    total = 0.0
    with torch.inference_mode():
        for ids, spans in sequences:
            labels = torch.full((1, len(ids)), -100)
            for start, end in spans:
                labels[0, start:end] = torch.tensor(ids[start:end])
            loss = model(input_ids=torch.tensor([ids]), labels=labels).loss
            total += loss.item() * sum(end - start for start, end in spans)
    return total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[2] / "shared/data/records.jsonl")
    parser.add_argument("--pages", type=int, default=4)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    spec = EmbeddedSpec(dtype="float32")
    engine = EmbeddedLoss.build(spec, Runtime(threads=options.threads))
    model = AutoModelForCausalLM.from_pretrained(model_path(spec.model), dtype=torch.float32).eval()
    pages = samples(options.data, options.pages)
    groups = [[item for pair in page.pairs for item in conditions(page, pair).items] for page in pages]
    items = [item for group in groups for item in group]
    sequences = plain_inputs(engine, groups)
    tokens = sum(len(ids) for ids, _ in sequences)
    started = time.perf_counter()
    outcomes = engine.losses(items, Session(NoReplies()))
    ours = time.perf_counter() - started
    total = sum(loss.nll for found in outcomes if not isinstance(found, Failed) for loss in found)
    started = time.perf_counter()
    wanted = plain(model, sequences)
    theirs = time.perf_counter() - started
    pairs = sum(len(page.pairs) for page in pages)
    print(
        f"{len(pages)} pages, {pairs} pairs, {len(sequences)} scored texts, {tokens} tokens, {options.threads} threads"
    )
    print(f"one pass a text, batch 1  {tokens / theirs:8.0f} tokens/s  {pairs / theirs:6.2f} pairs/s")
    print(f"engine                    {tokens / ours:8.0f} tokens/s  {pairs / ours:6.2f} pairs/s")
    print(f"times faster              {theirs / ours:8.2f}")
    print(f"losses differ by          {abs(total - wanted) / wanted:8.1e}")


if __name__ == "__main__":
    main()
