"""Captions that come after the first build: what runs, what is reused, what stays on the disk, and stops in between."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from PIL import Image, ImageDraw
from test_mock_endpoint import Answer, Server

import glossator
from glossator.cli.main import cli
from glossator.jobs.plan import dry_run
from glossator.recipe import load
from glossator.records import HumanVerdict
from glossator.review.captioning import CaptionBook
from glossator.verdict_log import open_log
from glossator.workspace import Workspace

IMAGES = 9  # in three shards
SEEING = ("enrich", "extract", "explain", "score")  # stages that what a person has written can change
IN_PROCESS: dict[str, Any] = {"data.shard_size": 3, **{f"run.workers.{stage}": 0 for stage in ("ocr", *SEEING)}}
HOSTILE = "</textarea><script>owned()</script> {{ 7*7 }} \u202e\x00\x1b[31m '; DROP TABLE records; --"


class Watch:
    """Counts the images that each stage works on."""

    def __init__(self) -> None:
        self.images: Counter[str] = Counter()
        self._stage = ""

    def stage_started(self, stage: str, images: int) -> None:
        self._stage = stage

    def advanced(self, images: int) -> None:
        self.images[self._stage] += images

    def spent(self, usd: float, tokens: int) -> None: ...

    def stage_finished(self, stage: str) -> None: ...


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Pictures without captions."""
    path = tmp_path / "images"
    path.mkdir()
    for i in range(IMAGES):
        image = Image.new("RGB", (120, 60), "white")
        ImageDraw.Draw(image).text((10, 20), f"Total {i}.50", fill="black")
        image.save(path / f"{i}.png")
    return path


def build(source: Path, ws: Path, **settings: Any) -> tuple[Workspace, Counter[str]]:
    watch = Watch()
    found = glossator.build(source, ws, "fake", events=watch, **IN_PROCESS, **settings)
    return found, Counter({stage: count for stage, count in watch.images.items() if count and stage != "ingest"})


