"""The application behind the review page: its routes put together, and errors told in words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
from fastapi import Depends, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from glossator.errors import GlossatorError
from glossator.review import api, pages
from glossator.review.captioning import CaptionBook
from glossator.review.captions import CaptionRoutes
from glossator.review.fresh import Edition, Fresh, Gate
from glossator.review.shared import Review

ASSETS = Path(__file__).parent / "static"
_FOR_SCRIPTS = ("/api/", "/view/", "/history/", "/image/", "/grid", "/static/")


class _Assets(StaticFiles):
    """Our own files. A minute's cache spares a page its round trips, and is no trouble after an update."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(*args, **kwargs)
        response.headers["cache-control"] = "private, max-age=60"
        return response


def create(review: Review) -> FastAPI:
    """The application. It trusts its callers: `safety.Guard` stands before it."""
    book = CaptionBook(review.workspace, review.desk.reviewer)
    fresh = Fresh(review.workspace, review.catalog, review.desk, book.load)
    gate = [Depends(Gate(fresh))]
    app = FastAPI(title="Glossator review", docs_url=None, redoc_url=None, openapi_url=None, dependencies=gate)
    app.add_middleware(Edition, fresh=fresh)
    app.mount("/static", _Assets(directory=ASSETS, packages=[("glossator.pieces", "static")]), name="static")
    pages.add_to(app, review)
    api.add_to(app, review)
    CaptionRoutes(book, review.render).add_to(app)
    _tell_errors(app, review)
    return app


def _tell_errors(app: FastAPI, review: Review) -> None:
    def told(request: Request, status: int, text: str) -> Response:
        if request.url.path.startswith(_FOR_SCRIPTS):
            return JSONResponse({"error": text}, status_code=status)
        return review.render("error.html", status=status, code=status, told=text)

    @app.exception_handler(GlossatorError)
    async def ours(request: Request, error: GlossatorError) -> Response:
        return told(request, 409, str(error))

    @app.exception_handler(OSError)
    @app.exception_handler(pl.exceptions.ComputeError)
    async def disk(request: Request, error: Exception) -> Response:
        return told(request, 500, f"A file of {review.workspace.path} can't be read or written: {error}")

    @app.exception_handler(HTTPException)
    async def theirs(request: Request, error: HTTPException) -> Response:
        return told(request, error.status_code, str(error.detail))

    @app.exception_handler(RequestValidationError)
    async def unfit(request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"][1:])
        return told(request, 422, f"{where or 'The request'}: {first['msg']}")
