"""Pairs and sentences about charts: every answer printed, no question that two labels could answer."""

from __future__ import annotations

from glossator.engines.writer.grounded.charts import describe, propose
from glossator.records import ImageRecord, Page, Sample, Span

VALUES = {"Apples": "80", "Pears": "55", "Plums": "31", "Cherries": "12"}


def sample(values: dict[str, str], kind: str = "chart", column: bool = False) -> Sample:
    """A page with one bar a line; with `column`, all figures stand in one column as in a table."""
    spans = []
    for i, (name, value) in enumerate(values.items()):
        y, x = 100.0 + 60 * i, 300.0 if column else 230 + 4 * float(value)
        spans += [Span(name, (200.0 - 8 * len(name), y, 200.0, y + 14)), Span(value, (x, y, x + 16, y + 14))]
    record = ImageRecord("f" * 16, "1", "chart.png", "", 800, 600, kind=kind)
    return Sample(".", record, Page(record.image_id, "given", tuple(spans), ""))


def test_answers_are_printed_and_explained() -> None:
    page = sample(VALUES)
    drafts = propose(page)
    assert drafts and page.page
    printed = {span.text for span in page.page.spans}
    for draft in drafts:
        assert draft.answer in printed and draft.answer == draft.evidence[0].text
        assert draft.question.endswith("?") and draft.explain_question and draft.explain_answer


def test_highest_and_lowest_name_the_category() -> None:
    answers = {draft.kind: draft.answer for draft in propose(sample(VALUES)) or ()}
    assert answers["chart-highest"] == "Apples" and answers["chart-lowest"] == "Cherries"


def test_a_value_printed_twice_is_never_looked_up() -> None:
    drafts = propose(sample({"Apples": "80", "Pears": "80", "Plums": "55", "Cherries": "55"})) or []
    assert {"chart-category", "chart-highest", "chart-lowest"}.isdisjoint(draft.kind for draft in drafts)
    assert drafts


def test_a_category_of_a_value_is_the_one_on_its_line() -> None:
    draft = next(draft for draft in propose(sample(VALUES)) or () if draft.kind == "chart-category")
    assert VALUES[draft.answer] in draft.question


def test_other_pages_are_no_charts() -> None:
    assert propose(sample(VALUES, kind="receipt")) is None
    assert describe(sample(VALUES, kind="receipt")) is None
    assert propose(sample(VALUES, kind="", column=True)) is None


def test_a_chart_is_known_without_its_kind() -> None:
    assert propose(sample(VALUES, kind=""))


def test_description_is_made_of_sentences() -> None:
    text = describe(sample(VALUES))
    assert text and text.startswith("The image shows a bar chart")
    assert "It compares Apples, Pears, Plums and Cherries." in text
    assert 'The highest printed value is 80, for "Apples"' in text
    assert all(line[0].isupper() and line.endswith(".") for line in text.split("\n"))


def test_the_same_page_gives_the_same_pairs() -> None:
    assert propose(sample(VALUES)) == propose(sample(VALUES))
