"""Scoring against one forward pass a text and condition at batch 1, as Cherry_LLM, Superfiltering and data-juicer do.

    python benchmarks/scoring.py [--model embedded|small|mid|vision|vision-mid|PATH] [--pages 4] [--device cuda]

Nine pairs a page, a page of about 500 tokens, all ten conditions. The plain way gets its token ids and its pixels for
nothing here, and computes logits at every position, as those tools do. `raw` is what the same model does with the same
number of distinct tokens (what is left when nothing is computed twice) in plain batches. Losses are compared, too.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from models import line, text_model, vision_model
from PIL import Image

from glossator.engines import registry
from glossator.engines.base import LossItem, Runtime, Session
from glossator.engines.loss.conversations import Tokenised
from glossator.recipe import EngineSpec
from glossator.records import ImageRecord, Page, Pair, Sample
from glossator.results import Failed
from glossator.stages.score import conditions

PAIRS = 9


class NoReplies:
    def get(self, _key: str) -> dict[str, Any] | None:
        return None

    def put(self, _key: str, _reply: dict[str, Any]) -> None:
        raise RuntimeError("nothing is bought here")


def pages(count: int, folder: Path, tokens: Callable[[str], int]) -> list[tuple[Sample, list[Pair]]]:
    """Made-up receipts of about 500 tokens with a picture, and nine pairs on each."""
    found = []
    for number in range(count):
        rng = random.Random(number)
        lines = [line(rng)]
        while tokens("\n".join(lines)) < 490:
            lines.append(line(rng))
        Image.effect_noise((400, 600), 60 + number).convert("RGB").save(folder / f"{number}.png")
        image = ImageRecord(str(number), str(number), f"{number}.png", "", 400, 600)
        sample = Sample(str(folder), image, Page(image.image_id, "made", (), "\n".join(lines)))
        found.append((sample, [pair(rng, sample, i, lines) for i in range(PAIRS)]))
    return found


def pair(rng: random.Random, sample: Sample, number: int, lines: Sequence[str]) -> Pair:
    label, _, value = rng.choice(lines).rpartition(" ")
    how = f"I looked for {label} on the page; on the same line, at its right end, {value} is printed as its amount."
    return Pair(
        f"{sample.image.image_id}-{number}", sample.image.image_id, "", f"What is the amount printed for {label}?",
        f"{label} costs {value}", explain_question=f"How do you know that {label} costs that?", explain_answer=how,
    )  # fmt: skip


def plain(engine: Any, work: Sequence[Sequence[LossItem]], model: Any) -> tuple[float, list[float]]:
    """Seconds and losses of one pass a text and condition."""
    sequences = []
    for items in work:
        for shown in (False, True):
            prepared = engine.conversations.prepare([item for item in items if (item.image is not None) == shown])
            rows = [row for row in prepared.rows if isinstance(row, Tokenised)]
            sequences += [(row.sequence, prepared.inputs | prepared.token_types) for row in rows]
    found = []
    started = seconds()
    with torch.inference_mode():
        for sequence, inputs in sequences:
            ids = torch.tensor([sequence.ids], device=model.device)
            labels = torch.full_like(ids, -100)
            ((start, end),) = sequence.scored
            labels[0, start:end] = ids[0, start:end]
            cast = {
                name: value.to(model.dtype) if value.is_floating_point() else value for name, value in inputs.items()
            }
            found.append(model(input_ids=ids, labels=labels, **cast).loss.item() * (end - start))
    return seconds() - started, found


def _cast(value: Any, dtype: Any) -> Any:
    return value.to(dtype) if value.is_floating_point() else value


def raw(model: Any, tokens: int, rows: int = 8, width: int = 128) -> float:
    """Tokens a second of plain batched passes, logits included. The best of three shapes."""
    rates = []
    for shape in ((rows, width), (rows // 2, width * 2), (rows // 4, width * 4)):
        ids = torch.randint(0, 1000, shape, device=model.device)
        passes = max(1, round(tokens / ids.numel()))
        with torch.inference_mode():
            model(input_ids=ids, use_cache=False)
            started = seconds()
            for _ in range(passes):
                model(input_ids=ids, use_cache=False)
            rates.append(passes * ids.numel() / (seconds() - started))
    return float(max(rates))


def seconds() -> float:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()


def engine_of(options: argparse.Namespace, folder: Path) -> Any:
    made: dict[str, Callable[[], str]] = {  # by name of --model
        "small": lambda: text_model("small", folder / "model"),
        "mid": lambda: text_model("mid", folder / "model"),
        "vision": lambda: vision_model("small", folder / "model"),
        "vision-mid": lambda: vision_model("mid", folder / "model"),
    }
    spec: dict[str, Any] = {"kind": "embedded"}
    if options.model != "embedded":
        make = made.get(options.model)
        spec = {"kind": "hf", "model": make() if make else options.model, "device": options.device}
    if options.batch_tokens:
        spec["batch_tokens"] = options.batch_tokens
    spec["dtype"] = options.dtype
    return registry.build("loss", EngineSpec.model_validate(spec), Runtime(threads=options.threads))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="embedded", help="embedded, small, mid, vision, vision-mid, or a folder")
    parser.add_argument("--pages", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default="auto")
    parser.add_argument("--batch-tokens", type=int)
    parser.add_argument("--rounds", type=int, default=1, help="measure so often, in turn, and take the medians")
    parser.add_argument("--equal-to-cpu", type=float, metavar="TOLERANCE", help="compare a page with the CPU, float32")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        compare(options, Path(name))


def compare(options: argparse.Namespace, folder: Path) -> None:
    engine = engine_of(options, folder)
    tokens = engine.conversations.count
    work = [
        [item for one in pairs for item in conditions(sample, one).values()]
        for sample, pairs in pages(options.pages, folder, tokens)
    ]
    items = [item for page in work for item in page]
    if options.equal_to_cpu:
        check_against_cpu(options, engine, work[0])
    engine.losses(work[0], Session(NoReplies()))  # warm
    ours_s, theirs_s, single_s, rates = [], [], [], []
    for _ in range(options.rounds):
        before = engine.scorer.tokens
        started = seconds()
        outcomes = engine.losses(items, Session(NoReplies()))
        ours_s.append(seconds() - started)
        distinct = engine.scorer.tokens - before
        taken, wanted = plain(engine, work, engine.model)
        theirs_s.append(taken)
        rates.append(raw(engine.model, distinct))
        if engine.model.dtype != torch.float32:
            single_s.append(plain(engine, work[:1], engine.model.float())[0] * len(work))
            engine.model.to(getattr(torch, options.dtype) if options.dtype != "auto" else torch.bfloat16)
    report(options, engine, (ours_s, theirs_s, single_s, rates), distinct, (outcomes, wanted, work))


def check_against_cpu(options: argparse.Namespace, engine: Any, items: Sequence[LossItem]) -> None:
    """Stop if the mean loss of any text differs from the CPU's by more than the tolerance, relative."""
    spec = {"kind": "hf", "model": engine.spec.model, "device": "cpu", "dtype": "float32"}
    cpu = registry.build("loss", EngineSpec.model_validate(spec), Runtime(threads=os.cpu_count() or 1))
    pairs = zip(engine.losses(items, Session(NoReplies())), cpu.losses(items, Session(NoReplies())), strict=True)
    worst = max(abs(a[0].nll - b[0].nll) / b[0].nll for a, b in pairs)
    print(f"differs from the CPU by   {worst:8.1e} at most ({len(items)} texts)")
    if worst > options.equal_to_cpu:
        raise SystemExit(f"more than {options.equal_to_cpu:g}")


