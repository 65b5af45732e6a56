"""Files of verdicts: what is usable is taken, everything else is told with its place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from glossator.errors import SourceError
from glossator.jobs.verdict_files import Open, Problem, Row, guarded, read

PAIR = "0123456789abcdef-aaaaaaaaaaaa"
HOSTILE = "=cmd|' /C calc'!A0", "\u202egnp.exe", "<script>alert(1)</script>", "a\x00b", "x" * 500_000, "\ud800"


def rows(path: Path, text: str, **given: str) -> list[Row | Problem | Open]:
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    return list(read(path, **given))


def one(path: Path, text: str, **given: str) -> Any:
    (row,) = rows(path, text, **given)
    return row


def test_a_csv_file(tmp_path: Path) -> None:
    text = (
        "pair_id,verdict,reason,note,reviewer,time,sampling\n"
        f'{PAIR},keep,,"two\nlines, quoted",ann,2026-01-31T12:00:00+01:00,random\n'
        f"{PAIR}, Rejected ,wrong_answer,,bob,2026-01-31,\n"
        f"{PAIR},,,,,,random\n"
    )
    first, second, third = rows(tmp_path / "v.csv", text)
    assert isinstance(first, Row) and isinstance(second, Row)
    said = first.verdict
    assert (said.pair_id, said.image_id, said.verdict, said.reviewer) == (PAIR, PAIR[:16], "keep", "ann")
    assert (said.note, said.time, said.sampling) == ("two lines, quoted", "2026-01-31T11:00:00.000000Z", "random")
    assert (second.verdict.verdict, second.verdict.reason) == ("reject", "wrong_answer")
    assert second.verdict.time == "2026-01-31T00:00:00.000000Z"
    assert third == Open("line 5")


@pytest.mark.parametrize("delimiter", [";", "\t", ","])
def test_spreadsheets_part_columns_as_they_like_and_put_a_mark_before(tmp_path: Path, delimiter: str) -> None:
    text = (
        delimiter.join(["\ufeffpair_id", "Verdict", "reviewer"])
        + "\r\n"
        + delimiter.join([PAIR, "keep", "ann"])
        + "\r\n"
    )
    assert one(tmp_path / "v.csv", text).verdict.verdict == "keep"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (f"{PAIR},maybe,ann", "'maybe' is none of keep"),
        ("12345,keep,ann", "'12345' is no pair id"),
        (f"../../{PAIR},keep,ann", "no pair id"),
        (f"{PAIR},keep,", "--by"),
        (f"{PAIR},keep,ann,too,many", "5 cells under 3 names"),
        (f"{PAIR},edit,ann", "changes no text"),
        (f"{PAIR},keep," + "x" * 200_000, "no CSV"),
    ],
)
def test_a_bad_line_is_told_and_its_neighbours_are_taken(tmp_path: Path, line: str, message: str) -> None:
    text = f"pair_id,verdict,reviewer\n{PAIR},keep,ann\n{line}\n{PAIR},reject,ann\n"
    before, bad, after = rows(tmp_path / "v.csv", text)
    assert isinstance(before, Row) and isinstance(after, Row)
    assert isinstance(bad, Problem) and bad.where == "line 3" and message in bad.message


def test_who_and_how_are_filled_in_where_the_file_is_silent(tmp_path: Path) -> None:
    text = f"pair_id,verdict,reviewer,sampling\n{PAIR},keep,,\n{PAIR},keep,bob,near_threshold\n"
    filled, own = rows(tmp_path / "v.csv", text, by="ann", sampling="random")
    assert isinstance(filled, Row) and isinstance(own, Row)
    assert (filled.verdict.reviewer, filled.verdict.sampling) == ("ann", "random")
    assert (own.verdict.reviewer, own.verdict.sampling) == ("bob", "near_threshold")


@pytest.mark.parametrize(
    ("time", "taken"),
    [("2026-01-31T12:00:00Z", "2026-01-31T12:00:00.000000Z"), ("1767225600", "2026-01-01T00:00:00.000000Z"),
     ("yesterday", ""), ("", "")],
)  # fmt: skip
def test_times(tmp_path: Path, time: str, taken: str) -> None:
    row = one(tmp_path / "v.csv", f"pair_id,verdict,reviewer,time\n{PAIR},keep,ann,{time}\n")
    assert row.verdict.time == taken
    assert ("is no time" in row.remark) == (time == "yesterday")


def test_edits_in_columns_of_their_own_or_in_those_of_the_texts(tmp_path: Path) -> None:
    own = {
        "pair_id": PAIR,
        "verdict": "edit",
        "reviewer": "ann",
        "question": "Q?",
        "answer": "A",
        "edited_answer": "B ",
    }
    plain = {"pair_id": PAIR, "verdict": "edit", "reviewer": "ann", "question": "Q?", "answer": "B"}
    kept = {"pair_id": PAIR, "verdict": "keep", "reviewer": "ann", "question": "Q?", "edited_question": " Q? "}
    changed = {**kept, "edited_question": "Q2?"}
    found = rows(tmp_path / "v.jsonl", "\n".join(map(json.dumps, (own, plain, kept, changed))))
    said = [row.verdict for row in found if isinstance(row, Row)]
    assert [(v.verdict, v.question, v.answer) for v in said] == [
        ("edit", "", "B"), ("edit", "Q?", "B"), ("keep", "", ""), ("edit", "Q2?", ""),
    ]  # fmt: skip


def test_jsonl_with_bad_lines(tmp_path: Path) -> None:
    good = json.dumps({"pair_id": PAIR, "verdict": "keep", "reviewer": "ann"})
    found = rows(tmp_path / "v.jsonl", f"{good}\n{{torn\n\n[1]\n{'[' * 100_000}\n{good}\n")
    assert [type(row).__name__ for row in found] == ["Row", "Problem", "Problem", "Problem", "Row"]
    assert [row.where for row in found] == ["line 1", "line 2", "line 4", "line 5", "line 6"]


@pytest.mark.parametrize("value", [None, 3, 2.5, True, {"choices": 7}, {}, [], [["keep"]], {"a": "b"}])
def test_odd_types_are_no_verdict_and_no_error(tmp_path: Path, value: Any) -> None:
    record = {"pair_id": PAIR, "verdict": value, "reviewer": "ann", "time": value, "note": value, "reason": value}
    assert isinstance(one(tmp_path / "v.jsonl", json.dumps(record)), Open | Problem)
    record = {"pair_id": value, "verdict": "keep", "reviewer": "ann"}
    assert isinstance(one(tmp_path / "v.jsonl", json.dumps(record)), Problem)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts_are_cleaned_and_cut(tmp_path: Path, text: str) -> None:
    answer = text[:20_000]
    record = {"pair_id": PAIR, "verdict": "edit", "reviewer": text, "reason": text, "note": text, "answer": answer}
    said = one(tmp_path / "v.jsonl", json.dumps(record | {"answer": f"a{answer[1:]}"}), by="ann").verdict
    for field, most in ((said.reviewer, 100), (said.reason, 100), (said.note, 2_000), (said.answer, 20_000)):
        assert len(field) <= most and not set(field) & {"\u202e", "\x00", "\ud800"}


def test_a_text_too_long_to_be_kept_is_told_and_not_cut(tmp_path: Path) -> None:
    record = {"pair_id": PAIR, "verdict": "edit", "reviewer": "ann", "answer": "x" * 20_001}
    found = one(tmp_path / "v.jsonl", json.dumps(record))
    assert found == Problem("line 1", "its answer is longer than 20,000 characters")


@pytest.mark.parametrize("coding", ["utf-16", "utf-16-be", "utf-8-sig"])
def test_files_as_excel_writes_them(tmp_path: Path, coding: str) -> None:
    text = f"pair_id\tverdict\tnote\treviewer\r\n{PAIR}\tkeep\tschön\tann\r\n"
    (tmp_path / "v.csv").write_bytes((("\ufeff" if coding == "utf-16-be" else "") + text).encode(coding))
    (row,) = read(tmp_path / "v.csv")
    assert isinstance(row, Row) and row.verdict.note == "schön"


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("v.csv", "id,verdict\n1,keep\n", "no column 'pair_id'"),
        ("v.csv", "", "no column 'pair_id'"),
        ("v.json", "{}", "holds no list"),
        ("v.json", "[" * 100_000, "no JSON"),
        ("v.txt", "keep", "read from .csv"),
    ],
)
def test_a_file_that_is_none_is_an_error(tmp_path: Path, name: str, text: str, message: str) -> None:
    with pytest.raises(SourceError, match=message):
        rows(tmp_path / name, text)
    with pytest.raises(SourceError, match="can't be read"):
        list(read(tmp_path / "missing.csv"))


@pytest.mark.parametrize("text", ["=1+1", "-5", "+49 89", "@home", "'quoted'", "plain"])
def test_what_a_spreadsheet_would_compute_comes_back_as_it_was(tmp_path: Path, text: str) -> None:
    assert not guarded(text).startswith(("=", "+", "-", "@"))
    row = one(tmp_path / "v.csv", f"pair_id,verdict,reviewer,answer\n{PAIR},edit,ann,{guarded(text)}\n")
    assert row.verdict.answer == text
