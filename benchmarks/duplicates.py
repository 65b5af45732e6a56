"""Planted copies that are found, others that are taken for copies, and what a million items take.

    python benchmarks/duplicates.py [--data ../shared/data] [--items 1000000] [--only pictures ...]

Parts, each in a process of its own, so that its peak memory is its own:

    pictures    50 test pictures (40 real ones, 10 drawn receipts and forms) and a copy of each kind of each; 1,000
                others: the rest of the real ones, further fillings of the same drawn templates, windows of real ones
    changes     the same test pictures, changed in one way after the other, in and out of what counts as a copy
    dedup       the same pictures as one set, without any test set
    hashes      the search among a million pictures' hashes, and what a second look takes
    questions   near-duplicates planted among a million questions (stage `dedup`)
    texts       a million pairs against 10,000 test questions, some of them planted (stage `leaks`)
"""

from __future__ import annotations

import argparse
import multiprocessing
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
from duplicates_figures import peak, told, took
from duplicates_pictures import CHANGES, SEED, Hashed, collected, real_pictures, tested
from duplicates_texts import questions, texts
from numpy.typing import NDArray

from glossator.copies import images, second_look
from glossator.copies.images import copies_across, copies_within
from glossator.copies.pictures import BITS, CROPS
from glossator.copies.pictures import pixels as small_pixels
from glossator.stages.dedup import DedupSettings
from glossator.stages.leaks import LeaksSettings


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


def changes(data: Path, _items: int) -> Iterator[str]:
    """What of each change is told as a copy, be it meant to or not."""
    test_set, changed = Hashed(), Hashed()
    for name, picture in tested(data)[0].items():
        test_set.add(name, picture)
        for change, make in CHANGES.items():
            changed.add(f"{change}|{name}", make(picture))
    rule = LeaksSettings().rule
    found = copies_across(changed.hashes(), changed.thumbnails, test_set.hashes(), test_set.thumbnails, rule)
    hits = {changed.labels[one.row]: test_set.labels[one.of] for one in found}
    for change in CHANGES:
        right = sum(hits.get(f"{change}|{name}") == name for name in test_set.labels)
        yield told(f"found, {change}", right, len(test_set.labels))


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


PARTS: dict[str, Callable[[Path, int], Iterator[str]]] = {
    "pictures": pictures,
    "changes": changes,
    "dedup": dedup,
    "hashes": hashes,
    "questions": questions,
    "texts": texts,
}


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
