"""The routes of the review page. Pages are rendered here; their scripts ask the addresses under `/api`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import yaml
from fastapi import FastAPI, HTTPException, Request, Response
from fastapi import Query as InQuery
from fastapi.responses import HTMLResponse, JSONResponse
from fastapi.staticfiles import StaticFiles
from jinja2 import Environment, PackageLoader
from pydantic import BaseModel, ConfigDict

from glossator.errors import GlossatorError
from glossator.review.captioning import CaptionBook
from glossator.review.captions import CaptionRoutes
from glossator.review.catalog import Catalog
from glossator.review.desk import Desk, Said
from glossator.review.pictures import WIDTHS, picture, thumbnail
from glossator.review.query import Query
from glossator.review.single import single
from glossator.stages.filter import FilterSettings
from glossator.workspace import Workspace

ASSETS = Path(__file__).parent / "static"
A_PAGE = 48
MOST = 200
Asked = Annotated[Query, InQuery()]


class Applied(BaseModel):
    """Settings of the filter that are to count from now on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    settings: dict[str, Any]


class Review:
    """What all routes share: the workspace, its pairs in memory, and the reviewer's desk."""

    def __init__(self, workspace: Workspace, reviewer: str, *, read_only: bool = False) -> None:
        self.workspace = workspace
        self.catalog = Catalog(workspace)
        self.desk = Desk(workspace, self.catalog, reviewer)
        self.read_only = read_only
        self.environment = Environment(loader=PackageLoader("glossator.review", "templates"), autoescape=True)

    def render(self, template: str, **values: Any) -> HTMLResponse:
        """A page. Everything in `values` is escaped."""
        shared = {
            "reviewer": self.desk.reviewer,
            "read_only": self.read_only,
            "title": self.workspace.path.resolve().name,
        }
        return HTMLResponse(self.environment.get_template(template).render(**shared, **values))

    def cards(self, pair_ids: list[str]) -> list[dict[str, Any]]:
        """What a grid shows of each pair."""
        said = self.desk.said()
        keys = ("pair_id", "image_id", "image_kind", "kind", "question", "answer", "keep", "reasons", "mifd", "ffd")
        rows = [self.catalog.row(pair_id) for pair_id in pair_ids]
        return [{key: row[key] for key in keys} | {"said": said.get(row["pair_id"], "")} for row in rows]


def create(review: Review) -> FastAPI:
    """The application. It trusts its callers: `safety.Guard` stands before it."""
    app = FastAPI(title="Glossator review", docs_url=None, redoc_url=None, openapi_url=None)
    app.mount("/static", StaticFiles(directory=ASSETS), name="static")
    app.add_exception_handler(GlossatorError, _told)
    _pages(app, review)
    _exploring(app, review)
    _judging(app, review)
    CaptionRoutes(CaptionBook(review.workspace, review.desk.reviewer), review.render).add_to(app)
    return app


async def _told(_request: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, status_code=409)


def _pages(app: FastAPI, review: Review) -> None:
    @app.get("/")
    def explore(query: Asked) -> HTMLResponse:
        return review.render(
            "explore.html", query=query, choices=review.catalog.choices(), settings=review.catalog.settings
        )

    @app.get("/grid")
    def grid(query: Asked, offset: int = 0, limit: int = A_PAGE) -> HTMLResponse:
        page = review.catalog.find(query, max(0, offset), min(limit, MOST))
        return review.render(
            "grid.html", cards=review.cards(page.pair_ids), total=page.total, offset=offset, query=query
        )

    @app.get("/pair/{pair_id}")
    def pair(pair_id: str, query: Asked) -> HTMLResponse:
        return review.render("pair.html", shown=_single(review, pair_id, query), query=query)

    @app.get("/image/{image_id}")
    def image(image_id: str, width: int = 0) -> Response:
        row = review.catalog.image(image_id)
        if row is None or (width and width not in WIDTHS):
            raise HTTPException(404)
        root = review.workspace.store.source_root
        found = thumbnail(root / row, root, width) if width else picture(root / row, root)
        if found is None:
            raise HTTPException(404)
        # An image id is a hash of the picture: it never changes.
        return Response(found.body, media_type=found.kind, headers={"cache-control": "private, max-age=86400"})


def _exploring(app: FastAPI, review: Review) -> None:
    @app.get("/api/overview")
    def overview(query: Asked) -> dict[str, Any]:
        return review.catalog.overview(query)

    @app.get("/api/pairs")
    def pairs(query: Asked, offset: int = 0, limit: int = A_PAGE) -> dict[str, Any]:
        page = review.catalog.find(query, max(0, offset), min(limit, MOST))
        return {"total": page.total, "pairs": review.cards(page.pair_ids)}

    @app.get("/api/pair/{pair_id}")
    def pair(pair_id: str, query: Asked) -> dict[str, Any]:
        return _single(review, pair_id, query)

    @app.get("/api/preview")
    def preview(request: Request) -> dict[str, Any]:
        found = review.catalog.preview(_settings(request.query_params))
        return found | {"border": review.cards([row["pair_id"] for row in found["border"]])}


def _judging(app: FastAPI, review: Review) -> None:
    @app.post("/api/verdicts")
    def judge(said: Said) -> dict[str, str]:
        try:
            return {"id": review.desk.judge(said)}
        except KeyError:
            raise HTTPException(404, "no such pair") from None

    @app.post("/api/undo")
    def undo() -> dict[str, str | None]:
        return {"pair_id": review.desk.undo()}

    @app.post("/api/apply")
    def apply(wanted: Applied) -> dict[str, int]:
        return review.desk.settle(wanted.settings)


def _single(review: Review, pair_id: str, query: Query) -> dict[str, Any]:
    if pair_id not in review.catalog:
        raise HTTPException(404, "no such pair")
    before, after, place, total = review.catalog.beside(query, pair_id)
    said = review.desk.last(pair_id)
    return single(review.workspace, review.catalog, pair_id) | {
        "before": before,
        "after": after,
        "place": place,
        "total": total,
        "said": asdict(said) if said else None,
    }


def _settings(params: Mapping[str, str]) -> dict[str, Any]:
    """Filter settings of an address: values as YAML has them, so that `null` and numbers work."""
    return {name: yaml.safe_load(value) for name, value in params.items() if name in FilterSettings.model_fields}
