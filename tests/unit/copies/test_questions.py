"""Near-duplicate questions."""

from __future__ import annotations

from glossator.copies.questions import copies

LONG = "According to the note at the foot of this receipt, within how many days can goods be brought back?"


def found(*rows: tuple[str, str], families: list[str] | None = None, least: float = 0.8) -> dict[int, int]:
    """Of rows of scope and question."""
    each = families or [str(row) for row in range(len(rows))]
    return copies([scope for scope, _ in rows], each, [question for _, question in rows], least)


def test_another_case_or_small_word_is_a_copy() -> None:
    assert found(("a", LONG), ("a", LONG.upper()), ("a", f"Please: {LONG}")) == {1: 0, 2: 0}


def test_another_question_is_none() -> None:
    assert found(("a", LONG), ("a", "Who signed the form?"), ("a", "Who signed the letter of 3 May?")) == {}


def test_scopes_are_not_compared_and_the_empty_scope_with_nothing() -> None:
    assert found(("a", LONG), ("b", LONG)) == {}
    assert found(("", LONG), ("", LONG)) == {}


def test_a_pair_and_its_repair_are_no_copies_of_one_another() -> None:
    assert found(("a", LONG), ("a", LONG), ("a", LONG), families=["x", "x", "y"]) == {2: 0}


def test_the_original_is_never_a_copy_itself() -> None:
    rows = [("a", LONG)] * 5
    assert found(*rows) == dict.fromkeys(range(1, 5), 0)


def test_questions_without_words_are_compared_too() -> None:
    assert found(("a", "??"), ("a", "!")) == {1: 0}


def test_nothing_has_no_copies() -> None:
    assert found() == {}
