"""Why a rule rejected a pair: what was measured, and the bound it passed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from glossator.stages.bounds import bounds_of

Side = Literal["above", "below", ""]


@dataclass(frozen=True, slots=True)
class Reason:
    """A reason of the filter, the value that it rests on and the bound; None where it has none."""

    reason: str
    measured: Any = None
    side: Side = ""
    bound: Any = None


# By reason: the column of `judged_columns`, on which side of the bound it was, and the filter's setting.
_RULES: dict[str, tuple[str, Side, str]] = {
    "question_too_long": ("question_chars", "above", "question_chars_max"),
    "answer_too_long": ("answer_chars", "above", "answer_chars_max"),
    "explanation_too_long": ("explanation_chars", "above", "explanation_chars_max"),
    "not_grounded": ("grounding", "below", "grounding_min"),
    "question_misfit": ("question_fit", "below", "question_fit_min"),
    "explanation_not_grounded": ("explain_grounding", "below", "explain_grounding_min"),
    "false_place": ("explain_places", "below", "explain_places_min"),
    "answers_disagree": ("agreement", "below", "agreement_min"),
    "judged_low": ("judged", "below", "judge_min"),
    "duplicate_question": ("question_similarity", "above", "question_similarity_max"),
    "template_over_cap": ("template_rank", "above", "template_max"),
    "personal_data": ("personal", "", "personal_data"),
    "other_language": ("languages", "", "languages"),
    "other_script": ("scripts", "", "scripts"),
    "profanity": ("profane", "", ""),
    "beyond_top_k": ("", "", "top_k"),
    "beyond_budget": ("", "", "budget"),
}


def explained(reasons: Sequence[str], row: Mapping[str, Any], settings: Mapping[str, Any]) -> list[Reason]:
    """Each reason with its numbers.

    Args:
        reasons: of a verdict.
        row: the pair's row of `stages.judged.judged_columns`; empty if there is none.
        settings: of the filter that gave the verdict.
    """
    return [_explained(reason, row, settings) for reason in reasons]


def _explained(reason: str, row: Mapping[str, Any], settings: Mapping[str, Any]) -> Reason:
    if reason in _RULES:
        column, side, setting = _RULES[reason]
        return Reason(reason, row.get(column), side, settings.get(setting))
    sides: tuple[tuple[str, Side], ...] = (("_above_max", "above"), ("_below_min", "below"))
    for ending, side in sides:
        score = reason.removesuffix(ending)
        if score != reason:
            name = f"{score}_{ending[-3:]}"
            bound = settings.get(name)
            if bound == "auto":
                bound = getattr(bounds_of(str(row.get("scorer") or "")), name, None)
            return Reason(reason, row.get(score), side, bound)
    score = reason.removesuffix("_outside_percentiles")
    if score != reason:
        return Reason(reason, row.get(score), "", settings.get("percentiles", {}).get(score))
    if reason == "repair_no_better":
        compared = ("ifd", "ifd_before", "reversed_ifd", "reversed_ifd_before")
        return Reason(reason, {name: row.get(name) for name in compared})
    return Reason(reason)
