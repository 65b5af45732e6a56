"""How many human answers are pointed at: found among the OCR of their page, with boxes that hold all of them.

    python benchmarks/evidence.py WORKSPACE [--source ../shared/data/records.jsonl] [--show]

The answers are those of the source's ground truth (`fields` and human `qa`), none of which the pipeline has seen. One
is *located* when its grounding is 0.85 or more, and *covered* when the texts of its boxes hold 0.85 of its characters
too; `operands` counts answers that are not printed but that two printed numbers give by the operation asked for.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from pathlib import Path

from rapidfuzz import fuzz

import glossator
from glossator.records import Evidence, Pair, Sample
from glossator.schemas import from_arrow
from glossator.stages.measured import with_answer_measured
from glossator.text import fold
from glossator.truth import truths

BOUND = 0.85
MEASURED = ("located", "covered", "operands")


def covered(answer: str, evidence: tuple[Evidence, ...]) -> bool:
    """Whether the words of an answer stand in the texts of its evidence, whatever their order."""
    text = "".join(fold(piece.text) for piece in evidence)
    words = [word for part in answer.split() if (word := fold(part))]
    held = sum(len(word) * fuzz.partial_ratio(word, text) / 100 for word in words if len(word) <= len(text))
    return held >= BOUND * sum(map(len, words))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workspace", type=Path)
    parser.add_argument("--source", type=Path, default=Path(__file__).parents[2] / "shared/data/records.jsonl")
    parser.add_argument("--show", action="store_true", help="print what is not located or not covered")
    options = parser.parse_args()
    ws = glossator.open(options.workspace)
    images = {one.source_id: one for one in from_arrow("images", ws.table("images"))}
    pages = {one.image_id: one for one in from_arrow("ocr", ws.table("ocr"))}
    count: Counter[tuple[str, str]] = Counter()
    with options.source.open(encoding="utf-8") as file:
        for record in map(json.loads, file):
            image = images[record["id"]]
            sample = Sample("", image, pages[image.image_id])
            for truth in truths(record):
                if truth.human is False:
                    continue
                draft = Pair("", image.image_id, "", truth.question, truth.answers[0])
                pair = with_answer_measured(sample, draft)
                for kind in (image.kind, "all"):
                    count[kind, "answers"] += 1
                    count[kind, "located"] += (pair.grounding or 0) >= BOUND
                    count[kind, "operands"] += bool(pair.operation)
                    count[kind, "covered"] += (pair.grounding or 0) >= BOUND and covered(pair.answer, pair.evidence)
                if options.show and not ((pair.grounding or 0) >= BOUND and covered(pair.answer, pair.evidence)):
                    texts = [piece.text for piece in pair.evidence]
                    print(
                        image.kind,
                        f"{pair.grounding:.2f}",
                        pair.operation,
                        pair.question,
                        pair.answer,
                        texts,
                        sep=" | ",
                    )
    for kind in sorted({kind for kind, _ in count}):
        n = count[kind, "answers"]
        told = (f"{what} {count[kind, what] / n:.3f} ({count[kind, what]}/{n})" for what in MEASURED)
        print(f"{kind:<8} {'   '.join(told)}")


if __name__ == "__main__":
    main()
