"""False place claims: how many of the planted ones are found, and how many true ones are flagged.

    python benchmarks/places.py WORKSPACE... [--each 12] [--seed 0] [--show]

WORKSPACE is a built one whose explanations come from the grounded writer. The explanations are that writer's own, and
wordings as of a large model (`place_wordings.tsv`, whose parts say when each was written and read), filled with texts
of the same pages. A planted one says the opposite side, a wrong corner, the swapped relation, another text or another
line's number. An explanation is flagged when one of its claims is false (`explain_places` below 1).
"""

from __future__ import annotations

import argparse
import random
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import glossator
from glossator.layout.place import overlap_x, place, union
from glossator.layout.tables import table_cells
from glossator.places.check import check, share_true
from glossator.places.page import PageText
from glossator.records import Box, Pair
from glossator.schemas import from_arrow
from glossator.text import fold

WORDINGS = Path(__file__).with_name("place_wordings.tsv")
PARTS = ("grounded", "develop", "held-out", "fresh", "last")
NTH = "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth".split()  # noqa: SIM905
OPPOSITE = {"top": "bottom", "bottom": "top", "left": "right", "right": "left"}
# Of the grounded writer's own wordings.
SWAPS = (
    ("side", "right below it", "right above it"),
    ("side", "to the right of it", "to the left of it"),
    ("side", "the text to its right", "the text to its left"),
    ("side", "Directly under", "Directly above"),
    ("side", "directly above the line", "directly below the line"),
    ("side", "The line above it reads", "The line below it reads"),
    ("side", "straight above the label", "straight below the label"),
    ("side", "Going up from", "Going down from"),
    ("side", "to the right leads to the printed value", "to the left leads to the printed value"),
    ("side", "in the column above the label", "in the column below the label"),
    ("order", "It comes right after the line", "It comes right before the line"),
    ("order", "It follows the label", "It precedes the label"),
    ("order", "behind the label", "in front of the label"),
    ("colon", "what follows the colon", "what precedes the colon"),
    ("line", "at its right end", "at its left end"),
)
ZONE = re.compile(r"(?:near|at|in) the (?:top|middle|bottom)(?: (?:left|right))?")
ROW = re.compile(r"(?:row that begins with|line labelled|that begins with|on the line of|along the row) \"([^\"]+)\"")


@dataclass(frozen=True)
class Case:
    """An explanation with what is true, and the same with one false claim."""

    sort: str
    pair: Pair
    page: PageText
    true: str
    false: str


@dataclass(frozen=True)
class Scene:
    """An answer and the texts around it, by the middles of their boxes."""

    pair: Pair
    page: PageText
    noun: str

    @cached_property
    def box(self) -> Box:
        return union([piece.box for piece in self.pair.evidence])

    @cached_property
    def slots(self) -> dict[str, str]:
        """Texts to name: nearest neighbours of the answer on each side, one far away, and those of its table."""
        spans = [s for s in self.page.spans if self._nameable(s.text) and s.confidence > 0.9]
        height, y = self.page.line_height, _middle(self.box)[1]
        level = [s for s in spans if abs(_middle(s.box)[1] - y) < 0.3 * height]
        over = sorted(
            (s for s in spans if 0 < self.box[1] - s.box[3] < 3 * height and overlap_x(s.box, self.box) > 0),
            key=lambda s: -s.box[3],
        )
        under = sorted(
            (s for s in spans if 0 < s.box[1] - self.box[3] < 3 * height and overlap_x(s.box, self.box) > 0),
            key=lambda s: s.box[1],
        )
        left = sorted((s for s in level if s.box[2] <= self.box[0]), key=lambda s: -s.box[2])
        right = sorted((s for s in level if s.box[0] >= self.box[2]), key=lambda s: s.box[0])
        far = [s for s in spans if abs(_middle(s.box)[1] - y) > 6 * height]
        found = {
            "left": left[:1],
            "right": right[:1],
            "over": over[:1],
            "over2": over[1:2],
            "under": under[:1],
            "far": far[:1],
        }
        slots = {name: some[0].text.strip() for name, some in found.items() if some}
        return slots | self._table() | self._label(slots)

    def _nameable(self, text: str) -> bool:
        """Fit to be named: stands once on the page, is no part of the answer, and can be quoted."""
        name = fold(text)
        once = sum(name in fold(span.text) for span in self.page.spans) == 1
        return len(name) >= 3 and once and name not in fold(self.pair.answer) and '"' not in text and len(text) < 60

    def _label(self, slots: dict[str, str]) -> dict[str, str]:
        left = slots.get("left", "")
        return {"label": left.rstrip(": ")} if left.endswith(":") and ":" not in self.pair.answer else {}

    def _table(self) -> dict[str, str]:
        cells = table_cells(self.page.spans)
        own = next((cell for cell in cells if cell.evidence[0].box == self.box), None)
        if own is None or self.pair.answer.strip() != own.value:
            return {}
        rows = [cell.row for cell in cells if cell.row != own.row]
        columns = [cell.column for cell in cells if cell.column != own.column]
        return {
            "row": own.row,
            "col": own.column,
            **({"row2": rows[0]} if rows else {}),
            **({"col2": columns[0]} if columns else {}),
        }

    @cached_property
    def places(self) -> dict[str, str]:
        """`v` and `h` where the answer stands clearly in an outer third of the page, and the number of its line."""
        x, y = _middle(self.box)
        found: dict[str, str] = {}
        vertical = "top" if y < self.page.height * 0.3 else "bottom" if y > self.page.height * 0.7 else ""
        horizontal = "left" if x < self.page.width * 0.3 else "right" if x > self.page.width * 0.7 else ""
        if vertical:
            found |= {"v": vertical, "vv": {"top": "upper", "bottom": "lower"}[vertical]}
        if horizontal:
            found["h"] = horizontal
        at = self.page.line_of(self.box)
        if at is not None and at < 7:
            found |= {"nth": NTH[at], "n": str(at + 1)}
        return found


