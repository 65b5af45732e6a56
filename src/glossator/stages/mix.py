"""Stage `mix`: a choice of what is kept by shares, and the form in which each pair is exported."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Literal

import polars as pl
from pydantic import BaseModel, ConfigDict, Field, model_validator

from glossator.difficulty import scores
from glossator.stages.base import Settings, TableStage
from glossator.stages.raking import Margin, rake

NOT_IN_MIX = "not_in_mix"
REST = "(rest)"  # all that no share names
NO_SCORE = "no score"
_LEAST = 1e-9


class Bands(BaseModel):
    """Shares by how hard pairs are. Pairs without the score are `no score`; they come with what the shares leave."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    score: Literal["ifd", "vfd", "mifd", "ffd"] = Field(description="The score that the bands are of.")
    by: Literal["quantile", "value"] = Field(
        "quantile", description="Whether edges are shares of the kept pairs, ordered by score, or scores themselves."
    )
    edges: tuple[float, ...] = Field(min_length=1, description="Where one band ends and the next begins, ascending.")
    shares: tuple[float, ...] = Field(description="The share of each band, the lowest first; one more than edges.")

    @model_validator(mode="after")
    def _fits(self) -> Bands:
        if list(self.edges) != sorted(set(self.edges)):
            raise ValueError(f"edges {list(self.edges)} do not ascend")
        if len(self.shares) != len(self.edges) + 1:
            raise ValueError(f"{len(self.edges)} edges part {len(self.edges) + 1} bands; give as many shares")
        if self.by == "quantile" and not 0 < self.edges[0] <= self.edges[-1] < 1:
            raise ValueError("edges by quantile lie between 0 and 1")
        return self

    @property
    def named(self) -> dict[str, float]:
        """Each band's share by the band's name, as in `ffd <= q0.5`."""
        mark = "q" if self.by == "quantile" else ""
        names = [f"{self.score} <= {mark}{edge:g}" for edge in self.edges]
        return dict(zip([*names, f"{self.score} > {mark}{self.edges[-1]:g}"], self.shares, strict=True))


class MixSettings(Settings):
    """Settings of the stage `mix`. Shares of one kind sum to at most 1; what they leave goes to all that they do not
    name, as it comes."""

    image_kinds: dict[str, float] = Field({}, description="Shares by kind of image: {receipt: 0.5, form: 0.5}.")
    question_kinds: dict[str, float] = Field({}, description="Shares by kind of question: {total: 0.1, cell: 0.3}.")
    writers: dict[str, float] = Field({}, description="Shares by teacher, as the column `writer` names them.")
    bands: tuple[Bands, ...] = Field((), description="Shares by difficulty, for one score or several.")
    size: int | None = Field(None, ge=1, description="At most so many pairs.")
    prefer: Literal["shares", "size"] = Field(
        "shares", description="Where shares and size can't both be had: a smaller set, or other shares."
    )
    explain_ratio: float | None = Field(
        None,
        ge=0,
        description="Self-explain pairs for each extractive pair: 0 none, 1 as many, above 1 some explanations alone.",
    )
    explanations: Literal["together", "separate"] = Field(
        "together", description="In one conversation with their extractive pair, or as samples of their own."
    )
    seed: int = Field(0, description="Another seed draws other pairs.")

    @model_validator(mode="after")
    def _shares(self) -> MixSettings:
        given = {name: getattr(self, name) for name in ("image_kinds", "question_kinds", "writers")}
        given |= {f"shares of bands.{number}": band.named for number, band in enumerate(self.bands)}
        for name, shares in given.items():
            if any(share < 0 for share in shares.values()) or sum(shares.values()) > 1 + 1e-6:
                raise ValueError(f"{name} are to sum to at most 1, none of them negative")
        return self


def asked(settings: MixSettings) -> dict[str, dict[str, float]]:
    """The shares that are asked, by column, in the order of the settings."""
    columns = {
        "image_kind": dict(settings.image_kinds),
        "question_kind": dict(settings.question_kinds),
        "writer": dict(settings.writers),
    }
    columns |= {f"band {number} ({band.score})": band.named for number, band in enumerate(settings.bands, 1)}
    return {column: shares for column, shares in columns.items() if shares}


