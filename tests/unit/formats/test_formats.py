from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glossator import formats
from glossator.errors import UsageError
from glossator.formats.base import BadSample, Message, TrainingSample
from glossator.formats.pairs import to_pairs

HOSTILE = [
    'He said "no", \\ and\nleft',
    "<image>",
    "before <image>\nafter",
    "<script>alert(1)</script>",
    "שלום 日本語 🎉",
    "</s><|im_end|>",
    "{{ 7 * 7 }}",
]


def sample(number: int, text: str, image: str | None = "a.png") -> TrainingSample:
    turns = (
        Message("user", f"Q {text}"),
        Message("assistant", text),
        Message("user", "Why?"),
        Message("assistant", "So."),
    )
    return TrainingSample(f"s{number}", image, turns)


@pytest.fixture(params=list(formats.CONVERSATIONS))
def module(request: pytest.FixtureRequest) -> Any:
    return formats.CONVERSATIONS[request.param]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "a.png").write_bytes(b"x")
    return tmp_path


def test_round_trip_of_hostile_texts(module: Any, root: Path) -> None:
    samples = [sample(i, text) for i, text in enumerate(HOSTILE)] + [sample(99, "text only", None)]
    path = root / "set.json"
    assert module.write(samples, path) == len(samples)
    assert list(module.read(path)) == samples
    assert list(module.check(path, root)) == []


def test_equal_samples_give_equal_bytes(module: Any, root: Path) -> None:
    for name in ("one.json", "two.json"):
        module.write([sample(1, "a"), sample(2, "b")], root / name)
    assert (root / "one.json").read_bytes() == (root / "two.json").read_bytes()


def test_nothing_gives_a_valid_empty_list(module: Any, root: Path) -> None:
    assert module.write([], root / "set.json") == 0
    assert json.loads((root / "set.json").read_text()) == []


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda row: row["conversations"].insert(1, {"from": "human", "value": "again"}), "alternate"),
        (lambda row: row["conversations"][0].update(value="no tag"), "0 image tags for 1 images"),
        (lambda row: row["conversations"][1].update(value="see <image>"), "2 image tags"),
        (lambda row: row["conversations"][3].update(value="  "), "empty turn"),
        (lambda row: row.update(image="gone.png", images=["gone.png"]), "gone.png"),
    ],
)
def test_check_finds_what_trainers_trip_over(module: Any, root: Path, change: Any, problem: str) -> None:
    path = root / "set.json"
    module.write([sample(1, "a")], path)
    rows = json.loads(path.read_text())
    change(rows[0])
    path.write_text(json.dumps(rows))
    assert any(problem in found.message for found in module.check(path, root))


def test_other_peoples_files_are_read(root: Path) -> None:
    rows = [
        {"id": 7, "image": "a.png", "conversations": [
            {"from": "system", "value": "Be kind."}, {"from": "gpt", "value": "Hello."},
            {"from": "human", "value": "What is it?\n<image>"}, {"from": "gpt", "value": "A cat."},
            {"from": "human", "value": "Really?"}]},
        {"id": "text", "conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Ho"}]},
    ]  # fmt: skip
    (root / "set.json").write_text(json.dumps(rows))
    first, second = formats.CONVERSATIONS["llava"].read(root / "set.json")
    assert first == TrainingSample("7", "a.png", (Message("user", "What is it?"), Message("assistant", "A cat.")))
    assert second.image is None


@pytest.mark.parametrize(
    "row", [5, None, [], {}, {"conversations": 3}, {"conversations": [{"from": "cat", "value": "x"}]},
            {"conversations": [{"from": "human"}]}, {"image": 9, "conversations": []}],
)  # fmt: skip
def test_bad_rows_are_told_and_the_rest_goes_on(module: Any, root: Path, row: Any) -> None:
    good = {"id": "g", "conversations": [{"from": "human", "value": "Q"}, {"from": "gpt", "value": "A"}]}
    (root / "set.json").write_text(json.dumps([row, good]))
    bad, fine = module.read(root / "set.json")
    assert isinstance(bad, BadSample) and bad.where == "row 0"
    assert isinstance(fine, TrainingSample)


