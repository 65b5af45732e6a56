"""A small reader before and after training on the embedded data set, on held-out images: ANLS, interval, minutes.

    python benchmarks/reader.py --source records.jsonl -o work

The source goes through `glossator build` (pages read by RapidOCR, whatever OCR the records bring along). A third of
its images is held out of `glossator train -r ocr-lm`; `glossator eval` asks both readers the human questions about
them.
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
from pathlib import Path

import glossator
from glossator.evaluation.run import evaluate, table_text
from glossator.jobs.sources import Source
from glossator.recipe import load as load_recipe
from glossator.study.cells import image_id_of
from glossator.training import run
from glossator.training.samples import held_out
from glossator.training.settings import DataSettings, load

TEST_SHARE = 1 / 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", type=Path, default=Path("../shared/data/records.jsonl"))
    parser.add_argument("-o", "--out", type=Path, default=Path("build/reader"))
    parser.add_argument("-r", "--recipe", default="ocr-lm")
    chosen = parser.parse_args()
    if not chosen.source.is_file():
        print(f"{chosen.source} is not there: nothing was measured")
        return
    began = time.monotonic()
    workspace = glossator.build(chosen.source, chosen.out / "ws", load_recipe("embedded", {"ocr.use_given": False}))
    built = time.monotonic()
    recipe = load(chosen.recipe, {"data.test_share": TEST_SHARE})
    trained = run.train(workspace.path, chosen.out / "model", recipe)
    learned = time.monotonic()
    named = [("records", _test_records(chosen.source, chosen.out / "test", recipe.data))]
    base = evaluate(f"{chosen.recipe}:base", named, chosen.out / "base")
    tuned = evaluate(str(chosen.out / "model"), named, chosen.out / "tuned", against=chosen.out / "base")
    ended = time.monotonic()
    print(
        f"{trained.samples} conversations, {trained.steps} steps, last loss {trained.loss}; left out {trained.left_out}"
    )
    print(f"untuned\n{table_text(base)}\ntuned\n{table_text(tuned)}")
    print(f"minutes: build {(built - began) / 60:.1f}, train {(learned - built) / 60:.1f}, ", end="")
    print(f"both evaluations {(ended - learned) / 60:.1f}")


def _test_records(source: Path, folder: Path, settings: DataSettings) -> Path:
    """The records of held-out images, without their OCR, beside copies of their pictures."""
    found = Source.open(source)
    folder.mkdir(parents=True, exist_ok=True)
    lines = []
    for raw in found.records():
        picture = found.root / str(raw.fields.get("image"))
        if raw.problem or not picture.is_file() or not held_out(image_id_of(picture), settings):
            continue
        copy = folder / raw.fields["image"]
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(picture, copy)
        lines.append(json.dumps({key: value for key, value in raw.fields.items() if key != "ocr"}))
    path = folder / "test.jsonl"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


if __name__ == "__main__":
    main()
