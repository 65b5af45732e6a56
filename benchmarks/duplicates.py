"""Planted copies that are found, others that are taken for copies, and what a million items take.

    python benchmarks/duplicates.py [--data ../shared/data] [--items 1000000] [--only pictures ...]

Parts, each in a process of its own, so that its peak memory is its own:

    pictures    50 test pictures (40 real ones, 10 drawn receipts and forms) and a copy of each kind of each; 1,000
                others: the rest of the real ones, further fillings of the same drawn templates, windows of real ones
    dedup       the same pictures as one set, without any test set
    hashes      the search among a million pictures' hashes, second looks included
    questions   near-duplicates planted among a million questions
    texts       a million pairs against 10,000 test questions, some of them planted
"""

from __future__ import annotations

import argparse
import io
import json
import math
import multiprocessing
import random
import resource
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray
from PIL import Image, ImageEnhance

from glossator.copies import images, second_look, test_sets
from glossator.copies.images import copies_across, copies_within
from glossator.copies.pictures import BITS, CROPS, perceptual_hashes, thumbnail
from glossator.copies.pictures import pixels as small_pixels
from glossator.images import open_image
from glossator.jobs import demo
from glossator.results import Failed
from glossator.stages.dedup import DedupSettings, DedupStage
from glossator.stages.leaks import LeaksSettings, LeaksStage

Picture = Image.Image
SEED = 6
PAIRS_AN_IMAGE = 9
REAL_TESTS, DRAWN_TESTS, OTHERS = 40, 10, 1_000


# Copies


def reencoded(picture: Picture, draw: random.Random) -> Picture:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=draw.randint(30, 70))
    return Image.open(io.BytesIO(file.getvalue())).convert("RGB")


def resized(picture: Picture, draw: random.Random) -> Picture:
    factor = draw.uniform(0.3, 2 if max(picture.size) < 2_500 else 1)
    size = (max(1, round(picture.width * factor)), max(1, round(picture.height * factor)))
    return picture.resize(size, draw.choice([Image.Resampling.BILINEAR, Image.Resampling.LANCZOS]))


def cropped(picture: Picture, draw: random.Random) -> Picture:
    """5 % off some sides, or off all, or up to 5 % off each."""
    how = draw.choice(["some", "all", "up to"])
    if how == "up to":
        cut = [draw.uniform(0, 0.05) for _ in range(4)]
    else:
        cut = [0.05 * (how == "all" or draw.random() < 0.5) for _ in range(4)]
    width, height = picture.size
    left, top, right, bottom = cut
    box = (round(left * width), round(top * height), round((1 - right) * width), round((1 - bottom) * height))
    return picture.crop(box)


def recoloured(picture: Picture, draw: random.Random) -> Picture:
    how = draw.choice(["hue", "grey", "gamma", "contrast", "brightness"])
    if how == "hue":
        turn = draw.randint(30, 220)
        hue, saturation, value = picture.convert("HSV").split()
        return Image.merge("HSV", (hue.point(lambda at: (at + turn) % 256), saturation, value)).convert("RGB")
    if how == "gamma":
        gamma = draw.choice([0.5, 0.7, 1.5, 2.0])
        return picture.point(lambda at: round(255 * (at / 255) ** gamma))
    if how == "contrast":
        return ImageEnhance.Contrast(picture).enhance(draw.choice([0.5, 0.7, 1.4]))
    if how == "brightness":
        return ImageEnhance.Brightness(picture).enhance(draw.choice([0.6, 0.8, 1.2]))
    return picture.convert("L").convert("RGB")


def all_of_it(picture: Picture, draw: random.Random) -> Picture:
    return reencoded(recoloured(resized(cropped(picture, draw), draw), draw), draw)


WAYS: dict[str, Callable[[Picture, random.Random], Picture]] = {
    "re-encoded": reencoded,
    "resized": resized,
    "cropped": cropped,
    "recoloured": recoloured,
    "all of it": all_of_it,
}


# Pictures


def real_pictures(data: Path) -> dict[str, Picture]:
    found = {}
    for name in ("records.jsonl", "more.jsonl"):
        for line in (data / name).read_text(encoding="utf-8").splitlines():
            record = json.loads(line)
            picture = open_image(data / record["image"])
            if not isinstance(picture, Failed):
                picture.thumbnail((2_600, 2_600))
                found[record["id"]] = picture
    return found


