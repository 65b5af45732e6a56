"""A second life against human ground truth: python benchmarks/second_life.py WORKSPACE RECORDS.jsonl [SPOILT]

SPOILT is a workspace of spoilt copies of WORKSPACE's pairs (as `glossator study` makes for noise): its pairs join, so
that there is something to reject. RECORDS holds `fields` and `ocr` made by people; they are looked at here alone.
Every share is printed with its count and its 95 % Wilson interval; `--show N` prints N samples of each sort to be read.
"""

from __future__ import annotations

import argparse
import json
import random
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import polars as pl
from quality import ASKS, wilson
from rapidfuzz import fuzz

import glossator
from glossator.formats.dpo import Preference
from glossator.formats.hard_negatives import HardNegatives
from glossator.formats.unanswerable import Unanswerable
from glossator.jobs.second_life.answers import alike, same_answer
from glossator.jobs.second_life.hard_negatives import hard_negatives
from glossator.jobs.second_life.preferences import preferences
from glossator.jobs.second_life.unanswerable import unanswerable
from glossator.text import fold

SPOILT = "spoilt-"


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workspace", type=Path)
    parser.add_argument("records", type=Path)
    parser.add_argument("spoilt", type=Path, nargs="?")
    parser.add_argument("--show", type=int, default=0)
    options = parser.parse_args()
    by_id = {row["id"]: row for row in map(json.loads, options.records.read_text(encoding="utf-8").splitlines())}
    clean = glossator.open(options.workspace)
    records = {row["image_id"]: by_id[row["source_id"]] for row in clean.table("images").to_pylist()}
    tables = _tables(clean)
    _unanswerable(tables, records, options.show)
    _hard_negatives(tables, records, options.show)
    _poison(tables, records)
    if options.spoilt is not None:
        _preferences(_joined(tables, _tables(glossator.open(options.spoilt))), records, options.show)


def _tables(workspace: glossator.Workspace) -> dict[str, pl.LazyFrame]:
    found = {name: workspace.scan(name) for name in ("pairs", "verdicts", "ocr", "captions", "images")}
    named = (pl.col("path").alias("image"), pl.col("more_paths").alias("more_images"))
    return found | {"images": found["images"].with_columns(named)}


def _joined(clean: dict[str, pl.LazyFrame], spoilt: dict[str, pl.LazyFrame]) -> dict[str, pl.LazyFrame]:
    """Both sets' pairs; a spoilt explanation leaves a pair's id as it was, so the copies get a mark."""
    mark = (pl.lit(SPOILT) + pl.col("pair_id")).alias("pair_id")
    marked = {name: spoilt[name].with_columns(mark) for name in ("pairs", "verdicts")}
    return clean | {name: pl.concat([clean[name], marked[name]]) for name in marked}


def _truth(record: dict[str, Any], question: str) -> str | None:
    """What a person has written down for what the question asks, if for anything."""
    fields = {name: value for name, value in (record.get("fields") or {}).items() if value}
    if record["kind"] == "receipt":
        if '"' in question or "sub" in question.lower():
            return None
        return next((fields[name] for name, asks in ASKS.items() if name in fields and asks.search(question)), None)
    label = question.split('"')[1] if question.count('"') == 2 else ""
    named = [value for name, value in fields.items() if label and fuzz.ratio(fold(name), fold(label)) >= 90]
    return named[0] if len(named) == 1 else None


def _is(answer: str, truth: str) -> bool:
    return same_answer(answer, truth) or alike(answer, truth)


def _share(name: str, hits: Iterable[bool]) -> None:
    known = list(hits)
    if known:
        print(f"  {name}: {wilson(sum(known), len(known))}")


def _preferences(tables: dict[str, pl.LazyFrame], records: dict[str, Any], show: int) -> None:
    found, left_out = preferences(tables)
    meta = {row["pair_id"]: json.loads(row["meta"] or "{}") for row in tables["pairs"].collect().to_dicts()}
    print(f"preference pairs: {len(found)}; {dict(Counter(one.sort for one in found))}")
    print(f"  of what was planted: {dict(Counter(meta[one.rejected_id].get('defect', 'nothing') for one in found))}")
    print(f"  left out: {dict(left_out)}")
    _share("chosen is not spoilt", (SPOILT not in one.chosen_id for one in found))
    _share("rejected is spoilt", (SPOILT in one.rejected_id for one in found))
    answers = [(one, truth) for one in found if one.sort == "preference-answer" and (truth := _truth_of(one, records))]
    _share("chosen is the human answer", (_is(one.chosen, truth) for one, truth in answers))
    # A reading of the right print that is wrong by a slip is rejected rightly.
    _share("rejected is not the human answer", (not same_answer(one.rejected, truth) for one, truth in answers))
    for one in random.Random(0).sample(found, min(show, len(found))):
        print(f"    {one.prompt[0].text} | {one.chosen} <> {one.rejected} | {', '.join(one.reasons)}")


