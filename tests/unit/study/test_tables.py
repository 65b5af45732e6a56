"""What a study's tables say of cells that are made up here."""

from __future__ import annotations

from pathlib import Path

from glossator.study import tables
from glossator.study.cells import Cell
from glossator.study.settings import Arm, Study


def cell(arm: str, seed: int, scores: list[float], kind: str = "receipt") -> Cell:
    """Questions 2i and 2i + 1 are about image i; each seed asks others."""
    rows = [
        {"id": f"{seed}-{i}", "image_id": f"{seed}-{i // 2}", "kind": kind, "said": "", "gold": "", "score": score}
        for i, score in enumerate(scores)
    ]
    return Cell(arm, seed, pairs=10 + seed, spoilt=0, images=5, steps=3, tokens=9, seconds=1.0, loss=0.5, scores=rows)


def plan(**changes: object) -> Study:
    arms = {"one": Arm(), "other": Arm()}
    return Study.model_validate(
        {"name": "s", "question": "?", "arms": arms, "seeds": (0, 1), "compare": (("one", "other"),)} | changes
    )


def test_means_and_paired_differences() -> None:
    found = {
        "one": [cell("one", 0, [1.0, 1.0, 0.0, 0.5]), cell("one", 1, [0.5, 0.5, 0.5, 0.5])],
        "other": [cell("other", 0, [0.5, 0.5, 0.0, 0.0]), cell("other", 1, [0.0, 0.0, 0.5, 0.5])],
    }
    result = tables.summary(plan(), found)
    one = result["arms"]["one"]
    assert one["value"] == 4.5 / 8
    assert one["by_seed"] == [0.625, 0.5]
    assert (one["n"], one["images_tested"], one["pairs"]) == (8, 4, 10)
    (difference,) = result["differences"]
    assert difference["value"] == (4.5 - 2.0) / 8
    assert difference["low"] <= difference["value"] <= difference["high"]


def test_a_constant_difference_has_no_width() -> None:
    """Pairing takes out what questions differ by."""
    found = {
        "one": [cell("one", s, [0.9, 0.3, 0.7, 0.2]) for s in (0, 1)],
        "other": [cell("other", s, [0.8, 0.2, 0.6, 0.1]) for s in (0, 1)],
    }
    (difference,) = tables.summary(plan(), found)["differences"]
    assert difference["low"] == difference["high"] == difference["value"] == 0.1
    assert "excludes zero" in tables.markdown(tables.summary(plan(), found))


def test_an_arm_waits_for_all_its_seeds() -> None:
    found = {"one": [cell("one", 0, [1.0]), cell("one", 1, [1.0])], "other": [cell("other", 0, [1.0])]}
    result = tables.summary(plan(), found)
    assert list(result["arms"]) == ["one"]
    assert result["differences"] == []
    assert (result["cells"], result["planned"]) == (3, 4)


def test_a_question_of_two_seeds_counts_once() -> None:
    """With as many folds as one, both seeds ask the same."""
    same = [cell("one", 0, [1.0, 0.0]), cell("one", 0, [0.0, 0.0])]
    result = tables.summary(plan(), {"one": same})
    assert result["arms"]["one"]["n"] == 2
    assert result["arms"]["one"]["value"] == 0.25


def test_equal_figures_give_equal_files(tmp_path: Path) -> None:
    found = {name: [cell(name, s, [0.5, 1.0, 0.0, 0.5]) for s in (0, 1)] for name in ("one", "other")}
    for folder in (tmp_path / "a", tmp_path / "b"):
        folder.mkdir()
        tables.write(plan(), found, folder)
    names = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert names == ["s-size.svg", "s.json", "s.md", "s.svg"]
    assert all((tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes() for name in names)
