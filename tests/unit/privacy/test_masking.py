"""Placeholders for personal data: the same all through a pair, and no second masking."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glossator.privacy.masking import Looker, masked
from glossator.records import Evidence, Pair

BOX = (1.0, 2.0, 30.0, 40.0)
PAIR = Pair(
    "p", "i", "i", "What is the phone number of the café?", "03-62584088", kind="field", grounding=1.0,
    evidence=(Evidence("TEL:03-6258 4088 FAX 03-6258 4089", BOX),),
    explain_question="Where does 0362584088 stand?",
    explain_answer="Beside TEL; 03-6258 4089 is the fax, and a@b.com or A@B.COM the address.",
    context='[["user", "Is it +60 3-6258 4088?"], ["assistant", "Yes."]]', meta='{"defect": "none"}',
)  # fmt: skip


def test_one_value_has_one_placeholder_all_through_a_pair() -> None:
    done = masked(PAIR, Looker())
    assert (done.question, done.answer) == (PAIR.question, "<PHONE>")
    assert done.explain_question == "Where does <PHONE> stand?"
    assert done.explain_answer == "Beside TEL; <PHONE_2> is the fax, and <EMAIL> or <EMAIL> the address."
    assert done.evidence == (Evidence("TEL:<PHONE> FAX <PHONE_2>", BOX),)
    assert json.loads(done.context) == [["user", "Is it <PHONE>?"], ["assistant", "Yes."]]


def test_values_are_numbered_as_they_come_whatever_their_length() -> None:
    pair = replace(PAIR, answer="03-62584088 / +60 3-6258 40899", explain_answer="", evidence=(), context="")
    assert masked(pair, Looker()).answer == "<PHONE> / <PHONE_2>"


def test_what_was_masked_is_noted_beside_what_meta_says() -> None:
    assert json.loads(masked(PAIR, Looker()).meta) == {"defect": "none", "masked": {"email": 1, "phone": 2}}
    for meta in ("", "no json", "[1]"):
        noted = json.loads(masked(replace(PAIR, meta=meta), Looker()).meta)
        assert noted["masked"] == {"email": 1, "phone": 2}


def test_all_but_the_texts_stays() -> None:
    done = masked(PAIR, Looker())
    texts = ("question", "answer", "evidence", "explain_question", "explain_answer", "context", "meta")
    assert replace(done, **{name: getattr(PAIR, name) for name in texts}) == PAIR


def test_masking_twice_changes_nothing() -> None:
    once = masked(PAIR, Looker())
    assert masked(once, Looker()) is once


def test_a_later_masking_of_more_sorts_numbers_on_and_adds_up() -> None:
    pair = replace(PAIR, explain_answer="a@b.com, <EMAIL_2> and <EMAIL>")
    done = masked(masked(pair, Looker(sorts=["phone"])), Looker())
    assert done.explain_answer == "<EMAIL_3>, <EMAIL_2> and <EMAIL>"
    assert json.loads(done.meta)["masked"] == {"email": 1, "phone": 2}


def test_a_pair_without_personal_data_is_left_as_it_is() -> None:
    pair = Pair("p", "i", "i", "What is the total?", "RM 53.60", evidence=(Evidence("TOTAL RM 53.60", BOX),), meta="x")
    assert masked(pair, Looker()) is pair


@pytest.mark.parametrize(
    "answer",
    [
        "0\u200b3\u200b-\u200b6258 4088", "０３－６２５８４０８８", "٠٣-٦٢٥٨ ٤٠٨٨", "03-6258\n4088", "0\x003-6258 4088",
        "0\u03363\u0336-6258 4088", "03\u20116258\u00a04088", "\u202e03-6258 4088\u202c", "〇三-六二五八四〇八八",
    ],
)  # fmt: skip
def test_hidden_characters_hide_no_number(answer: str) -> None:
    done = masked(replace(PAIR, answer=answer), Looker())
    assert done.answer.strip("\u202e\u202c") == "<PHONE>"


def test_a_value_over_several_pieces_of_evidence_is_masked_in_each() -> None:
    pieces = (Evidence("TEL 03-6258", BOX), Evidence("4088 KL", BOX))
    done = masked(replace(PAIR, evidence=pieces), Looker())
    assert done.evidence == (Evidence("TEL <PHONE>", BOX), Evidence("<PHONE> KL", BOX))


def test_a_value_is_not_found_inside_a_longer_one() -> None:
    done = masked(replace(PAIR, explain_answer="Invoice 990362584088, item 10362584088X, 0362584088."), Looker())
    assert done.explain_answer == "Invoice 990362584088, item 10362584088X, <PHONE>."


def test_names_are_masked_wherever_they_stand_as_words() -> None:
    def people(text: str) -> list[tuple[int, int]]:
        place = text.find("Mr. Lee")
        return [(place + 4, place + 7)] if place >= 0 else []

    pair = Pair("p", "i", "i", "Who signed?", "Mr. Lee", explain_answer="LEE signed, not Leeds.")
    done = masked(pair, Looker(people=people))
    assert (done.answer, done.explain_answer) == ("Mr. <PERSON>", "<PERSON> signed, not Leeds.")


@given(st.text(max_size=60), st.text(max_size=60), st.lists(st.text(max_size=20), max_size=3))
def test_any_pair_can_be_masked_and_then_no_more(question: str, answer: str, pieces: list[str]) -> None:
    evidence = tuple(Evidence(piece, BOX) for piece in pieces)
    pair = Pair("p", "i", "i", question, answer, evidence=evidence, explain_answer="tel 03-6258 4088.")
    once = masked(pair, Looker())
    assert masked(once, Looker()) == once
    assert [piece.box for piece in once.evidence] == [BOX] * len(pieces)
    assert "6258" not in once.explain_answer