def write(folder: Path, **captions: str) -> None:
    lines = [{"image": f"{name[1:]}.png", "caption": text} for name, text in captions.items()]
    (folder / "captions.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def parts(ws: Path) -> dict[str, bytes]:
    return {str(path.relative_to(ws)): path.read_bytes() for path in sorted(ws.glob("*/*/part-*.parquet"))}


def captions(ws: Workspace) -> dict[str, str | None]:
    return {row["path"]: row["caption"] for row in ws.table("images").to_pylist()}


def rows(ws: Workspace, table: str) -> list[dict[str, Any]]:
    """A table without what the first ingest alone knows."""
    return [{key: value for key, value in row.items() if key != "meta"} for row in ws.table(table).to_pylist()]


def test_only_what_follows_from_new_captions_is_made(folder: Path, tmp_path: Path) -> None:
    _, ran = build(folder, tmp_path / "ws")
    assert ran == dict.fromkeys(("ocr", *SEEING), IMAGES)
    before = parts(tmp_path / "ws")
    write(folder, i1="The second.", i7="The eighth.")
    ws, ran = build(folder, tmp_path / "ws")
    assert ran == dict.fromkeys(SEEING, 2)
    assert {path: text for path, text in captions(ws).items() if text} == {
        "1.png": "The second.",
        "7.png": "The eighth.",
    }
    assert ws.table("failures").num_rows == 0
    # What a new workspace would hold, byte for byte where the same is hashed.
    fresh, _ = build(folder, tmp_path / "fresh")
    for table in ("images", "sources", "ocr", "captions", "pairs", "losses", "scores", "verdicts"):
        assert rows(ws, table) == rows(fresh, table), table
    assert before.items() <= parts(tmp_path / "ws").items(), "nothing that was there has changed"
    _, ran = build(folder, tmp_path / "ws")
    assert not ran


def test_a_corrected_and_an_emptied_caption(folder: Path, tmp_path: Path) -> None:
    write(folder, i0="One.", i4="Five.")
    first, _ = build(folder, tmp_path / "ws")
    first_parts, first_tables = parts(tmp_path / "ws"), first.store.read_json("current.json")
    write(folder, i0="One.", i4="Five, corrected.")
    assert build(folder, tmp_path / "ws")[1] == dict.fromkeys(SEEING, 1)
    write(folder, i0="", i4="Five, corrected.")
    ws, ran = build(folder, tmp_path / "ws")
    assert ran == dict.fromkeys(SEEING, 1)
    assert (captions(ws)["0.png"], captions(ws)["4.png"]) == (None, "Five, corrected.")
    assert not any("One." in row["enriched"] for row in ws.table("captions").to_pylist())
    # Back to where it began: everything is there.
    write(folder, i0="One.", i4="Five.")
    ws, ran = build(folder, tmp_path / "ws")
    assert not ran
    assert ws.store.read_json("current.json") == first_tables
    assert first_parts.items() <= parts(tmp_path / "ws").items()


def test_old_pairs_leave_the_tables_and_not_the_disk(folder: Path, tmp_path: Path) -> None:
    old, _ = build(folder, tmp_path / "ws")
    was = old.store.read_json("current.json")["tables"]["captions"]
    write(folder, i1="The second.")
    ws, _ = build(folder, tmp_path / "ws")
    now = ws.store.read_json("current.json")["tables"]["captions"]
    (new,) = (row for row in ws.table("captions").to_pylist() if row["caption"] == "The second.")
    told = {row["image_id"]: row["caption"] for row in ws.store.scan(was, "captions").collect().to_dicts()}
    assert now != was
    assert told[new["image_id"]] is None


def test_growth_and_captions_together(folder: Path, tmp_path: Path) -> None:
    glossator.build(folder, tmp_path / "ws", "fake", limit=6, **IN_PROCESS)
    write(folder, i1="The second.", i8="The ninth.")
    ws, ran = build(folder, tmp_path / "ws")
    assert ran == {"ocr": 3, **dict.fromkeys(SEEING, 4)}
    (folder / "late.png").write_bytes((folder / "0.png").read_bytes() + b"0")
    ws, ran = build(folder, tmp_path / "ws")
    assert ran == dict.fromkeys(("ocr", *SEEING), 1)
    assert ws.table("images").num_rows == ws.table("captions").num_rows == IMAGES + 1
    assert captions(ws)["1.png"] == "The second."


def test_captions_of_images_that_the_limit_leaves_out_stay(folder: Path, tmp_path: Path) -> None:
    build(folder, tmp_path / "ws")
    write(folder, i7="The eighth.")
    build(folder, tmp_path / "ws")
    write(folder, i0="The first.", i7="Another eighth.")
    ws = glossator.build(folder, tmp_path / "ws", "fake", limit=2, **IN_PROCESS)
    assert (captions(ws)["0.png"], captions(ws)["7.png"]) == ("The first.", "The eighth.")


def test_hostile_captions_are_cleaned_or_told(folder: Path, tmp_path: Path) -> None:
    write(folder, i2="A caption that is good.")
    build(folder, tmp_path / "ws")
    write(folder, i1=HOSTILE, i2="x" * 20_001)
    ws, ran = build(folder, tmp_path / "ws")
    assert ran == dict.fromkeys(SEEING, 1)
    taken = captions(ws)["1.png"]
    assert taken is not None and "<script>" in taken and not set("\x00\x1b") & set(taken)
    assert captions(ws)["2.png"] == "A caption that is good.", "a bad one puts nothing in the place of a good one"
    assert [row["category"] for row in ws.table("failures").to_pylist()] == ["bad_caption"]
    assert not build(folder, tmp_path / "ws")[1]
    write(folder, i1=HOSTILE, i2="A better one.")
    ws, _ = build(folder, tmp_path / "ws")
    assert captions(ws)["2.png"] == "A better one."
    assert ws.table("failures").num_rows == 0


def test_failed_rows_of_other_images_are_taken_over_and_not_tried(folder: Path, tmp_path: Path) -> None:
    broken = {"extract.engine.fail_share": 0.5, "run.budget.max_failed_share": 1.0}
    first, _ = build(folder, tmp_path / "ws", **broken)
    failed = {row["image_id"] for row in first.table("failures").to_pylist()}
    assert 0 < len(failed) < IMAGES
    write(folder, i1="The second.")
    ws, ran = build(folder, tmp_path / "ws", **broken)
    assert {row["image_id"] for row in ws.table("failures").to_pylist()} == failed
    assert (ran["enrich"], ran["extract"]) == (1, 1)


def test_edits_of_other_images_stay(folder: Path, tmp_path: Path) -> None:
    ws, _ = build(folder, tmp_path / "ws")
    pair = ws.table("pairs").to_pylist()[-1]
    with open_log(ws.store) as log:
        log.put(HumanVerdict(pair["pair_id"], pair["image_id"], "ada", "edit", answer="Better."))
    build(folder, tmp_path / "ws")
    write(folder, i1="The second.")
    ws, ran = build(folder, tmp_path / "ws")
    assert ran == {**dict.fromkeys(SEEING, 1), "edits": 1, "score": 2}, "score stands twice in the recipe"
    assert [row["answer"] for row in ws.table("pairs").to_pylist()].count("Better.") == 1
    assert ws.table("losses").num_rows == ws.table("pairs").num_rows


def test_repairs_take_over_as_well(folder: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.yaml"
    stages = "\n".join(f"  - {{use: {kind}, engine: {{kind: fake}}}}" for kind in ("ocr", *SEEING, "repair", "score"))
    workers = ", ".join(f"{kind}: 0" for kind in ("ocr", *SEEING, "repair", "inspect"))
    end = f"  - {{use: inspect}}\n  - {{use: filter}}\nrun: {{workers: {{{workers}}}}}\n"
    recipe.write_text(f"data: {{shard_size: 3}}\nstages:\n{stages}\n{end}")
    first = glossator.build(folder, tmp_path / "ws", recipe)
    write(folder, i1="The second.")
    watch = Watch()
    ws = glossator.build(folder, tmp_path / "ws", recipe, events=watch)
    assert watch.images["repair"] == 3, "its rows depend on the whole shard"
    assert watch.images["enrich"] == 1
    assert watch.images["score"] < 2 * IMAGES
    fresh = glossator.build(folder, tmp_path / "fresh", recipe)
    assert ws.table("pairs") == fresh.table("pairs")
    assert ws.table("losses") == fresh.table("losses")
    assert first.table("images").num_rows == IMAGES


def test_the_page_to_the_set_and_a_later_correction(folder: Path, tmp_path: Path) -> None:
    ws, _ = build(folder, tmp_path / "ws")
    ids = {row["path"]: row["image_id"] for row in ws.table("images").to_pylist()}
    CaptionBook(ws, "ada").write(ids["3.png"], "A receipt of 3.50.")
    ws, ran = build(folder, tmp_path / "ws")
    assert ran == dict.fromkeys(SEEING, 1)
    assert ws.table("failures").num_rows == 0
    book = CaptionBook(ws, "bo")
    assert book.written() == {ids["3.png"]: "A receipt of 3.50."}
    book.write(ids["3.png"], "A receipt of 3.50 euros.")
    ws, ran = build(folder, tmp_path / "ws")
    assert ran == dict.fromkeys(SEEING, 1)
    book.write(ids["3.png"], "A receipt of 3.50 euros.")  # another time, the same words
    assert not build(folder, tmp_path / "ws")[1]
    book.write(ids["3.png"], "")
    ws, ran = build(folder, tmp_path / "ws")
    assert not ran, "without it, all is as it was"
    assert captions(ws)["3.png"] is None


def test_the_page_beside_a_file_of_records(source: Path, tmp_path: Path) -> None:
    records = [json.loads(line) for line in source.read_text().splitlines()]
    bare = [{key: value for key, value in row.items() if key != "caption"} for row in records]
    source.write_text("".join(json.dumps(row) + "\n" for row in bare))
    ws, _ = build(source, tmp_path / "ws")
    ids = {row["source_id"]: row["image_id"] for row in ws.table("images").to_pylist()}
    CaptionBook(ws, "ada").write(ids["r4"], "The fifth.")
    ws, ran = build(source, tmp_path / "ws")
    assert ran == dict.fromkeys(SEEING, 1)
    assert captions(ws)["4.png"] == "The fifth."


def test_status_and_dry_run_count_them(folder: Path, tmp_path: Path) -> None:
    build(folder, tmp_path / "ws")
    write(folder, i1="The second.", i7="The eighth.")
    before = parts(tmp_path / "ws")
    command = CliRunner()
    status = command.invoke(cli, ["status", str(tmp_path / "ws"), "--json"], standalone_mode=False)
    assert json.loads(status.output)["captions_waiting"] == 2
    said = command.invoke(cli, ["status", str(tmp_path / "ws")], standalone_mode=False).output
    assert f"captions: 2 new or changed; next: glossator build {folder} -o {tmp_path / 'ws'} -r" in said
    arguments = ["build", str(folder), "-o", str(tmp_path / "ws"), "-r", "fake", "--dry-run", "--json"]
    found = json.loads(command.invoke(cli, arguments, standalone_mode=False).output)
    assert found["captions"] == 2
    assert {step["stage"]: step["images"] for step in found["steps"]} == {
        "ocr": 0, **dict.fromkeys(SEEING, 2), "filter": 0
    }  # fmt: skip
    assert parts(tmp_path / "ws") == before, "looking takes nothing in"
    build(folder, tmp_path / "ws")
    status = command.invoke(cli, ["status", str(tmp_path / "ws"), "--json"], standalone_mode=False)
    assert json.loads(status.output)["captions_waiting"] == 0
    shutil.rmtree(folder)
    status = command.invoke(cli, ["status", str(tmp_path / "ws"), "--json"], standalone_mode=False)
    assert json.loads(status.output)["captions_waiting"] is None


# Paid


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()

    def slow(_number: int) -> Answer:
        time.sleep(0.05)
        return 200, json.dumps({"caption": "A receipt."})

    running.script = slow
    yield running
    running.close()


def paid(source: Path, workspace: Path, url: str) -> subprocess.Popen[str]:
    recipe = workspace.parent / "paid.yaml"
    recipe.write_text(
        "data: {shard_size: 3}\n"
        "stages:\n- {use: ocr, engine: {kind: fake}}\n- {use: enrich, engine: {kind: chat, model: m}}\n"
        "- {use: extract, engine: {kind: fake, delay_s: 0.2}}\n- {use: explain, engine: {kind: fake}}\n"
        "- {use: score, engine: {kind: fake}}\n- {use: filter}\n"
        f'run: {{workers: {{ocr: 0, extract: 0, explain: 0, score: 0}}, endpoints: {{default: {{url: "{url}", '
        "in_flight: 2}}}\n"
    )
    code = "from glossator.cli.main import main; main()"
    command = [sys.executable, "-c", code, "build", str(source), "-o", str(workspace), "-r", str(recipe), "--json"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def finish(process: subprocess.Popen[str]) -> dict[str, Any]:
    output = process.communicate(timeout=120)[0]
    assert process.returncode == 0, output
    return json.loads(output)  # type: ignore[no-any-return]


def replies(workspace: Path) -> int:
    return sum(path.read_bytes().count(b"\n") for path in workspace.glob("replies/enrich/*.jsonl"))


def test_other_images_are_not_paid_for_again(folder: Path, tmp_path: Path, server: Server) -> None:
    finish(paid(folder, tmp_path / "ws", server.url))
    assert len(server.bodies) == replies(tmp_path / "ws") == IMAGES
    server.bodies.clear()
    write(folder, i1="The second.", i7="The eighth.")
    status = finish(paid(folder, tmp_path / "ws", server.url))
    assert len(server.bodies) == 2
    assert replies(tmp_path / "ws") == IMAGES + 2
    assert all("second" in json.dumps(body) or "eighth" in json.dumps(body) for body in server.bodies)
    enrich = next(stage for stage in status["stages"] if stage["stage"] == "enrich")
    assert enrich["calls"] == IMAGES + 2, "what the table rests on, and what its images have cost before"


def test_a_pilot_pays_for_new_captions_and_the_build_does_not_again(
    folder: Path, tmp_path: Path, server: Server
) -> None:
    finish(paid(folder, tmp_path / "ws", server.url))
    server.bodies.clear()
    write(folder, i1="The second.", i7="The eighth.")
    found = dry_run(folder, tmp_path / "ws", load(tmp_path / "paid.yaml"), None, IMAGES)
    assert (found["captions"], found["pilot"]["bought_calls"]) == (2, 2)
    assert {step["stage"]: step["images"] for step in found["steps"]}["enrich"] == 2
    finish(paid(folder, tmp_path / "ws", server.url))
    assert len(server.bodies) == 2


def test_a_kill_at_any_place_changes_nothing(folder: Path, tmp_path: Path, server: Server) -> None:
    """The build is killed as soon as a new file of a name is there."""
    finish(paid(folder, tmp_path / "ws", server.url))
    moments = ("sources/*/part-00001", "images/editions", "enrich/*/part-00001", "extract/*/part-00000")
    copies = [tmp_path / f"killed{number}" for number in range(len(moments))]
    for copy in copies:
        shutil.copytree(tmp_path / "ws", copy)
    write(folder, i1="The second.", i4="The fifth.", i7="The eighth.")
    finish(paid(folder, tmp_path / "ws", server.url))
    for moment, copy in zip(moments, copies, strict=True):
        server.bodies.clear()
        known = set(copy.glob(f"{moment}*"))
        killed = paid(folder, copy, server.url)
        while killed.poll() is None and not set(copy.glob(f"{moment}*")) - known:
            time.sleep(0.002)
        assert killed.poll() is None, "it was to be killed before its end"
        os.kill(killed.pid, signal.SIGKILL)
        killed.communicate(timeout=10)
        finish(paid(folder, copy, server.url))
        assert parts(copy) == parts(tmp_path / "ws"), moment
        assert captions(glossator.open(copy)) == captions(glossator.open(tmp_path / "ws"))
        assert 3 <= len(server.bodies) <= 3 + 2, "at most what was in flight at the kill is bought again"