def _middle(box: Box) -> tuple[float, float]:
    return ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)


def filled(sort: str, wording: str, scene: Scene, rng: random.Random) -> Case | None:
    """A wording about a real answer, true and false; None where the page lacks what it names."""
    slots = {**scene.slots, **scene.places, "A": scene.pair.answer, "noun": scene.noun}
    named = [name for both in re.findall(r"\{(\w+)\}|<(\w+)\|(\w+)>", wording) for name in both if name]
    if any(name not in slots for name in named) or '"' in scene.pair.answer:
        return None
    true, false = (re.sub(r"\[([^|\]]*)\|([^\]]*)\]", rf"\{n}", wording) for n in (1, 2))
    true, false = (re.sub(r"<(\w+)\|(\w+)>", rf"{{\{n}}}", text) for n, text in ((1, true), (2, false)))
    wrong = dict(slots)
    if true == false:
        for name in rng.sample(["v", "h"], 2):
            if f"{{{name}}}" in wording or (name == "v" and "{vv}" in wording):
                wrong[name] = OPPOSITE[slots[name]]
                if name == "v":
                    wrong["vv"] = {"top": "upper", "bottom": "lower"}[wrong["v"]]
                break
        if "nth" in slots and sort == "ordinal":
            at = (NTH.index(slots["nth"]) + rng.choice((3, 4, 5))) % 12
            wrong |= {"nth": NTH[at], "n": str(at + 1)}
    return Case(sort, scene.pair, scene.page, true.format(**slots), false.format(**wrong))


def spoilt(scene: Scene, rng: random.Random) -> Case | None:
    """The grounded writer's explanation with one false claim."""
    text = scene.pair.explain_answer
    options = [(sort, text.replace(old, new, 1)) for sort, old, new in SWAPS if old in text]
    zone = ZONE.search(text)
    if zone:
        real = place(scene.box, scene.page.width, scene.page.height)
        level = next(word for word in ("top", "middle", "bottom") if word in real)
        side = next((word for word in ("left", "right") if word in real), "")
        wrong = [
            f"at the {OPPOSITE.get(level, rng.choice(('top', 'bottom')))}",
            f"near the {OPPOSITE.get(level, 'top')}",
        ]
        if level == "middle":  # a neighbouring third is no clear lie for what stands near its border
            y = _middle(scene.box)[1] / scene.page.height
            wrong = ["near the top"] if y > 0.5 else ["near the bottom"]
        if side and not text.startswith("The label"):  # a label has its own side
            wrong.append(f"at the {level} {OPPOSITE[side]}")
        options.append(("zone", text[: zone.start()] + rng.choice(wrong) + text[zone.end() :]))
    row = ROW.search(text)
    if row and "far" in scene.slots:
        options.append(("line", text[: row.start(1)] + scene.slots["far"] + text[row.end(1) :]))
    if not options:
        return None
    sort, false = rng.choice(options)
    return Case(sort, scene.pair, scene.page, text, false)


