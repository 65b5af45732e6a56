"""Argilla: the answers that come back, in whichever of its three shapes. Nothing in them is trusted.

as its server gives records     [{"external_id", "status", "fields", "metadata", "responses": [{"user_id", "status",
                                "updated_at", "values": {question: {"value"}}}]}]: all that is known
as `Dataset.to_disk` has them   [{"id", "status", "fields", "metadata", "responses": {question: [{"value",
                                "user_id"}]}}]: without an answer's status (submitted, draft, discarded) and time
flat (`to_list(flatten=True)`)  {"id", "question", ..., "verdict.responses": [...], "verdict.responses.users": [...],
                                "verdict.responses.status": [...]}: without the time
"""

from __future__ import annotations

import html
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from glossator.errors import SourceError
from glossator.jobs.argilla import SETTINGS
from glossator.jobs.label_studio import text
from glossator.verdict_log import TEXTS

USERS = "users.json"
SUBMITTED = "submitted"
_ASKED = ("verdict", "reason", "note", *(f"edited_{name}" for name in TEXTS))
_FLAT = ".responses"
_UNSAID = (
    "the file does not say whether this answer was submitted; take the answers down with their status "
    "(docs/human-verdicts.md)"
)


@dataclass(frozen=True, slots=True)
class Passed:
    """An answer that is no verdict yet (a draft, a discarded one), and why."""

    message: str


@dataclass(frozen=True, slots=True)
class Beside:
    """What the folder of the records tells.

    Attributes:
        names: who the users are, by their ids.
        wanted: so many submitted answers complete a record.
    """

    names: Mapping[str, str] = field(default_factory=dict)
    wanted: int = 1


@dataclass(slots=True)
class _Answer:
    """What one user said of one record; `status` and `time` are empty where the file has none."""

    user: str
    status: str = ""
    time: str = ""
    values: dict[str, Any] = field(default_factory=dict)


def fits(record: Mapping[str, Any]) -> bool:
    """Whether a record is one of Argilla's, answers included."""
    return ("fields" in record and "responses" in record) or any(f"{name}{_FLAT}.users" in record for name in _ASKED)


def beside(folder: Path) -> Beside:
    """What a folder tells of the records in it, by `users.json` and `.argilla/settings.json`, as far as they are there.

    Raises:
        SourceError: if one of them can't be read.
    """
    users, settings = _json(folder / USERS, []), _json(folder / SETTINGS, {})
    if not isinstance(users, list):
        raise SourceError(f'{folder / USERS} holds no list of users: [{{"id": ..., "username": ...}}, ...]')
    names = {text(user.get("id")): text(user.get("username")) for user in users if isinstance(user, dict)}
    distribution = settings.get("distribution") if isinstance(settings, dict) else None
    wanted = distribution.get("min_submitted") if isinstance(distribution, dict) else None
    return Beside({id: name for id, name in names.items() if id and name}, wanted if isinstance(wanted, int) else 1)


def _json(path: Path, missing: Any) -> Any:
    try:
        return json.loads(path.read_bytes()) if path.exists() else missing
    except (OSError, ValueError, RecursionError) as error:
        raise SourceError(f"{path} can't be read: {error}") from error


def records(
    where: str, record: Mapping[str, Any], around: Beside
) -> Iterator[tuple[str, dict[str, Any] | str | Passed]]:
    """What people said of a record: for each a flat record, or why there is none.

    A record that nobody has answered gives one without a verdict.

    Args:
        where: its place, for people.
        record: one that `fits`.
        around: see `beside`.
    """
    given = _given(record)
    answers = _flat(record) if "responses" not in record else _answers(record["responses"])
    if given is None or answers is None:
        yield where, "no record of Argilla: its fields, metadata or responses are not of the known shape"
        return
    if not answers:
        yield where, given
    told = record.get("status") == "completed" and len(answers) <= around.wanted
    for number, answer in enumerate(answers, 1):
        place = f"{where}, answer {number}" if len(answers) > 1 else where
        name = around.names.get(answer.user, answer.user)
        status = answer.status or (SUBMITTED if told else "")
        if status == SUBMITTED:
            said = {question: answer.values[question] for question in _ASKED if question in answer.values}
            yield place, {**given, **said, "reviewer": name, "time": answer.time}
        else:
            yield place, Passed(f"{status[:20]} answer of {name[:100]}, not taken" if status else _UNSAID)


def _given(record: Mapping[str, Any]) -> dict[str, Any] | None:
    """Which pair it is, how it was drawn, and the texts as they were shown; None if that can't be told."""
    fields, metadata = record.get("fields", record), record.get("metadata", record)
    if not isinstance(fields, dict) or not isinstance(metadata, dict | None):
        return None
    texts = {name: html.unescape(text(fields.get(name))) for name in TEXTS}
    pair_id = text(record.get("external_id")) or text(record.get("id"))
    return {"pair_id": pair_id, "sampling": text((metadata or {}).get("sampling")), **texts}


def _answers(responses: Any) -> list[_Answer] | None:
    if responses is None:
        return []
    if isinstance(responses, dict):
        return _on_disk(responses)
    if not isinstance(responses, list) or not all(isinstance(response, dict) for response in responses):
        return None
    return [
        _Answer(
            text(response.get("user_id")),
            text(response.get("status")),
            text(response.get("updated_at")) or text(response.get("inserted_at")),
            _values(response.get("values")),
        )
        for response in responses
    ]


def _values(values: Any) -> dict[str, Any]:
    pairs = values.items() if isinstance(values, dict) else ()
    return {name: value.get("value") for name, value in pairs if isinstance(value, dict)}


def _on_disk(responses: Mapping[str, Any]) -> list[_Answer] | None:
    by_user: dict[str, _Answer] = {}
    for name, given in responses.items():
        if not isinstance(given, list) or not all(isinstance(one, dict) for one in given):
            return None
        _put(by_user, name, ((one.get("user_id"), one.get("value"), "") for one in given))
    return list(by_user.values())


def _flat(record: Mapping[str, Any]) -> list[_Answer] | None:
    by_user: dict[str, _Answer] = {}
    for name in _ASKED:
        columns = [record.get(f"{name}{_FLAT}{end}") or [] for end in (".users", "", ".status")]
        if not all(isinstance(column, list) and len(column) == len(columns[0]) for column in columns):
            return None
        _put(by_user, name, zip(*columns, strict=True))
    return list(by_user.values())


def _put(by_user: dict[str, _Answer], question: str, given: Iterable[tuple[Any, Any, Any]]) -> None:
    for user, value, status in given:
        # The SDK writes the user that nobody is as this word.
        name = "" if text(user) == "None" else text(user)
        answer = by_user.setdefault(name, _Answer(name, text(status)))
        answer.values[question] = value
