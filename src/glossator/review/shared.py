"""What all routes share: the workspace, its pairs in memory, the reviewer's desk, and how a page is rendered."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import polars as pl
from fastapi import HTTPException
from fastapi.responses import HTMLResponse

from glossator.against_people import against_people
from glossator.difficulty import SCORES, scores
from glossator.jobs.history import find, history
from glossator.pieces.environment import environment
from glossator.review.catalog import Catalog
from glossator.review.desk import Desk
from glossator.review.estimates import as_table, estimate
from glossator.review.query import Query
from glossator.review.single import single
from glossator.verdict_log import open_log
from glossator.workspace import Workspace

# What people most often have against a pair, in the order of the keys 1 to 7.
REASONS = (
    "wrong_answer", "not_on_the_image", "unclear_question", "trivial_question", "wrong_explanation", "personal_data",
    "bad_image",
)  # fmt: skip
# What each loss is of (see `records.Losses`).
CONDITIONS = {
    "a": "the answer alone", "a_q": "the answer, after the question", "a_i": "the answer, after the image",
    "a_qi": "the answer, after question and image", "r_s": "the explanation alone",
    "r_qas": "the explanation, after the pair", "r_si": "the explanation, after the image",
    "r_qasi": "the explanation, after pair and image", "q": "the question alone",
    "q_a": "the question, after the answer",
}  # fmt: skip
# What the history of a pair is told from. Tables with a part a shard are read for the pair's own shard only.
_OF_SHARDS = ("images", "ocr", "captions", "pairs", "losses", "agreement", "judgements", "inspections")
_OF_HISTORY = (*_OF_SHARDS, "sources", "duplicates", "leaks", "human", "verdicts", "failures")
_CARD = ("pair_id", "image_id", "image_kind", "kind", "question", "answer", "keep", "reasons", *SCORES)


class Review:
    """One reviewer at one workspace.

    Args:
        workspace: a workspace with pairs.
        reviewer: whose verdicts they are.
        read_only: whether nothing may be changed.
    """

    def __init__(self, workspace: Workspace, reviewer: str, *, read_only: bool = False) -> None:
        log = open_log(workspace.store)
        self.workspace = workspace
        self.catalog = Catalog(workspace, lambda: {entry.verdict.pair_id for entry in log.standing()})
        self.desk = Desk(workspace, self.catalog, log, reviewer)
        self.read_only = read_only
        self._environment = environment("glossator.review", "templates")

    def render(self, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
        """A page, or a piece of one. Everything in `values` is escaped."""
        return HTMLResponse(self.text(template, **values), status)

    def text(self, template: str, **values: Any) -> str:
        """As `render`, as text."""
        shared = {
            "reviewer": self.desk.reviewer,
            "read_only": self.read_only,
            "title": self.workspace.path.resolve().name,
            "shapes": self.catalog.shapes,
            "conditions": CONDITIONS,
        }
        return self._environment.get_template(template).render(**{**shared, **values})

    def cards(self, pair_ids: list[str]) -> list[dict[str, Any]]:
        """What a grid shows of each pair."""
        said = self.desk.said()
        rows = [self.catalog.row(pair_id) for pair_id in pair_ids]
        return [{key: row[key] for key in _CARD} | {"said": said.get(row["pair_id"], "")} for row in rows]

    def single(self, pair_id: str, query: Query, *, picked: bool = False) -> dict[str, Any]:
        """All that the single view shows. In a blind query nothing that anybody but the reviewer has judged.

        Args:
            pair_id: which.
            query: among which pairs it is looked at.
            picked: whether a person has picked it out of several, so that it is no random one.

        Raises:
            HTTPException: 404 for an unknown pair.
        """
        if pair_id not in self.catalog:
            raise HTTPException(404, "This pair is not in the workspace.")
        words = [asdict(word) for word in self.desk.words(pair_id)]
        mine = [word for word in words if word["reviewer"] == self.desk.reviewer]
        shown = single(self.workspace, self.catalog, pair_id)
        beside = self.catalog.beside(query, pair_id)
        shown |= asdict(beside) | {"sampling": "picked" if picked or beside.place < 0 else query.sampling}
        shown |= {"said": mine[0] if mine else None, "others": [word for word in words if word not in mine]}
        if query.blind:
            shown |= {"verdict": None, "scores": {}, "tokens": {}, "others": [], "not_scored": ""}
        rules = [reason["reason"] for reason in shown["verdict"]["reasons"]] if shown["verdict"] else []
        return shown | {"reasons_offered": list(dict.fromkeys([*rules, *REASONS]))[:9]}

    def picture(self, image_id: str, number: int = 0) -> str | None:
        """Where one of a record's pictures lies in the source; None if there is no such one."""
        first = self.catalog.image(image_id)
        if first is None or number == 0:
            return first
        rows = self.workspace.scan("images").filter(pl.col("image_id") == image_id).select("more_paths").collect()
        more: list[str] = rows["more_paths"][0].to_list() if rows.height else []
        return more[number - 1] if 0 < number <= len(more) else None

    def agreement(self) -> dict[str, Any]:
        """Rules against people and people against each other: `found`, and the `questions` of the pairs on which people
        differ."""
        human = as_table(self.desk.everything())
        found = against_people(human, self.workspace.scan("verdicts"))
        known = [one.pair_id for one in found.disagreements if one.pair_id in self.catalog]
        questions = {pair_id: self.catalog.row(pair_id)["question"] for pair_id in known}
        return {"found": found, "questions": questions}

    def estimate(self) -> dict[str, Any]:
        """How bad the set is (see `estimates.estimate`)."""
        human = as_table(self.desk.everything())
        return estimate(human, against_people(human, self.workspace.scan("verdicts")))

    def history(self, pair_id: str) -> dict[str, Any]:
        """All that is known of a pair (see `jobs.history`), but for percentiles.

        Raises:
            HTTPException: 404 for an unknown pair.
        """
        if pair_id not in self.catalog:
            raise HTTPException(404, "This pair is not in the workspace.")
        ws, shard = self.workspace, int(self.catalog.row(pair_id)["shard"])
        tables = {name: ws.scan_shard(name, shard) if name in _OF_SHARDS else ws.scan(name) for name in _OF_HISTORY}
        tables["scores"] = scores(tables["losses"])
        return history(ws.store, tables, find(tables, pair_id))
