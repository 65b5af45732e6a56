"""The log of people's verdicts: nothing confirmed is lost, nothing torn is read, what is taken back does not count."""

from __future__ import annotations

import json
import os
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from glossator.errors import WorkspaceError
from glossator.records import HumanVerdict
from glossator.store import Store
from glossator.verdict_log import VerdictLog, edited_id, edition, edition_folder, edits, fold, last_words, open_log

IMAGE = "0123456789abcdef"
PAIR, OTHER_PAIR = f"{IMAGE}-aaaaaaaaaaaa", f"{IMAGE}-bbbbbbbbbbbb"
KEEP = HumanVerdict(PAIR, IMAGE, "ann", "keep", time="2026-01-01T00:00:00.000000Z")
REJECT = replace(KEEP, verdict="reject", reason="wrong_answer", time="2026-01-02T00:00:00.000000Z")
EDIT = replace(KEEP, verdict="edit", answer="53.60", time="2026-01-03T00:00:00.000000Z")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.create(tmp_path / "ws", tmp_path, tmp_path, 8)


def said(folder: Path) -> list[HumanVerdict]:
    return last_words(VerdictLog(folder).standing())


def test_the_last_word_of_each_person_on_each_pair(tmp_path: Path) -> None:
    with VerdictLog(tmp_path) as log:
        log.put(REJECT, KEEP, replace(KEEP, reviewer="bob"), replace(KEEP, pair_id=OTHER_PAIR))
    rows = said(tmp_path)
    assert [(row.pair_id, row.reviewer, row.verdict) for row in rows] == [
        (PAIR, "ann", "reject"),  # the later one, though it was written first
        (PAIR, "bob", "keep"),
        (OTHER_PAIR, "ann", "keep"),
    ]


def test_a_verdict_without_a_time_gets_one_and_of_equal_times_the_later_line_counts(tmp_path: Path) -> None:
    with VerdictLog(tmp_path) as log:
        log.put(replace(KEEP, time=""))
        assert log.last(PAIR, "ann").verdict.time > "2026-01-01T00:00:00.000000Z"  # type: ignore[union-attr]
        log.put(REJECT, replace(REJECT, reason="unclear_question"))
        log.put(replace(KEEP, pair_id=OTHER_PAIR), replace(REJECT, pair_id=OTHER_PAIR, time=KEEP.time))
    assert next(row for row in said(tmp_path) if row.pair_id == OTHER_PAIR).verdict == "reject"


def test_what_is_taken_back_uncovers_what_was_said_before(tmp_path: Path) -> None:
    with VerdictLog(tmp_path) as log:
        _, second = log.put(KEEP, REJECT)
        assert log.undo(second, "ann") == REJECT
    assert said(tmp_path) == [KEEP]
    with VerdictLog(tmp_path) as log:  # another process, another file
        log.undo(log.last(PAIR, "ann").id, "ann")  # type: ignore[union-attr]
        assert log.last(PAIR, "ann") is None
    assert said(tmp_path) == []


def test_nobody_takes_back_what_is_not_theirs_or_not_there(tmp_path: Path) -> None:
    with VerdictLog(tmp_path) as log:
        (id_,) = log.put(KEEP)
        with pytest.raises(WorkspaceError, match="bob"):
            log.undo(id_, "bob")
        log.undo(id_, "ann")
        with pytest.raises(WorkspaceError, match="taken back"):
            log.undo(id_, "ann")


@given(cut=st.integers(1, 40))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_torn_last_line_is_passed_over_and_never_written_to(tmp_path: Path, cut: int) -> None:
    folder = tmp_path / str(cut)
    with VerdictLog(folder) as log:
        log.put(KEEP)
        log.put(replace(KEEP, pair_id=OTHER_PAIR))
    (path,) = folder.glob("*.jsonl")
    os.truncate(path, path.stat().st_size - 1 - cut)
    torn = path.read_bytes()
    with VerdictLog(folder) as log:
        assert log.damaged == 1
        log.put(REJECT)
    assert path.read_bytes() == torn
    assert [row.verdict for row in said(folder)] == ["reject"]


@pytest.mark.parametrize(
    "line",
    ["[]", "null", '{"id": 1}', '{"id": "x", "pair_id": 3, "image_id": "", "reviewer": "", "verdict": "keep"}',
     '{"id": "x", "pair_id": "p", "image_id": "i", "reviewer": "r", "verdict": "maybe"}', "\x00\x00", '{"id": "x"}'],
)  # fmt: skip
def test_damaged_lines_harm_no_other(tmp_path: Path, line: str) -> None:
    with VerdictLog(tmp_path) as log:
        log.put(KEEP)
    (path,) = tmp_path.glob("*.jsonl")
    path.write_text(f"{line}\n{path.read_text()}{line}\n")
    log = VerdictLog(tmp_path)
    assert (log.damaged, last_words(log.standing())) == (2, [KEEP])


