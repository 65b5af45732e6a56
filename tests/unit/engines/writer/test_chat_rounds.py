"""What a chat model is shown, round after round, and how its questions are dealt out."""

from __future__ import annotations

from collections import Counter

import pytest

from glossator.engines.writer import page_text
from glossator.engines.writer.chat import ChatSpec, ChatWriter
from glossator.engines.writer.kinds import DEFAULT_SPREAD, KINDS, rounds, spread
from glossator.engines.writer.prompts import load
from glossator.engines.writer.schemas import PairsReply, json_schema, json_text
from glossator.records import Page, Span


def span(text: str, line: int, column: int = 0, confidence: float = 0.99) -> Span:
    return Span(text, (100.0 * column, 20.0 * line, 100.0 * column + 90, 20.0 * line + 16), confidence)


SPANS = (span("TOTAL", 0), span("51.00", 0, 1), span("CASH", 1), span("60.00", 1, 1, 0.5), span("THANK YOU", 2))
PAGE = Page("a", "test", SPANS, "TOTAL 51.00\nCASH 60.00\nTHANK YOU")


def test_lines_are_found_again_and_doubts_marked() -> None:
    lines = page_text.lines(PAGE)
    assert [[one.text for one in line] for line in lines] == [["TOTAL", "51.00"], ["CASH", "60.00"], ["THANK YOU"]]
    assert page_text.marked(lines) == page_text.whole(PAGE) == "TOTAL 51.00\nCASH 60.00 [?]\nTHANK YOU"


def test_text_without_spans_is_shown_too() -> None:
    page = Page("a", "test", SPANS[:2], "TOTAL 51.00\nfrom the second picture")
    assert page_text.whole(page).split("\n") == ["TOTAL 51.00", "from the second picture"]
    assert page_text.marked(page_text.lines(page)) == "TOTAL 51.00\nfrom the second picture"
    assert page_text.whole(None) == page_text.NOTHING


def test_what_was_asked_goes_with_its_label() -> None:
    lines = page_text.lines(PAGE)
    left = page_text.without(lines, {SPANS[1]})
    assert page_text.marked(left) == "CASH 60.00 [?]\nTHANK YOU"
    assert page_text.without(lines, set()) == lines
    table = [(span("Mop", 0), span("16.00", 0, 1), span("1", 0, 2))]
    assert page_text.marked(page_text.without(table, {table[0][1]})) == "Mop 1"


@pytest.mark.parametrize("number", [1, 5, 9, 20])
def test_kinds_have_their_shares(number: int) -> None:
    dealt = [spread(str(image), DEFAULT_SPREAD, number) for image in range(1000)]
    assert all(len(kinds) == number for kinds in dealt)
    counts = Counter(kind for kinds in dealt for kind in kinds)
    assert counts["unanswerable"] == 0
    for kind in KINDS:
        share = DEFAULT_SPREAD.get(kind, 0.0)
        assert counts[kind] / (1000 * number) == pytest.approx(share, abs=0.04)
    assert sorted(k for part in rounds(dealt[0], 5) for k in part) == sorted(dealt[0])
    assert all(len(part) <= 5 for part in rounds(dealt[0], 5))


def test_prompts_have_two_versions_and_a_closed_fence() -> None:
    for step in ("enrich", "extract", "explain", "answer", "judge"):
        sees, blind = load(step, sees=True), load(step, sees=False)
        assert sees.data == blind.data
        assert "cannot see" in blind.system
        assert "cannot see" not in sees.system
        values = dict.fromkeys(
            ("kind", "caption", "ocr", "pairs", "wanted", "taken_out", "asked"), "x {ocr} \u2550\u2550"
        )
        assert sees.fill(**values).count("\u2550" * 12) == 2
        assert "x {ocr} ==" in sees.fill(**values)


def test_only_the_step_that_uses_a_setting_is_changed_by_it() -> None:
    one, other = ChatSpec(model="m"), ChatSpec(model="m", kinds={"lookup": 1}, pairs_per_round=3)
    assert ChatWriter.identity(one, "explain") == ChatWriter.identity(other, "explain")
    assert ChatWriter.identity(one, "extract") != ChatWriter.identity(other, "extract")


def test_the_schema_suits_strict_servers_and_keeps_its_order() -> None:
    schema = json_schema(PairsReply)
    pair = schema["$defs"]["PairReply"]
    assert list(pair["properties"]) == pair["required"] == ["question", "answer", "kind", "evidence"]
    assert pair["additionalProperties"] is False
    assert "minLength" not in str(schema)


@pytest.mark.parametrize(
    "text",
    ['{"a": 1}', 'Sure:\n```json\n{"a": 1}\n```\nDone.', '<think>{"b": 2}</think>{"a": 1}', 'Here: {"a": 1} ok'],
)
def test_json_is_found(text: str) -> None:
    assert json_text(text) == '{"a": 1}'


def test_sloppy_replies_are_understood() -> None:
    text = '{"pairs": [{"question": "Q?", "answer": 3.2, "kind": "Yes/No", "evidence": "3.20"}]}'
    (pair,) = PairsReply.model_validate_json(text).pairs
    assert (pair.answer, pair.kind, pair.evidence) == ("3.2", "yes_no", ["3.20"])
