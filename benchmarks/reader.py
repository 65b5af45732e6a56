"""A small reader before and after training on the embedded data set, on held-out images: ANLS, interval, minutes.

    python benchmarks/reader.py --source records.jsonl -o work

A third of the images is held out. The rest goes through `glossator build` (pages read by RapidOCR, whatever OCR the
records bring along) and `glossator train -r ocr-lm`; `glossator eval` asks both readers
the human questions of the rest.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import glossator
from glossator.evaluation.run import evaluate, table_text
from glossator.jobs.sources import Source
from glossator.training import run
from glossator.training.samples import share_of
from glossator.training.settings import load

HELD_OUT = 1 / 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", type=Path, default=Path("../shared/data/records.jsonl"))
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("-r", "--recipe", default="ocr-lm")
    chosen = parser.parse_args()
    if not chosen.source.is_file():
        print(f"{chosen.source} is not there: nothing was measured")
        return
    source = Source.open(chosen.source)
    chosen.out.mkdir(parents=True, exist_ok=True)
    learn, test = _split(source, chosen.out)
    began = time.monotonic()
    workspace = glossator.build(learn, chosen.out / "ws", images=source.root, **{"ocr.use_given": False})
    built = time.monotonic()
    recipe = load(chosen.recipe, {"data.test_share": 0.0})
    trained = run.train(workspace.path, chosen.out / "model", recipe)
    named = [("records", test)]
    evaluate(f"{chosen.recipe}:base", named, chosen.out / "base")
    results = evaluate(str(chosen.out / "model"), named, chosen.out / "tuned", against=chosen.out / "base")
    ended = time.monotonic()
    print(f"{trained.samples} conversations, {trained.steps} steps, last loss {trained.loss}")
    print(table_text(json.loads((chosen.out / "base" / "results.json").read_text(encoding="utf-8"))))
    print(table_text(results))
    print(f"build {(built - began) / 60:.1f} min; train and both evaluations {(ended - built) / 60:.1f} min")


def _split(source: Source, out: Path) -> tuple[Path, Path]:
    """Records to build from and records to test by, each image on one side; the pictures lie where they lay."""
    learn, test = [], []
    for raw in source.records():
        record = {key: value for key, value in raw.fields.items() if key != "ocr"}
        (test if share_of(str(record.get("image")), seed=7) < HELD_OUT else learn).append(record)
    pictures = out / "test"
    pictures.mkdir(exist_ok=True)
    for record in test:
        link = pictures / record["image"]
        link.parent.mkdir(parents=True, exist_ok=True)
        if not link.exists():
            link.symlink_to((source.root / record["image"]).resolve())
    paths = out / "learn.jsonl", pictures / "test.jsonl"
    for path, records in zip(paths, (learn, test), strict=True):
        path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return paths


if __name__ == "__main__":
    main()
