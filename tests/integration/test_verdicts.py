"""People's verdicts from end to end: given out, taken in, overriding the rules, taken back, built, measured."""

from __future__ import annotations

import csv
import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from PIL import Image

import glossator
from glossator.cli.main import cli
from glossator.errors import GlossatorError
from glossator.records import HumanVerdict
from glossator.verdict_log import VerdictLog, last_words, open_log

IMAGE = "0123456789abcdef"
WRITER = """
import sys
from pathlib import Path
from glossator.records import HumanVerdict
from glossator.verdict_log import VerdictLog
log = VerdictLog(Path(sys.argv[1]))
for number in range(int(sys.argv[3])):
    pair = f"0123456789abcdef-{number:012x}"
    log.put(HumanVerdict(pair, "0123456789abcdef", sys.argv[2], "keep" if number % 3 else "reject", note="x" * 200))
    print(pair, flush=True)  # confirmed
"""


FULL_DISK = """
import resource, sys
from pathlib import Path
from glossator.errors import WorkspaceError
from glossator.records import HumanVerdict
from glossator.verdict_log import VerdictLog
log = VerdictLog(Path(sys.argv[1]))
first, second, third = (HumanVerdict(f"0123456789abcdef-{n:012x}", "0123456789abcdef", "ann", "keep") for n in range(3))
log.put(first)
limit = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (300, limit[1]))  # no file may grow beyond so many bytes
try:
    log.put(second, third)
    sys.exit("the disk is not full")
except WorkspaceError as error:
    print(error)
resource.setrlimit(resource.RLIMIT_FSIZE, limit)
log.put(third)
"""


def run(*words: object, code: int = 0) -> str:
    """What a command prints, or how it says what is wrong."""
    done = CliRunner().invoke(cli, [str(word) for word in words], standalone_mode=False)
    if isinstance(done.exception, GlossatorError):
        assert done.exception.exit_code == code
        return str(done.exception)
    assert done.exception is None and done.return_value == code, (done.output, done.exception)
    return done.stdout


def told(*words: object, code: int = 0) -> dict[str, Any]:
    return json.loads(run(*words, "--json", code=code))  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a source and the workspace that was built from it."""
    folder = tmp_path_factory.mktemp("built")
    for number in range(6):
        Image.new("RGB", (120, 60), (number, 0, 0)).save(folder / f"{number}.png")
    records = [json.dumps({"image": f"{number}.png"}) for number in range(6)]
    (folder / "records.jsonl").write_text("\n".join(records))
    glossator.build(folder / "records.jsonl", folder / "ws", "fake")
    return folder


@pytest.fixture
def source(built: Path) -> Path:
    return built / "records.jsonl"


@pytest.fixture
def ws(built: Path, tmp_path: Path) -> Path:
    return shutil.copytree(built / "ws", tmp_path / "ws")


def verdicts(ws: Path) -> dict[str, dict[str, Any]]:
    return {row["pair_id"]: row for row in glossator.open(ws).table("verdicts").to_pylist()}


def pairs(ws: Path) -> dict[str, dict[str, Any]]:
    return {row["pair_id"]: row for row in glossator.open(ws).table("pairs").to_pylist()}


def say(ws: Path, path: Path, *lines: str) -> None:
    path.write_text("pair_id,verdict,reason,edited_answer,time\n" + "\n".join(lines) + "\n")
    run("verdicts", "import", ws, path, "--by", "ann")


def parts(ws: Path, *but: str) -> dict[str, tuple[int, int]]:
    """Every part of the workspace's stages with size and time."""
    found = [path for path in ws.rglob("part-*.parquet") if path.relative_to(ws).parts[0] not in but]
    return {str(path): (path.stat().st_size, path.stat().st_mtime_ns) for path in found}


