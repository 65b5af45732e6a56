"""The addresses under `/api`: what the pages' scripts ask for and send."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml
from fastapi import FastAPI, HTTPException, Request
from pydantic import BaseModel, ConfigDict, Field

from glossator.errors import RecipeError
from glossator.pieces.drawings import drawn
from glossator.review.desk import Said
from glossator.review.pages import A_PAGE, MOST, Asked
from glossator.review.shared import Review
from glossator.stages.filter import FilterSettings


class Applied(BaseModel):
    """Settings of the filter that are to count from now on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    settings: dict[str, Any]


class Named(BaseModel):
    """A pair."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    pair_id: str = Field(max_length=200)


def add_to(app: FastAPI, review: Review) -> None:
    """Add the routes that give and take JSON."""
    _exploring(app, review)
    _judging(app, review)


def _exploring(app: FastAPI, review: Review) -> None:
    @app.get("/api/overview")
    def overview(query: Asked) -> dict[str, Any]:
        found = review.catalog.overview(query)
        return found | {"drawn": drawn(found)}

    @app.get("/api/pairs")
    def pairs(query: Asked, offset: int = 0, limit: int = A_PAGE) -> dict[str, Any]:
        page = review.catalog.find(query, max(0, offset), max(1, min(limit, MOST)))
        return {"total": page.total, "pairs": review.cards(page.pair_ids)}

    @app.get("/api/pair/{pair_id}")
    def pair(pair_id: str, query: Asked) -> dict[str, Any]:
        return review.single(pair_id, query)

    @app.get("/api/next-with/{reason}")
    def next_with(reason: str, pair_id: str, query: Asked) -> dict[str, str | None]:
        if pair_id not in review.catalog:
            raise HTTPException(404, "This pair is not in the workspace.")
        return {"pair_id": review.catalog.next_with(query, pair_id, reason)}

    @app.get("/api/preview")
    def preview(request: Request) -> dict[str, Any]:
        found = review.catalog.preview(_settings(request.query_params))
        cards = review.cards([row["pair_id"] for row in found["border"]])
        new = {row["pair_id"]: row["keep"] for row in found["border"]}
        html = review.text("border.html", cards=[card | {"new": new[card["pair_id"]]} for card in cards])
        return found | {"border": cards, "html": html}

    @app.get("/api/estimate")
    def estimate() -> dict[str, Any]:
        return review.estimate()


def _judging(app: FastAPI, review: Review) -> None:
    @app.post("/api/verdicts")
    def judge(said: Said) -> dict[str, str]:
        try:
            return {"id": review.desk.judge(said)}
        except KeyError:
            raise HTTPException(404, "This pair is not in the workspace.") from None

    @app.post("/api/undo")
    def undo() -> dict[str, str | None]:
        return {"pair_id": review.desk.undo()}

    @app.post("/api/take-back")
    def take_back(pair: Named) -> dict[str, str | None]:
        return {"pair_id": review.desk.take_back(pair.pair_id)}

    @app.post("/api/apply")
    def apply(wanted: Applied) -> dict[str, int]:
        return review.desk.settle(wanted.settings)


def _settings(params: Mapping[str, str]) -> dict[str, Any]:
    """Filter settings of an address: values as YAML has them, so that `null` and numbers work."""
    found = {}
    for name, value in params.items():
        if name in FilterSettings.model_fields:
            try:
                found[name] = yaml.safe_load(value)
            except yaml.YAMLError as error:
                raise RecipeError(f"filter.{name}: '{value}' is no value") from error
    return found
