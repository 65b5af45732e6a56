"""The pages, and the pieces of pages that their scripts fetch."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import FastAPI, HTTPException, Response
from fastapi import Query as InQuery
from fastapi.responses import HTMLResponse, RedirectResponse

from glossator.review.pictures import WIDTHS, picture, thumbnail
from glossator.review.query import Query
from glossator.review.shared import Review

A_PAGE = 48
MOST = 200
Asked = Annotated[Query, InQuery()]


def add_to(app: FastAPI, review: Review) -> None:
    """Add the routes that give HTML and pictures."""
    _pairs(app, review)
    _people(app, review)
    _pictures(app, review)


def _pairs(app: FastAPI, review: Review) -> None:
    def found(query: Query, offset: int, limit: int) -> dict[str, Any]:
        offset, limit = max(0, offset), max(1, min(limit, MOST))
        page = review.catalog.find(query, offset, limit)
        return {
            "cards": review.cards(page.pair_ids),
            "total": page.total,
            "offset": offset,
            "query": query,
            "page": limit,
        }

    @app.get("/")
    def explore(query: Asked, offset: int = 0) -> Response:
        if query.blind:
            return RedirectResponse("/?order=random")
        return review.render(
            "explore.html",
            **found(query, offset, A_PAGE),
            choices=review.catalog.choices,
            sliders=review.catalog.sliders,
            measured=review.catalog.measured,
        )

    @app.get("/grid")
    def grid(query: Asked, offset: int = 0, limit: int = A_PAGE) -> HTMLResponse:
        return review.render("grid.html", **found(query, offset, limit))

    @app.get("/pair/{pair_id}")
    def pair(pair_id: str, query: Asked, *, picked: bool = False) -> HTMLResponse:
        return review.render("pair.html", shown=review.single(pair_id, query, picked=picked), query=query)

    @app.get("/view/{pair_id}")
    def view(pair_id: str, query: Asked) -> HTMLResponse:
        return review.render("view.html", shown=review.single(pair_id, query), query=query)


def _people(app: FastAPI, review: Review) -> None:
    @app.get("/agreement")
    def agreement() -> HTMLResponse:
        return review.render("agreement.html", **review.agreement())

    @app.get("/blind")
    def blind(sample: int = 100) -> Response:
        query = Query(blind=True, sample=max(1, sample))
        page = review.catalog.find(query, 0, query.sample)
        said = review.desk.said()
        left = next((pair_id for pair_id in page.pair_ids if pair_id not in said), None)
        if left is None:
            return RedirectResponse("/agreement")
        return RedirectResponse(f"/pair/{left}?{query.address()}")

    @app.get("/history/{pair_id}")
    def history(pair_id: str) -> HTMLResponse:
        return review.render("history.html", told=review.history(pair_id))

    @app.get("/recipe.yaml")
    def recipe() -> Response:
        return Response(review.workspace.store.read_recipe(), media_type="text/plain; charset=utf-8")


def _pictures(app: FastAPI, review: Review) -> None:
    @app.get("/image/{image_id}")
    def image(image_id: str, width: int = 0, number: int = 0) -> Response:
        row = review.picture(image_id, number)
        if row is None or (width and width not in WIDTHS):
            raise HTTPException(404, "There is no such picture.")
        root = review.workspace.store.source_root
        found = thumbnail(root / row, root, width) if width else picture(root / row, root)
        if found is None:
            raise HTTPException(404, "The picture is not there any more.")
        # An image id is a hash of the picture: it never changes.
        return Response(found.body, media_type=found.kind, headers={"cache-control": "private, max-age=86400"})
