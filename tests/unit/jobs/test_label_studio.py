"""Label Studio, by its own validators and converters: what we give it, and what it gives back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from label_studio_sdk.converter import Converter
from label_studio_sdk.label_interface import LabelInterface

from glossator.jobs.label_studio import REASONS, config, records, task
from glossator.jobs.verdict_files import Open, Problem, Row, read
from glossator.records import Evidence, ImageRecord, Pair

IMAGE = "0123456789abcdef"
PAIR = Pair(
    f"{IMAGE}-aaaaaaaaaaaa", IMAGE, "r1", "What is the total?", "53.60",
    evidence=(Evidence("53.60", (300, 760, 380, 800)), Evidence("TOTAL", (-5, 760, 5000, 800))),
    explain_question="How so?", explain_answer='It stands beside "TOTAL".', writer="grounded",
)  # fmt: skip
PICTURE = ImageRecord(IMAGE, "r1", "a folder/50 %.jpg", "", 400, 800)
FORM = LabelInterface(config())


def completed(
    number: int, *choices: tuple[str, str], texts: dict[str, str] | None = None, by: Any = 1
) -> dict[str, Any]:
    """A task as Label Studio's raw JSON export has it."""
    given = task(PAIR, PICTURE, "random")
    result = [
        {"id": name, "from_name": name, "to_name": "image", "type": "choices", "origin": "manual",
         "value": {"choices": [value]}}
        for name, value in choices
    ]  # fmt: skip
    areas = [item for item in given["predictions"][0]["result"] if item["type"] == "textarea"]
    for item in areas:
        changed = (texts or {}).get(item["from_name"])
        result.append(item | {"value": {"text": [changed]}} if changed else item)
    annotation = {
        "id": 100 + number, "completed_by": by, "result": result, "was_cancelled": False, "ground_truth": False,
        "created_at": "2026-11-20T10:00:00.000000Z", "updated_at": "2026-11-20T10:05:00.000000Z", "lead_time": 3.1,
    }  # fmt: skip
    return {"id": number, "data": given["data"], "annotations": [annotation], "predictions": [], "drafts": []}


def test_the_config_is_sound() -> None:
    FORM.validate()
    assert set(FORM.get_control("reason").labels) == set(REASONS)


def test_tasks_fit_the_config() -> None:
    given = task(PAIR, PICTURE, "random")
    (prediction,) = given["predictions"]
    assert FORM.validate_task({"data": given["data"]})
    assert FORM.validate_prediction(prediction, return_errors=True) == []
    assert not FORM.validate_prediction({"result": [prediction["result"][-1] | {"from_name": "other"}]})
    assert given["data"]["image"] == "/data/local-files/?d=a%20folder/50%20%25.jpg"
    assert "keep" not in json.dumps(given)


def test_boxes_are_in_percent_and_within_the_picture() -> None:
    boxes = [item["value"] for item in task(PAIR, PICTURE, "")["predictions"][0]["result"] if "original_width" in item]
    place = [(box["x"], box["y"], box["width"], box["height"]) for box in boxes]
    assert place == [(75.0, 95.0, 20.0, 5.0), (0.0, 95.0, 100.0, 5.0)]


def test_annotations_fit_the_config() -> None:
    for one in (completed(1, ("verdict", "keep")), completed(2, ("verdict", "reject"), ("reason", "wrong_answer"))):
        assert FORM.validate_annotation(one["annotations"][0])


TASKS = [
    completed(1, ("verdict", "keep"), by={"id": 7, "email": "ann@example.org"}),
    completed(2, ("verdict", "reject"), ("reason", "wrong_answer")),
    completed(3, ("verdict", "edit"), texts={"edited_answer": "54.60"}),
    completed(4, ("verdict", "keep"), texts={"edited_question": "What is the sum?"}),
]
SAID = [
    ("keep", "", "", ""), ("reject", "wrong_answer", "", ""), ("edit", "", "", "54.60"),
    ("edit", "", "What is the sum?", ""),
]  # fmt: skip


def taken(path: Path) -> list[tuple[str, str, str, str]]:
    rows = list(read(path))
    verdicts = [row.verdict for row in rows if isinstance(row, Row)]
    assert len(verdicts) == len(rows), rows
    assert {(v.pair_id, v.sampling, v.time) for v in verdicts} == {
        (PAIR.pair_id, "random", "2026-11-20T10:05:00.000000Z")
    }
    assert [v.reviewer for v in verdicts][1:] == ["user 1"] * 3
    return [(v.verdict, v.reason, v.question, v.answer) for v in verdicts]


def test_its_raw_json_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "export.json"
    path.write_text(json.dumps(TASKS))
    assert taken(path) == SAID
    assert next(iter(read(path))).verdict.reviewer == "ann@example.org"  # type: ignore[union-attr]


@pytest.mark.parametrize(("format_", "name"), [("JSON_MIN", "result.json"), ("CSV", "result.csv")])
def test_what_its_converter_makes_of_it_says_the_same(tmp_path: Path, format_: str, name: str) -> None:
    (tmp_path / "export.json").write_text(json.dumps(TASKS))
    converter = Converter(config(), str(tmp_path), download_resources=False)
    converter.convert(str(tmp_path / "export.json"), str(tmp_path / "out"), format_, is_dir=False)
    assert taken(tmp_path / "out" / name) == SAID


def test_skipped_and_unfinished_tasks_are_open(tmp_path: Path) -> None:
    skipped, unfinished = completed(1, ("verdict", "keep")), completed(2)
    skipped["annotations"][0]["was_cancelled"] = True
    empty = completed(3) | {"annotations": []}
    path = tmp_path / "export.json"
    path.write_text(json.dumps([skipped, unfinished, empty]))
    assert list(read(path)) == [Open("task 1"), Open("task 2"), Open("task 3")]


def test_two_people_on_one_task_are_two_verdicts(tmp_path: Path) -> None:
    both = completed(1, ("verdict", "keep"))
    both["annotations"] += completed(1, ("verdict", "reject"), by=2)["annotations"]
    path = tmp_path / "export.json"
    path.write_text(json.dumps([both]))
    rows = [row for row in read(path) if isinstance(row, Row)]
    assert [(row.where, row.verdict.reviewer, row.verdict.verdict) for row in rows] == [
        ("task 1, annotation 1", "user 1", "keep"), ("task 1, annotation 2", "user 2", "reject"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "broken",
    [
        {"annotations": 3, "data": {}},
        {"annotations": [3], "data": {}},
        {"annotations": [{"result": 3}], "data": {}},
        {"annotations": [], "data": None},
        {"annotations": [{"result": [{"from_name": "verdict", "value": {"choices": 3}}]}], "data": {"pair_id": {}}},
    ],
)
def test_broken_tasks_are_told(tmp_path: Path, broken: dict[str, Any]) -> None:
    path = tmp_path / "export.json"
    path.write_text(json.dumps([broken, *TASKS[:1]]))
    first, second = read(path)
    assert isinstance(first, Problem | Open) and isinstance(second, Row)


def test_a_task_can_not_pretend_to_be_judged() -> None:
    given = completed(1)
    given["data"] |= {"verdict": "keep", "reviewer": "ann", "time": "2026-01-01"}
    ((_, record),) = records("task 1", given)
    assert isinstance(record, dict) and "verdict" not in record and record["reviewer"] == "1"
