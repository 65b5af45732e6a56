"""Driving an endpoint: time against the ideal and against the raw openai SDK under a semaphore, same calls.

    python benchmarks/endpoint.py --server ../shared/tools/mock_llm.py [scenario ...]

Ideal is (calls / in flight) * latency. The server is any OpenAI-compatible script that takes --port, --latency,
--error-429, --error-500, --reset, --hang and --malformed, and tells its counts at GET /stats.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import io
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil  # type: ignore[import-untyped]
from PIL import Image

from glossator.engines.base import Session
from glossator.engines.writer.chat import ChatSpec, ChatWriter
from glossator.recipe import Endpoint
from glossator.records import ImageRecord, Page, Sample, Span
from glossator.replies import ReplyLogs
from glossator.results import Failed

WORDS = [
    "TOTAL",
    "CASH",
    "CHANGE",
    "TAX",
    "DATE",
    "TABLE",
    "SERVER",
    "VISA",
    "INVOICE",
    "AMOUNT",
    "DUE",
    "SUBTOTAL",
    "PHONE",
]


@dataclass(frozen=True)
class Scenario:
    """Calls to drive, and how the server behaves."""

    name: str
    calls: int
    in_flight: int
    latency: float
    faults: tuple[str, ...] = ()
    image: bool = False
    timeout_s: float = 60.0
    sdk: bool = True
    aim: str = ""


SCENARIOS = [
    Scenario("2000 calls, 200 ms, 64", 2000, 64, 0.2, aim="ideal/time >= 0.95, not slower than the SDK"),
    Scenario("2000 calls, 200 ms, 64, 60 KB image", 2000, 64, 0.2, image=True, aim="<= 5 % below text only"),
    Scenario("8000 calls, 2 s, 512", 8000, 512, 2.0, aim="ideal/time >= 0.93"),
    Scenario("4000 calls, no latency, 64", 4000, 64, 0.0, aim="calls/s >= the SDK's"),
    Scenario(
        "1000 calls, faults",
        1000,
        64,
        0.2,
        ("--error-429", "0.05", "--error-500", "0.02", "--reset", "0.01", "--malformed", "0.03"),
        aim="time/ideal <= 1.8, every row done, nothing paid twice but the malformed",
    ),
    Scenario("1000 calls, 0.5 % hang", 1000, 64, 0.2, ("--hang", "0.005"), timeout_s=5.0, aim="about one timeout more"),
]


@contextlib.contextmanager
def server(script: Path, latency: float, faults: tuple[str, ...]) -> Iterator[str]:
    """The server on a free port; ended at the end."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, str(script), "--port", str(port), "--latency", str(latency), *faults]
    process = subprocess.Popen(command)
    try:
        url = f"http://127.0.0.1:{port}"
        for _ in range(100):
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"{url}/stats")
                break
            time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait()


def stats(url: str) -> dict[str, Any]:
    with urllib.request.urlopen(f"{url}/stats") as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def samples(count: int, folder: Path, *, image: bool) -> list[Sample]:
    """Images whose text differs; with `image`, one JPEG file of about 60 KB each shares its pixels."""
    if image:
        noise = np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)
        picture = Image.fromarray(noise).resize((800, 600), Image.Resampling.BICUBIC)
        for quality in range(95, 10, -5):
            buffer = io.BytesIO()
            picture.save(buffer, "JPEG", quality=quality)
            if buffer.tell() < 62_000:
                break
        (folder / "a.jpg").write_bytes(buffer.getvalue())
    found = []
    for number in range(count):
        lines = [f"{WORDS[(number + i) % len(WORDS)]} {number * 7 + i}.{i:02d}" for i in range(40)]
        spans = tuple(Span(text, (10, 20.0 * i, 300, 20.0 * i + 16), 0.97) for i, text in enumerate(lines))
        record = ImageRecord(f"{number:016x}", str(number), "a.jpg", "0" * 64, 800, 600, "receipt")
        found.append(Sample(str(folder), record, Page(record.image_id, "made", spans, "\n".join(lines))))
    return found


def ours(url: str, scenario: Scenario, these: list[Sample], folder: Path) -> tuple[float, float, int]:
    """Seconds, CPU milliseconds a call, failed rows."""
    endpoint = Endpoint(url=f"{url}/v1", in_flight=scenario.in_flight, timeout_s=scenario.timeout_s)
    writer = ChatWriter(ChatSpec(model="mock", image="full" if scenario.image else "none"), endpoint, {})
    cpu = sum(os.times()[:2])
    started = time.perf_counter()
    with ReplyLogs(folder / f"replies-{time.monotonic_ns()}").open("enrich", 0) as replies:
        results = writer.enrich(these, Session(replies))
    seconds = time.perf_counter() - started
    failed = [result for result in results if isinstance(result, Failed)]
    for result in failed[:3]:
        print("  failed:", result.message)
    return seconds, 1000 * (sum(os.times()[:2]) - cpu) / len(these), len(failed)


def bodies(scenario: Scenario, these: list[Sample]) -> list[dict[str, Any]]:
    """The same requests, as the SDK takes them: recorded from our own writer."""
    found: list[dict[str, Any]] = []

    class Recorder:
        async def ask(self, body: dict[str, Any], *_a: Any, **_k: Any) -> Failed:
            found.append(body)
            return Failed("engine", "recorded")

    writer = ChatWriter(
        ChatSpec(model="mock", image="full" if scenario.image else "none"), Endpoint(url="http://127.0.0.1/v1"), {}
    )
    from glossator.engines.writer.schemas import CaptionReply

    async def all_of_them() -> None:
        for sample in these:
            await writer._ask(Recorder(), "enrich", sample, CaptionReply, ocr=sample.page.text if sample.page else "")  # type: ignore[arg-type]

    asyncio.run(all_of_them())
    return found


