"""Argilla, by its own SDK: what we give it, and what comes back in each of its shapes."""

from __future__ import annotations

import base64
import html
import io
import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import argilla as rg
import polars as pl
import pytest
from PIL import Image

from argilla_stand_in import ANN, BOB, Server, served
from glossator.errors import SourceError, UsageError
from glossator.jobs.label_studio import REASONS
from glossator.jobs.tasks import give_out
from glossator.jobs.verdict_files import Open, Problem, Row, read
from glossator.records import Evidence, HumanVerdict, ImageRecord, Pair
from glossator.schemas import to_arrow
from glossator.text import clean

DOCS = Path(__file__).parents[2] / "docs" / "human-verdicts.md"
IMAGE, GONE = "0123456789abcdef", "fedcba9876543210"
HOSTILE = [
    "</script><script>alert(1)</script>", "<img src=x onerror=alert(1)>", "{{record.fields}} $& $' #TEMPLATE#",
    "\u202egnp.exe", "a & b &amp; &lt;c", "=cmd|' /C calc'!A0", "x" * 5_000, "null", "[1, 2]", "two\nlines",
]  # fmt: skip
FIRST = Pair(
    f"{IMAGE}-{0:012x}", IMAGE, "r1", "What is the total?", "53.60",
    evidence=(Evidence("53.60", (100, 40, 140, 60)), Evidence("TOTAL", (-5, 40, 50_000, 60))),
    explain_question="How so?", explain_answer='It stands beside "TOTAL".', writer="grounded",
)  # fmt: skip
PAIRS = [
    FIRST,
    *(
        replace(FIRST, pair_id=f"{IMAGE}-{number:012x}", question=text, answer=text, explain_answer=text)
        for number, text in enumerate(map(clean, HOSTILE), 1)
    ),
]


