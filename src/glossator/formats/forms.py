"""In which form a pair and its explanation are taught: the column `form` of the verdicts.

    both          one conversation: question, answer, question for the explanation, explanation
    extractive    question and answer alone
    explanation   the explanation alone, asked for with question and answer
    separate      the last two, as two samples

A pair without an explanation is `extractive`, whatever the column says.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

FORMS = ("both", "extractive", "explanation", "separate")
EXPLAINED = "-explained"  # ends the id of an explanation that is a sample of its own


def in_conversation(row: Mapping[str, Any]) -> bool:
    """Whether question and answer are turns of the pair's conversation."""
    return _form(row) != "explanation"


def explained_there(row: Mapping[str, Any]) -> bool:
    """Whether the explanation follows them in the same conversation."""
    return _form(row) == "both"


def explained_alone(row: Mapping[str, Any]) -> bool:
    """Whether the explanation is a sample of its own."""
    return _form(row) in ("explanation", "separate")


def explain_alone(row: Mapping[str, Any]) -> str:
    """What asks for an explanation that stands alone: the fact that it explains, then the question for it."""
    return f"Question: {row['question']}\nAnswer: {row['answer']}\n{row['explain_question']}"


def _form(row: Mapping[str, Any]) -> str:
    return (row.get("form") or "both") if _explained(row) else "extractive"


def _explained(row: Mapping[str, Any]) -> bool:
    return bool(row["explain_question"] and row["explain_answer"])