class MixStage(TableStage):
    """Writes `verdicts` again: what the mix leaves out is not kept, for the reason `not_in_mix`."""

    kind = "mix"
    version = 2
    reads = ("images", "verdicts", "drafts")
    uses = ("pairs", "losses")
    writes = "verdicts"
    Settings = MixSettings

    def run(self, tables: dict[str, pl.LazyFrame]) -> pl.LazyFrame:
        chosen = choose(candidates(tables, self.settings), self.settings).lazy()
        rows = tables["verdicts"].drop("form").join(chosen, on="pair_id", how="left", maintain_order="left")
        out = pl.col("keep") & pl.col("form").is_null()
        return rows.with_columns(
            pl.when(out).then(pl.lit(value=False)).otherwise("keep").alias("keep"),
            pl.when(out).then(pl.concat_list("reasons", pl.lit(NOT_IN_MIX))).otherwise("reasons").alias("reasons"),
            pl.col("form").fill_null("both"),
        )


def candidates(tables: Mapping[str, pl.LazyFrame], settings: MixSettings) -> pl.DataFrame:
    """One row for each pair that a mix may choose: `pair_id`, `explained`, `chosen` (False after a mix that left it
    out), `form`, and one column for each thing that shares are asked of.

    Args:
        tables: images, verdicts (before or after the mix), pairs or drafts, and losses where there are any.
        settings: the mix's.
    """
    pairs = tables.get("pairs", tables.get("drafts"))
    assert pairs is not None
    left_out = pl.col("reasons").list.eval(pl.element() != NOT_IN_MIX).list.any().not_()
    verdicts = tables["verdicts"].filter(pl.col("keep") | (left_out & (pl.col("reasons").list.len() > 0)))
    images = tables["images"].select("image_id", pl.col("kind").alias("image_kind"))
    rows = (
        pairs.select(
            "pair_id",
            "image_id",
            pl.col("kind").alias("question_kind"),
            "writer",
            (pl.col("explain_answer").fill_null("") != "").alias("explained"),
        )
        .join(verdicts.select("pair_id", pl.col("keep").alias("chosen"), "form"), on="pair_id", maintain_order="left")
        .join(images, on="image_id", how="left", maintain_order="left")
    )
    if settings.bands:
        wanted = sorted({band.score for band in settings.bands})
        scored = scores(tables["losses"]).select("pair_id", *wanted) if "losses" in tables else None
        if scored is not None:
            rows = rows.join(scored, on="pair_id", how="left", maintain_order="left")
        else:
            rows = rows.with_columns(pl.lit(None, pl.Float64).alias(name) for name in wanted)
    rows = rows.with_columns(
        _band(band).alias(f"band {number} ({band.score})") for number, band in enumerate(settings.bands, 1)
    )
    return rows.select("pair_id", "explained", "chosen", "form", *asked(settings)).collect(engine="streaming")


def _band(band: Bands) -> pl.Expr:
    """The name of each pair's band; `no score` where it has none."""
    score = pl.col(band.score)
    names = list(band.named)
    found: pl.Expr = pl.when(score.is_null()).then(pl.lit(NO_SCORE)).otherwise(pl.lit(names[-1]))
    for edge, name in reversed(list(zip(band.edges, names, strict=False))):
        limit = score.quantile(edge, interpolation="linear") if band.by == "quantile" else pl.lit(edge)
        found = pl.when(score <= limit).then(pl.lit(name)).otherwise(found)
    return found


def choose(rows: pl.DataFrame, settings: MixSettings) -> pl.DataFrame:
    """`pair_id, form` of the pairs that the mix takes, in their order.

    Which pairs of a cell are taken depends on the seed and their ids alone, so that a larger set holds the smaller
    one's pairs as far as its cells grow.
    """
    shares = asked(settings)
    columns = list(shares)
    # Without shares all pairs lie in one cell.
    keyed = rows.with_columns(
        pl.when(pl.col(column).is_in(list(named))).then(column).otherwise(pl.lit(REST)).alias(column)
        for column, named in shares.items()
    ).with_columns(pl.concat_str([pl.lit(""), *columns], separator="\x1f").alias("cell"))
    cells = keyed.group_by("cell", *columns, maintain_order=True).len()
    margins, taken = _margins(cells, shares)
    counts = [count if ok else 0 for count, ok in zip(cells["len"].to_list(), taken, strict=True)]
    take = rake(counts, margins, settings.size, settings.prefer)
    drawn = keyed.with_columns(pl.Series("draw", _draws(rows["pair_id"].to_list(), settings.seed), pl.UInt64))
    quota = cells.select("cell").with_columns(pl.Series("take", take, pl.Int64))
    drawn = drawn.join(quota, on="cell", how="left", maintain_order="left")
    found = drawn.filter(pl.col("draw").rank("ordinal").over("cell") <= pl.col("take"))
    return found.select("pair_id", _form(found, settings).alias("form"))