def lazy(table: str, *records: Any) -> pl.LazyFrame:
    return pl.DataFrame(pl.from_arrow(to_arrow(table, records))).lazy()


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the pairs for Argilla."""
    source = tmp_path_factory.mktemp("source")
    Image.new("RGB", (3_200, 200), "white").save(source / "a.png")
    lost = replace(FIRST, pair_id=f"{GONE}-{0:012x}", image_id=GONE)
    pictures = (ImageRecord(id, "r", name, "", 3_200, 200) for id, name in ((IMAGE, "a.png"), (GONE, "gone.png")))
    tables = {"pairs": lazy("pairs", *PAIRS, lost), "images": lazy("images", *pictures)}
    chosen = [pair.pair_id for pair in (*PAIRS, lost)]
    summary = give_out(tables, chosen, "random", "argilla", source / "tasks", pictures=source)
    assert (summary.written, summary.left_out) == (len(PAIRS), 1)
    return source / "tasks"


@pytest.fixture
def folder(given: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, where `tasks` holds the pairs for Argilla."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(given, tmp_path / "tasks")
    return tmp_path


@pytest.fixture
def server(folder: Path) -> Iterator[Server]:
    """A server that the data set was put up on as the docs say."""
    with served() as server:
        run_docs(server, 0)
        yield server


def run_docs(server: Server, number: int) -> dict[str, Any]:
    """Run one of the docs' examples of Argilla's SDK, and give what it leaves."""
    (section,) = re.findall(r"^## Argilla\n(.*?)^## ", DOCS.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    code = re.findall(r"```python\n(.*?)```", section, re.DOTALL)[number]
    names: dict[str, Any] = {}
    exec(code.replace("http://localhost:6900", server.url), names)
    return names


def rows(path: Path, **given: str) -> list[Row | Problem | Open]:
    return list(read(path, **given))


def said(found: list[Row | Problem | Open]) -> list[HumanVerdict]:
    assert all(isinstance(row, Row) and not row.remark for row in found), found
    return [row.verdict for row in found if isinstance(row, Row)]


def test_its_readers_find_in_the_files_what_its_writers_would_have_written(server: Server) -> None:
    settings = rg.Settings.from_json("tasks/.argilla/settings.json")
    settings.validate()
    assert settings.serialize() == json.loads(Path("tasks/.argilla/settings.json").read_text())
    assert settings.questions["reason"].labels == list(REASONS)
    assert [question.name for question in settings.questions if question.required] == ["verdict"]
    given = json.loads(Path("tasks/records.json").read_text())
    assert [rg.Record.from_dict(one).to_dict() for one in given] == given
    assert [one["id"] for one in given] == [pair.pair_id for pair in PAIRS]
    assert not re.search("grounded|keep", json.dumps([one["suggestions"] for one in given]))


def test_it_is_put_up_whole(server: Server) -> None:
    assert server.dataset["status"] == "ready"
    assert [part["name"] for part in server.parts["fields"]][:2] == ["picture", "question"]
    for record, pair in zip(server.records, PAIRS, strict=True):
        assert record["external_id"] == pair.pair_id and record["metadata"]["sampling"] == "random"
        assert record["metadata"]["evidence"][0] == {"text": "53.60", "box": [100, 40, 140, 60]}
        # The page takes a field for HTML: what it shows then is the text.
        assert not set(record["fields"]["question"]) & set("<>\"'")
        assert html.unescape(record["fields"]["question"]) == pair.question
        shown = {one["question_name"]: one["value"] for one in record["suggestions"]}
        assert (shown["edited_question"], shown["edited_answer"]) == (pair.question, pair.answer)


def test_boxes_are_drawn_where_they_stand_on_the_smaller_picture(folder: Path) -> None:
    uri = json.loads(Path("tasks/records.json").read_text())[0]["fields"]["picture"]
    head, data = uri.split(",")
    picture = Image.open(io.BytesIO(base64.b64decode(data)))
    assert (head, picture.size) == ("data:image/jpeg;base64", (1_600, 100))
    reddish = [x for x in range(1_600) if picture.getpixel((x, 25))[1] < 150]  # type: ignore[index]
    assert {48, 71} <= set(reddish) and 60 not in reddish


def test_every_answer_comes_back_with_who_when_and_how_drawn(server: Server) -> None:
    server.answer(0, ANN, "submitted", verdict="keep", note="two\nlines", edited_answer="53.60")
    server.answer(0, BOB, "submitted", "2026-11-21T08:00:00", verdict="reject", reason="wrong_boxes")
    server.answer(1, ANN, "submitted", verdict="edit", edited_answer="54", edited_question=PAIRS[1].question)
    server.answer(2, ANN, "submitted", verdict="keep", edited_explain_answer="So.", edited_answer=PAIRS[2].answer)
    for number, pair in enumerate(PAIRS[3:], 3):  # what nobody changed
        server.answer(number, ANN, "submitted", verdict="keep", edited_question=pair.question)
    run_docs(server, 1)
    found = said(rows(Path("judged"))[: len(PAIRS) + 1])
    at, sampling = "2026-11-20T10:05:00.000001Z", "random"
    assert found[:4] == [
        HumanVerdict(PAIRS[0].pair_id, IMAGE, "ann", "keep", note="two lines", time=at, sampling=sampling),
        HumanVerdict(
            PAIRS[0].pair_id, IMAGE, "bob", "reject", "wrong_boxes", time="2026-11-21T08:00:00.000000Z",
            sampling=sampling,
        ),
        HumanVerdict(PAIRS[1].pair_id, IMAGE, "ann", "edit", time=at, sampling=sampling, answer="54"),
        HumanVerdict(PAIRS[2].pair_id, IMAGE, "ann", "edit", time=at, sampling=sampling, explain_answer="So."),
    ]  # fmt: skip
    assert [(one.verdict, one.question, one.answer) for one in found[4:]] == [("keep", "", "")] * (len(PAIRS) - 3)


def test_drafts_and_discarded_answers_are_told_and_not_taken(server: Server) -> None:
    server.answer(0, ANN, "draft", verdict="keep")
    server.answer(1, ANN, "discarded")
    server.answer(2, ANN, "submitted", verdict="keep")
    server.answer(2, BOB, "draft", verdict="reject")
    dataset = run_docs(server, 1)["dataset"]
    draft, discarded, taken, other, *rest = rows(Path("judged"))
    assert (draft, discarded) == (
        Open("record 1", "draft answer of ann, not taken"), Open("record 2", "discarded answer of ann, not taken"),
    )  # fmt: skip
    assert isinstance(taken, Row) and other == Open("record 3, answer 2", "draft answer of bob, not taken")
    assert rest == [Open(f"record {number}") for number in range(4, len(PAIRS) + 1)]
    # On disk an answer's status is missing: none is taken that may be a draft.
    dataset.to_disk(str(folder_of("disk")))
    first, second, *both = rows(Path("disk"))[:4]
    assert isinstance(first, Open) and "does not say" in first.remark and second == Open("record 2")
    assert all(isinstance(one, Open) and "does not say" in one.remark for one in both)


def folder_of(name: str) -> Path:
    Path(name).mkdir()
    return Path(name)


@pytest.mark.parametrize("people", [1, 2])
def test_what_its_classes_write_to_disk_and_flat_says_the_same_but_for_the_time(server: Server, people: int) -> None:
    server.dataset["distribution"]["min_submitted"] = people
    for person in (ANN, BOB)[:people]:
        server.answer(0, person, "submitted", verdict="reject", reason="private", note="n")
        server.answer(1, person, "submitted", verdict="edit", edited_answer="<b>54</b>")
    names = run_docs(server, 1)
    names["dataset"].to_disk(str(folder_of("disk")))
    flat = names["dataset"].records.to_list(flatten=True)
    (folder_of("flat") / "records.json").write_text(json.dumps(flat))
    (Path("flat") / "records.jsonl").write_text("\n".join(map(json.dumps, flat)))
    users = Path("judged/users.json").read_text()
    expected = [replace(one, time="") for one in said(rows(Path("judged"))[: 2 * people])]
    assert [one.reviewer for one in expected] == ["ann", "bob"][:people] * 2
    for path in (Path("disk"), Path("flat"), Path("flat/records.jsonl")):
        (path if path.is_dir() else path.parent).joinpath("users.json").write_text(users)
        assert said(rows(path)[: 2 * people]) == expected


def test_without_their_names_people_are_told_apart_by_their_ids(server: Server) -> None:
    server.answer(0, ANN, "submitted", verdict="keep")
    run_docs(server, 1)
    Path("judged/users.json").unlink()
    assert said(rows(Path("judged"), by="carl")[:1])[0].reviewer == ANN["id"]


def test_answers_made_by_its_classes_without_a_server(folder: Path) -> None:
    with served() as server:
        rg.Argilla(api_url=server.url, api_key="key")
        record = rg.Record.from_dict(json.loads(Path("tasks/records.json").read_text())[0])
        for name, value in (("verdict", "reject"), ("reason", "offensive"), ("note", "n")):
            record.responses.add(rg.Response(name, value, user_id=ANN["id"], status="submitted"))  # type: ignore[arg-type]
        done = record.to_dict() | {"status": "completed"}
    Path("one.json").write_text(json.dumps([done]))
    (one,) = said(rows(Path("one.json")))
    assert (one.verdict, one.reason, one.note, one.reviewer) == ("reject", "offensive", "n", ANN["id"])


DONE = {"user_id": "u", "status": "submitted", "updated_at": "2026-11-20", "values": {"verdict": {"value": "keep"}}}


def answered(**changes: Any) -> dict[str, Any]:
    record = {"external_id": PAIRS[0].pair_id, "fields": {"question": "Q"}, "metadata": {}, "responses": [DONE]}
    return record | changes


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (answered(responses=3), "no record of Argilla"),
        (answered(responses=[3]), "no record of Argilla"),
        (answered(responses={"verdict": 3}), "no record of Argilla"),
        (answered(fields=[]), "no record of Argilla"),
        (answered(metadata=3), "no record of Argilla"),
        ({"id": "x", "verdict.responses.users": ["a", "b"], "verdict.responses": ["keep"]}, "no record of Argilla"),
        (answered(external_id="../../etc"), "no pair id"),
        (answered(external_id={"a": 1}), "no pair id"),
        (answered(responses=[DONE | {"values": {"verdict": {"value": "maybe"}}}]), "'maybe' is none"),
        (answered(responses=[DONE | {"user_id": None}]), "--by"),
        (answered(responses=[{"status": "submitted", "values": 3}]), ""),
        (answered(responses=[{"status": ["<b>"], "values": {}}]), ""),
        (answered(responses=None), ""),
    ],
)
def test_broken_records_are_told_and_their_neighbours_are_taken(
    tmp_path: Path, broken: dict[str, Any], message: str
) -> None:
    path = tmp_path / "records.json"
    path.write_text(json.dumps([broken, answered()]))
    first, second = rows(path)
    assert isinstance(second, Row)
    assert message in first.message if isinstance(first, Problem) else isinstance(first, Open) and not message


@pytest.mark.parametrize(
    ("name", "content"), [("users.json", "{}"), ("users.json", "["), (".argilla/settings.json", "\0")]
)
def test_files_beside_the_records_that_can_not_be_read_are_told(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / ".argilla").mkdir()
    (tmp_path / "records.json").write_text(json.dumps([answered()]))
    (tmp_path / name).write_text(content)
    with pytest.raises(SourceError, match=re.escape(name)):
        rows(tmp_path)


def test_a_folder_without_records_is_told(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"records\.json can't be read"):
        rows(tmp_path)


def test_answers_are_never_written_over(folder: Path) -> None:
    tables = {"pairs": lazy("pairs", FIRST), "images": lazy("images", ImageRecord(IMAGE, "r1", "a b.png", "", 9, 9))}
    with pytest.raises(UsageError, match="may hold answers"):
        give_out(tables, [FIRST.pair_id], "random", "argilla", Path("tasks"))
    with pytest.raises(UsageError, match="http"):
        give_out(tables, [FIRST.pair_id], "random", "argilla", Path("new"), "/data/")
    give_out(tables, [FIRST.pair_id], "random", "argilla", Path("new"), "https://host/")
    assert json.loads(Path("new/records.json").read_text())[0]["fields"]["picture"] == "https://host/a%20b.png"
