"""Whole builds against an endpoint that misbehaves: killed, cut off, out of money. Prints what was lost or paid twice.

python benchmarks/endpoint_faults.py --server ../shared/tools/mock_llm.py [kills] [outage] [gone] [pieces]
"""

from __future__ import annotations

import hashlib
import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from endpoint import arguments, server, stats
from PIL import Image

IMAGES, IN_FLIGHT = 60, 16
COMMAND = [sys.executable, "-c", "from glossator.cli.main import main; main()"]


def make_source(folder: Path) -> Path:
    """Small pictures that differ."""
    folder.mkdir()
    for number in range(IMAGES):
        Image.new("RGB", (200, 300), (number * 4, 100, 100)).save(folder / f"{number:03d}.png")
    return folder


def make_recipe(folder: Path, url: str, **run: object) -> Path:
    chat = {"kind": "chat", "model": "mock"}
    stages: list[dict[str, object]] = [{"use": "ocr", "engine": {"kind": "fake"}}]
    stages += [{"use": use, "engine": chat} for use in ("enrich", "extract", "explain")]
    stages += [{"use": "score", "engine": {"kind": "fake"}}, {"use": "filter"}]
    endpoint = {"url": f"{url}/v1", "in_flight": IN_FLIGHT, "timeout_s": 20}
    tree = {
        "data": {"shard_size": 10},
        "stages": stages,
        "run": {"endpoints": {"default": endpoint}, "budget": {"max_failed_share": 1}, **run},
    }
    path = folder / f"recipe-{random.randrange(10**9)}.yaml"
    path.write_text(json.dumps(tree))
    return path


def start(source: Path, workspace: Path, recipe: Path) -> subprocess.Popen[str]:
    words = ["build", str(source), "-o", str(workspace), "-r", str(recipe), "--json"]
    return subprocess.Popen([*COMMAND, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def finish(source: Path, workspace: Path, recipe: Path) -> tuple[int, float]:
    started = time.monotonic()
    process = start(source, workspace, recipe)
    process.communicate()
    return process.returncode, time.monotonic() - started


def tables(workspace: Path) -> str:
    """One hash over all tables that the endpoint has a part in, and what follows."""
    found = hashlib.sha256()
    for path in sorted(workspace.glob("e*/*/part-*.parquet")) + sorted(workspace.glob("score/*/part-*.parquet")):
        found.update(str(path.relative_to(workspace)).encode() + path.read_bytes())
    return found.hexdigest()


def reset(url: str) -> None:
    urllib.request.urlopen(f"{url}/reset").close()


def kills(script: Path, folder: Path, times: int = 30) -> None:
    """`kill -9` at random moments, each time a new workspace, then finished: the same tables, little paid twice."""
    with server(script, 0.05, ()) as url:
        source, recipe = make_source(folder / "source"), make_recipe(folder, url)
        code, seconds = finish(source, folder / "whole", recipe)
        expected, calls = tables(folder / "whole"), stats(url)["ok"]
        print(f"undisturbed: exit {code}, {seconds:.1f} s, {calls} calls")
        same, twice = 0, []
        for _ in range(times):
            reset(url)
            workspace = folder / "killed"
            process = start(source, workspace, recipe)
            time.sleep(random.uniform(0.5, seconds))
            process.kill()
            process.communicate()
            finish(source, workspace, recipe)
            same += tables(workspace) == expected
            twice.append(stats(url)["paid_twice"])
            shutil.rmtree(workspace)
        again = f"paid twice at most {max(twice)} ({IN_FLIGHT} in flight)"
        print(f"killed {times} times: tables the same {same} times; {again}")


def outage(script: Path, folder: Path, seconds: float = 20.0) -> None:
    """The server is gone for a while in the middle of a build."""
    source = make_source(folder / "source-outage")
    with server(script, 0.2, ()) as url:
        port = url.rsplit(":", 1)[1]
        recipe = make_recipe(folder, url)
        process = start(source, folder / "outage", recipe)
        time.sleep(3)
        subprocess.run(["pkill", "-9", "-f", f"{script.name} --port {port} "], check=False)
        time.sleep(seconds)
        again = subprocess.Popen([sys.executable, str(script), "--port", port, "--latency", "0.2"])
        process.communicate()
        again.terminate()
        again.wait()
    print(f"server gone for {seconds:.0f} s: exit {process.returncode}")


def gone(script: Path, folder: Path) -> None:
    """The server goes and does not come back."""
    source = make_source(folder / "source-gone")
    with server(script, 0.2, ()) as url:
        port = url.rsplit(":", 1)[1]
        process = start(source, folder / "gone", make_recipe(folder, url))
        time.sleep(3)
        subprocess.run(["pkill", "-9", "-f", f"{script.name} --port {port} "], check=False)
        started = time.monotonic()
        output = process.communicate()[0]
    print(f"server gone for good: exit {process.returncode} after {time.monotonic() - started:.0f} s: {output.strip()}")


def pieces(script: Path, folder: Path) -> None:
    """Three runs with a third of the tokens each, and one without a budget."""
    with server(script, 0.02, ()) as url:
        source, recipe = make_source(folder / "source-pieces"), make_recipe(folder, url)
        finish(source, folder / "one", recipe)
        calls = stats(url)["ok"]
        tokens = sum(json.loads(line)["reply"]["tokens_in"] + json.loads(line)["reply"]["tokens_out"]
                     for path in (folder / "one" / "replies").rglob("*.jsonl") for line in path.open())  # fmt: skip
        reset(url)
        budget = {"tokens": tokens // 3, "max_failed_share": 1}
        codes: list[int] = []
        while not codes or (codes[-1] == 3 and len(codes) < 9):
            codes.append(finish(source, folder / "three", make_recipe(folder, url, budget=budget))[0])
        same = tables(folder / "one") == tables(folder / "three")
        print(f"budgeted pieces: exits {codes}, calls {stats(url)['ok']} against {calls}, the same tables: {same}")


def main() -> None:
    args = arguments(__doc__, "kills, outage, gone, pieces; all by default")
    random.seed(0)
    with tempfile.TemporaryDirectory() as folder:
        for part in (kills, outage, gone, pieces):
            if not args.names or part.__name__ in args.names:
                part(args.server, Path(folder))


if __name__ == "__main__":
    main()
