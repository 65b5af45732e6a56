"""What the stage `inspect` notes of each pair."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from glossator.engines.base import Session
from glossator.errors import RecipeError, UsageError
from glossator.recipe import parse_tree
from glossator.records import ImageRecord, Inspection, Page, Pair, Sample
from glossator.stages.base import StagePlan
from glossator.stages.inspect import InspectSettings, InspectStage
from glossator.stages.resolve import resolve

PAIRS = (
    Pair("1", "i", "i", "What is the telephone number on this receipt?", "03-62584088", explain_question="How so?",
         explain_answer='It stands beside "TEL" at the top of the page.'),
    Pair("2", "i", "i", "Combien coûte le pain sur ce ticket de caisse ?", "合計 5"),
    Pair("3", "i", "i", "Total?", "5.00", explain_answer="Damn. Ask a@b.com", context='[["user", "SSN 536-90-4399"]]'),
)  # fmt: skip
PAGE = Page("i", "test", (), "LITTLE CAFE\nTEL 03-6258 4088\nTOTAL 5.00\n2018 1234 99")


class NoReplies:
    """A reply log for stages that buy nothing."""

    def get(self, key: str) -> dict[str, Any] | None:
        return None

    def put(self, key: str, reply: dict[str, Any]) -> None:
        raise AssertionError("inspecting buys nothing")


def inspected(**settings: Any) -> list[Inspection]:
    sample = Sample("", ImageRecord("i", "i", "i.png", "", 9, 9), PAGE, pairs=PAIRS)
    (rows,) = InspectStage(InspectSettings(**settings), None).run([sample], Session(NoReplies()))
    assert [row.pair_id for row in rows if isinstance(row, Inspection)] == ["1", "2", "3"]
    return [row for row in rows if isinstance(row, Inspection)]


def plans(**settings: Any) -> dict[str, StagePlan]:
    stages = [{"use": "ocr", "engine": {"kind": "given"}}, {"use": "extract", "engine": {"kind": "fake"}}]
    tree = {"stages": [*stages, {"use": "inspect", "settings": settings}]}
    return {plan.kind: plan for plan in resolve(parse_tree(tree, "test"))}


def test_each_pair_says_what_its_texts_hold() -> None:
    first, second, third = inspected(profanity=["damn"])
    assert (first.personal, first.languages, first.scripts, first.profane) == (("phone",), ("en",), ("Latn",), ())
    assert (second.personal, second.languages, second.scripts) == ((), ("fr",), ("Hani", "Latn"))
    assert (third.personal, third.languages, third.profane) == (("email", "national_id"), (), ("damn",))


def test_the_page_counts_under_names_of_its_own_and_only_if_asked() -> None:
    assert [row.personal for row in inspected()] == [("phone",), (), ("email", "national_id")]
    assert [row.personal for row in inspected(page=True)] == [
        ("page:phone", "phone"), ("page:phone",), ("email", "national_id", "page:phone"),
    ]  # fmt: skip


def test_settings_say_what_is_looked_for() -> None:
    rows = inspected(personal_data=["email"], languages=False)
    assert [row.personal for row in rows] == [(), (), ("email",)]
    assert {(row.languages, row.scripts) for row in rows} == {((), ())}
    assert [row.languages for row in inspected(language_bytes=500)] == [(), (), ()]


def test_a_list_in_a_file_is_hashed_by_its_words(tmp_path: Path) -> None:
    path = tmp_path / "words.txt"
    path.write_text("# mild\nhell\n\n damn \nhell\n", encoding="utf-8")
    by_path = plans(profanity=str(path))["inspect"]
    assert by_path.fingerprint == plans(profanity=["hell", "damn"])["inspect"].fingerprint
    path.write_text("hell\n", encoding="utf-8")
    assert plans(profanity=str(path))["inspect"].fingerprint != by_path.fingerprint


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"profanity": "no/such/file"}, "no/such/file"),
        ({"profanity": [["damn"]]}, "profanity"),
        ({"profanity": 3}, "profanity"),
        ({"regions": ["Malaysia"]}, "Malaysia"),
        ({"personal_data": ["shoe size"]}, "personal_data"),
    ],
)
def test_a_wrong_setting_is_told(settings: dict[str, Any], told: str) -> None:
    with pytest.raises(RecipeError, match=told):
        plans(**settings)


def test_a_model_for_names_that_is_not_there_is_told_with_the_way_to_get_it() -> None:
    with pytest.raises(UsageError, match=r"no_such_model.*spacy download"):
        plans(people_model="no_such_model")


def test_a_country_that_is_none_is_told_since_its_numbers_would_pass() -> None:
    with pytest.raises(UsageError, match=r"UK.*GB"):
        plans(regions=["UK", "MY"])
