from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from glossator.replies import ReplyLogs


def test_a_reply_is_there_for_the_next_run(tmp_path: Path) -> None:
    logs = ReplyLogs(tmp_path)
    first = logs.open("extract", 3)
    first.put("k", {"text": "Ω\n\ud800"})
    # Not closed: a killed process does not close its files either.
    assert logs.open("extract", 3).get("k") == {"text": "Ω\n\ud800"}
    assert logs.open("extract", 4).get("k") is None
    assert logs.open("explain", 3).get("k") is None


def test_a_torn_line_is_passed_over_and_never_appended_to(tmp_path: Path) -> None:
    logs = ReplyLogs(tmp_path)
    with logs.open("extract", 0) as log:
        log.put("a", {"n": 1})
        log.put("b", {"n": 2})
    (file,) = (tmp_path / "extract").iterdir()
    file.write_bytes(file.read_bytes()[:-7])
    with logs.open("extract", 0) as log:
        assert log.get("a") == {"n": 1}
        assert log.get("b") is None
        assert log.damaged == 1
        log.put("b", {"n": 3})
    assert logs.open("extract", 0).get("b") == {"n": 3}
    assert len(list((tmp_path / "extract").iterdir())) == 2


def test_the_newest_reply_wins_over_ten_files(tmp_path: Path) -> None:
    logs = ReplyLogs(tmp_path)
    for n in range(12):
        with logs.open("extract", 0) as log:
            log.put("k", {"n": n})
    assert logs.open("extract", 0).get("k") == {"n": 11}


def test_nothing_bought_makes_no_file(tmp_path: Path) -> None:
    with ReplyLogs(tmp_path).open("extract", 0):
        pass
    assert list(tmp_path.iterdir()) == []


def test_threads_do_not_mix_their_lines(tmp_path: Path) -> None:
    logs = ReplyLogs(tmp_path)
    with logs.open("extract", 0) as log, ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: log.put(str(n), {"text": "x" * 5000, "n": n}), range(200)))
    again = logs.open("extract", 0)
    assert again.damaged == 0
    assert [again.get(str(n)) for n in (0, 199)] == [{"text": "x" * 5000, "n": 0}, {"text": "x" * 5000, "n": 199}]
