"""Hard negatives: wrong answers that stand on the same image, of the same type as the right one and near it.

They come from other kept pairs of the image, and from values of the page that the question's label does not stand
beside. What may be right all the same (the same value said otherwise, a value beside the same words, another series
of the same category) is none.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from glossator.derived import DERIVED
from glossator.formats.hard_negatives import HardNegatives, Negative
from glossator.grounding import claims
from glossator.jobs.second_life.answers import alike, same_answer
from glossator.jobs.second_life.pages import View, evidence_of, views
from glossator.layout.facts import ValueType
from glossator.layout.place import union
from glossator.layout.question_fit import label_fit
from glossator.layout.typed import find, value_type
from glossator.records import Box, Evidence
from glossator.text import fold

if TYPE_CHECKING:
    import polars as pl

MOST = 3  # negatives a question
_TRIED = 12  # of the nearest candidates
_FAR = 0.35  # of the image's diagonal; charts, tables and axes are wide
_PRINTED = 0.85
_BESIDE = 1.0  # the right answer's label stands beside it, nowhere more
_ELSEWHERE = 0.34  # and hardly a word of it beside a wrong one
_FREE_KINDS = frozenset({"plain", "description"})
_VALUES: tuple[ValueType, ...] = ("money", "date", "time", "phone", "percentage")
_SEVERAL = ("date", "time", "phone", "email", "url")  # types that a page may print more than once
# Kinds of questions whose answers are of one sort, whatever their type: they stand against each other.
_FAMILIES = (
    frozenset({"chart-category", "chart-highest", "chart-lowest"}), frozenset({"chart-value"}), frozenset({"cell"}),
    frozenset({"first-year", "last-year"}), frozenset({"axis"}),
)  # fmt: skip
Row = Mapping[str, Any]
Place = tuple[Evidence, ...]


def hard_negatives(tables: Mapping[str, pl.LazyFrame]) -> tuple[list[HardNegatives], Counter[str]]:
    """One sample for each kept pair that has a negative, in the order of the pages; and why others have none.

    `tables`: see `pages.views`.
    """
    left_out: Counter[str] = Counter()
    return [sample for view in views(tables) for sample in _of_image(view, left_out)], left_out


def _of_image(view: View, left_out: Counter[str]) -> Iterator[HardNegatives]:
    kept = [pair for pair in view.pairs if pair["keep"]]
    for pair in kept:
        evidence = evidence_of(pair)
        if _has_no_one_answer(pair) or not evidence or (pair["grounding"] or 0.0) < _PRINTED:
            left_out["questions that have no one printed answer"] += 1
            continue
        found = _nearest(view, pair, evidence, [*_of_pairs(pair, kept), *_of_page(view, pair, evidence)])
        if not found:
            left_out["questions without a wrong answer of the same type nearby"] += 1
            continue
        around = union([piece.box for piece in evidence])
        yield HardNegatives(
            pair["pair_id"], view.image, pair["question"], pair["answer"], _type(pair), around, tuple(found)
        )


def _has_no_one_answer(pair: Row) -> bool:
    """Whether other answers on the page may be as right: "Which date does this form show?" has several."""
    any_one = _type(pair) in _SEVERAL and '"' not in pair["question"]
    return pair["kind"] in DERIVED or pair["kind"] in _FREE_KINDS or bool(pair["context"]) or any_one


def _of_pairs(pair: Row, others: Sequence[Row]) -> Iterator[tuple[str, Place]]:
    """Answers to other questions of the image."""
    subject = _subject(pair)
    for other in others:
        about, evidence = _subject(other), evidence_of(other)
        if not evidence or (other["grounding"] or 0.0) < _PRINTED or not _same_sort(pair, other):
            continue
        same = fold(pair["question"]) == fold(other["question"])
        # Of another series, or of the same thing under more names.
        if not same and not (subject and about and (subject <= about or about <= subject)):
            yield other["answer"], evidence


def _subject(pair: Row) -> set[str]:
    """What a question names: its quoted texts, figures and words in capitals."""
    return set(map(fold, claims(pair["question"])))


def _family(pair: Row) -> int | None:
    return next((number for number, kinds in enumerate(_FAMILIES) if pair["kind"] in kinds), None)


def _same_sort(pair: Row, other: Row) -> bool:
    """Answers that could be taken for each other: of one family of questions, or of one type."""
    if any(map(str.isdigit, pair["answer"])) != any(map(str.isdigit, other["answer"])):
        return False
    if _family(pair) != _family(other):
        return False
    if pair["kind"] == "cell":
        return _type(pair) == _type(other) and bool(_subject(pair) & _subject(other))  # of one row or column
    if _family(pair) is not None:
        return True
    return _type(pair) == _type(other) and (_type(pair) != "text" or pair["kind"] == other["kind"] == "field")


def _type(pair: Row) -> str:
    kind = value_type(pair["answer"])
    return "number" if kind == "money" and pair["kind"].startswith("chart-") else kind


def _of_page(view: View, pair: Row, evidence: Sequence[Evidence]) -> Iterator[tuple[str, Place]]:
    """Values of the page of the same type, where the question's label is known to stand beside the right one."""
    kind = value_type(pair["answer"])
    if kind not in _VALUES or _family(pair) is not None:
        return
    if label_fit(pair["question"], pair["answer"], evidence, view.spans) == _BESIDE:
        for span in view.spans:
            for value in find(kind, span.text):
                yield value, (Evidence(span.text, span.box),)


def _may_be_right(view: View, pair: Row, answer: str, place: Place) -> bool:
    """Whether a candidate may be right for the pair's question."""
    if same_answer(pair["answer"], answer) or (value_type(answer) == "text" and alike(pair["answer"], answer)):
        return True
    if _family(pair) is not None:
        return False  # these do not stand beside their labels
    beside = label_fit(pair["question"], answer, place, view.spans)
    if beside is None:  # nothing tells whose value it is; that of another label than the quoted one is wrong
        return '"' not in pair["question"]
    return beside > _ELSEWHERE


def _nearest(
    view: View, pair: Row, evidence: Sequence[Evidence], candidates: Sequence[tuple[str, Place]]
) -> list[Negative]:
    """The nearest, each value once; none that another pair of the image gives to the same question."""
    right = [other["answer"] for other in view.pairs if fold(other["question"]) == fold(pair["question"])]
    middle = _middle(union([piece.box for piece in evidence]))
    diagonal = max(1.0, math.hypot(view.width, view.height))
    placed = []
    for answer, place in candidates:
        around = union([piece.box for piece in place])
        distance = round(math.dist(middle, _middle(around)) / diagonal, 4)
        if distance <= _FAR or _family(pair) is not None:
            placed.append((distance, answer, around, place))
    found: dict[str, Negative] = {}
    for distance, answer, around, place in sorted(placed, key=lambda one: one[:3])[:_TRIED]:
        doubtful = any(same_answer(answer, one) for one in right) or fold(answer) in found
        if len(found) < MOST and not doubtful and not _may_be_right(view, pair, answer, place):
            found[fold(answer)] = Negative(answer, around, distance)
    return list(found.values())


def _middle(around: Box) -> tuple[float, float]:
    return (around[0] + around[2]) / 2, (around[1] + around[3]) / 2