def drawn(template: int, filling: int) -> Picture:
    """A receipt of a shop, or a form: one template, filled in another way."""
    draw = random.Random(1_000 * template + filling)

    def amount() -> str:
        return f"{draw.randint(1, 60)}.{draw.randint(0, 99):02d}"

    date = f"{draw.randint(10, 28)}/0{draw.randint(1, 9)}/2026"
    if template % 2:
        people = ["Alina Marchetti", "Tobias Renner", "Priya Nandakumar", "John Smith", "Eve Adams", "Omar Haddad"]
        fields = [("To", draw.choice(people)), ("From", draw.choice(people)), ("Date", date)]
        fields += [("Fax number", f"020 7946 0{draw.randint(100, 999)}"), ("Pages", str(draw.randint(1, 9)))]
        fields += [("Reference", f"RH-{draw.randint(1000, 9999)}")]
        return demo._form(f"FORM {template}", "Ridgeway & Holt", fields, "Please confirm receipt.")
    head = [f"SHOP {template} CAFE", "14 Mill Street", "Leeds LS1 4QT", "Tel: 0113 496 0182"]
    facts = [(f"Date: {date}", f"Time: 1{draw.randint(0, 9)}:{draw.randint(10, 59)}")]
    facts += [(f"Receipt No: {draw.randint(10000, 99999)}", f"Table: {draw.randint(1, 9)}")]
    goods = ["Flat White", "Cappuccino", "Cheese Scone", "Orange Juice", "Green Tea", "Bagel", "Muffin", "Soup"]
    bought = [(name, amount()) for name in (goods[:5] if template % 4 else draw.sample(goods, 5))]
    sums = [("Subtotal", amount()), ("TOTAL", f"£{amount()}")]
    return demo._receipt(head, facts, bought, sums, "Thank you, see you again!")


def window(pictures: list[Picture], draw: random.Random) -> Picture:
    """A part of a picture: a third to two thirds of each side."""
    picture = draw.choice(pictures)
    width, height = (round(side * draw.uniform(0.35, 0.65)) for side in picture.size)
    left, top = draw.randint(0, picture.width - width), draw.randint(0, picture.height - height)
    return picture.crop((left, top, left + width, top + height))


class Hashed:
    """Hashes and small pictures, in the shape that the table `hashes` has."""

    def __init__(self) -> None:
        self.labels: list[str] = []
        self._hashes: list[tuple[str, ...]] = []
        self._thumbnails: list[bytes] = []
        self.seconds = 0.0

    def add(self, label: str, picture: Picture) -> None:
        started = time.process_time()
        self.labels.append(label)
        self._hashes.append(perceptual_hashes(picture))
        self._thumbnails.append(thumbnail(picture))
        self.seconds += time.process_time() - started

    @property
    def bytes_each(self) -> float:
        return sum(map(len, self._thumbnails)) / len(self._thumbnails)

    def hashes(self) -> NDArray[np.uint8]:
        return images.hash_bytes(pl.Series([list(one) for one in self._hashes], dtype=pl.List(pl.String)))

    def thumbnails(self, rows: list[int]) -> dict[int, bytes]:
        return {row: self._thumbnails[row] for row in rows}


def collected(data: Path) -> tuple[Hashed, Hashed]:
    """The test pictures, and the set: a copy of each kind of each of them, and the others."""
    draw = random.Random(SEED)
    real = real_pictures(data)
    chosen = draw.sample(sorted(real), REAL_TESTS)
    tests = {name: real.pop(name) for name in chosen}
    tests |= {f"drawn-{template}-0": drawn(template, 0) for template in range(DRAWN_TESTS)}
    test_set, ours = Hashed(), Hashed()
    for name, picture in tests.items():
        test_set.add(name, picture)
        for way, make in WAYS.items():
            ours.add(f"{way}|{name}", make(picture, draw))
    for name, picture in real.items():
        ours.add(f"other|real {name}", picture)
    for number in range(400):
        ours.add(f"other|drawn {number % DRAWN_TESTS} {number}", drawn(number % DRAWN_TESTS, 1 + number))
    rest = list(real.values())
    for number in range(OTHERS - len(real) - 400):
        ours.add(f"other|window {number}", window(rest, draw))
    return test_set, ours


# Parts


def pictures(data: Path, _items: int) -> Iterator[str]:
    test_set, ours = collected(data)
    yield f"{len(ours.labels):,} pictures hashed: {1000 * ours.seconds / len(ours.labels):.1f} ms CPU each, "
    yield f"small picture {ours.bytes_each:,.0f} bytes on average"
    rule = LeaksSettings().rule
    found = copies_across(ours.hashes(), ours.thumbnails, test_set.hashes(), test_set.thumbnails, rule)
    hits = {ours.labels[one.row]: test_set.labels[one.of] for one in found}
    planted: dict[str, list[bool]] = defaultdict(list)
    for label in ours.labels:
        way, _, name = label.partition("|")
        if way != "other":
            planted[way].append(hits.get(label) == name)
    for way, right in planted.items():
        yield told(f"found, {way}", sum(right), len(right))
    for label in ours.labels:
        way, _, name = label.partition("|")
        if way != "other" and hits.get(label) != name:
            yield f"  not found: {label} (taken for {hits.get(label)})"
    yield told("found, all", sum(map(sum, planted.values())), sum(map(len, planted.values())))
    false = [label for label in hits if label.startswith("other|")]
    yield told("false hits among others", len(false), sum(label.startswith("other|") for label in ours.labels))
    yield from (f"  false: {label} for {hits[label]}" for label in false)


