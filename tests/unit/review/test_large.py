"""The set of the benchmark, small: several shards, the same figures as a plain look, every pair shown."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from tests.review_kit import let_in, served

import glossator

SCRIPT = Path(__file__).parents[3] / "benchmarks" / "review.py"


def test_the_set_of_the_benchmark_is_served(tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("benchmark_of_review", SCRIPT)
    assert spec is not None and spec.loader is not None
    benchmark = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(benchmark)
    ws = glossator.open(benchmark.make(tmp_path, 4_500))
    assert ws.table("pairs").num_rows == 4_500
    assert len(ws.store.shards()) == 3
    with served(ws.path) as url:
        client = let_in(url)
        for bound in (0.3, 0.5, 0.8):
            (row,) = ws.what_if(mifd_max=[bound])
            assert client.json("/api/preview", mifd_max=bound)["kept"] == row["kept"]
        query = {"order": "mifd", "text": "total tax"}
        pair_id = client.json("/api/pairs", **query)["pairs"][0]["pair_id"]
        for place in range(20):
            status, _, body = client.get(f"/view/{pair_id}", **query)
            assert (status, b"no picture" in body) == (200, False)
            shown = client.json(f"/api/pair/{pair_id}", **query)
            assert shown["place"] == place
            pair_id = shown["after"]