def scenes(workspaces: list[Path]) -> Iterator[Scene]:
    """The explained pairs of the workspaces whose answer is printed."""
    for path in workspaces:
        ws = glossator.open(path)
        images = {one.image_id: one for one in from_arrow("images", ws.table("images"))}
        pages = {
            one.image_id: PageText(one.spans, images[one.image_id].width, images[one.image_id].height)
            for one in from_arrow("ocr", ws.table("ocr"))
        }
        for pair in from_arrow("pairs", ws.table("pairs")):
            if pair.evidence and pair.explain_answer:
                yield Scene(pair, pages[pair.image_id], images[pair.image_id].kind.split("-")[0] or "image")


def wordings(part: str) -> list[tuple[str, str]]:
    """Sort and text of the wordings of one part of the file."""
    found: list[tuple[str, str]] = []
    current = ""
    for line in WORDINGS.read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            current = line[1:].split(":")[0].strip()
        elif current == part:
            sort, _, text = line.partition("\t")
            found.append((sort, text))
    return found


def paraphrased(part: str, all_scenes: list[Scene], each: int, rng: random.Random) -> list[Case]:
    """`each` cases of every wording, on different answers, printed exactly once on their page."""
    single = [one for one in all_scenes if sum(fold(one.pair.answer) in fold(s.text) for s in one.page.spans) == 1]
    found = []
    for sort, wording in wordings(part):
        cases = (filled(sort, wording, scene, rng) for scene in rng.sample(single, len(single)))
        found += [case for case, _ in zip((case for case in cases if case), range(each), strict=False)]
    return found


def flagged(case: Case, text: str) -> bool:
    checked = check(text, case.pair.question, case.pair.answer, case.pair.evidence, case.page)
    share = share_true(checked)
    return share is not None and share < 1


def report(name: str, cases: list[Case], *, show: bool) -> None:
    found: Counter[str] = Counter()
    alarms: Counter[str] = Counter()
    total: Counter[str] = Counter()
    decided = 0
    for case in cases:
        caught, alarm = flagged(case, case.false), flagged(case, case.true)
        found[case.sort] += caught
        alarms[case.sort] += alarm
        total[case.sort] += 1
        checked = check(case.true, case.pair.question, case.pair.answer, case.pair.evidence, case.page)
        decided += share_true(checked) is not None
        if show and not caught:
            print("  MISSED ", case.sort, case.false)
        if show and alarm:
            print("  ALARM  ", case.sort, case.true, "|", case.pair.answer)
    print(f"{name}: {len(cases)} explanations, {decided} of the true ones with a claim that can be decided")
    for sort in [*sorted(total), "all"]:
        n = total.total() if sort == "all" else total[sort]
        hits = found.total() if sort == "all" else found[sort]
        wrong = alarms.total() if sort == "all" else alarms[sort]
        print(f"  {sort:<8} found {_share(hits, n)}   flagged though true {_share(wrong, n)}")


def _share(hits: int, n: int) -> str:
    """With its 95 % Wilson interval."""
    z, share = 1.96, hits / max(n, 1)
    centre, root = share + z * z / (2 * n), z * (share * (1 - share) / n + z * z / (4 * n * n)) ** 0.5
    low, high = (max(0.0, (centre + sign * root) / (1 + z * z / n)) for sign in (-1, 1))
    return f"{share:.3f} ({hits}/{n}, {low:.3f}-{high:.3f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workspaces", nargs="+", type=Path)
    parser.add_argument("--each", type=int, default=12, help="cases a wording")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--part", choices=PARTS, action="append")
    parser.add_argument("--show", action="store_true", help="print what was missed and flagged")
    options = parser.parse_args()
    rng = random.Random(options.seed)
    everything = list(scenes(options.workspaces))
    for part in options.part or PARTS:
        if part == "grounded":
            cases = [case for scene in everything if (case := spoilt(scene, rng))]
        else:
            cases = paraphrased(part, everything, options.each, rng)
        report(part, cases, show=options.show)


if __name__ == "__main__":
    main()