def _poison(tables: dict[str, pl.LazyFrame], records: dict[str, Any]) -> None:
    """The human answers to the kept pairs' questions, as if another writer had given them and they had been rejected
    as not printed: none of them may become a rejected answer."""
    kept = tables["verdicts"].filter("keep").select("pair_id")
    pairs = tables["pairs"].join(kept, on="pair_id", how="semi").collect()
    human = [_truth(records[row["image_id"]], row["question"]) for row in pairs.iter_rows(named=True)]
    mark = (pl.lit(SPOILT) + pl.col("pair_id")).alias("pair_id")
    given = pairs.with_columns(pl.Series("answer", human, pl.String), mark, pl.lit(0.0).alias("grounding"))
    given = given.filter(pl.col("answer").is_not_null())
    verdicts = given.select(
        "pair_id", "image_id", pl.lit(value=False).alias("keep"), pl.lit(["not_grounded"]).alias("reasons"),
        pl.lit(["not_grounded"]).alias("rules"), pl.lit("rules").alias("decided_by"), pl.lit("both").alias("form"),
    )  # fmt: skip
    added = {"pairs": given.lazy(), "verdicts": verdicts.lazy()}
    found, _ = preferences(tables | {name: pl.concat([tables[name], rows]) for name, rows in added.items()})
    taken = [one for one in found if SPOILT in one.rejected_id]
    print(f"human answers, rejected: {given.height}, taken as rejected ones: {len(taken)}")
    for one in taken:
        print(f"    {one.prompt[0].text} | {one.chosen} <> {one.rejected}")


def _truth_of(one: Preference, records: dict[str, Any]) -> str | None:
    return _truth(records[one.chosen_id.removeprefix(SPOILT).split("-")[0]], one.prompt[0].text)


def _unanswerable(tables: dict[str, pl.LazyFrame], records: dict[str, Any], show: int) -> None:
    kept = int(tables["verdicts"].select(pl.col("keep").sum()).collect().item())
    for share in (0.1, 0.3, 0.5):
        wanted = round(kept * share / (1 - share))
        found, left_out = unanswerable(tables, wanted)
        print(f"unanswerable at {share}: {len(found)} of {wanted}; {dict(left_out)}")
    hosts = [(one, records[one.id.split("-")[0]]) for one in found]
    read = [(one, record) for one, record in hosts if record.get("ocr")]
    _share("the label stands nowhere in the human OCR", (not _stands(one, record) for one, record in read))
    named = [(one, record) for one, record in read if record["kind"] == "form"]
    _share("no field of the human's is named like it", (not _named(one, record) for one, record in named))
    for one, record in random.Random(0).sample(hosts, min(show, len(hosts))):
        print(f"    {record['id']} | {one.question} | {one.reply}")


def _stands(one: Unanswerable, record: dict[str, Any]) -> bool:
    page = fold(" ".join(span["text"] for span in record["ocr"]))
    return fuzz.partial_ratio(fold(one.missing), page) >= 85


def _named(one: Unanswerable, record: dict[str, Any]) -> bool:
    return any(fuzz.token_set_ratio(one.missing.lower(), name.lower()) >= 85 for name in record["fields"] or {})


def _hard_negatives(tables: dict[str, pl.LazyFrame], records: dict[str, Any], show: int) -> None:
    found, left_out = hard_negatives(tables)
    count = sum(len(one.negatives) for one in found)
    print(f"hard negatives: {count} for {len(found)} questions; {dict(left_out)}")
    print(f"  by type: {dict(Counter(one.type for one in found))}")
    known = [(one, truth) for one in found if (truth := _truth(records[one.id.split("-")[0]], one.question))]
    _share("the answer is the human answer", (_is(one.answer, truth) for one, truth in known))
    _share("a negative is not the human answer", _negatives(known))
    for one in random.Random(0).sample(found, min(show, len(found))):
        print(f"    {one.image} | {one.question} | {one.answer} <> {[negative.answer for negative in one.negatives]}")


def _negatives(known: Iterable[tuple[HardNegatives, str]]) -> Iterable[bool]:
    return (not same_answer(negative.answer, truth) for one, truth in known for negative in one.negatives)


if __name__ == "__main__":
    main()