def test_writers_side_by_side_take_files_of_their_own(tmp_path: Path) -> None:
    first, second = VerdictLog(tmp_path), VerdictLog(tmp_path)
    first.put(KEEP)
    second.put(replace(KEEP, reviewer="bob"))
    first.put(REJECT)
    assert len(list(tmp_path.glob("*.jsonl"))) == 2
    assert first.last(PAIR, "bob") is None
    first.read()
    assert first.last(PAIR, "bob").verdict.verdict == "keep"  # type: ignore[union-attr]
    assert [row.verdict for row in said(tmp_path)] == ["reject", "keep"]


def test_threads_of_one_writer_do_not_mix_lines(tmp_path: Path) -> None:
    log = VerdictLog(tmp_path)

    def judge(who: int) -> None:
        for number in range(20):
            log.put(replace(KEEP, reviewer=f"r{who}", pair_id=f"{IMAGE}-{number:012x}"))

    threads = [threading.Thread(target=judge, args=(who,)) for who in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(said(tmp_path)) == 80


def test_a_log_that_cannot_be_written_is_an_error_and_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("in the way")
    log = VerdictLog(tmp_path / "log")
    with pytest.raises(WorkspaceError, match="can't be written"):
        log.put(KEEP)
    assert log.standing() == []


@given(st.text(max_size=50), st.text(max_size=50))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
def test_any_text_comes_back_as_it_was(tmp_path: Path, note: str, reviewer: str) -> None:
    verdict = replace(KEEP, note=note, reviewer=reviewer)
    folder = tmp_path / str(abs(hash((note, reviewer))))
    with VerdictLog(folder) as log:
        log.put(verdict)
    assert said(folder) == [verdict]


def test_the_table_is_rewritten_only_if_it_changes(store: Store) -> None:
    with open_log(store) as log:
        assert fold(store, log) == [] and store.part_marks("human/v1") == []
        log.put(KEEP)
        assert fold(store, log) == [KEEP]
        marks = store.part_marks("human/v1")
        fold(store, log)
        assert store.part_marks("human/v1") == marks
        log.put(REJECT)
        fold(store, log)
        assert store.part_marks("human/v1") != marks
    assert store.read_part("human/v1", "human", 0) == [REJECT]


def test_who_edits_a_pair_keeps_what_comes_of_it(store: Store) -> None:
    with open_log(store) as log:
        log.put(EDIT)
        edited, vouched = fold(store, log)
        assert edited == EDIT
        assert (vouched.pair_id, vouched.verdict, vouched.reviewer) == (edited_id(EDIT), "keep", "ann")
        # The person's own later word on the new pair counts instead.
        log.put(replace(REJECT, pair_id=edited_id(EDIT)))
        assert [row.verdict for row in fold(store, log)] in (["edit", "reject"], ["reject", "edit"])


@pytest.mark.parametrize(
    ("rows", "counts"),
    [
        ([EDIT], True),
        ([EDIT, replace(KEEP, reviewer="bob")], False),  # evenly divided
        ([EDIT, replace(REJECT, reviewer="bob")], True),
        ([EDIT, replace(REJECT, reviewer="bob"), replace(KEEP, reviewer="cat")], True),
        ([EDIT, replace(KEEP, reviewer="bob"), replace(KEEP, reviewer="cat")], False),
        ([REJECT], False),
    ],
)
def test_edits_count_where_more_would_not_keep_the_pair(rows: list[HumanVerdict], counts: bool) -> None:
    assert edits(rows) == ([EDIT] if counts else [])


def test_of_two_edits_of_a_pair_the_later_counts() -> None:
    later = replace(EDIT, reviewer="bob", answer="5.36", time="2026-01-04T00:00:00.000000Z")
    assert edits([EDIT, later]) == [later]


def test_an_edit_of_an_edit_needs_a_majority_against_its_maker(store: Store) -> None:
    again = replace(EDIT, pair_id=edited_id(EDIT), reviewer="bob", answer="53.6")
    with open_log(store) as log:
        log.put(EDIT, again)
        rows = fold(store, log)
        assert edits(rows) == [EDIT]
        log.put(replace(again, verdict="reject", reviewer="cat", answer=""))
        rows = fold(store, log)
        assert edits(rows) == sorted([EDIT, again], key=lambda row: row.pair_id)
        assert edited_id(again) in {row.pair_id for row in rows}


def test_an_edition_is_named_by_what_it_changes_and_by_nothing_else(store: Store) -> None:
    assert edition(store, [KEEP, REJECT]) == ""
    first = edition(store, [EDIT])
    assert store.read_part(edition_folder(first), "edits", 0) == [EDIT]
    marks = store.part_marks(edition_folder(first))
    assert edition(store, [replace(EDIT, note="looked twice", time="2026-02-01T00:00:00.000000Z")]) == first
    assert store.part_marks(edition_folder(first)) == marks
    assert edition(store, [replace(EDIT, answer="5.36")]) != first


def test_lines_are_plain_json(tmp_path: Path) -> None:
    with VerdictLog(tmp_path) as log:
        (id_,) = log.put(REJECT)
    (line,) = (tmp_path / "0.jsonl").read_text().splitlines()
    assert json.loads(line) == {
        "id": id_, "pair_id": PAIR, "image_id": IMAGE, "reviewer": "ann", "verdict": "reject",
        "reason": "wrong_answer", "time": "2026-01-02T00:00:00.000000Z",
    }  # fmt: skip
