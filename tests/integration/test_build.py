"""Builds with the fake engines: what runs, what runs again, what is left alone, and that executors agree."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import glossator
from glossator.errors import RecipeError, TooManyFailuresError, WorkspaceError

TABLES = ("images", "ocr", "captions", "pairs", "losses", "verdicts")


class Watch:
    """Notes which stages run."""

    def __init__(self) -> None:
        self.stages: list[str] = []

    def stage_started(self, stage: str, images: int) -> None:
        if images:
            self.stages.append(stage)

    def advanced(self, images: int) -> None: ...

    def spent(self, usd: float, tokens: int) -> None: ...

    def stage_finished(self, stage: str) -> None: ...


def build(source: Path, ws: Path, **overrides: Any) -> tuple[glossator.Workspace, list[str]]:
    watch = Watch()
    workers = {f"run.workers.{stage}": 0 for stage in ("ocr", "enrich", "extract", "explain", "score")}
    settings = {"data.shard_size": 2, **workers, **overrides}
    return glossator.build(source, ws, "fake", events=watch, **settings), watch.stages


def contents(ws: Path) -> dict[str, bytes]:
    return {str(path.relative_to(ws)): path.read_bytes() for path in sorted(ws.glob("*/*/part-*.parquet"))}


def test_every_table_is_there_and_tied_together(source: Path, tmp_path: Path) -> None:
    ws, _ = build(source, tmp_path / "ws")
    tables = {name: ws.table(name) for name in (*TABLES, "scores", "sources", "failures")}
    assert tables["images"].num_rows == 6
    assert tables["pairs"].num_rows == tables["losses"].num_rows == tables["verdicts"].num_rows == 36
    assert tables["failures"].num_rows == 0
    first = tables["pairs"].to_pylist()[0]
    assert first["grounding"] == 1.0
    assert first["evidence"][0]["text"] == first["answer"]
    assert first["explain_answer"]
    counts = ws.status()["counts"]
    assert counts["kept"] + counts["rejected"] == 36


def test_a_finished_workspace_is_left_alone(source: Path, tmp_path: Path) -> None:
    build(source, tmp_path / "ws")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "ws").rglob("*.parquet")}
    _, stages = build(source, tmp_path / "ws")
    assert stages == []
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "ws").rglob("*.parquet")} == before


@pytest.mark.parametrize(
    ("override", "runs"),
    [
        ({"filter.mifd_max": 0.2}, []),
        ({"explain.engine.seed": 9}, ["explain", "score"]),
        ({"enrich.engine.seed": 9}, ["enrich", "extract", "explain", "score"]),
        ({"run.budget.usd": 5}, []),
    ],
)
def test_only_what_follows_from_a_change_runs_again(
    source: Path, tmp_path: Path, override: dict[str, Any], runs: list[str]
) -> None:
    build(source, tmp_path / "ws")
    before = contents(tmp_path / "ws")
    _, stages = build(source, tmp_path / "ws", **override)
    assert stages == runs
    assert before.items() <= contents(tmp_path / "ws").items()


def test_a_source_that_grew_adds_shards_and_touches_none(source: Path, tmp_path: Path) -> None:
    build(source, tmp_path / "ws", **{"data.shard_size": 4})
    before = contents(tmp_path / "ws")
    ws = glossator.build(source, tmp_path / "ws2", "fake", limit=4, **{"data.shard_size": 4})
    assert ws.table("images").num_rows == 4
    again = glossator.build(source, tmp_path / "ws2", "fake", **{"data.shard_size": 4})
    assert again.table("pairs") == glossator.open(tmp_path / "ws").table("pairs")
    assert before == {k: v for k, v in contents(tmp_path / "ws2").items() if k in before}


def test_failures_are_rows_and_retry_mends_them(source: Path, tmp_path: Path) -> None:
    broken = {"extract.engine.fail_share": 0.75, "run.budget.max_failed_share": 1.0}
    ws, _ = build(source, tmp_path / "ws", **broken)
    failed = ws.table("failures").to_pylist()
    assert 0 < len(failed) < 6
    assert {row["stage"] for row in failed} == {"extract"}
    with_pairs = {row["image_id"] for row in ws.table("pairs").to_pylist()}
    assert len(with_pairs) + len(failed) == 6
    ws.retry()
    assert ws.table("failures").num_rows == len(failed)  # what stays broken stays a row


def test_what_recovers_is_tried_once_more_and_nothing_is_lost(source: Path, tmp_path: Path) -> None:
    ws, _ = build(source, tmp_path / "ws", **{"extract.engine.fail_share": 0.6, "extract.engine.recover": True})
    assert ws.table("failures").num_rows == 0
    assert ws.table("pairs").num_rows == 36


def test_too_many_failures_stop_the_run(source: Path, tmp_path: Path) -> None:
    folder = source.parent
    lines = source.read_text().splitlines()
    for i in range(20):
        (folder / f"x{i}.png").write_bytes((folder / "0.png").read_bytes() + bytes([i]))
        lines.append(f'{{"id": "x{i}", "image": "x{i}.png"}}')
    source.write_text("\n".join(lines))
    with pytest.raises(TooManyFailuresError, match="max_failed_share"):
        build(source, tmp_path / "ws", **{"ocr.engine.fail_share": 1.0, "data.shard_size": 30})


@pytest.mark.parametrize("executor", ["local", "ray"])
def test_executors_give_identical_tables(source: Path, tmp_path: Path, executor: str) -> None:
    if executor == "ray":
        pytest.importorskip("ray")
    build(source, tmp_path / "here")
    workers = {f"run.workers.{stage}": 2 for stage in ("ocr", "enrich", "extract", "explain", "score")}
    build(source, tmp_path / "there", **{"run.executor": executor, **workers})
    assert contents(tmp_path / "here") == contents(tmp_path / "there")


def test_filter_gives_new_verdicts_and_keeps_old_ones(source: Path, tmp_path: Path) -> None:
    ws, _ = build(source, tmp_path / "ws")
    kept = ws.verdict_counts()["kept"]
    assert ws.filter(mifd_max=0.0)["kept"] == 0
    assert ws.filter(mifd_max=None)["kept"] >= kept
    with pytest.raises(RecipeError, match="nonsense"):
        ws.filter(nonsense=1)


def test_an_unknown_table_lists_the_known_ones(source: Path, tmp_path: Path) -> None:
    ws, _ = build(source, tmp_path / "ws")
    with pytest.raises(WorkspaceError, match="verdicts"):
        ws.table("nope")


def test_public_names() -> None:
    for name in glossator.__all__:
        assert getattr(glossator, name)
    assert len(glossator.__all__) <= 20


def test_a_new_threshold_works_on_what_an_older_version_has_made(source: Path, tmp_path: Path) -> None:
    """A writer's new version gives other fingerprints; the tables that are there can be filtered all the same."""
    ws = glossator.build(source, tmp_path / "ws", "fake", **{"run.workers.ocr": 0})
    before = ws.table("pairs")
    current = ws.store.read_json("current.json")
    for table in ("drafts", "pairs", "losses"):
        stage, _, _ = current["tables"][table].partition("/")
        (ws.path / current["tables"][table]).rename(ws.path / stage / "0123456789ab")
        current["tables"][table] = f"{stage}/0123456789ab"
    ws.store.write_json("current.json", current)
    counts = ws.filter(mifd_max=0.4)
    assert counts["pairs"] == before.num_rows
    assert ws.table("pairs").equals(before)
    assert ws.table("verdicts").num_rows == before.num_rows
