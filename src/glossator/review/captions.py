"""The routes of the captioning page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI, HTTPException
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, ConfigDict, Field

from glossator.review.captioning import LONGEST, CaptionBook

Render = Callable[..., HTMLResponse]


class Written(BaseModel):
    """A caption as the page sends it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    image_id: str = Field(max_length=64)
    caption: str = Field(max_length=LONGEST)


@dataclass(frozen=True, slots=True)
class CaptionRoutes:
    """What the two routes need: the book, and how a page is rendered."""

    book: CaptionBook
    render: Render

    def add_to(self, app: FastAPI) -> None:
        """Add `GET /captions` and `POST /api/captions`."""
        app.add_api_route("/captions", self.page, methods=["GET"], response_class=HTMLResponse)
        app.add_api_route("/api/captions", self.write, methods=["POST"])

    def page(self, image_id: str = "", after: str = "") -> HTMLResponse:
        """One image to describe: the one asked for, else the next without a caption."""
        blank = self.book.blank(image_id, after)
        if blank is None and image_id:
            raise HTTPException(404, "no such image, or it has a caption of its own")
        written = sum(bool(text) for text in self.book.written().values())
        return self.render(
            "captions.html",
            blank=blank,
            total=len(self.book),
            written=written,
            file=self.book.path.name,
            next_build=self.book.build_command,
        )

    def write(self, written: Written) -> dict[str, Any]:
        """Keep a caption; confirmed only when it is on the disk."""
        try:
            return {"written": self.book.write(written.image_id, written.caption)}
        except KeyError:
            raise HTTPException(404, "no such image, or it has a caption of its own") from None
