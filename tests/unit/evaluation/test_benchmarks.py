"""Every benchmark's reader on small files in its authors' shapes, good and bad rows mixed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from glossator.errors import GlossatorError
from glossator.evaluation import benchmarks
from glossator.evaluation.questions import Benchmark, judged

BAD: list[Any] = [None, 5, "text", [], {}]
ESCAPES = [
    "../outside.png",
    "/etc/hostname",
    "a/../../outside.png",
    "C:\\outside.png",
    "",
    " ",
    "\0",
    "x" * 5000,
    7,
    None,
]

DIRECTLY = " Answer this question using the text in the image directly."


def picture(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8), "white").save(path)
    return path


def dump(path: Path, tree: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(tree), encoding="utf-8")
    return path


def texts(found: Benchmark) -> list[tuple[str, str, tuple[str, ...], str]]:
    return [(q.id, q.text, q.golds, q.kind) for q in found.questions]


def escaping(row: Callable[[Any], dict[str, Any]], folder: Path) -> list[dict[str, Any]]:
    """Rows whose pictures lie outside, or nowhere."""
    picture(folder.parent.parent / "outside.png")
    return [row(name) for name in ESCAPES]


def test_docvqa(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "docvqa"
    shown = picture(folder / "documents" / "a_1.png")

    def row(image: Any, **other: Any) -> dict[str, Any]:
        given = {"questionId": 337, "question": "What is the date?", "image": image, "answers": ["1/8/93", "8 Jan"]}
        return given | {"question_types": ["handwritten", "form"]} | other

    rows = [
        row("documents/a_1.png"),
        row("documents/a_1.png", question="Who?", question_types=[]),  # the same id again
        row("documents/a_1.png", answers=[]),
        row("documents/a_1.png", answers=["", None, {}]),
        row("documents/a_1.png", answers=None),
        row("documents/a_1.png", question=7),
        row("documents/a_1.png", questionId=None, answers=[3, 0.5], question_types={"odd": 1}),
        *escaping(row, folder),
        *BAD,
    ]
    dump(folder / "val_v1.0.json", {"data": []})
    dump(folder / "val_v1.0_withQT.json", {"dataset_name": "docvqa", "data": rows})
    found = benchmarks.load("docvqa", folder)
    assert texts(found) == [
        ("337", "What is the date?", ("1/8/93", "8 Jan"), "handwritten"),
        ("337#2", "Who?", ("1/8/93", "8 Jan"), ""),
        ("None", "What is the date?", ("3", "0.5"), ""),
    ]
    assert {question.picture for question in found.questions} == {shown}
    assert found.left_out == {"no answers": 3, "no question": 1 + len(BAD), "no picture": len(ESCAPES)}
    assert found.metrics == ("anls", "anls_lmms_eval", "exact") and found.max_new_tokens == 32
    assert found.put(found.questions[0]) == "What is the date?\nAnswer the question using a single word or phrase."


def test_docvqa_test_split_has_no_answers(tmp_path: Path) -> None:
    picture(tmp_path / "documents" / "a.png")
    file = dump(tmp_path / "test_v1.0.json", {"data": [{"question": "Q?", "image": "documents/a.png"}] * 3})
    with pytest.raises(GlossatorError, match="3"):
        benchmarks.load("docvqa", file)


def test_a_folder_without_the_right_file_is_refused(tmp_path: Path) -> None:
    dump(tmp_path / "train_v1.0.json", [])
    dump(tmp_path / "test_v1.0.json", [])
    with pytest.raises(GlossatorError, match=r"test_v1\.0\.json, train_v1\.0\.json"):
        benchmarks.load("docvqa", tmp_path)


def test_infovqa(tmp_path: Path) -> None:
    picture(tmp_path / "images" / "10002.jpeg")
    row = {"questionId": 1, "question": "How many?", "image_local_name": "10002.jpeg", "answers": ["4"]}
    tree = {"data": [row | {"answer_type": ["single span"]}, row | {"image_local_name": "none.jpeg"}]}
    file = dump(tmp_path / "qa" / "infographicsVQA_val_v1.0_withQT.json", tree)
    found = benchmarks.load("infovqa", file.parent)
    assert texts(found) == [("1", "How many?", ("4",), "single span")]
    assert found.left_out == {"no picture": 1}


def test_stvqa(tmp_path: Path) -> None:
    first = picture(tmp_path / "coco-text" / "COCO_1.jpg")
    second = picture(tmp_path / "iiit" / "2.jpg")
    row = {"question_id": 9, "question": "What brand?", "answers": ["acme"], "dataset": "coco-text"}
    rows = [
        row | {"file_path": "coco-text/COCO_1.jpg", "file_name": "COCO_1.jpg"},
        row | {"question_id": 10, "dataset": "iiit", "file_name": "2.jpg"},
    ]
    dump(tmp_path / "train_task_3.json", {"data": rows})
    found = benchmarks.load("stvqa", tmp_path)
    assert [(q.id, q.picture, q.kind) for q in found.questions] == [
        ("9", first, "coco-text"),
        ("10", second, "iiit"),
    ]
    assert {"anls", "kie_2023", "ocrbench"} < set(found.metrics)


def test_chartqa(tmp_path: Path) -> None:
    picture(tmp_path / "test" / "png" / "a.png")
    row = {"imgname": "a.png", "query": "How much?", "label": "14.5"}
    dump(tmp_path / "test" / "test_human.json", [row, row | {"label": None}, row | {"imgname": "../png/a.png"}, *BAD])
    dump(tmp_path / "test" / "test_augmented.json", [row | {"label": ["Yes"]}])
    found = benchmarks.load("chartqa", tmp_path)
    assert texts(found) == [
        ("augmented-0", "How much?", ("Yes",), "augmented"),
        ("human-0", "How much?", ("14.5",), "human"),
    ]
    assert found.left_out == {"no answers": 1, "no picture": 1, "no question": len(BAD)}
    assert found.metrics[0] == "relaxed_accuracy" and found.max_new_tokens == 16
    assert found.put(found.questions[1]) == "How much?\nAnswer the question with a single word."
    assert judged("15", found.questions[1], ("relaxed_accuracy",)) == {"relaxed_accuracy": 1.0}
    assert len(benchmarks.load("chartqa", tmp_path / "test" / "test_human.json").questions) == 1


def test_textvqa(tmp_path: Path) -> None:
    picture(tmp_path / "train_images" / "0054c91397f2fe05.jpg")
    people = ["nokia"] * 7 + ["", "phone", "Nokia"]
    row = {"question_id": 3, "question": "what is the BRAND?", "image_id": "0054c91397f2fe05", "answers": people}
    rows = [row, row | {"image_id": "../train_images/0054c91397f2fe05"}, row | {"answers": "nokia"}, *BAD]
    dump(tmp_path / "TextVQA_0.5.1_val.json", {"data": rows})
    dump(tmp_path / "TextVQA_0.5.1_train.json", {"data": []})
    found = benchmarks.load("textvqa", tmp_path)
    assert texts(found) == [("3", "What is the brand?", tuple(people), "")]  # all ten, the one who said nothing too
    assert found.left_out == {"no picture": 1, "no answers": 1, "no question": len(BAD)}
    assert judged("phone", found.questions[0], ("vqa_accuracy",))["vqa_accuracy"] == pytest.approx(0.3)


def test_ocrbench(tmp_path: Path) -> None:
    picture(tmp_path / "OCRBench_Images" / "IIIT5K" / "1.png")
    picture(tmp_path / "OCRBench_Images" / "HME" / "2.png")
    word = {
        "id": 0, "dataset_name": "IIIT5K", "type": "Regular Text Recognition", "question": " what is written? ",
        "answers": ["CENTRE"], "image_path": "IIIT5K/1.png",
    }  # fmt: skip
    formula = word | {"id": 1, "dataset_name": "HME100k", "type": "Formula", "image_path": "HME/2.png"}
    rows = [word, formula | {"answers": "x ^ 2"}, word | {"answers": []}, word | {"image_path": 4}, *BAD]
    dump(tmp_path / "OCRBench.json", rows)
    found = benchmarks.load("ocrbench", tmp_path)
    assert texts(found) == [
        ("0", "what is written?", ("CENTRE",), "Regular Text Recognition"),
        ("1", "what is written?", ("x ^ 2",), "Formula"),
    ]
    assert found.left_out == {"no answers": 1, "no picture": 1, "no question": len(BAD)}
    hits = [
        judged(said, q, found.metrics)["ocrbench"] for said, q in zip(("centres", "X^2"), found.questions, strict=True)
    ]
    assert hits == [1, 0]
    assert found.put(found.questions[0]) == "what is written?"


def form(folder: Path) -> None:
    picture(folder / "images" / "82092117.png")
    entities: list[Any] = [
        {"id": 0, "label": "question", "text": "TO:", "linking": [[0, 2], [0, 1]]},
        {"id": 1, "label": "answer", "text": "George", "linking": [[0, 1]]},
        {"id": 2, "label": "answer", "text": "Baroody", "linking": [[0, 2]]},
        {"id": 3, "label": "question", "text": "DATE:", "linking": []},
        {"id": 4, "label": "question", "text": "FAX:", "linking": [[4, 99], [4], "odd", None]},
        {"id": 5, "label": "question", "text": 6, "linking": "odd"},
        {"label": "header", "text": "MEMO", "linking": [[0, 1]]},
        *BAD,
    ]
    dump(folder / "annotations" / "82092117.json", {"form": entities})
    dump(folder / "annotations" / "no_picture.json", {"form": entities})
    dump(folder / "annotations" / "no_form.json", {"form": "odd"})
    dump(folder / "annotations" / "a_list.json", [])
    (folder / "annotations" / "broken.json").write_text('{"form": [', encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "asked", "metric"),
    [
        (
            "funsd",
            "what is the value for 'TO:'? Answer this question using the text in the image directly.",
            "ocrbench",
        ),
        ("funsd-2023", 'what is "TO:" information in the image?', "kie_2023"),
    ],
)
def test_funsd(tmp_path: Path, name: str, asked: str, metric: str) -> None:
    form(tmp_path / "testing_data")
    found = benchmarks.load(name, tmp_path)
    assert texts(found) == [("82092117-0", asked, ("Baroody George",), "")]
    assert found.left_out == {"no picture": 1, "a file that holds no JSON object": 2}
    assert found.metrics[0] == metric and found.put(found.questions[0]) == asked
    assert texts(benchmarks.load(name, tmp_path / "testing_data")) == texts(found)


SHOP = {"company": "CORNER SHOP", "date": "12/02/2018", "address": " ", "total": "53.60"}


@pytest.mark.parametrize(
    ("files", "images"),
    [
        ("key/{}.json", "img/{}.jpg"),
        ("entities/{}.txt", "img/{}.jpg"),
        ("{}.txt", "{}.jpg"),
        ("{}.json", "{}.png"),
    ],
)
def test_sroie(tmp_path: Path, files: str, images: str) -> None:
    for name in ("X001", "X001(1)"):
        dump(tmp_path / files.format(name), SHOP)
        picture(tmp_path / images.format(name))
    dump(tmp_path / files.format("X002"), {"company": "NO PICTURE"})
    dump(tmp_path / files.format("X003"), ["odd"])
    found = benchmarks.load("sroie", tmp_path)
    end = " Answer this question using the text in the image directly."
    assert texts(found) == [
        (
            "X001-company",
            f"what is the name of the company that issued this receipt?{end}",
            ("CORNER SHOP",),
            "company",
        ),
        ("X001-date", f"when was this receipt issued?{end}", ("12/02/2018",), "date"),
        ("X001-total", f"what is the total amount of this receipt?{end}", ("53.60",), "total"),
    ]
    assert found.left_out == {
        "second copy of a receipt": 1,
        "no answers": 1,
        "no picture": 1,
        "a file that holds no JSON object": 1,
    }
    older = benchmarks.load("sroie-2023", tmp_path)
    assert older.metrics[0] == "kie_2023"
    assert older.questions[0].text == "what is the name of the company that issued this invoice?"


def test_records(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "source"
    shown = picture(folder / "img" / "a.png")

    def row(image: Any) -> dict[str, Any]:
        return {"image": image, "qa": [{"question": "Q?", "answers": ["A"]}]}

    rows: list[Any] = [
        {
            "id": "r", "image": "img/a.png", "kind": "receipt", "fields": {"total": "53.60", "TO:": "Ann", "odd": 7},
            "qa": [{"question": "Who?", "answers": ["Ann", 5]}, {"question": "One?", "answer": "1"}, {"answers": [1]}],
            "ocr": [{"text": "TOTAL 53.60", "box": [0, 0, 5, 5]}],
        },
        {"id": "r", "image": "img/a.png", "kind": 9, "fields": {"total": "1.00"}},
        {"id": "nothing to ask", "image": "img/a.png"},
        *escaping(row, folder),
        *BAD[:-1],
    ]  # fmt: skip
    (folder / "records.jsonl").write_text("\n".join([*map(json.dumps, rows), "{torn"]), encoding="utf-8")
    found = benchmarks.load("records", folder / "records.jsonl")
    assert texts(found) == [
        ("r-0", "What is the total on this receipt?", ("53.60",), "receipt"),
        ("r-1", 'What is printed for "TO" on this receipt?', ("Ann",), "receipt"),
        ("r-2", "Who?", ("Ann",), "receipt"),
        ("r-3", "One?", ("1",), "receipt"),
        ("r-0#2", "What is the total on this document?", ("1.00",), ""),
    ]
    assert found.left_out == {"no picture": len(ESCAPES), "bad record": len(BAD)}
    assert found.given_ocr == {shown: rows[0]["ocr"]}
    assert {question.cluster for question in found.questions} == {"r"}


def test_records_without_ground_truth_are_refused(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    (tmp_path / "records.jsonl").write_text('{"image": "a.png", "caption": "x"}\n', encoding="utf-8")
    with pytest.raises(GlossatorError, match="'fields' or 'qa'"):
        benchmarks.load("records", tmp_path / "records.jsonl")


def test_a_picture_may_lie_behind_a_link_to_a_folder(tmp_path: Path) -> None:
    picture(tmp_path / "elsewhere" / "documents" / "a.png")
    file = dump(tmp_path / "docvqa" / "val.json", [{"question": "Q?", "image": "documents/a.png", "answers": ["A"]}])
    (file.parent / "documents").symlink_to(tmp_path / "elsewhere" / "documents")
    assert len(benchmarks.load("docvqa", file.parent).questions) == 1


def test_a_link_to_a_file_outside_is_not_followed(tmp_path: Path) -> None:
    picture(tmp_path / "private.png")
    file = dump(tmp_path / "a" / "b" / "val.json", [{"question": "Q?", "image": "a.png", "answers": ["A"]}])
    (file.parent / "a.png").symlink_to(tmp_path / "private.png")
    with pytest.raises(GlossatorError, match="no picture"):
        benchmarks.load("docvqa", file)


@pytest.mark.parametrize("name", [name for name in benchmarks.BENCHMARKS if name != "records"])
@pytest.mark.parametrize("content", ["", "{", "[1, 2]", '{"data": 3}', "null", "[" * 50_000, "\xff"])
def test_wrong_json_is_an_error_that_names_the_file(tmp_path: Path, name: str, content: str) -> None:
    for path in ("data.json", "test_human.json", "annotations/a.json"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_bytes(content.encode("latin-1"))
    file = {"chartqa": "test_human.json"}.get(name, "" if name.startswith(("funsd", "sroie")) else "data.json")
    with pytest.raises(GlossatorError) as error:
        benchmarks.load(name, tmp_path / file)
    assert str(tmp_path) in str(error.value)


@pytest.mark.parametrize("name", benchmarks.BENCHMARKS)
def test_an_empty_folder_and_a_missing_one_are_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    for folder in ("empty", "missing"):
        with pytest.raises(GlossatorError):
            benchmarks.load(name, tmp_path / folder)


def test_an_unknown_benchmark_is_refused(tmp_path: Path) -> None:
    with pytest.raises(GlossatorError, match="docvqa"):
        benchmarks.load("mmlu", tmp_path)