def report(options: argparse.Namespace, engine: Any, times: Any, distinct: int, losses: Any) -> None:
    ours, theirs, rate = (statistics.median(times[i]) for i in (0, 1, 3))
    outcomes, wanted, work = losses
    scored = zip(order_of_plain(work), wanted, strict=True)
    pairs = [(outcomes[i][0].nll, nll) for i, nll in scored if not isinstance(outcomes[i], Failed)]
    print(f"{engine.name}, {options.device}, {options.threads} threads, {len(work)} pages, {len(outcomes)} texts")
    print(f"plain: one pass a text    {theirs:8.2f} s")
    print(f"engine                    {ours:8.2f} s   {distinct} tokens with padding")
    print(f"times faster              {theirs / ours:8.2f}")
    if times[2]:
        print(f"times faster than float32 {statistics.median(times[2]) / ours:8.2f}")
    print(f"of raw batched tokens/s   {distinct / ours / rate:8.2f}   ({distinct / ours:.0f} of {rate:.0f})")
    worst = max(abs(a - b) / b for a, b in pairs)
    whole = abs(sum(a for a, _ in pairs) / sum(b for _, b in pairs) - 1)
    print(f"losses differ by          {whole:8.1e} in sum, {worst:.1e} at most")


def order_of_plain(work: Sequence[Sequence[LossItem]]) -> list[int]:
    """The plain way takes each page's conditions without the image first."""
    order, at = [], 0
    for items in work:
        for shown in (False, True):
            order += [at + i for i, item in enumerate(items) if (item.image is not None) == shown]
        at += len(items)
    return order


if __name__ == "__main__":
    main()
