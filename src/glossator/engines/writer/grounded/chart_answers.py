"""Answers from charts, for a question in anybody's words: the value at a name, the name of the highest or lowest."""

from __future__ import annotations

import re

from glossator.engines.base import PairDraft
from glossator.engines.writer.grounded import charts
from glossator.engines.writer.grounded.document import Document
from glossator.layout.chart import Chart, Point, is_year

_WORKED_OUT = re.compile(
    r"\b(?:difference|differ|average|mean|median|sum|ratio|total|combined|add|added|divide|times|more than|less than"
    r"|higher|lower|between|increase|decrease|change|growth|gap|colou?rs?|bars?|second|third|fourth|\d+(?:st|nd|rd|th)"
    r"|how many (?:categories|years|countries|bars|colou?rs)|except|both|and|not|predicted|by how"
    r"|drastic\w*|declin\w*|drop\w*|rise|rose|fall|fell)\b",
    re.IGNORECASE,
)
_HIGHEST = re.compile(r"\b(?:highest|largest|most|maximum|biggest|greatest|peak)\b", re.IGNORECASE)
_LOWEST = re.compile(r"\b(?:lowest|smallest|least|minimum|fewest)\b", re.IGNORECASE)
_ASKS_NAME = re.compile(
    r"^(?:in |for |on )?(?:which|what)(?: of the)? (?P<what>\w+)\b(?! (?:percent|share|value))", re.IGNORECASE
)
_ASKS_VALUE = re.compile(
    r"^(?:how (?:much|many)|what (?:percentage|percent|share)\b"
    r"|what(?:'s| is| was|) (?:the )?(?:value|percentage|percent|share|number|rate|amount)\b)",
    re.IGNORECASE,
)


def chart_answer(document: Document, question: str) -> PairDraft | None:
    """The pair for a question about a chart; None where it needs reckoning or names no one point."""
    chart = charts.read(document)
    if chart is None or not chart.points:
        return None
    extreme = _extreme(document, chart, question)
    if extreme is not None:
        return extreme
    if _HIGHEST.search(question) or _LOWEST.search(question) or _WORKED_OUT.search(question.split("?")[0]):
        return None
    if not _ASKS_VALUE.match(question.strip()):
        return None
    point = _named(chart, question)
    return charts.value_pair(document, chart, point) if point else None


def _named(chart: Chart, question: str) -> Point | None:
    """The one point whose category (and series) the question names."""
    named = [point for point in chart.points if _says(question, point.category.text)]
    if chart.series:
        named = [point for point in named if point.series and _says(question, point.series.text)]
    if len(named) > 1:  # "White" in "Non-White": the longest name is meant
        longest = max(len(point.category.text) for point in named)
        named = [point for point in named if len(point.category.text) == longest]
    return named[0] if len(named) == 1 else None


def _says(question: str, name: str) -> bool:
    name = name.strip(" *")
    return len(name) > 1 and re.search(rf"(?<![\w-]){re.escape(name)}(?![\w/-])", question, re.IGNORECASE) is not None


def _extreme(document: Document, chart: Chart, question: str) -> PairDraft | None:
    """Which category is highest or lowest, where every value is printed and the chart has one series."""
    high, low = charts.high_low(chart)
    asks = _ASKS_NAME.match(question.strip())
    rest = _WORKED_OUT.search(question)
    if not asks or rest or bool(_HIGHEST.search(question)) == bool(_LOWEST.search(question)):
        return None
    point, word = (high, "highest") if _HIGHEST.search(question) else (low, "lowest")
    if point is None or is_year(point.category.text) != (asks["what"].lower() == "year"):
        return None
    return charts.extreme_pair(document, chart, point, word)
