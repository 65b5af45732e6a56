from __future__ import annotations

import json
from typing import Any

from glossator.pieces.shown import difference, quoted, shown

SPANS = [
    {"text": "Total 9.50", "box": [10.0, 20.0, 90.0, 40.0], "confidence": 0.9},
    {"text": "Thank you", "box": [10.0, 60.0, 90.0, 80.0], "confidence": None},
]
PAIR: dict[str, Any] = {
    "pair_id": "p", "question": "What is the total?", "answer": "9.50", "explain_question": "Why?", "meta": "{}",
    "explain_answer": 'It stands behind "Total", above "Thank you" and "Nowhere".',
}  # fmt: skip


def test_a_pair_with_all_that_belongs_to_it() -> None:
    found = shown(
        PAIR | {"context": json.dumps([["user", "Hello"]])},
        {"image_id": "i", "path": "a.png", "width": 100, "height": 100, "caption": "A receipt."},
        {"caption": "A receipt.", "enriched": "A receipt over 9.50."},
        {"spans": SPANS},
    )
    assert "meta" not in found["pair"]
    assert found["before_turns"] == [{"role": "user", "text": "Hello"}]
    assert found["image"]["there"]
    boxes = {quote["text"]: quote["boxes"] for quote in found["quotes"]}
    assert boxes["Thank you"] == [(10.0, 60.0, 90.0, 80.0)]
    assert boxes["Nowhere"] == []
    assert "".join(piece["text"] for piece in found["explanation"]) == PAIR["explain_answer"]
    assert not found["caption"]["same"]


def test_a_pair_alone() -> None:
    found = shown({"pair_id": "p", "question": "Q?", "answer": "A"}, {}, {}, {})
    assert not found["image"]["there"]
    assert found["caption"] == {"human": "", "pieces": [], "same": True}
    assert found["before_turns"] == found["spans"] == found["quotes"] == []


def test_captions_are_compared_word_by_word() -> None:
    pieces = difference("A red shop receipt", "A shop receipt over 9.50")
    assert [(piece["kind"], piece["text"]) for piece in pieces] == [
        ("same", "A"), ("dropped", "red"), ("same", "shop receipt"), ("added", "over 9.50"),
    ]  # fmt: skip
    assert difference("a", "word " * 4000)[0]["kind"] == "added"


def test_the_longer_quote_goes_first() -> None:
    assert quoted('"Total 9" and "Total"', ["Total", "Total 9"]) == [
        {"text": '"', "quote": None},
        {"text": "Total 9", "quote": 1},
        {"text": '" and "', "quote": None},
        {"text": "Total", "quote": 0},
        {"text": '"', "quote": None},
    ]
    assert quoted("none", []) == [{"text": "none", "quote": None}]


def test_a_context_that_is_no_conversation_is_left_out() -> None:
    assert shown(PAIR | {"context": "not json"}, {}, {}, {})["before_turns"] == []
    assert shown(PAIR | {"context": "[1, 2]"}, {}, {}, {})["before_turns"] == []
