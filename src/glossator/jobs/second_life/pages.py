"""Reading a workspace a few hundred images at a time, so that memory does not grow with the set."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from glossator.records import Box, Evidence, Span
from glossator.text import fold

if TYPE_CHECKING:
    import polars as pl

AT_ONCE = 500  # images
_WORD = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True, slots=True)
class View:
    """One image with its page and pairs.

    Attributes:
        image: path as it is to be written.
        spans: in reading order.
        captions: what people and writers say of the image.
        pairs: rows of the table `pairs` with `keep`; rejected ones too.
    """

    image_id: str
    image: str
    kind: str
    width: int
    height: int
    spans: tuple[Span, ...]
    captions: str
    pairs: tuple[Mapping[str, Any], ...]

    @property
    def kept(self) -> bool:
        """Whether the set holds the image: at least one of its pairs is kept."""
        return any(pair["keep"] for pair in self.pairs)


def views(tables: Mapping[str, pl.LazyFrame]) -> Iterator[View]:
    """Every image that has one picture and a page, in the order of the pages.

    Args:
        tables: pairs, verdicts, ocr, captions, and images with `image` and `more_images`.
    """
    import polars as pl

    verdicts = tables["verdicts"].select("pair_id", "keep")
    pairs = tables["pairs"].join(verdicts, on="pair_id", how="left", maintain_order="left").collect()
    pairs = pairs.with_columns(pl.col("keep").fill_null(value=True))
    alone = pl.col("image").is_not_null() & (pl.col("more_images").list.len().fill_null(0) == 0)
    images = tables["images"].filter(alone).collect()
    captions = tables["captions"].select(
        "image_id", pl.concat_str("caption", "enriched", separator=" ", ignore_nulls=True)
    )
    said = captions.collect()
    start = 0
    while (pages := tables["ocr"].slice(start, AT_ONCE).select("image_id", "spans").collect()).height:
        start += AT_ONCE
        ids = pages.select("image_id")
        of = _grouped(pairs.join(ids, on="image_id", how="semi", maintain_order="left"))
        known = {row["image_id"]: row for row in images.join(ids, on="image_id", how="semi").iter_rows(named=True)}
        told = dict(said.join(ids, on="image_id", how="semi").iter_rows())
        for image_id, spans in pages.iter_rows():
            if image_id in known:
                yield _view(known[image_id], spans or (), told.get(image_id) or "", of.get(image_id, ()))


def _grouped(rows: pl.DataFrame) -> dict[str, list[Mapping[str, Any]]]:
    found: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows.iter_rows(named=True):
        found.setdefault(row["image_id"], []).append(row)
    return found


def _view(image: Mapping[str, Any], spans: Any, captions: str, pairs: Any) -> View:
    read = tuple(Span(span["text"], box(span["box"]), span["confidence"]) for span in spans)
    return View(
        image["image_id"], image["image"], image["kind"] or "", image["width"], image["height"], read, captions,
        tuple(pairs),
    )  # fmt: skip


def box(values: Any) -> Box:
    """A box from a list."""
    x0, y0, x1, y1 = values
    return (x0, y0, x1, y1)


def evidence_of(pair: Mapping[str, Any]) -> tuple[Evidence, ...]:
    """The evidence of a row of the table `pairs`."""
    return tuple(Evidence(piece["text"], box(piece["box"])) for piece in pair["evidence"] or ())


def words(text: str) -> set[str]:
    """The words of a text, folded; numbers are none."""
    return {word for part in _WORD.findall(text) if (word := fold(part))}
