"""Rules over the tables of trust: copies, leaks, content, repairs, and people's word above them all."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import polars as pl
import pytest

from glossator.records import HumanVerdict, Inspection, Losses, Pair
from glossator.schemas import SCHEMAS, to_arrow
from glossator.stages.filter import FilterSettings, FilterStage

GOOD = Pair("p", "i", "i", "What is the total?", "53.60", grounding=1.0, explain_question="How so?",
            explain_answer="It stands beside TOTAL.")  # fmt: skip
LOSS = Losses("p", "i", "a model", "text", nll_a=12.0, tokens_a=4, nll_a_q=8.0, tokens_a_q=4, nll_a_qi=2.0,
              tokens_a_qi=4, nll_q=8.0, tokens_q=4, nll_q_a=4.0, tokens_q_a=4)  # fmt: skip


def lazy(table: str, records: list[Any]) -> pl.LazyFrame:
    return pl.DataFrame(pl.from_arrow(to_arrow(table, records))).lazy()


def rows_of(table: str, **values: Any) -> pl.LazyFrame:
    """One row of a table about the pair `p`; what is not given is null."""
    schema = SCHEMAS[table]
    row = {name: values.get(name) for name in schema.names} | {"pair_id": "p", "image_id": "i"}
    return pl.DataFrame(pl.from_arrow(schema.empty_table().from_pylist([row], schema=schema))).lazy()


def verdicts(
    pairs: list[Pair],
    losses: list[Losses] | None = None,
    tables: dict[str, pl.LazyFrame] | None = None,
    **settings: Any,
) -> dict[str, dict[str, Any]]:
    all_tables = {"drafts": lazy("drafts", pairs), "losses": lazy("losses", losses or []), **(tables or {})}
    found = FilterStage(FilterSettings(**settings)).run(all_tables).collect()
    assert found.columns == SCHEMAS["verdicts"].names
    return {row["pair_id"]: row for row in found.to_dicts()}


@pytest.mark.parametrize(
    ("table", "values", "settings", "reasons"),
    [
        ("duplicates", {"image_copy_of": "j"}, {}, ["near_duplicate_image"]),
        ("duplicates", {"image_copy_of": "j"}, {"image_copies": False}, []),
        ("duplicates", {"question_copy_of": "q"}, {}, ["near_duplicate_question"]),
        ("duplicates", {"question_copy_of": "q"}, {"question_copies": False}, []),
        ("duplicates", {"template_rank": 3}, {}, []),
        ("duplicates", {"template_rank": 3}, {"template_max": 2}, ["template_over_cap"]),
        ("duplicates", {"template_rank": 3}, {"template_max": 3}, []),
        ("leaks", {"image_leak": "docvqa#1", "text_leak": "docvqa#1"}, {}, ["image_in_test_set", "text_in_test_set"]),
        ("leaks", {"image_leak": "docvqa#1"}, {"leaks": False}, []),
        ("inspections", {"personal": ["email"]}, {}, []),
        ("inspections", {"personal": ["email"]}, {"personal_data": ["phone"]}, []),
        ("inspections", {"personal": ["email"]}, {"personal_data": ["email"]}, ["personal_data"]),
        ("inspections", {"personal": ["email"]}, {"personal_data": ["all"]}, ["personal_data"]),
        ("inspections", {"personal": []}, {"personal_data": ["all"]}, []),
        ("inspections", {"languages": ["de"]}, {"languages": ["en"]}, ["other_language"]),
        ("inspections", {"languages": ["en"]}, {"languages": ["en"]}, []),
        ("inspections", {"languages": []}, {"languages": ["en"]}, []),
        ("inspections", {"scripts": ["Latn", "Hani"]}, {"scripts": ["Latn"]}, ["other_script"]),
        ("inspections", {"profane": ["darn"]}, {}, []),
        ("inspections", {"profane": ["darn"]}, {"profanity": True}, ["profanity"]),
    ],
)
def test_rules(table: str, values: dict[str, Any], settings: dict[str, Any], reasons: list[str]) -> None:
    found = verdicts([GOOD], [LOSS], {table: rows_of(table, **values)}, **settings)["p"]
    assert found["reasons"] == reasons
    assert found["keep"] is not bool(reasons)


def test_a_false_place_is_a_reason_and_an_unknown_one_is_none() -> None:
    pairs = [
        replace(GOOD, explain_places=0.5),
        replace(GOOD, pair_id="q"),
        replace(GOOD, pair_id="r", explain_places=1),
    ]
    found = verdicts(pairs)
    assert [row["reasons"] for row in found.values()] == [["false_place"], [], []]
    assert verdicts(pairs, explain_places_min=0.4)["p"]["keep"]


def test_an_empty_inspection_rejects_nothing() -> None:
    rows = {"inspections": lazy("inspections", [Inspection("p", "i")])}
    assert verdicts([GOOD], tables=rows, languages=["en"], scripts=["Latn"], personal_data=["all"])["p"]["keep"]


# Repairs

BAD = replace(GOOD, answer="12.00", grounding=0.1)
REPAIR = replace(GOOD, pair_id="r", repaired_from="p")


def loss(pair_id: str, guess: float) -> Losses:
    """Losses with `guess` as the loss of the question after the answer: reversed IFD is an eighth of it."""
    return replace(LOSS, pair_id=pair_id, nll_q_a=guess)


def test_a_new_answer_counts_if_it_helps_to_guess_the_question() -> None:
    rule: Any = {"repair_accept": "reflection"}
    better = verdicts([BAD, REPAIR], [loss("p", 6), loss("r", 5)], **rule)
    assert (better["p"]["keep"], better["r"]["keep"]) == (False, True)
    worse = verdicts([BAD, REPAIR], [loss("p", 5), loss("r", 6)], **rule)
    assert worse["r"]["reasons"] == ["repair_no_better"]
    assert verdicts([BAD, REPAIR], [loss("p", 5), loss("r", 6)])["r"]["keep"]
    assert verdicts([BAD, REPAIR], [loss("p", 5)], **rule)["r"]["keep"], "what has no scores can't be held against it"


def test_a_new_question_counts_if_ifd_rises_and_stays_below_one() -> None:
    asked = replace(REPAIR, question="What is the sum?", answer=BAD.answer)

    def verdict(before: float, after: float) -> list[str]:
        losses = [replace(LOSS, nll_a_q=before), replace(LOSS, pair_id="r", nll_a_q=after)]
        bounds: Any = {"ifd_max": None, "vfd_max": None, "mifd_max": None}
        return verdicts([BAD, asked], losses, repair_accept="reflection", **bounds)["r"]["reasons"]

    assert verdict(before=6, after=9) == []
    assert verdict(before=9, after=6) == ["repair_no_better"]
    assert verdict(before=9, after=13) == ["repair_no_better"]


def test_a_repair_of_what_is_kept_after_all_makes_way() -> None:
    losses = [loss("p", 6), loss("r", 5), loss("s", 4)]
    chain = [BAD, REPAIR, replace(GOOD, pair_id="s", answer="53.6O", repaired_from="r")]
    strict = verdicts(chain, losses)
    assert [row["keep"] for row in strict.values()] == [False, True, False]
    assert strict["s"]["reasons"] == ["original_kept"]
    lax = verdicts(chain, losses, grounding_min=None)
    assert [row["reasons"] for row in lax.values()] == [[], ["original_kept"], ["original_kept"]]


# People


def said(reviewer: str, verdict: str, reason: str = "") -> HumanVerdict:
    return HumanVerdict("p", "i", reviewer, verdict, reason)


def human(*rows: HumanVerdict) -> dict[str, pl.LazyFrame]:
    return {"human": lazy("human", list(rows))}


def test_a_persons_word_counts_and_the_rules_word_is_kept() -> None:
    kept = verdicts([BAD], tables=human(said("ada", "keep")))["p"]
    assert (kept["keep"], kept["reasons"], kept["rules"]) == (True, [], ["not_grounded"])
    assert kept["decided_by"] == "person"
    rejected = verdicts([GOOD], tables=human(said("ada", "reject", "smudged")))["p"]
    assert (rejected["keep"], rejected["reasons"], rejected["rules"]) == (False, ["smudged"], [])
    assert verdicts([GOOD], tables=human(said("ada", "reject")))["p"]["reasons"] == ["rejected_by_person"]


def test_who_says_nothing_leaves_it_to_the_rules() -> None:
    other = replace(said("ada", "keep"), pair_id="another")
    found = verdicts([BAD], tables=human(other))["p"]
    assert (found["keep"], found["decided_by"]) == (False, "rules")
    assert verdicts([BAD])["p"]["decided_by"] == "rules"


def test_an_edited_pair_is_not_kept_as_it_was() -> None:
    assert not verdicts([GOOD], tables=human(said("ada", "edit")))["p"]["keep"]


def test_two_that_differ_leave_it_to_the_rules_and_a_third_decides() -> None:
    two = [said("ada", "keep"), said("bo", "reject", "smudged")]
    assert verdicts([GOOD], tables=human(*two))["p"]["decided_by"] == "rules"
    three = verdicts([GOOD], tables=human(*two, said("cy", "reject", "smudged")))["p"]
    assert (three["keep"], three["reasons"]) == (False, ["smudged"])
