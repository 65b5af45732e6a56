"""Trains and evaluates a LLaVA that is built from a config, on pictures of text that are drawn here.

    python benchmarks/training.py [--size tiny|mid] [--method lora|full] [--pictures 64] [--steps 20]

Prints throughput, memory, the loss curve, and ANLS on other pictures. The weights begin at random, so that the losses
show that training works, not that the model reads: nothing is downloaded.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import tempfile
from pathlib import Path
from typing import Any

from models import SIZES, WORDS, tokenizer, vision_model
from PIL import Image, ImageDraw, ImageFont

from glossator.evaluation.run import evaluate
from glossator.training.run import train
from glossator.training.settings import parse


def tiny_model(folder: Path) -> str:
    """LLaVA of 2 + 2 small layers and 16 patches, for a CPU."""
    import torch
    import transformers as t
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    tokens = tokenizer()
    text = t.LlamaConfig(
        vocab_size=len(tokens), hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=2048, pad_token_id=0, bos_token_id=0, eos_token_id=0,
    )  # fmt: skip
    tower = t.CLIPVisionConfig(
        hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=2, image_size=56, patch_size=14
    )
    config = t.LlavaConfig(
        vision_config=tower, text_config=text, image_token_index=tokens.convert_tokens_to_ids("<image>")
    )
    torch.manual_seed(0)
    t.LlavaForConditionalGeneration(config).save_pretrained(folder)
    t.LlavaProcessor(
        image_processor=CLIPImageProcessorPil(size={"shortest_edge": 56}, crop_size={"height": 56, "width": 56}),
        tokenizer=tokens,
        patch_size=14,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=tokens.chat_template,
    ).save_pretrained(folder)
    return str(folder)


def draw(folder: Path, count: int, seed: int) -> list[tuple[str, list[tuple[str, str]]]]:
    """Pictures of receipts, and the words with their prices on each."""
    made = []
    for number in range(count):
        rng = random.Random(f"{seed}:{number}")
        lines = [(word, f"{rng.randint(1, 99)}.{rng.randint(10, 99)}") for word in rng.sample(WORDS, 4)]
        picture = Image.new("RGB", (336, 336), "white")
        pen = ImageDraw.Draw(picture)
        for i, (word, price) in enumerate(lines):
            pen.text((16, 24 + 76 * i), f"{word.upper()} {price}", fill="black", font=ImageFont.load_default(40))
        name = f"{seed}-{number}.png"
        picture.save(folder / name)
        made.append((name, lines))
    return made


def data_set(folder: Path, count: int) -> tuple[Path, Path]:
    """A training set in LLaVA's form with an explanation to each answer, and a source with questions about others."""
    rows = []
    for name, lines in draw(folder, count, 0):
        turns = []
        for word, price in lines:
            how = f"{price} is printed right of {word.upper()}."
            for speaker, text in (("human", f"What does {word} cost?"), ("gpt", price), ("human", "How do you know?"),
                                  ("gpt", how)):  # fmt: skip
                turns.append({"from": speaker, "value": text})
        turns[0]["value"] = f"<image>\n{turns[0]['value']}"
        rows.append({"id": name, "image": name, "conversations": turns})
    (folder / "train.json").write_text(json.dumps(rows), encoding="utf-8")
    asked = [
        {"id": name, "image": name, "kind": "receipt",
         "qa": [{"question": f"What does {word} cost?", "answers": [price]} for word, price in lines]}
        for name, lines in draw(folder, max(4, count // 8), 1)
    ]  # fmt: skip
    (folder / "test.jsonl").write_text("\n".join(map(json.dumps, asked)), encoding="utf-8")
    return folder / "train.json", folder / "test.jsonl"


def recipe(options: argparse.Namespace, name: str) -> Any:
    full = options.method == "full"
    tree = {
        "model": {"name": name, "quantization": options.quantization},
        "tune": {"method": options.method, "projector": True, "vision": False},
        "optimizer": {"learning_rate": 2e-5 if full and options.size == "mid" else 1e-3, "max_steps": options.steps,
                      "batch_size": options.batch},
        "run": {"logging_steps": 1, "workers": options.workers,
                "gradient_checkpointing": options.gradient_checkpointing},
    }  # fmt: skip
    return parse(tree, "benchmark")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=["tiny", "mid"], default="tiny")
    parser.add_argument("--method", choices=["lora", "full"], default="lora")
    parser.add_argument("--quantization", choices=["4bit", "8bit"])
    parser.add_argument("--pictures", type=int, default=64)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--gradient-checkpointing", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        measure(options, Path(name))


def measure(options: argparse.Namespace, folder: Path) -> None:
    made = tiny_model(folder / "model") if options.size == "tiny" else vision_model("mid", folder / "model")
    (folder / "data").mkdir()
    learn, ask = data_set(folder / "data", options.pictures)
    trained = train(learn, folder / "out", recipe(options, made))
    results = evaluate(str(folder / "out"), [("records", ask)], folder / "eval")["records"]
    losses = [float(line["loss"]) for line in trained.curve if "loss" in line]
    passes = trained.steps * options.batch / trained.samples
    size = "2 layers over 2" if options.size == "tiny" else f"{SIZES['mid']['num_hidden_layers']} layers over a ViT-B"
    memory = trained.memory_mb or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    whose = "of the device" if trained.memory_mb else "of the process"
    share = trained.learned_tokens / trained.tokens
    print(f"LLaVA of {size}, {options.method}, {options.quantization or 'not quantised'}; {trained.device}")
    print(f"moving parameters  {', '.join(f'{part} {count:,}' for part, count in trained.moving.items())}")
    print(f"samples/s          {trained.steps * options.batch / trained.seconds:8.2f}")
    print(f"tokens/s           {trained.tokens * passes / trained.seconds:8.0f}   ({share:.1%} of them learned)")
    print(f"peak memory        {memory:8.0f} MB {whose}")
    print(f"loss               {losses[0]:.3f} -> {losses[-1]:.3f} in {trained.steps} steps")
    print(f"curve              {' '.join(f'{loss:.2f}' for loss in losses)}")
    asked = f"{results['n']} questions in {results['seconds']} s"
    print(f"eval               {results['metric']} {results['value']:.3f}, {asked}")
    if not losses[-1] < losses[0]:
        raise SystemExit("the loss did not fall")


if __name__ == "__main__":
    main()