def dedup(data: Path, _items: int) -> Iterator[str]:
    test_set, ours = collected(data)
    together = Hashed()
    for one in (test_set, ours):
        together.labels += one.labels
        together._hashes += one._hashes
        together._thumbnails += one._thumbnails
    found = list(copies_within(together.hashes(), together.thumbnails, DedupSettings().rule))

    def shown(row: int) -> str:
        return together.labels[row].removeprefix("other|").partition("|")[2] or together.labels[row]

    copies = {row for row, label in enumerate(together.labels) if "|" in label and not label.startswith("other|")}
    right = [one for one in found if one.row in copies and shown(one.row) == shown(one.of)]
    wrong = [one for one in found if shown(one.row) != shown(one.of)]
    yield told("copies within the set found", len(right), len(copies))
    yield told("others taken for copies", len(wrong), len(together.labels) - len(copies))
    yield from (f"  false: {together.labels[one.row]} for {together.labels[one.of]}" for one in wrong[:20])


def hashes(data: Path, items: int) -> Iterator[str]:
    """Hashes of made-up pictures: those of real ones, with a fifth of their bits turned; 1 in 100 is a copy."""
    rng = np.random.default_rng(SEED)
    some = Hashed()
    for name, picture in real_pictures(data).items():
        some.add(name, picture)
    real = some.hashes()
    count = items - items // 100
    rows = np.empty((items, len(CROPS), BITS // 8), dtype=np.uint8)
    for start in range(0, count, 50_000):
        block = slice(start, min(count, start + 50_000))
        kinds = rng.integers(0, len(real), block.stop - block.start)
        turned = turn(rng, block.stop - block.start, 0.2)
        rows[block] = real[kinds] ^ turned[:, None]
    copied = rng.choice(count, items - count, replace=False)
    # A copy that is cropped a little: its hashes differ in 4 to 50 bits from its original's.
    rows[count:] = rows[copied] ^ turn(rng, len(copied), rng.uniform(4 / 256, 50 / 256, (len(copied), 1)))[:, None]
    small = list(some.thumbnails(list(range(len(real)))).values())
    rule = DedupSettings().rule
    started, cpu = time.monotonic(), time.process_time()
    pairs = images.candidates_within(rows, rule)
    planted = pl.DataFrame({"row": np.arange(count, items), "of": copied}).cast(pairs.schema)
    seen = len(planted.join(pairs, on=["row", "of"], how="semi"))
    yield told("originals among the near ones of their copies", seen, len(copied))
    yield took(f"search among {items:,} pictures, {len(CROPS)} hashes each", started, cpu)
    yield f"pairs for a second look: {len(pairs) / items:.2f} a picture"
    one, two = small_pixels(small[0]), small_pixels(small[1])
    for what, other in (("a copy", one), ("others", two)):
        begun = time.process_time()
        for _ in range(50):
            second_look.look(one, other)
        yield f"a second look at {what}: {1000 * (time.process_time() - begun) / 50:.1f} ms CPU"


def turn(rng: np.random.Generator, count: int, share: float | NDArray[np.float64]) -> NDArray[np.uint8]:
    return np.packbits(rng.random((count, BITS)) < share, axis=1)


TEMPLATES = (
    "What is the {noun} printed next to '{label}' on this {kind}?",
    "How much was paid for {name} at {place} on {day} May 2026?",
    "According to the {kind}, which {noun} does {name} give for the {label} in the row of {place}?",
    "What does the {kind} say under '{label}'?",
    "Who signed the {kind} about the {noun} of {place}, and for which {label} was it issued by {name}?",
)
SYLLABLES = ("ba", "co", "di", "fu", "ga", "he", "ji", "ko", "lu", "ma", "ne", "po", "ra", "so", "tu", "vi", "wa", "ze")


def word(draw: random.Random, length: int = 3) -> str:
    return "".join(draw.choices(SYLLABLES, k=length))


def asked(draw: random.Random) -> tuple[str, str]:
    values = {
        "noun": draw.choice(["amount", "number", "date", "rate", "name"]),
        "kind": draw.choice(["receipt", "form", "chart", "page"]),
        "label": word(draw, 2).title(),
        "name": word(draw).title(),
        "place": word(draw).title(),
        "day": str(draw.randint(1, 28)),
    }
    return draw.choice(TEMPLATES).format(**values), f"{draw.randint(1, 400)}.{draw.randint(0, 99):02d}"


def reworded(question: str, draw: random.Random) -> str:
    """Another case and punctuation, and a small word put before or behind."""
    question = draw.choice([f"Please: {question}", f"{question[:-1]}, please?", question.upper(), question[:-1]])
    return question.replace("'", draw.choice(["'", '"', ""]))


def drafts(pairs: list[tuple[str, str]], images: list[int]) -> pl.LazyFrame:
    """Pairs of question and answer in the shape of the table, as far as `dedup` and `leaks` read it."""
    columns = {
        "pair_id": [f"{image:016x}-{row:012x}" for row, image in enumerate(images)],
        "image_id": [f"{image:016x}" for image in images],
        "question": [question for question, _ in pairs],
        "answer": [answer for _, answer in pairs],
        "repaired_from": [None] * len(pairs),
    }
    return pl.DataFrame(columns, schema_overrides={"repaired_from": pl.String}).lazy()


def questions(_data: Path, items: int) -> Iterator[str]:
    draw = random.Random(SEED)
    planted = items // 100
    first = items - planted
    pairs = [asked(draw) for _ in range(first)]
    of = draw.sample(range(first), planted)
    pairs += [(reworded(pairs[row][0], draw), pairs[row][1]) for row in of]
    table = drafts(pairs, [row // PAIRS_AN_IMAGE for row in (*range(first), *of)])
    del pairs
    yield f"{items:,} pairs made; peak memory so far {peak():,.0f} MB"
    started, cpu = time.monotonic(), time.process_time()
    found = DedupStage(DedupSettings()).run({"drafts": table}).collect()
    yield took(f"stage dedup over {items:,} pairs", started, cpu)
    ids = found["pair_id"]
    right = (found["question_copy_of"][first:] == ids.gather(of)).sum()
    yield told("planted near-duplicates found", int(right or 0), planted)
    yield told("others taken for near-duplicates", found["question_copy_of"][:first].count(), first)
    yield f"templates: {found['template'].n_unique():,}"


def texts(_data: Path, items: int) -> Iterator[str]:
    draw = random.Random(SEED)
    tests = [asked(draw) for _ in range(10_000)]
    planted = draw.sample(range(len(tests)), 1_000)
    first = items - len(planted)
    pairs = [asked(draw) for _ in range(first)]
    pairs += [(reworded(tests[row][0], draw), tests[row][1]) for row in planted]
    table = drafts(pairs, [row // PAIRS_AN_IMAGE for row in range(items)])
    del pairs
    yield f"{items:,} pairs made; peak memory so far {peak():,.0f} MB"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tests.parquet"
        test_sets.write(
            path, "bench", 13, [test_sets.question_row(str(i), q, (a,), 13) for i, (q, a) in enumerate(tests)]
        )
        started, cpu = time.monotonic(), time.process_time()
        found = LeaksStage(LeaksSettings(test_sets=(str(path),))).run({"drafts": table}).collect()
        yield took(f"stage leaks over {items:,} pairs, 10,000 test questions", started, cpu)
    told_items = found["text_leak"].str.extract(r"^bench: (\d+) ")
    right = (told_items[first:] == pl.Series([str(row) for row in planted])).sum()
    yield told("planted, reworded test questions found", int(right or 0), len(planted))
    yield told("others taken for them", found["text_leak"][:first].count(), first)


PARTS: dict[str, Callable[[Path, int], Iterator[str]]] = {
    "pictures": pictures,
    "dedup": dedup,
    "hashes": hashes,
    "questions": questions,
    "texts": texts,
}


def told(what: str, part: int, whole: int) -> str:
    """A share with its count and its 95 % Wilson interval."""
    z, share = 1.96, part / whole
    middle = (share + z * z / (2 * whole)) / (1 + z * z / whole)
    half = z * math.sqrt(share * (1 - share) / whole + z * z / (4 * whole * whole)) / (1 + z * z / whole)
    return f"{what}: {share:.4f} ({part:,}/{whole:,}, 95 % {max(0.0, middle - half):.4f}-{middle + half:.4f})"


def took(what: str, started: float, cpu: float) -> str:
    return f"{what}: {time.monotonic() - started:.1f} s ({time.process_time() - cpu:.1f} s CPU)"


def peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def run(part: str, data: Path, items: int) -> None:
    print(f"== {part}", flush=True)
    started, cpu = time.monotonic(), time.process_time()
    for line in PARTS[part](data, items):
        print(line, flush=True)
    print(took("all of it", started, cpu), f"peak memory {peak():,.0f} MB", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--only", nargs="*", choices=list(PARTS), default=list(PARTS))
    chosen = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    for part in chosen.only:
        process = context.Process(target=partial(run, part, chosen.data, chosen.items))
        process.start()
        process.join()


if __name__ == "__main__":
    main()
