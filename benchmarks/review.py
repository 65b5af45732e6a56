"""How fast the review page is on a large set, in a real Chromium, beside an empty page of the same server.

    python benchmarks/review.py --pairs 400000

Makes a workspace of so many pairs (texts, boxes and losses are made up, pictures are a few drawn ones), serves it, and
prints medians and worst cases: first page, keyboard steps, verdicts, threshold previews, brushes; and what memory the
server has, and has had at most, in each part of that.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import psutil  # type: ignore[import-untyped]
from PIL import Image, ImageDraw

import glossator
from glossator.recipe import load
from glossator.records import CONDITIONS
from glossator.schemas import SCHEMAS

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
SHARD, PAIRS_AN_IMAGE = 200, 10
WORDS = [
    "total", "date", "name", "tax", "cash", "change", "address", "phone", "number", "item", "price", "company", "order",
    "title", "axis", "value", "subtotal", "discount", "north", "south", "growth", "share", "year", "month", "customer",
]  # fmt: skip
KINDS = ("receipt", "form", "chart", "poster")
# Presses a key and resolves when the next pair and its picture stand on the screen.
STEP = """async (key) => {
  const before = document.getElementById("view").dataset.pair, start = performance.now();
  document.body.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
  while (document.getElementById("view").dataset.pair === before) await new Promise(requestAnimationFrame);
  await document.getElementById("picture").decode();
  await new Promise(requestAnimationFrame);
  return performance.now() - start;
}"""
SLIDE = """async (value) => {
  const slider = document.querySelector("[data-name=mifd_max] [type=range]"), told = document.getElementById("kept");
  const before = told.textContent, start = performance.now();
  slider.value = value;
  slider.dispatchEvent(new Event("input", { bubbles: true }));
  while (told.textContent === before) await new Promise(requestAnimationFrame);
  return performance.now() - start;
}"""
BRUSH = """async ([low, high]) => {
  const [from, to] = document.querySelectorAll("[data-score=ifd] input"), told = document.getElementById("shares");
  const before = told.textContent, start = performance.now();
  from.value = low; to.value = high;
  to.dispatchEvent(new Event("change", { bubbles: true }));
  while (document.getElementById("shares").textContent === before) await new Promise(requestAnimationFrame);
  return performance.now() - start;
}"""


def make(folder: Path, pairs: int, seed: int = 0) -> Path:
    """A workspace with about so many pairs under `folder`; gives its path."""
    rng = np.random.default_rng(seed)
    source = folder / "source"
    source.mkdir(parents=True)
    for i in range(8):
        image = Image.new("RGB", (900, 1300), "white")
        draw = ImageDraw.Draw(image)
        for line in range(40):
            draw.text((60, 30 * line + 40), " ".join(rng.choice(WORDS, 8)), fill="black")
        image.save(source / f"{i}.jpg")
    settings: dict[str, Any] = {f"run.workers.{stage}": 0 for stage in ("ocr", "enrich", "extract", "explain", "score")}
    ws = glossator.build(source, folder / "ws", load("fake", {**settings, "data.shard_size": SHARD}))
    tables = {name: ws.path / ws.store.read_json("current.json")["tables"][name] for name in TABLES}
    for shard in range(-(-pairs // (SHARD * PAIRS_AN_IMAGE))):
        images = min(SHARD, -(-(pairs - shard * SHARD * PAIRS_AN_IMAGE) // PAIRS_AN_IMAGE))
        for name, frame in _shard(rng, shard, images).items():
            unknown = [pl.lit(None).alias(column) for column in SCHEMAS[name].names if column not in frame.columns]
            table = frame.with_columns(unknown).select(SCHEMAS[name].names).to_arrow().cast(SCHEMAS[name])
            pl.from_arrow(table).write_parquet(tables[name] / f"part-{shard:05d}.parquet")  # type: ignore[union-attr]
    ws.filter()
    return ws.path


TABLES = ("images", "ocr", "captions", "drafts", "pairs", "losses")


def _shard(rng: np.random.Generator, shard: int, images: int) -> dict[str, pl.DataFrame]:
    ids = [f"{shard:08x}{i:08x}" for i in range(images)]
    count = images * PAIRS_AN_IMAGE

    def text(words: int, rows: int = count) -> list[str]:
        return [" ".join(row) for row in rng.choice(WORDS, (rows, words))]

    spans = [
        {"text": " ".join(rng.choice(WORDS, 4)), "box": [60.0, 30.0 * k + 40, 400.0, 30.0 * k + 58], "confidence": 0.9}
        for k in range(30)
    ]
    known = {"image_id": ids, "source_id": [f"record-{one}" for one in ids]}
    pictures = pl.DataFrame(known).with_columns(
        path=pl.Series([f"{i % 8}.jpg" for i in range(images)]), sha256=pl.lit("0" * 64), width=900, height=1300,
        kind=pl.Series(rng.choice(KINDS, images)), shard=shard, caption=pl.Series(text(20, images)),
        given_ocr=pl.lit(None), given_pairs=pl.lit(""), meta=pl.lit("{}"), more_paths=pl.lit([], pl.List(pl.String)),
    )  # fmt: skip
    pages = pl.DataFrame({"image_id": ids}).with_columns(
        engine=pl.lit("fake"), spans=pl.Series([spans] * images), text=pl.lit("text")
    )
    captions = pl.DataFrame({"image_id": ids, "caption": pictures["caption"], "writer": ["fake"] * images})
    captions = captions.with_columns(enriched=pl.col("caption") + " " + pl.Series(text(20, images)))
    owners = np.repeat(np.array(ids), PAIRS_AN_IMAGE)
    pair_ids = [f"{owner}-{i:012x}" for i, owner in enumerate(owners)]
    evidence = [
        [{"text": "total", "box": [60.0, 30.0 * (i % 30) + 40, 200.0, 30.0 * (i % 30) + 58]}] for i in range(count)
    ]
    empty = {name: pl.lit("") for name in ("context", "meta", "operation")}
    pairs = pl.DataFrame({"pair_id": pair_ids, "image_id": owners}).with_columns(
        source_id="record-" + pl.col("image_id"), question=pl.Series(text(9)), answer=pl.Series(text(3)),
        kind=pl.Series(rng.choice(("field", "table", "heading", "chart-value"), count)), evidence=pl.Series(evidence),
        grounding=pl.Series(rng.beta(12, 1, count)), question_similarity=pl.Series(rng.beta(2, 6, count)),
        explain_question=pl.lit("How can you tell?"), writer=pl.lit("fake"), repaired_from=pl.lit(None), conversation=0,
        explain_answer='The label "total" stands there. ' + pl.Series(text(12)),
        question_fit=pl.Series(rng.beta(8, 2, count)),
        explain_grounding=pl.Series(rng.beta(9, 1, count)), explain_places=pl.lit(1.0), **empty,
    )  # fmt: skip
    tokens = pl.Series(rng.integers(3, 12, count))
    losses = pl.DataFrame({"pair_id": pair_ids, "image_id": owners}).with_columns(
        scorer=pl.lit("fake"), scorer_kind=pl.lit("ocr-proxy"), token_losses=pl.lit([]), not_scored=pl.lit(""),
        **{f"nll_{one}": pl.Series(rng.gamma(5, 0.4 - 0.02 * i, count)) * tokens for i, one in enumerate(CONDITIONS)},
        **{f"tokens_{one}": tokens for one in CONDITIONS},
    )  # fmt: skip
    return {"images": pictures, "ocr": pages, "captions": captions, "drafts": pairs, "pairs": pairs, "losses": losses}


@contextlib.contextmanager
def served(workspace: Path) -> Iterator[tuple[str, psutil.Process, float]]:
    """The start URL of a server over a workspace, its process, and how long it took to listen."""
    start = time.perf_counter()
    command = [sys.executable, "-m", "glossator.cli.main", "review", str(workspace), "--port", "0", "--by", "bench"]
    # Polars has set its allocator's options for this process; a server that a person starts doesn't inherit them.
    own = {name: value for name, value in os.environ.items() if name != "_RJEM_MALLOC_CONF"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=own) as server:
        assert server.stdout is not None
        try:
            url = server.stdout.readline().strip()
            yield url, psutil.Process(server.pid), time.perf_counter() - start
        finally:
            server.terminate()


def measure(url: str, server: psutil.Process, rounds: int) -> dict[str, Any]:
    """All figures; times in milliseconds."""
    from playwright.sync_api import sync_playwright

    base = url.split("/?")[0]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1280, "height": 720})
        page.goto(url)
        page.wait_for_selector("#shares:not(:empty)")
        found: dict[str, Any] = {"memory_mib": {"start": _memory(server)}}
        found["empty page"] = _told([_opened(page, f"{base}/static/icon.svg", None) for _ in range(rounds)])
        found["first page, cards"] = _told([_opened(page, f"{base}/", ".card") for _ in range(rounds)])
        charts = "#shares:not(:empty)"
        found["first page, cards and charts"] = _told([_opened(page, f"{base}/", charts) for _ in range(rounds)])
        found["memory_mib"]["first page"] = _memory(server)
        page.click("#thresholds summary")
        page.wait_for_selector("#kept:not(:empty)")
        values = [f"{0.3 + 0.01 * i:.2f}" for i in range(3 * rounds)]
        found["threshold preview"] = _told([page.evaluate(SLIDE, value) for value in values])
        found["memory_mib"]["preview"] = _memory(server)
        found["threshold applied, page anew"] = _told([_applied(page, f"{0.5 + 0.05 * i:.2f}") for i in range(rounds)])
        found["memory_mib"]["apply"] = _memory(server)
        ranges = [[f"{0.4 + 0.01 * i:.2f}", "1.2"] for i in range(3 * rounds)]
        found["brush, charts anew"] = _told([page.evaluate(BRUSH, one) for one in ranges])
        for name, address in (("set", ""), ("search and order", "?text=total+tax&order=mifd&descending=true")):
            page.goto(f"{base}/{address}")
            page.wait_for_selector(".card")
            page.click("#review")
            page.wait_for_selector("#view")
            page.wait_for_timeout(500)
            found[f"keyboard step, {name}"] = _told([_step(page, "j") for _ in range(6 * rounds)])
            found[f"keyboard step without a pause, {name}"] = _told(
                [_step(page, "j", pause=False) for _ in range(6 * rounds)]
            )
            found[f"verdict and step, {name}"] = _told([_step(page, "k") for _ in range(6 * rounds)])
        found["memory_mib"]["after apply"] = _memory(server)
        browser.close()
    return found


def _step(page: Any, key: str, *, pause: bool = True) -> float:
    if pause:
        page.wait_for_timeout(300)  # somebody who looks
    return float(page.evaluate(STEP, key))


def _opened(page: Any, url: str, until: str | None) -> float:
    start = time.perf_counter()
    page.goto(url, wait_until="commit" if until else "load")
    if until:
        page.wait_for_selector(until)
    return 1000 * (time.perf_counter() - start)


def _applied(page: Any, value: str) -> float:
    if page.locator("#thresholds").get_attribute("open") is None:
        page.click("#thresholds summary")
    page.evaluate(SLIDE, value)
    start = time.perf_counter()
    with page.expect_navigation():
        page.click("#apply")
    page.wait_for_selector("#shares:not(:empty)")
    return 1000 * (time.perf_counter() - start)


def _told(times: list[float]) -> dict[str, float]:
    return {"median": round(float(np.median(times)), 1), "worst": round(max(times), 1), "n": len(times)}


def _memory(process: psutil.Process) -> dict[str, int | None]:
    """What the server has now, and the most that it has had since the last call, where the system tells (Linux)."""
    found: dict[str, int | None] = {"now": int(process.memory_info().rss / 2**20), "peak": None}
    with contextlib.suppress(OSError):
        lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
        found["peak"] = next((int(line.split()[1]) // 1024 for line in lines if line.startswith("VmHWM")), None)
        Path(f"/proc/{process.pid}/clear_refs").write_text("5")  # from here on anew
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=400_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--workspace", type=Path, help="one that was made before; else it is made and removed")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        workspace = chosen.workspace or make(Path(folder), chosen.pairs)
        counts = glossator.open(workspace).verdict_counts()
        with served(workspace) as (url, server, seconds):
            found = measure(url, server, chosen.rounds)
    print(json.dumps({"counts": counts, "seconds until it listens": round(seconds, 2), **found}, indent=2))


if __name__ == "__main__":
    main()
