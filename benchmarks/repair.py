"""How many planted defects come back repaired, and how many of those are right by what people said.

    python benchmarks/repair.py [--data ../shared/data/records.jsonl] [--kind receipt] [--out FOLDER]

Defects are planted as by `benchmarks/defects.py`; the grounded writer repairs what the default filter rejects. A pair
has come back if a new pair that names it is kept. It is right if its answer is that of a person to its question about
its image: the same figures, and of the letters nine in ten (OCR slips); `exact` wants all of them. Printed for both
ways of accepting a repair, by kind of image and for the two halves of the images that a hash parts: the first was
looked at while the rules were written. Intervals by bootstrap over images. About 25 minutes a kind on two idle cores.
"""

from __future__ import annotations

import argparse
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rapidfuzz.distance import Levenshtein

import glossator
from glossator.intervals import mean
from glossator.jobs import defects
from glossator.jobs.repairs import came_back
from glossator.jobs.sources import Source
from glossator.measure import measure_defects
from glossator.text import fold
from glossator.truth import truths

SETTINGS: dict[str, Any] = {
    "score.conditions": ["a", "a_q", "a_qi", "r_s", "r_qas", "r_si", "r_qasi", "q", "q_a"],
}
LETTERS = 0.9


@dataclass(frozen=True, slots=True)
class Fate:
    """One planted (or clean) pair, and what became of it."""

    kind: str
    image: str
    defect: str
    rejected: bool
    mended: bool
    back: bool
    right: bool
    exact: bool
    shown: str = ""


def fates(folder: Path, source: Path) -> Iterator[Fate]:
    """What became of each pair of a finished workspace with planted defects."""
    workspace = glossator.open(folder)
    tables = {name: workspace.scan(name) for name in ("pairs", "verdicts", "scores")}
    back = {row["pair_id"]: row for row in came_back(tables).to_dicts()}
    pairs = {row["pair_id"]: row for row in workspace.table("pairs").to_pylist()}
    images = {row["image_id"]: row for row in workspace.table("images").to_pylist()}
    answers = _answers(source)
    for row in defects.labelled({name: workspace.scan(name) for name in (*tables, "images")}).collect().to_dicts():
        fate = back.get(row["pair_id"])
        new = pairs[fate["new_id"]] if fate and fate["new_id"] else None
        known = answers.get((images[new["image_id"]]["path"], new["question"]), ()) if new else ()
        yield Fate(
            row["kind"],
            row["image_id"],
            row["defect"],
            fate is not None,
            bool(fate and fate["mended"]),
            new is not None,
            new is not None and is_right(new["answer"], known),
            new is not None and any(_plain(new["answer"]) == _plain(one) for one in known),
            f"{new['question']} {new['answer']!r}, not {list(known)[:2]}" if new else "",
        )


def _answers(source: Path) -> dict[tuple[str, str], tuple[str, ...]]:
    found: dict[tuple[str, str], tuple[str, ...]] = {}
    for raw in Source.open(source).records():
        for one in truths(raw.fields):
            key = (str(raw.fields["image"]), one.question)
            found[key] = (*found.get(key, ()), *one.answers)
    return found


def is_right(answer: str, known: tuple[str, ...]) -> bool:
    """Whether an answer is one of the known ones: all figures alike, and nine letters in ten."""
    said = _plain(answer)
    return any(
        bool(said)
        and re.sub(r"\D", "", said) == re.sub(r"\D", "", _plain(one))
        and Levenshtein.normalized_similarity(said, _plain(one)) >= LETTERS
        for one in known
    )


def _plain(text: str) -> str:
    return re.sub(r"^(?:rm|myr)", "", fold(text))


def half(image_id: str) -> int:
    """Which half an image belongs to."""
    return int(image_id[0], 16) % 2


def line(name: str, fates: list[Fate]) -> str:
    """One line of the table."""
    if not fates:
        return f"{name:34} none"
    images = [one.image for one in fates]
    right = mean([float(one.right) for one in fates], images)
    back = [one for one in fates if one.back]
    wrong = mean([float(not one.right) for one in back], [one.image for one in back]) if back else None
    counts = [sum(getattr(one, part) for one in fates) for part in ("rejected", "mended", "back", "right", "exact")]
    shares = f"{right.text():>20}  {wrong.text() if wrong else '':>20}"
    return f"{name:34} {len(fates):6}" + "".join(f"{count:9}" for count in counts) + f"  {shares}"


def table(found: list[Fate], title: str) -> str:
    """All defects, the two sorts of the promise together, each half and each kind."""
    head = f"{title:34} {'pairs':>6}" + "".join(
        f"{name:>9}" for name in ("rejected", "mended", "back", "right", "exact")
    )
    lines = [head + f"  {'right, % of planted':>20}  {'wrong, % of back':>20}"]
    planted = (*defects.DEFECTS, defects.CLEAN)
    lines += [line(defect, [one for one in found if one.defect == defect]) for defect in planted]
    promised = [one for one in found if one.defect in ("wrong answer", "redundant explanation")]
    lines.append(line("wrong answer, redundant expl.", promised))
    lines.append(line("all planted", [one for one in found if one.defect != defects.CLEAN]))
    return "\n".join(lines)


def main() -> None:
    """Build, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[2] / "shared/data/records.jsonl")
    parser.add_argument("--kind", action="append", dest="kinds", help="repeatable; default: receipt, form, chart")
    parser.add_argument("--out", type=Path, help="keep the workspaces here; run again, it goes on")
    parser.add_argument("--wrong", action="store_true", help="list what came back wrong")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        for accept in ("all", "reflection"):
            found: list[Fate] = []
            for kind in options.kinds or ("receipt", "form", "chart"):
                out = (options.out or Path(temporary)) / kind
                settings = {**SETTINGS, "filter.repair_accept": accept}
                measure_defects(options.data, out, "repair", kinds=[kind], **settings)
                found += fates(out / "planted", options.data)
            _print(found, accept, wrong=options.wrong)


def _print(found: list[Fate], accept: str, *, wrong: bool) -> None:
    print(f"\n== accept: {accept}\n" + table(found, "all images"), flush=True)
    for number in (0, 1):
        print(table([one for one in found if half(one.image) == number], f"half {number}"))
    for kind in sorted({one.kind for one in found}):
        print(table([one for one in found if one.kind == kind], kind))
    for one in found if wrong else ():
        if one.back and not one.right:
            print(f"    {one.defect}: {one.shown}")


if __name__ == "__main__":
    main()
