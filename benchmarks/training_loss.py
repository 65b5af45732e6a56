"""Seconds of a training step with TRL's own loss, and with ours, which computes logits at the answers' places alone.

    python benchmarks/training_loss.py [--steps 2] [--length 200] [--batch 2]

SmolLM2-135M with adapters on made-up receipts, forward and backward, both in turn in one process. On a machine with
CUDA both are TRL's: its fused head is fast there.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from models import line
from trl import SFTTrainer

from glossator.engines.base import Turn
from glossator.training import collate, model
from glossator.training.arguments import arguments, precision
from glossator.training.encode import IGNORED
from glossator.training.samples import Conversation
from glossator.training.settings import TrainRecipe, parse
from glossator.training.trainer import trainer_class


def samples(count: int, tokens: int, size: Any) -> list[Conversation]:
    """Receipts of about so many tokens, each with two questions and answers about it."""
    found = []
    for number in range(count):
        rng = random.Random(number)
        lines = [line(rng)]
        while size("\n".join(lines)) < tokens - 60:
            lines.append(line(rng))
        asked = []
        for text in rng.sample(lines, 2):
            label, _, price = text.rpartition(" ")
            asked.append((Turn("user", f"What does {label} cost?"), Turn("assistant", f"{label} costs {price}.")))
        found.append(Conversation(str(number), str(number), (), "\n".join(lines), tuple(asked)))
    return found


def recipe(batch: int) -> TrainRecipe:
    tree = {"model": {"name": "smollm2-135m"}, "optimizer": {"batch_size": batch}, "data": {"max_ocr_tokens": 4096},
            "tune": {"lora": {"dropout": 0.0}}}  # fmt: skip
    return parse(tree, "benchmark")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=2)
    parser.add_argument("--length", type=int, default=200, help="tokens of a sample")
    parser.add_argument("--batch", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        compare(options, Path(name))


def compare(options: argparse.Namespace, out: Path) -> None:
    chosen = recipe(options.batch)
    device = model.default_device()
    types = precision(chosen, device)
    spec = chosen.model.model_copy(update={"dtype": types.weights})
    loaded = model.load(spec, device)
    made = samples(options.batch, options.length, loaded.encoder.count)
    rows = collate.rows_of_text(made, chosen.data, loaded)
    tuned = model.freeze(loaded.model, chosen.tune, widen=True)
    args = arguments(chosen, types, out, sees=False)
    trainers = {
        name: cls(tuned, args=args, train_dataset=rows, processing_class=loaded.owner)
        for name, cls in (("TRL", SFTTrainer), ("ours", trainer_class()))
    }
    seconds: dict[str, list[float]] = {name: [] for name in trainers}
    losses = dict.fromkeys(trainers, 0.0)
    for step in range(options.steps + 1):
        for name, trainer in trainers.items():
            batch = next(iter(trainer.get_train_dataloader()))
            learned = (batch["labels"] != IGNORED).sum()
            tuned.train()
            started = time.perf_counter()
            losses[name] = float(trainer.training_step(tuned, dict(batch), learned))
            if step:  # the first one warms up
                seconds[name].append(time.perf_counter() - started)
            tuned.zero_grad()
    rows_, tokens = batch["labels"].shape
    print(f"{device}, {torch.get_num_threads()} threads, {types.weights}; {rows_} x {tokens} tokens, {learned} learned")
    middle = {name: statistics.median(taken) for name, taken in seconds.items()}
    for name, taken in middle.items():
        print(f"{name:5} {taken:7.2f} s a step, loss {losses[name]:.4f}")
    print(f"times faster {middle['TRL'] / middle['ours']:.2f}")


if __name__ == "__main__":
    main()