def _margins(cells: pl.DataFrame, shares: Mapping[str, dict[str, float]]) -> tuple[list[Margin], list[bool]]:
    """What is asked of the cells, shares of what there is none of given to the others; and which cells may be used."""
    margins, usable = [], [True] * cells.height
    for column, named in shares.items():
        there = cells[column].to_list()
        wanted = {**named, REST: max(0.0, 1 - sum(named.values()))}
        known = [name for name in wanted if wanted[name] > _LEAST and name in set(there)]
        whole = sum(wanted[name] for name in known)
        number = {name: i for i, name in enumerate(known)}
        # A category more for cells that are not wanted.
        margins.append(
            Margin([number.get(name, len(known)) for name in there], [*(wanted[name] / whole for name in known), 0.0])
        )
        usable = [ok and name in number for ok, name in zip(usable, there, strict=True)]
    return margins, usable


def _draws(pair_ids: list[str], seed: int) -> list[int]:
    """A number for each pair that looks random, and is the same on every machine and in every set."""
    start = hashlib.blake2b(f"{seed}:".encode(), digest_size=8)
    found = []
    for pair_id in pair_ids:
        one = start.copy()
        one.update(pair_id.encode())
        found.append(int.from_bytes(one.digest(), "big"))
    return found


def _form(found: pl.DataFrame, settings: MixSettings) -> pl.Series:
    """How each pair is exported, so that explanations and extractive pairs stand in the ratio that is asked."""
    ratio = settings.explain_ratio
    whole = "both" if settings.explanations == "together" else "separate"
    if ratio is None:
        return found.select(pl.when("explained").then(pl.lit(whole)).otherwise(pl.lit("both"))).to_series()
    alone = "extractive" if ratio <= 1 else "explanation"
    explained = int(found["explained"].sum())
    # At or below 1: so many of all pairs keep their explanation. Above: so many of the explained keep their answer.
    wanted = ratio * found.height if ratio <= 1 else explained / ratio - (found.height - explained)
    count = min(explained, max(0, round(wanted)))
    order = pl.Series("order", _draws(found["pair_id"].to_list(), settings.seed + 1), pl.UInt64)
    rank = pl.when("explained").then("order").rank("ordinal")
    form = pl.when(~pl.col("explained")).then(pl.lit("extractive")).when(rank <= count).then(pl.lit(whole))
    return found.with_columns(order).select(form.otherwise(pl.lit(alone))).to_series()


def asked_and_possible(tables: Mapping[str, pl.LazyFrame], settings: MixSettings) -> list[dict[str, Any]]:
    """What a mix was asked and what came out, as plain rows for status and report.

    Args:
        tables: as `candidates`, with the verdicts after the mix.
        settings: the mix's.

    Returns:
        For each share, and for `(rest)`, `{by, name, asked, possible, pairs, available}`, where `asked` and `possible`
        are shares and the last two counts; then one row `by: size`, where they are numbers of pairs, and one
        `by: explain_ratio`, where they are a ratio. `asked` is None where nothing was.
    """
    rows = candidates(tables, settings)
    chosen = rows.filter("chosen")
    found: list[dict[str, Any]] = []
    for column, named in asked(settings).items():
        there = dict(rows[column].value_counts().iter_rows())
        got = dict(chosen[column].value_counts().iter_rows())
        for name, share in {**named, REST: max(0.0, 1 - sum(named.values()))}.items():
            pairs, available = (_of(counts, name, named) for counts in (got, there))
            found.append(_row(column, name, share, pairs / max(1, chosen.height), pairs, available))
    found.append(_row("size", "pairs", settings.size, chosen.height, chosen.height, rows.height))
    answers = chosen.filter(pl.col("form") != "explanation").height
    explained = chosen.filter((pl.col("form") != "extractive") & pl.col("explained")).height
    ratio = explained / answers if answers else None
    available = int(rows["explained"].sum())
    return [*found, _row("explain_ratio", "explanations", settings.explain_ratio, ratio, explained, available)]


def _of(counts: Mapping[str, int], name: str, named: Mapping[str, float]) -> int:
    """The count of a name; of the rest, all that have none."""
    return counts.get(name, 0) if name != REST else sum(n for one, n in counts.items() if one not in named)


def _row(by: str, name: str, asked: float | None, possible: float | None, pairs: int, available: int) -> dict[str, Any]:
    return {"by": by, "name": name, "asked": asked, "possible": possible, "pairs": pairs, "available": available}
