"""OCR engines and their ensemble against people: word recall and character error, on clean and on degraded pictures.

    python benchmarks/ocr_ensemble.py [--cache DIR] [--receipts 8] [--forms 5] [--others 8] [--degraded 4 3]
        [--no-prepare]

Intervals are 95 %, by the bootstrap over pictures. How character error is defined: ocr_truth.py. Preparation is proved
by the best member; a picture that it leaves as it is is not read again. The pictures that calibration.py was fitted on
are others (ocr_readings.py). Readings are kept in the cache, so that a new vote needs no OCR.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

from ocr_degrade import WAYS
from ocr_readings import BEST, CACHE, MEMBERS, Read, Readings, dealt, rates
from ocr_truth import Marks, Truth, marks

from glossator import intervals
from glossator.engines.ocr.align import places
from glossator.engines.ocr.complete import completeness
from glossator.engines.ocr.ensemble import combined, ranked
from glossator.records import Span

Score = tuple[Read, dict[str, Marks], float | None]  # marks by member and of the ensemble; the estimate of completeness
ALL = "ensemble"


def voted(read: Read) -> tuple[list[Span], float | None]:
    """The ensemble's spans, and how complete it takes the page to be."""
    names, spans = ranked(read.spans)
    found = places(spans)
    return [one.span for one in combined(found, names)], completeness(found, len(names))


def scored(reads: Sequence[Read]) -> list[Score]:
    scores: list[Score] = []
    for read in reads:
        spans, complete = voted(read)
        by_name = {name: marks(read.truth, found, read.matrix) for name, found in read.spans.items()}
        scores.append((read, by_name | {ALL: marks(read.truth, spans, read.matrix)}, complete))
    return scores


def errors(scores: Sequence[Score], name: str) -> tuple[list[float], list[str]]:
    """Edits a character, one value a character."""
    return rates(
        [by[name].edits for _, by, _ in scores],
        [by[name].characters for _, by, _ in scores],
        [read.truth.id for read, _, _ in scores],
    )


def recalls(scores: Sequence[Score], name: str) -> tuple[list[float], list[str]]:
    """Words found, one value a word."""
    return rates(
        [by[name].found for _, by, _ in scores],
        [by[name].words for _, by, _ in scores],
        [read.truth.id for read, _, _ in scores],
    )


def table(title: str, scores: Sequence[Score]) -> None:
    """Word recall and character error of each, and what the ensemble has over the best member."""
    if not scores:
        return
    print(f"\n{title}: {len(scores)} pictures, {len({read.truth.id for read, _, _ in scores})} originals")
    means = {}
    for name in [*MEMBERS, ALL]:
        recall = intervals.mean(*recalls(scores, name))
        values, clusters = errors(scores, name)
        error = intervals.mean([min(1.0, value) for value in values], clusters)
        means[name] = error.value
        print(f"  {name:16} word recall {recall.text():22} character error {error.text()}")
    best = min(MEMBERS, key=means.__getitem__)
    for what, values_of in (("word recall", recalls), ("character error", errors)):
        values, clusters = values_of(scores, ALL)
        gain = intervals.difference(values, values_of(scores, best)[0], clusters)
        relative = f" ({gain.value / means[best]:+.1%} of it)" if what == "character error" and means[best] else ""
        print(f"  ensemble less {best}, {what}: {gain.text()}{relative}")


def completeness_table(scores: Sequence[Score]) -> None:
    """The estimate against the word recall of the ensemble, by thirds of the estimate."""
    known = sorted((c, by[ALL].found, by[ALL].words) for _, by, c in scores if c is not None)
    print("\nhow complete the page is: estimate, and share of people's words that the ensemble has")
    third = max(1, len(known) // 3)
    for start in range(0, len(known) - third + 1, third):
        part = known[start : start + third]
        share = sum(found for _, found, _ in part) / sum(words for _, _, words in part)
        print(f"  {part[0][0]:.2f} to {part[-1][0]:.2f}: {share:.3f} ({len(part)} pictures)")
    apart = sum(abs(c - found / words) for c, found, words in known) / max(1, len(known))
    print(f"  mean distance {apart:.3f}; {len(scores) - len(known)} pictures without an estimate")


def disputes(scores: Sequence[Score]) -> None:
    """How sure the ensemble is of its lines, and how often a word of these is one of people's words of the page."""
    rows = []
    for read, _, _ in scores:
        names, spans = ranked(read.spans)
        wanted = _words(read.truth)
        for one in combined(places(spans), names):
            rows += [(one.span.confidence, bool(one.others), word in wanted) for word in _split(one.span.text)]
    for said, flag in (("undisputed", False), ("disputed", True)):
        those = [right for _, disputed, right in rows if disputed == flag]
        print(f"  {said}: {len(those)} words, {sum(those) / max(1, len(those)):.3f} of them right")
    print("  calibration of the ensemble's confidence:")
    rows.sort()
    tenth = max(1, len(rows) // 8)
    for start in range(0, len(rows) - tenth + 1, tenth):
        part = rows[start : start + tenth]
        sure = sum(row[0] for row in part) / len(part)
        print(f"    said {sure:.3f}, right {sum(row[2] for row in part) / len(part):.3f}")


def _words(truth: Truth) -> set[str]:
    return {word for line in truth.lines for word in _split(line.text)}


def _split(text: str) -> list[str]:
    from ocr_truth import words

    return list(words(text).elements())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, default=CACHE)
    parser.add_argument("--receipts", type=int, default=8)
    parser.add_argument("--forms", type=int, default=5)
    parser.add_argument("--others", type=int, default=8)
    parser.add_argument("--degraded", type=int, nargs=2, default=(4, 3), metavar=("RECEIPTS", "FORMS"))
    parser.add_argument("--no-prepare", action="store_true")
    options = parser.parse_args()
    readings = Readings(options.cache)
    counts = {"receipt": options.receipts, "form": options.forms, "other": options.others}
    clean = [(t, "clean") for kind, count in counts.items() for t in dealt(kind, fit=False, count=count)]
    few = dict(zip(("receipt", "form"), options.degraded, strict=True))
    originals = [t for kind, count in few.items() for t in dealt(kind, fit=False, count=count)]
    worse = [(t, way) for way in WAYS if way != "clean" for t in originals]
    for prepare in (False,) if options.no_prepare else (False, True):
        print(f"\n# preparation {'on' if prepare else 'off'}", flush=True)
        report(list(readings.read(clean, prepare=prepare)), list(readings.read(worse, prepare=prepare)))


def report(clean: Sequence[Read], worse: Sequence[Read]) -> None:
    """All tables of one setting of preparation."""
    on_clean, on_worse = scored(clean), scored(worse)

    def of(scores: Sequence[Score], keep: Callable[[Read], bool]) -> list[Score]:
        return [score for score in scores if keep(score[0])]

    for kind in ("receipt", "form", "other"):
        table(f"clean, {kind}", of(on_clean, lambda read, kind=kind: read.truth.kind == kind))  # type: ignore[misc]
    for way in WAYS:
        table(way, of(on_worse, lambda read, way=way: read.way == way))  # type: ignore[misc]
    table("all degraded", on_worse)
    kept = [change for read in [*clean, *worse] for change in read.done]
    print("\nchanges kept:", {change: kept.count(change) for change in sorted(set(kept))} or "none")
    completeness_table([*on_clean, *on_worse])
    disputes([*on_clean, *on_worse])
    reads = [*clean, *worse]
    for name in MEMBERS:
        print(f"  {name}: {sum(read.seconds[name] for read in reads) / len(reads):.2f} s a page, best member {BEST}")


if __name__ == "__main__":
    main()