def start(folder: Path, who: str, count: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WRITER, str(folder), who, str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_a_killed_writer_loses_nothing_that_was_confirmed(tmp_path: Path) -> None:
    writer = start(tmp_path, "ann", 200)
    assert writer.stdout is not None
    confirmed = [writer.stdout.readline().strip() for _ in range(100)]
    writer.send_signal(signal.SIGKILL)
    confirmed += writer.stdout.read().split()
    writer.wait(timeout=30)
    assert 100 <= len(confirmed) < 200
    rows = last_words(VerdictLog(tmp_path).standing())
    assert {row.pair_id for row in rows} >= set(confirmed)
    assert all(row.verdict == ("keep" if int(row.pair_id[-12:], 16) % 3 else "reject") for row in rows)
    # The next writer goes on beside what was left.
    assert start(tmp_path, "ann", 200).wait(timeout=60) == 0
    assert len(last_words(VerdictLog(tmp_path).standing())) == 200


def test_a_full_disk_is_told_and_what_follows_is_not_glued_to_half_a_line(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "can't be written" in done.stdout
    said = {row.pair_id[-1] for row in last_words(VerdictLog(tmp_path).standing())}
    assert {"0", "2"} <= said  # the second was not confirmed


def test_two_writers_at_once_do_not_harm_each_other(tmp_path: Path) -> None:
    writers = [start(tmp_path, who, 100) for who in ("ann", "bob")]
    outputs = [writer.communicate(timeout=60)[0].split() for writer in writers]
    assert [len(output) for output in outputs] == [100, 100]
    log = VerdictLog(tmp_path)
    assert log.damaged == 0
    assert len(last_words(log.standing())) == 200
    assert len(list(tmp_path.glob("*.jsonl"))) == 2


def test_people_override_the_rules_and_nothing_else_runs_again(ws: Path, tmp_path: Path) -> None:
    before = verdicts(ws)
    kept = next(pair for pair, row in before.items() if row["keep"])
    rejected = next(pair for pair, row in before.items() if not row["keep"])
    silent = next(pair for pair, row in before.items() if row["keep"] and pair != kept)
    others = parts(ws, "filter", "human")
    say(ws, tmp_path / "v.csv", f"{kept},reject,wrong_answer,,", f"{rejected},keep,,,", f"{silent},reject,,,")
    assert verdicts(ws) == before  # until the next filter
    run("filter", ws)
    after = verdicts(ws)
    assert (after[kept]["keep"], after[kept]["reasons"], after[kept]["decided_by"]) == (
        False,
        ["wrong_answer"],
        "person",
    )
    assert (after[rejected]["keep"], after[rejected]["reasons"]) == (True, [])
    assert after[silent]["reasons"] == ["rejected_by_person"]
    for pair, row in after.items():
        assert row["rules"] == before[pair]["rules"]
        if pair not in (kept, rejected, silent):
            assert row == before[pair]
    assert parts(ws, "filter", "human") == others
    exported = told("export", ws, "-o", tmp_path / "out.json")
    assert exported["conversations"] == sum(row["keep"] for row in after.values())
    # Taken back, all is as it was.
    say(ws, tmp_path / "undo.csv", f"{kept},undo,,,", f"{rejected},undo,,,", f"{silent},undo,,,")
    run("filter", ws)
    assert verdicts(ws) == before


def test_what_is_in_the_log_counts_at_the_next_filter_whoever_wrote_it(ws: Path) -> None:
    before = verdicts(ws)
    pair = next(pair for pair, row in before.items() if row["keep"])
    with open_log(glossator.open(ws).store) as log:  # as a page does that is killed before it can do more
        log.put(HumanVerdict(pair, pair[:16], "ann", "reject", "private"))
    run("filter", ws)
    assert verdicts(ws)[pair]["reasons"] == ["private"]


def test_people_of_one_mind_each_decide_and_evenly_divided_the_rules_do(ws: Path, tmp_path: Path) -> None:
    before = verdicts(ws)
    pair = next(pair for pair, row in before.items() if row["keep"])
    say(ws, tmp_path / "v.csv", f"{pair},reject,unclear_question,,")
    (tmp_path / "bob.csv").write_text(f"pair_id,verdict,reviewer\n{pair},keep,bob\n")
    run("verdicts", "import", ws, tmp_path / "bob.csv")
    run("filter", ws)
    assert verdicts(ws)[pair] == before[pair]
    found = told("verdicts", "agreement", ws)
    assert found["undecided"] == 1
    assert found["disagreements"][0]["said"] == [["ann", "reject", "unclear_question"], ["bob", "keep", ""]]
    assert len(glossator.open(ws).table("human")) == 2
    shown = run("verdicts", "agreement", ws)
    assert "ann: reject (unclear_question), bob: keep" in shown and "ann and bob: 1 pairs" in shown


def test_edits_are_built_scored_and_kept(ws: Path, source: Path, tmp_path: Path) -> None:
    old = pairs(ws)
    changed, other = sorted(old)[:2]
    others = parts(ws, "filter", "human")
    say(ws, tmp_path / "v.csv", f"{changed},edit,wrong_answer,A right answer,2026-01-01")
    run("build", source, "-o", ws, "-r", "fake", "--quiet")
    new = {pair: row for pair, row in pairs(ws).items() if pair not in old}
    ((edited, row),) = new.items()
    assert (row["repaired_from"], row["answer"], row["writer"]) == (changed, "A right answer", "person")
    assert row["question"] == old[changed]["question"]
    scored = {row["pair_id"]: row for row in glossator.open(ws).table("losses").to_pylist()}
    assert set(scored) == {*old, edited} and scored[edited]["nll_a"] is not None
    judged = verdicts(ws)
    assert (judged[edited]["keep"], judged[edited]["decided_by"]) == (True, "person")
    assert (judged[changed]["keep"], judged[changed]["reasons"]) == (False, ["wrong_answer"])
    assert set(others.items()) <= set(parts(ws, "filter", "human").items())  # what was there stands untouched
    # The same build again runs nothing; another edit runs only what the edits touch.
    same = parts(ws, "filter", "human")
    run("build", source, "-o", ws, "-r", "fake", "--quiet")
    assert parts(ws, "filter", "human") == same
    say(ws, tmp_path / "w.csv", f"{other},edit,,Another answer,2026-01-02")
    run("build", source, "-o", ws, "-r", "fake", "--quiet")
    added = set(parts(ws, "filter", "human")) - set(same)
    assert {Path(path).relative_to(ws).parts[0] for path in added} == {"edits", "score"}
    assert len(pairs(ws)) == len(old) + 2
    # All taken back, the recipe is the old one again.
    say(ws, tmp_path / "undo.csv", f"{changed},undo,,,", f"{other},undo,,,")
    run("build", source, "-o", ws, "-r", "fake", "--quiet")
    assert pairs(ws) == old
    assert "edits" not in (ws / "recipe.yaml").read_text()


def test_a_recipe_may_say_where_edits_come_in(source: Path, tmp_path: Path) -> None:
    text = (Path(glossator.__file__).parent / "recipes" / "fake.yaml").read_text()
    recipe = tmp_path / "own.yaml"
    recipe.write_text(text.replace("  - {use: score,", "  - {use: edits}\n  - {use: score,"))
    ws = tmp_path / "ws"
    run("build", source, "-o", ws, "-r", recipe, "--quiet")
    pair = min(pairs(ws))
    say(ws, tmp_path / "v.csv", f"{pair},edit,,A right answer,")
    run("build", source, "-o", ws, "-r", recipe, "--quiet")
    assert [row["answer"] for row in pairs(ws).values() if row["repaired_from"] == pair] == ["A right answer"]
    assert (ws / "recipe.yaml").read_text().count("use: score") == 1


def test_an_edit_that_the_rules_would_not_like_counts_and_its_original_does_not_stand_in_its_way(
    ws: Path, source: Path, tmp_path: Path
) -> None:
    good = next(pair for pair, row in verdicts(ws).items() if row["keep"])
    say(ws, tmp_path / "v.csv", f"{good},edit,,Printed nowhere on this page,")
    run("build", source, "-o", ws, "-r", "fake", "--quiet")
    judged = verdicts(ws)
    (edited,) = (pair for pair, row in pairs(ws).items() if row["repaired_from"] == good)
    assert "not_grounded" in judged[edited]["rules"] and "original_kept" not in judged[edited]["rules"]
    assert judged[edited]["keep"] and not judged[good]["keep"]


def test_a_round_through_a_spreadsheet(ws: Path, tmp_path: Path) -> None:
    run("verdicts", "export", ws, "-o", tmp_path / "t.csv", "--sample", 12, "--seed", 5)
    with (tmp_path / "t.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 12
    for number, row in enumerate(rows):
        row |= {"verdict": ("keep", "reject", "")[number % 3], "reason": "wrong_answer" if number % 3 == 1 else ""}
    with (tmp_path / "t.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    first = told("verdicts", "import", ws, tmp_path / "t.csv", "--by", "ann")
    assert first == {"taken": {"keep": 4, "reject": 4}, "known": 0, "open": 4, "problems": [], "remarks": []}
    again = told("verdicts", "import", ws, tmp_path / "t.csv", "--by", "ann")
    assert (again["taken"], again["known"]) == ({}, 8)
    (one,) = told("verdicts", "agreement", ws)["filters"]
    assert (one["sampling"], one["pairs"], one["people_reject"]) == ("random", 8, 4)


def test_bad_rows_are_told_and_lose_nothing(ws: Path, tmp_path: Path) -> None:
    pair = min(pairs(ws))
    lines = [
        "pair_id,verdict,reviewer", f"{pair},keep,ann", f"{pair},keep,ann", f"{pair},reject,ann",
        f"{IMAGE}-{IMAGE[:12]},keep,ann", f"{pair},perhaps,ann", f"{pair},undo,nobody",
    ]  # fmt: skip
    (tmp_path / "v.csv").write_text("\n".join(lines))
    found = told("verdicts", "import", ws, tmp_path / "v.csv", code=1)
    assert (found["taken"], found["known"]) == ({"keep": 2, "reject": 1}, 1)
    assert [one["where"] for one in found["problems"]] == ["line 6", "line 7"]
    assert [one["where"] for one in found["remarks"]] == ["line 4", "line 5"]
    assert "same pair in line 2" in found["remarks"][0]["message"]
    assert "not in this workspace" in found["remarks"][1]["message"]
    rows = last_words(open_log(glossator.open(ws).store).standing())
    assert sorted((row.pair_id, row.verdict) for row in rows) == sorted(
        [(pair, "reject"), (f"{IMAGE}-{IMAGE[:12]}", "keep")]
    )


def test_tasks_near_a_threshold_say_how_they_were_chosen(ws: Path, tmp_path: Path) -> None:
    found = told("verdicts", "export", ws, "--format", "labelstudio", "-o", tmp_path / "t.json", "--near-threshold",
                 "--sample", 5)  # fmt: skip
    assert found["written"] == 5
    tasks = json.loads((tmp_path / "t.json").read_text(encoding="utf-8"))
    assert {task["data"]["sampling"] for task in tasks} == {"near_threshold"}


def test_a_users_mistakes_are_told_in_a_line(ws: Path, tmp_path: Path) -> None:
    assert "can't be read" in run("verdicts", "import", ws, tmp_path / "none.csv", code=2)
    assert "is no workspace" in run("verdicts", "agreement", tmp_path / "none", code=2)
    assert "nobody has judged a pair yet" in run("verdicts", "agreement", ws)
