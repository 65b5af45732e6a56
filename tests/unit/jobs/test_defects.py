"""Planted defects are what they are called, and the AUC is the chance that a spoilt pair scores higher."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glossator.errors import SourceError
from glossator.jobs import defects


def pair(image: str, name: str, answer: str) -> dict[str, Any]:
    return {
        "pair_id": f"{image}-{name}",
        "image_id": image,
        "question": f"What is the {name}?",
        "answer": answer,
        "explain_question": "How can you tell?",
        "explain_answer": f'The text "{answer}" of {image} holds the answer.',
    }


PAGES = {name: {"image": f"{name}.png", "kind": "receipt", "ocr": []} for name in ("a", "b", "c")}
PAIRS = [pair(i, n, f"{n} {i} {k}51.80") for k, i in enumerate(PAGES) for n in ("total", "date")]


def given_pairs(seed: int = 0) -> dict[str, list[dict[str, Any]]]:
    found = defects.planted(PAIRS, PAGES, seed)
    return {record["id"]: [one | {"defect": json.loads(one["meta"])["defect"]} for one in record["given_pairs"]]
            for record in found}  # fmt: skip


def test_every_defect_is_planted_in_every_pair() -> None:
    counts = Counter(one["defect"] for pairs in given_pairs().values() for one in pairs)
    assert counts == dict.fromkeys((defects.CLEAN, *defects.DEFECTS), 6)


def test_each_defect_is_what_it_is_called() -> None:
    clean = {one["question"]: one for one in given_pairs()["a"] if one["defect"] == defects.CLEAN}
    own = {one["answer"] for one in clean.values()}
    for one in given_pairs()["a"]:
        match one["defect"]:
            case "swapped image":
                assert one["answer"] not in own
            case "wrong answer":
                assert one["answer"] not in own
                assert one["answer"] in one["explain_answer"]
            case "wrong question":
                assert one["answer"] in own and clean[one["question"]]["answer"] != one["answer"]
            case "foreign explanation":
                assert "of a holds" not in one["explain_answer"]
            case "redundant explanation":
                assert one["question"] in one["explain_answer"] and one["answer"] in one["explain_answer"]
            case "ocr noise":
                assert one["answer"] not in own and len(one["answer"]) >= 10
            case "hallucinated detail":
                assert one["explain_answer"].startswith(clean[one["question"]]["explain_answer"])
            case other:
                assert other == defects.CLEAN


def test_the_same_seed_plants_the_same() -> None:
    assert given_pairs(3) == given_pairs(3)
    assert given_pairs(3) != given_pairs(4)


def test_one_image_alone_has_no_foreign_material() -> None:
    (record,) = defects.planted(PAIRS[:2], {"a": PAGES["a"]}, 0)
    found = {json.loads(one["meta"])["defect"] for one in record["given_pairs"]}
    assert found == {"clean", "wrong question", "redundant explanation", "ocr noise"}


def source(tmp_path: Path, records: list[dict[str, Any]]) -> Path:
    path = tmp_path / "records.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


def test_truth_from_fields_and_questions(tmp_path: Path) -> None:
    records = [
        {"id": "r", "image": "r.png", "kind": "receipt", "fields": {"total": "5.00", "Ref. No:": "77", "empty": " "}},
        {"id": "c", "image": "c.png", "kind": "chart", "qa": [{"question": "How many?", "answers": ["3", "three"]}]},
        {"id": "n", "image": "n.png"},
        {"id": "odd", "image": "o.png", "fields": "no", "qa": [7]},
    ]
    found = list(defects.truth(source(tmp_path, records)))
    assert [(p["question"], p["answer"]) for record in found for p in record["given_pairs"]] == [
        ("What is the total on this receipt?", "5.00"),
        ('What is printed for "Ref. No" on this receipt?', "77"),
        ("How many?", "3"),
    ]
    assert [record["id"] for record in defects.truth(source(tmp_path, records), ["chart"])] == ["c"]


def test_a_source_without_truth(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="ground truth"):
        list(defects.truth(source(tmp_path, [{"image": "a.png"}])))


@given(st.lists(st.integers(0, 5), min_size=1, max_size=20), st.lists(st.integers(0, 5), min_size=1, max_size=20))
def test_auc_is_the_share_of_won_comparisons(clean: list[int], bad: list[int]) -> None:
    wins = sum((b > a) + 0.5 * (b == a) for a in clean for b in bad)
    assert defects.auc(clean, bad) == pytest.approx(wins / (len(clean) * len(bad)))


def test_the_interval_holds_the_auc_and_needs_several_images() -> None:
    clean = {f"i{k}": [0.1 * k, 0.2] for k in range(12)}
    bad = {f"i{k}": [0.1 * k + 0.3] for k in range(12)}
    low, high = defects.auc_interval(clean, bad)
    value = defects.auc([v for vs in clean.values() for v in vs], [v for vs in bad.values() for v in vs])
    assert 0.5 < low <= value <= high <= 1
