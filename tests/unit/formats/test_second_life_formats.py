"""The formats of a second life: round trip, equal bytes, and what their check finds."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from glossator import formats
from glossator.errors import UsageError
from glossator.formats.base import BadSample, Message
from glossator.formats.dpo import Preference
from glossator.formats.hard_negatives import HardNegatives, Negative
from glossator.formats.unanswerable import Unanswerable

HOSTILE = [
    "plain",
    "see <image> here",
    "two\nlines\u2028and more",
    '"quoted" \\ {json}',
    "Ünïcödé 漢字 🙂",
    "<|im_end|>",
]


def preference(text: str) -> Preference:
    prompt = (Message("user", f"{text}?"), Message("assistant", text), Message("user", "How so?"))
    return Preference(f"a>{text}", "preference-explanation", "repair", ("a.png",), prompt, f"{text} is right", text,
                      ("false_place",), "a", "b")  # fmt: skip


def refusal(text: str) -> Unanswerable:
    return Unanswerable(f"u-{text}", "a.png", f"{text}?", f"No {text}.", text, "p-1")


def negative(text: str) -> HardNegatives:
    wrong = (Negative(f"not {text}", (1.0, 2.0, 3.0, 4.0), 0.25),)
    return HardNegatives(f"h-{text}", "a.png", f"{text}?", text, "text", (0.0, 0.0, 9.5, 9.0), wrong)


MAKE: dict[str, Any] = {"dpo": preference, "unanswerable": refusal, "hard-negatives": negative}


@pytest.fixture(params=list(MAKE))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "a.png").write_bytes(b"x")
    return tmp_path


def test_round_trip_of_hostile_texts(name: str, root: Path) -> None:
    module: Any = formats.SECOND_LIFE[name]
    samples = [MAKE[name](text) for text in HOSTILE]
    path = root / module.file_name
    assert module.write(samples, path) == len(samples)
    assert list(module.read(path)) == samples
    assert list(module.check(path, root)) == []


def test_equal_samples_give_equal_bytes_and_each_row_says_its_sort(name: str, root: Path) -> None:
    module: Any = formats.SECOND_LIFE[name]
    for file in ("one", "two"):
        module.write([MAKE[name]("a"), MAKE[name]("b")], root / file)
    assert (root / "one").read_bytes() == (root / "two").read_bytes()
    text = (root / "one").read_text()
    rows = json.loads(text) if text.startswith("[") else [json.loads(line) for line in text.splitlines()]
    assert {row["sort"] for row in rows} == {{"dpo": "preference-explanation", "unanswerable": "unanswerable",
                                             "hard-negatives": "hard-negative"}[name]}  # fmt: skip


def test_nothing_gives_an_empty_file(name: str, root: Path) -> None:
    module: Any = formats.SECOND_LIFE[name]
    assert module.write([], root / "x") == 0
    assert list(module.read(root / "x")) == []


@pytest.mark.parametrize("row", [5, {}, {"sort": "conversation"}, {"sort": "SORT"}, {"sort": "SORT", "image": 7}])
def test_rows_of_another_sort_are_told_and_the_rest_goes_on(name: str, root: Path, row: Any) -> None:
    module: Any = formats.SECOND_LIFE[name]
    good = MAKE[name]("a")
    module.write([good], root / "x")
    sort = getattr(module, "SORT", "preference-answer")
    text = (root / "x").read_text().strip("[]\n")
    bad = json.dumps(row).replace("SORT", sort)
    (root / "x").write_text(f"[{bad}, {text}]")
    first, second = module.read(root / "x")
    assert isinstance(first, BadSample) and second == good


def test_a_file_that_is_no_set(name: str, root: Path) -> None:
    (root / "x").write_bytes(b"\xff\xfe\x00[")
    with pytest.raises(UsageError, match="x can't be read"):
        list(formats.SECOND_LIFE[name].read(root / "x"))


@pytest.mark.parametrize(
    ("name", "changes", "problem"),
    [
        ("dpo", {"images": ("gone.png",)}, "gone.png"),
        ("dpo", {"images": ("../a.png",)}, "leaves"),
        ("dpo", {"rejected": "a is right"}, "the same"),
        ("dpo", {"chosen": " "}, "empty turn"),
        ("dpo", {"prompt": (Message("assistant", "Hello"),)}, "alternate"),
        ("unanswerable", {"image": "gone.png"}, "gone.png"),
        ("hard-negatives", {"image": "gone.png"}, "gone.png"),
        ("hard-negatives", {"negatives": ()}, "no negative"),
        ("hard-negatives", {"answer": "not a"}, "right answer"),
        ("hard-negatives", {"question": ""}, "empty text"),
    ],
)
def test_check_finds_what_trainers_trip_over(name: str, changes: dict[str, Any], problem: str, root: Path) -> None:
    module: Any = formats.SECOND_LIFE[name]
    module.write([replace(MAKE[name]("a"), **changes)], root / "x")
    assert any(problem in found.message for found in module.check(root / "x", root))


def test_a_set_without_pictures_has_no_column_for_them(root: Path) -> None:
    dpo: Any = formats.SECOND_LIFE["dpo"]
    text_only = replace(preference("a"), images=())
    dpo.write([text_only], root / "x")
    assert "images" not in json.loads((root / "x").read_text())
    dpo.write([text_only, preference("b")], root / "x")
    assert [json.loads(line)["images"] for line in (root / "x").read_text().splitlines()] == [[], ["a.png"]]
    assert list(dpo.read(root / "x")) == [text_only, preference("b")]