def sdk(url: str, scenario: Scenario, requests: list[dict[str, Any]]) -> tuple[float, float]:
    """Seconds and CPU milliseconds a call of the raw SDK under a semaphore."""
    from openai import AsyncOpenAI

    async def drive() -> None:
        client = AsyncOpenAI(base_url=f"{url}/v1", api_key="none", timeout=scenario.timeout_s, max_retries=6)
        slots = asyncio.Semaphore(scenario.in_flight)

        async def one(body: dict[str, Any]) -> None:
            async with slots:
                for _ in range(3):
                    reply = await client.chat.completions.create(**body)
                    with contextlib.suppress(ValueError):
                        json.loads(reply.choices[0].message.content or "")
                        return

        await asyncio.gather(*map(one, requests))
        await client.close()

    cpu = sum(os.times()[:2])
    started = time.perf_counter()
    asyncio.run(drive())
    return time.perf_counter() - started, 1000 * (sum(os.times()[:2]) - cpu) / len(requests)


def bare(url: str, scenario: Scenario, requests: list[dict[str, Any]]) -> tuple[float, float]:
    """The same of a bare aiohttp session that neither checks, keeps nor repeats anything: about the best there is."""
    import aiohttp

    async def drive() -> None:
        slots = asyncio.Semaphore(scenario.in_flight)
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

            async def one(body: dict[str, Any]) -> None:
                async with slots, session.post(f"{url}/v1/chat/completions", json=body) as response:
                    await response.json()

            await asyncio.gather(*map(one, requests))

    cpu = sum(os.times()[:2])
    started = time.perf_counter()
    asyncio.run(drive())
    return time.perf_counter() - started, 1000 * (sum(os.times()[:2]) - cpu) / len(requests)


def measure(script: Path, scenario: Scenario, folder: Path) -> None:
    these = samples(scenario.calls, folder, image=scenario.image)
    ideal = scenario.calls / scenario.in_flight * scenario.latency
    rivals = {}
    with server(script, scenario.latency, scenario.faults) as url:
        ours(url, scenario, these[: scenario.in_flight], folder)  # connections, imports
        urllib.request.urlopen(f"{url}/reset").close()
        seconds, cpu, failed = ours(url, scenario, these, folder)
        counts = stats(url)
        if scenario.sdk:
            requests = bodies(scenario, these)
            rivals["sdk"] = sdk(url, scenario, requests)
            if not scenario.faults:
                rivals["aiohttp"] = bare(url, scenario, requests)
    print(f"\n{scenario.name}   (aim: {scenario.aim})")
    for name, (took, each) in {"glossator": (seconds, cpu), **rivals}.items():
        share = f"ideal/time {ideal / took:.3f}  time/ideal {took / ideal:.2f}  " if ideal else ""
        print(f"  {name:<10} {took:7.2f} s  {scenario.calls / took:7.0f} calls/s  {share}CPU {each:.2f} ms a call")
    print(
        f"  failed rows {failed}; bought {counts['ok']}, malformed {counts['malformed']}, twice {counts['paid_twice']}"
    )


def memory(script: Path, folder: Path) -> None:
    """Peak memory of the writer over 1,000 and 100,000 rows in shards of 2,000, on a server without latency."""
    process = psutil.Process()
    with server(script, 0.0, ()) as url:
        endpoint = Endpoint(url=f"{url}/v1", in_flight=64)
        writer = ChatWriter(ChatSpec(model="mock"), endpoint, {})
        after = {}
        for done in range(0, 100_000, 1000):
            shard = done // 2000
            these = samples(1000, folder, image=False)
            these = [Sample(s.root, _renamed(s.image, done), s.page) for s in these]
            with ReplyLogs(folder / "many").open("enrich", shard) as replies:
                writer.enrich(these, Session(replies))
            after[done + 1000] = process.memory_info().rss / 2**20
    print("\nmemory (MiB) after rows:", {rows: round(after[rows]) for rows in (1000, 10_000, 50_000, 100_000)})


def _renamed(image: ImageRecord, offset: int) -> ImageRecord:
    from dataclasses import replace

    return replace(image, image_id=f"{int(image.image_id, 16) + offset:016x}", caption=f"number {offset}")


def arguments(description: str | None, names: str) -> argparse.Namespace:
    """`--server` and names; ends here, without a fault, where there is no server script."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", type=Path, default=Path("../shared/tools/mock_llm.py"))
    parser.add_argument("names", nargs="*", help=names)
    found = parser.parse_args()
    if not found.server.exists():
        print(f"skipped: no server script at {found.server}; name one with --server")
        sys.exit(0)
    return found


def main() -> None:
    args = arguments(__doc__, "parts of scenario names; all by default. 'memory' is one too.")
    with tempfile.TemporaryDirectory() as folder:
        for scenario in SCENARIOS:
            if not args.names or any(name in scenario.name for name in args.names):
                measure(args.server, scenario, Path(folder))
        if not args.names or "memory" in args.names:
            memory(args.server, Path(folder))


if __name__ == "__main__":
    main()
