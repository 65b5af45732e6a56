"""Preference pairs: a kept reply beside one that was rejected for what it says, to the same question.

What is rejected for its length, as a duplicate, by a mix, for privacy or by a score alone may be right all the same,
and is left out; so is a rejected reply that may be the kept one in other words.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rapidfuzz import fuzz

from glossator.formats.base import Message
from glossator.formats.dpo import Preference
from glossator.jobs.second_life.answers import alike, same_answer
from glossator.text import fold

if TYPE_CHECKING:
    import polars as pl

AGAINST_ANSWER = frozenset({"not_grounded", "question_misfit", "answers_disagree"})
AGAINST_EXPLANATION = frozenset({"explanation_not_grounded", "false_place", "ffd_below_min", "ffd_image_below_min"})
# They say that something is amiss, and not for certain what; beside one of the others they do no harm.
_VAGUE = frozenset({"ifd_above_max", "vfd_above_max", "mifd_above_max", "ffd_above_max", "judged_low", "no_explanation",
                    "repair_no_better"})  # fmt: skip
_GROUNDED = 0.85
_OTHER_WORDS = 90  # similarity, 0..100, from which on two explanations are the same
Row = Mapping[str, Any]


def preferences(tables: Mapping[str, pl.LazyFrame]) -> tuple[list[Preference], Counter[str]]:
    """All preference pairs of a workspace, in the order of its pairs, and why others are none.

    Args:
        tables: pairs, verdicts, and images with `image` and `more_images` (paths as they are to be written).
    """
    import polars as pl

    verdicts = tables["verdicts"].select("pair_id", "keep", "reasons", "decided_by")
    columns = ("pair_id", "image_id", "question", "answer", "grounding", "explain_question", "explain_answer",
               "repaired_from", "context")  # fmt: skip
    rows = tables["pairs"].select(columns).join(verdicts, on="pair_id", maintain_order="left")
    # Only questions that have both a kept and a rejected answer.
    asked = ("image_id", pl.col("context").fill_null(""), pl.col("question").str.to_lowercase().str.strip_chars())
    both = pl.col("keep").any().over(asked) & pl.col("keep").all().over(asked).not_()
    found = (
        rows.with_columns(both.alias("both"))
        .filter("both")
        .join(tables["images"], on="image_id", how="left", maintain_order="left")
    )
    groups: dict[tuple[str, str, str], list[Row]] = {}
    for row in found.collect().iter_rows(named=True):
        groups.setdefault((row["image_id"], row["context"] or "", fold(row["question"])), []).append(row)
    left_out: Counter[str] = Counter()
    alone = rows.select((pl.col("keep").not_() & both.not_()).sum()).collect().item()
    left_out["rejected, and nothing kept answers the same question"] = int(alone or 0)
    return [pair for group in groups.values() for pair in _of_question(group, left_out)], left_out


def _of_question(rows: Sequence[Row], left_out: Counter[str]) -> Iterator[Preference]:
    """The preference pairs of one question of one image."""
    kept = [row for row in rows if row["keep"]]
    taken: set[tuple[str, str]] = set()
    if any(not same_answer(kept[0]["answer"], row["answer"]) for row in kept[1:]):
        left_out["the question has several kept answers"] += len(rows) - len(kept)
        return
    for row in rows:
        if row["keep"]:
            continue
        chosen = next((one for one in kept if one["repaired_from"] == row["pair_id"]), kept[0])
        found = _preference(chosen, row)
        if isinstance(found, str):
            left_out[found] += 1
        elif (key := (found.sort, fold(found.rejected))) not in taken:
            taken.add(key)
            yield found


def _preference(chosen: Row, rejected: Row) -> Preference | str:
    """The pair, or why there is none."""
    reasons = frozenset(rejected["reasons"] or ())
    rewritten = chosen["repaired_from"] == rejected["pair_id"]
    # Who rewrites an answer says that it was wrong.
    person = rewritten and chosen["decided_by"] == rejected["decided_by"] == "person"
    if not person and not reasons <= AGAINST_ANSWER | AGAINST_EXPLANATION | _VAGUE:
        return "rejected for something that does not make it wrong"
    origin = "person" if person else "repair" if rewritten else "same question"
    if not same_answer(chosen["answer"], rejected["answer"]):
        if not person and not reasons & AGAINST_ANSWER:
            return "only a score or its explanation speaks against the answer"
        printed = (rejected["grounding"] or 0.0) >= _GROUNDED
        if not person and not printed and alike(chosen["answer"], rejected["answer"]):
            return "the answers may be two readings of the same print"
        return _made(chosen, rejected, origin, explanation=False)
    if fold(chosen["answer"]) != fold(rejected["answer"]) or (not person and reasons & AGAINST_ANSWER):
        return "the answers may be the same in other words"
    if not (person or reasons & AGAINST_EXPLANATION) or not chosen["explain_answer"] or not rejected["explain_answer"]:
        return "same answer, and nothing certain against the explanation"
    if fuzz.ratio(fold(chosen["explain_answer"]), fold(rejected["explain_answer"])) >= _OTHER_WORDS:
        return "the explanations are the same"
    return _made(chosen, rejected, origin, explanation=True)


def _made(chosen: Row, rejected: Row, origin: str, *, explanation: bool) -> Preference:
    """For an explanation the prompt is the whole conversation before it."""
    prompt = [Message(role, text) for role, text in json.loads(chosen["context"] or "[]")]
    prompt.append(Message("user", chosen["question"]))
    if explanation:
        prompt += [Message("assistant", chosen["answer"]), Message("user", chosen["explain_question"])]
    reply = "explain_answer" if explanation else "answer"
    images = (chosen["image"], *(chosen["more_images"] or ())) if chosen["image"] else ()
    return Preference(
        f"{chosen['pair_id']}>{rejected['pair_id'].removeprefix(chosen['image_id'])}",
        "preference-explanation" if explanation else "preference-answer",
        origin,
        images,
        tuple(prompt),
        chosen[reply],
        rejected[reply],
        tuple(rejected["reasons"] or ()),
        chosen["pair_id"],
        rejected["pair_id"],
    )
