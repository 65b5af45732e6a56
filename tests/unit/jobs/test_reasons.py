"""Reasons of verdicts with their numbers."""

from __future__ import annotations

import pytest

from glossator.jobs.reasons import Reason, explained
from glossator.stages.filter import FilterSettings

ROW = {"scorer": "smollm2-135m (bfloat16)", "mifd": 0.91, "grounding": 0.4, "ffd": 0.2, "ifd": 1.2, "ifd_before": 1.1,
       "reversed_ifd": None, "reversed_ifd_before": None}  # fmt: skip
SETTINGS = FilterSettings(ffd_min=0.5, percentiles={"ifd": (0, 95)}).model_dump(mode="json")


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        ("mifd_above_max", Reason("mifd_above_max", 0.91, "above", 0.8)),  # the scorer's own bound
        ("ffd_below_min", Reason("ffd_below_min", 0.2, "below", 0.5)),
        ("not_grounded", Reason("not_grounded", 0.4, "below", 0.85)),
        ("ifd_outside_percentiles", Reason("ifd_outside_percentiles", 1.2, "", [0, 95])),
        ("no_explanation", Reason("no_explanation")),
        ("a word of a reviewer", Reason("a word of a reviewer")),
    ],
)
def test_a_reason_with_its_value_and_bound(reason: str, told: Reason) -> None:
    assert explained([reason], ROW, SETTINGS) == [told]


def test_a_repair_is_compared_with_what_it_repairs() -> None:
    (told,) = explained(["repair_no_better"], ROW, SETTINGS)
    assert (told.measured["ifd"], told.measured["ifd_before"]) == (1.2, 1.1)
