"""OCR: pages a second of N processes against N times one bare rapidocr, and the words each finds.

    python benchmarks/ocr.py [--data ../shared/data/records.jsonl] [--pages 16] [--kind receipt]

All figures come from one run on one machine. Recall is the share of the human transcription's words that were read.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import re
import time
from collections import Counter
from pathlib import Path
from typing import Any

from glossator.engines.base import Reading, Runtime, Session
from glossator.engines.ocr.rapid import RapidOcrEngine, RapidOcrSpec
from glossator.records import ImageRecord, Sample

Page = tuple[str, str, str]  # the source's folder, the image's path in it, the human transcription


class NoReplies:
    def get(self, _key: str) -> dict[str, Any] | None:
        return None

    def put(self, _key: str, _reply: dict[str, Any]) -> None:
        raise RuntimeError("OCR buys nothing")


def words(text: str) -> Counter[str]:
    return Counter(re.findall(r"[^\W_]+", text.casefold()))


def recall(texts: list[str], pages: list[Page]) -> float:
    found = sum((words(text) & words(page[2])).total() for text, page in zip(texts, pages, strict=True))
    return found / sum(words(page[2]).total() for page in pages)


def bare(pages: list[Page]) -> tuple[float, list[str]]:
    """Seconds and texts of rapidocr as it comes, on one thread."""
    from rapidocr import RapidOCR

    one_thread = {f"EngineConfig.onnxruntime.{kind}_op_num_threads": 1 for kind in ("intra", "inter")}
    engine = RapidOCR(params={**one_thread, "Global.log_level": "error"})
    engine(str(Path(pages[0][0], pages[0][1])))
    started = time.perf_counter()
    results = [engine(str(Path(root, image))) for root, image, _ in pages]
    return time.perf_counter() - started, [" ".join(result.txts or ()) for result in results]


def ours(pages: list[Page], threads: int, start: Any = None) -> tuple[float, list[str]]:
    """Seconds and texts of our engine, started when `start` (a barrier) lets it."""
    engine = RapidOcrEngine.build(RapidOcrSpec(), Runtime(threads=threads))
    samples = [Sample(root, ImageRecord("", "", image, "", 0, 0)) for root, image, _ in pages]
    session = Session(replies=NoReplies())
    engine.read(samples[:1], session)
    if start is not None:
        start.wait()
    started = time.perf_counter()
    readings = engine.read(samples, session)
    seconds = time.perf_counter() - started
    return seconds, [" ".join(s.text for s in r.spans) if isinstance(r, Reading) else "" for r in readings]


def _process(pages: list[Page], threads: int, start: Any, seconds: Any) -> None:
    seconds.put(ours(pages, threads, start)[0])


def together(pages: list[Page], workers: int, threads: int) -> float:
    """Pages a second of `workers` spawned processes; each reads all pages."""
    context = multiprocessing.get_context("spawn")
    start, seconds = context.Barrier(workers), context.SimpleQueue()
    processes = [context.Process(target=_process, args=(pages, threads, start, seconds)) for _ in range(workers)]
    for process in processes:
        process.start()
    rate = sum(len(pages) / float(seconds.get()) for _ in processes)
    for process in processes:
        process.join()
    return rate


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[2] / "shared/data/records.jsonl")
    parser.add_argument("--pages", type=int, default=16)
    parser.add_argument("--kind", default="receipt")
    options = parser.parse_args()
    with options.data.open(encoding="utf-8") as file:
        records = [record for record in map(json.loads, file) if record["kind"] == options.kind][: options.pages]
    root = str(options.data.parent)
    pages = [(root, record["image"], " ".join(span["text"] for span in record["ocr"])) for record in records]
    cores = len(os.sched_getaffinity(0))
    seconds, texts = bare(pages)
    one = len(pages) / seconds
    print(f"bare rapidocr, 1 thread        {one:6.3f} pages/s  recall {recall(texts, pages):.4f}", flush=True)
    seconds, texts = ours(pages, 1)
    own = len(pages) / seconds
    print(f"our engine, 1 thread           {own:6.3f} pages/s  recall {recall(texts, pages):.4f}", flush=True)
    for workers, threads in sorted({(1, cores), RapidOcrEngine.parallelism(cores)}):
        rate = together(pages, workers, threads)
        against = f"{rate / (workers * threads * one):.2f} of {workers * threads} bare engines"
        against += f", {rate / (workers * threads * own):.2f} of {workers * threads} of ours"
        print(f"{workers} processes x {threads} threads        {rate:6.3f} pages/s  {against}", flush=True)


if __name__ == "__main__":
    main()
