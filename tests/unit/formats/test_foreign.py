"""Somebody's set is read whatever its form: the same conversation comes out of each."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from glossator.errors import UsageError
from glossator.formats import foreign
from glossator.formats.base import BadSample, Message, TrainingSample
from glossator.formats.pairs import to_pairs

TEXTS = ("What is the total?", "53.60", "How can you tell?", "It stands right of TOTAL.")
WANTED = tuple(Message("assistant" if i % 2 else "user", text) for i, text in enumerate(TEXTS))


def turns(role: str, content: str, names: tuple[str, str] = ("user", "assistant"), first: str = "") -> list[Any]:
    return [{role: names[i % 2], content: (first if i == 0 else "") + text} for i, text in enumerate(TEXTS)]


LLAVA = {"id": "a", "image": "a.png", "conversations": turns("from", "value", ("human", "gpt"), "<image>\n")}
SHAREGPT = {"id": "a", "images": ["a.png"], "conversations": turns("from", "value", ("human", "gpt"), "<image>")}
MESSAGES = {"id": "a", "images": ["a.png"], "messages": turns("role", "content", first="<image>")}
BLOCKS = {
    "id": "a",
    "images": [{"path": "a.png", "bytes": None}],
    "messages": [
        {"role": "system", "content": [{"type": "text", "text": "Be brief."}]},
        {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": TEXTS[0]}]},
        *({"role": m.role, "content": [{"type": "text", "text": m.text}]} for m in WANTED[1:]),
    ],
}
URL = {
    "id": "a",
    "messages": [
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "file://a.png"}},
                                     {"type": "text", "text": TEXTS[0]}]},
        *turns("role", "content")[1:],
    ],
}  # fmt: skip
NANOVLM = {"id": "a", "images": ["a.png"], "texts": [{"user": TEXTS[0], "assistant": TEXTS[1]},
                                                    {"user": TEXTS[2], "assistant": TEXTS[3]}]}  # fmt: skip
TRL = {"id": "a", "image": "a.png", "prompt": turns("role", "content")[:3], "completion": turns("role", "content")[3:]}
ALPACA = {"id": "a", "images": ["a.png"], "instruction": TEXTS[2], "input": "", "output": TEXTS[3],
          "history": [[TEXTS[0], TEXTS[1]]]}  # fmt: skip
ROWS = {"llava": LLAVA, "sharegpt": SHAREGPT, "messages": MESSAGES, "blocks": BLOCKS, "image_url": URL,
        "nanovlm": NANOVLM, "trl": TRL, "alpaca": ALPACA}  # fmt: skip


def no_bytes(_data: bytes) -> str:
    raise AssertionError("no picture is held as bytes here")


def read(path: Path, save: Any = no_bytes) -> list[Any]:
    return list(foreign.read(path, save))


def written(folder: Path, rows: list[Any], name: str = "set.json") -> Path:
    path = folder / name
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    else:
        path.write_text(json.dumps(rows), encoding="utf-8")
    return path


# A Parquet column holds texts or blocks, not both, so image_url blocks beside texts have no such file.
FILES = [(form, suffix) for form in ROWS for suffix in ("json", "jsonl", "parquet")
         if (form, suffix) != ("image_url", "parquet")]  # fmt: skip


@pytest.mark.parametrize(("form", "suffix"), FILES)
def test_every_form_gives_the_same_conversation(form: str, suffix: str, tmp_path: Path) -> None:
    (found,) = read(written(tmp_path, [ROWS[form]], f"set.{suffix}"))
    assert found == TrainingSample("a", "a.png", WANTED)


def test_llama_factorys_names_are_heeded(tmp_path: Path) -> None:
    row = {"talk": [{"who": "Q", "says": "<image>" + TEXTS[0]}, {"who": "A", "says": TEXTS[1]}], "pics": ["a.png"]}
    info = {
        "mine": {
            "file_name": "set.json",
            "formatting": "sharegpt",
            "columns": {"messages": "talk", "images": "pics"},
            "tags": {"role_tag": "who", "content_tag": "says", "user_tag": "Q", "assistant_tag": "A"},
        }
    }
    (tmp_path / "dataset_info.json").write_text(json.dumps(info), encoding="utf-8")
    (found,) = read(written(tmp_path, [row]))
    assert (found.image, found.messages) == ("a.png", WANTED[:2])


def test_several_pictures_and_none(tmp_path: Path) -> None:
    two = {"id": "two", "images": ["a.png", "b.png"], "messages": turns("role", "content", first="<image><image>")}
    none = {"id": "none", "messages": turns("role", "content")}
    first, second = read(written(tmp_path, [two, none]))
    assert first.images == ("a.png", "b.png")
    assert second.images == ()


def test_pictures_held_as_bytes_are_saved(tmp_path: Path) -> None:
    kept: list[bytes] = []

    def save(data: bytes) -> str:
        kept.append(data)
        return f"{len(kept)}.png"

    row = {"images": [{"bytes": b"one", "path": None}], "messages": turns("role", "content", first="<image>")}
    (found,) = read(written(tmp_path, [row], "set.parquet"), save)
    data = "data:image/png;base64," + base64.b64encode(b"two").decode()
    inline = {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": data}},
                                                        {"type": "text", "text": "Q"}]},
                           {"role": "assistant", "content": "A"}]}  # fmt: skip
    (other,) = read(written(tmp_path, [inline]), save)
    assert (found.image, other.image, kept) == ("1.png", "2.png", [b"one", b"two"])


def test_what_else_a_row_says_is_kept(tmp_path: Path) -> None:
    (found,) = read(written(tmp_path, [{**LLAVA, "meta": {"defect": "wrong answer"}, "source": "web"}]))
    assert json.loads(found.meta) == {"defect": "wrong answer", "source": "web"}


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        (5, "no JSON object"),
        ({"id": "x"}, "no conversation"),
        ({"messages": [{"role": "cat", "content": "x"}]}, "unknown speaker"),
        ({"messages": [{"role": "user", "content": "x"}]}, "no question with an answer"),
        ({"messages": turns("role", "content")[:1] * 2}, "alternate"),
        ({"messages": [{"role": "user", "content": [{"type": "video"}]}]}, "unknown kind"),
        ({"messages": turns("role", "content", first="<image>"), "images": []}, "1 image tags for 0 images"),
        ({"messages": turns("role", "content"), "images": [7]}, "neither a path nor bytes"),
        ({"messages": [{"role": "user", "content": ""}, {"role": "assistant", "content": "x"}]}, "empty turn"),
        ({"texts": [3]}, "texts"),
    ],
)
def test_bad_rows_are_told_and_the_rest_goes_on(row: Any, problem: str, tmp_path: Path) -> None:
    bad, fine = read(written(tmp_path, [row, LLAVA]))
    assert isinstance(bad, BadSample)
    assert problem in bad.message
    assert isinstance(fine, TrainingSample)


def test_a_file_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "set.parquet").write_bytes(b"no")
    with pytest.raises(UsageError, match=r"set\.parquet"):
        read(tmp_path / "set.parquet")


def test_later_turns_have_the_conversation_before_them() -> None:
    texts = (*TEXTS, "When was it?", "On Friday.", "Who paid?", "Ann.")
    messages = [Message("assistant" if i % 2 else "user", text) for i, text in enumerate(texts)]
    pairs = to_pairs(messages)
    assert [(pair.question, len(pair.context)) for pair in pairs] == [
        ("What is the total?", 0),
        ("When was it?", 4),
        ("Who paid?", 6),
    ]
    assert pairs[0].explain_answer == TEXTS[3]