@pytest.mark.parametrize("text", ["[1, 2", "\x00\xff"])
def test_files_that_are_no_set(module: Any, root: Path, text: str) -> None:
    (root / "set.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(UsageError, match=r"set\.json"):
        list(module.read(root / "set.json"))


def test_explanations_are_recognised() -> None:
    turns = ["What is the total?", "5.00", "How can you tell?", "Right of TOTAL.", "When?", "2020", "Who?", "Ann"]
    messages = [Message("assistant" if i % 2 else "user", text) for i, text in enumerate(turns)]
    pairs = to_pairs(messages)
    assert [(pair.question, pair.explain_question) for pair in pairs] == [
        ("What is the total?", "How can you tell?"),
        ("When?", ""),
        ("Who?", ""),
    ]


@given(
    st.lists(st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc"]), min_size=1).filter(str.strip), max_size=3)
)
def test_any_text_comes_back(tmp_path_factory: pytest.TempPathFactory, texts: list[str]) -> None:
    path = tmp_path_factory.mktemp("f") / "set.json"
    llava = formats.CONVERSATIONS["llava"]
    samples = [sample(i, text.strip()) for i, text in enumerate(texts)]
    llava.write(samples, path)
    assert [one.messages for one in llava.read(path)] == [one.messages for one in samples]


def test_a_path_that_leaves_the_root_is_found(root: Path) -> None:
    (root / "in").mkdir()
    (root / "out.png").write_bytes(b"x")
    llava = formats.CONVERSATIONS["llava"]
    llava.write([sample(1, "a", "../out.png")], root / "set.json")
    assert any("leaves" in found.message for found in llava.check(root / "set.json", root / "in"))


def test_a_question_about_a_title_is_no_explanation() -> None:
    turns = ["What is it?", "A chart.", "How is this chart titled?", "Visitors"]
    messages = [Message("assistant" if i % 2 else "user", text) for i, text in enumerate(turns)]
    assert len(to_pairs(messages)) == 2


def test_strange_lines_neither_crash_nor_cut_their_neighbours(root: Path) -> None:
    row = {"id": "u", "conversations": [{"from": "human", "value": "a\u2028b"}, {"from": "gpt", "value": "c"}]}
    text = "[" * 100_000
    (root / "set.jsonl").write_text(f'{json.dumps(row, ensure_ascii=False)}\n{{"x": {text}\n', encoding="utf-8")
    fine, bad = formats.CONVERSATIONS["llava"].read(root / "set.jsonl")
    assert isinstance(fine, TrainingSample) and isinstance(bad, BadSample)
    (root / "deep.json").write_text(text)
    with pytest.raises(UsageError, match=r"deep\.json"):
        list(formats.CONVERSATIONS["llava"].read(root / "deep.json"))


@pytest.mark.parametrize(
    ("question", "explains"),
    [
        ("How can you tell?", True),
        ("How did you find that answer?", True),
        ("How is the answer shown on the receipt?", True),
        ("What is your reasoning?", True),
        ("What evidence on the page supports this?", True),
        ("Where is this printed?", True),
        ("Why do you say so?", True),
        ("Could you point to it?", True),
        ("Which part of the form gives the answer?", True),
        ("How many items are there?", False),
        ("How much is the total?", False),
        ("What is the date?", False),
        ("Where is the shop?", False),
        ("Which company issued it?", False),
        ("Why is the sky blue?", False),
        ("How is the weather?", False),
    ],
)
def test_which_questions_ask_for_an_explanation(question: str, explains: bool) -> None:
    turns = (Message("user", "What is the total?"), Message("assistant", "5.00"), Message("user", question),
             Message("assistant", "It stands right of TOTAL."))  # fmt: skip
    assert (len(to_pairs(turns)) == 1) is explains
