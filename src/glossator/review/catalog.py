"""The set in memory: what is filtered, sorted and counted, a row a pair. All else is read when a pair is looked at.

400,000 pairs take some 150 MiB, and every question here is answered by one pass over columns.
"""

from __future__ import annotations

import threading
from array import array
from collections import Counter, OrderedDict
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import polars as pl
from pydantic import ValidationError

from glossator.difficulty import SCORES
from glossator.errors import RecipeError, WorkspaceError
from glossator.jobs.tasks import drawn
from glossator.pieces import counts
from glossator.pieces.counts import counted, top
from glossator.recipe import explain
from glossator.review.query import BORDER, RANDOM, RANGED, Query
from glossator.review.rows import for_rules, read_images, read_rows, reasons_of, rule_types, search, with_verdicts
from glossator.stages.filter import ALL_SCORES, BOUNDS, FilterSettings, kept
from glossator.workspace import Workspace

_ORDERS = 12  # kept in memory, four bytes a pair
THRESHOLDS = (
    *BOUNDS, "grounding_min", "question_fit_min", "explain_grounding_min", "explain_places_min", "agreement_min",
    "judge_min", "question_similarity_max",
)  # fmt: skip
_RANGES = {"judged": (1.0, 5.0)}  # of what is no share


@dataclass(frozen=True, slots=True)
class Beside:
    """The pair before and the one after; the pair's own place, from 0 (-1: it is not among them), and how many."""

    before: str | None
    after: str | None
    place: int
    total: int


@dataclass(frozen=True, slots=True)
class Page:
    """Some of the pairs that a query finds, and how many it finds in all."""

    total: int
    pair_ids: list[str]


class Catalog:
    """All pairs of a workspace, as they were when it was loaded.

    Args:
        workspace: a workspace with pairs.
        judged: gives the ids of the pairs that people have judged by now.
    """

    def __init__(self, workspace: Workspace, judged: Callable[[], Collection[str]] = tuple) -> None:
        self._workspace = workspace
        self._judged = judged
        self._lock = threading.Lock()
        self.load()

    def load(self) -> None:
        """Take all tables in as they are now, and hold the workspace to them. Nobody may ask anything meanwhile.

        Raises:
            WorkspaceError: if they can't be read.
        """
        # What was there before goes first: both at once would be twice the memory.
        self.rows = self._images = self._hashed = pl.DataFrame()
        self._searched: OrderedDict[str, pl.Series] = OrderedDict()
        self._drawn: pl.Series | None = None  # takes a second for a large set
        self._workspace.hold()
        # Listed once, and first: a run may add shards at any time, and images are there before their pairs.
        shards = self._workspace.shards("pairs")
        self._pairs = self._workspace.scan_shards("pairs", shards)
        with _readable(self._workspace):
            self._types = rule_types(self._workspace)
            self._images = read_images(self._workspace)
            self.rows = read_rows(self._workspace, self._images, shards)
        self._hashed = self.rows.select(pl.col("pair_id").hash(seed=1)).with_row_index("row").sort("pair_id")
        self.load_verdicts()

    def load_verdicts(self) -> None:
        """Take the verdicts in anew, as after another filter. As `load`."""
        self._workspace.hold()
        self._orders: OrderedDict[Query, pl.Series] = OrderedDict()
        with _readable(self._workspace):
            self.settings = self._workspace.filter_settings()
            self.rows = with_verdicts(self.rows, self._workspace)
        self.rows = self.rows.with_columns(self._kept().alias("by_settings"))
        self._verdicts = self.rows["reasons"].cast(pl.String).value_counts(name="n")
        self.shapes = {name: counts.shape(self.rows, name) for name in SCORES}
        self.choices = self._choices()
        self.sliders = self._sliders()
        self.measured = [name for name in RANGED if self.rows[name].null_count() < max(1, self.rows.height)]

    def _all(self) -> pl.LazyFrame:
        return for_rules(self.rows, self._types)

    def _kept(self) -> pl.Series:
        """For each pair whether the settings of the filter keep it."""
        rows = self._all()
        keep = kept(_varied(self.settings, {}), rows.collect_schema().names())
        return rows.select(keep.alias("keep")).collect()["keep"]

    def bound(self, name: str) -> float | None:
        """The value of one of the filter's bounds, `auto` resolved."""
        return _number(self.settings, name)

    def _sliders(self) -> list[dict[str, Any]]:
        """The bounds of the filter that the set's columns can be held against: `name`, `column`, `side` (`max` or
        `min`), `value` (None: not applied), the range `low..high` of useful values, and `step`; and
        what it is (`description`)."""
        found = []
        for name in THRESHOLDS:
            column, value = _column_of(name), self.bound(name)
            values = self.rows[column]
            if values.dtype == pl.Null or values.null_count() == values.len():
                continue
            low, high = _RANGES.get(column, (0.0, round(1.1 * top(values), 2) if column in ALL_SCORES else 1.0))
            about = FilterSettings.model_fields[name].description
            found.append(
                {"name": name, "column": column, "side": name.rpartition("_")[2], "value": value, "description": about,
                 "low": low, "high": max(high, value or 0.0), "step": 0.1 if column in _RANGES else 0.01}
            )  # fmt: skip
        return found

    def __contains__(self, pair_id: str) -> bool:
        return self._find(pair_id) is not None

    def _find(self, pair_id: str) -> int | None:
        """The row of a pair. By hash: a dictionary of ids would take more memory than all scores."""
        wanted = pl.select(pl.lit(pair_id).hash(seed=1)).item()
        at = int(self._hashed["pair_id"].search_sorted(wanted))
        while at < self._hashed.height and self._hashed["pair_id"][at] == wanted:
            row = int(self._hashed["row"][at])
            if self.rows["pair_id"][row] == pair_id:
                return row
            at += 1
        return None

    def _row(self, pair_id: str) -> int:
        row = self._find(pair_id)
        if row is None:
            raise KeyError(pair_id)
        return row

    def row(self, pair_id: str) -> dict[str, Any]:
        """What is in memory of one pair. Raises `KeyError` for an unknown one."""
        row = self.rows.row(self._row(pair_id), named=True)
        image = self._images.row(row["image"], named=True)
        return row | image | {"reasons": reasons_of(row["reasons"])}

    def image(self, image_id: str) -> str | None:
        """Where an image's picture lies in the source; None for an unknown one or one without a picture."""
        at = int(self._images["image_id"].search_sorted(image_id))
        known = at < self._images.height and self._images["image_id"][at] == image_id
        return self._images["path"][at] or None if known else None

    def find(self, query: Query, offset: int, limit: int) -> Page:
        """One page of what a query finds now."""
        places = self._order(query, anew=offset == 0)
        ids = self.rows["pair_id"].gather(places.slice(offset, limit))
        return Page(places.len(), ids.to_list())

    def _order(self, query: Query, *, anew: bool = False) -> pl.Series:
        """The places of all pairs that a query finds, in its order.

        It is kept, so that a step from pair to pair costs nothing, and so that the row of pairs that a person goes
        through does not change under their feet when what they say would change it.
        """
        with self._lock:
            if query in self._orders and not (anew and query.judged):
                self._orders.move_to_end(query)
                return self._orders[query]
        found = self._all().with_row_index("row")
        if query.order == "set":
            found = found.filter(self._mask(query))
        else:
            found = found.with_columns(by=self._sorted_by(query.order)).filter(self._mask(query))
            found = found.sort("by", descending=query.descending, nulls_last=True, maintain_order=True)
        places = found.select("row").collect()["row"]
        places = places.head(query.sample) if query.sample else places
        with self._lock:
            self._orders[query] = places
            if len(self._orders) > _ORDERS:
                self._orders.popitem(last=False)
        return places

    def _sorted_by(self, order: str) -> pl.Expr:
        if order == RANDOM:
            if self._drawn is None:
                self._drawn = pl.Series(array("Q", map(drawn, self.rows["pair_id"])))
            return pl.lit(self._drawn)
        return _distance(self.rows, self.settings) if order == BORDER else pl.col(order)

    def _with_reason(self, reason: str) -> pl.Expr:
        """Whether a verdict has a reason."""
        having = [joined for joined in self._verdicts["reasons"] if reason in reasons_of(joined)]
        return pl.col("reasons").cast(pl.String).is_in(having)

    def _mask(self, query: Query) -> pl.Expr:
        ids = list(self._judged()) if query.judged else []
        mask = query.mask(pl.col("pair_id").is_in(ids), self._with_reason(query.reason))
        return mask & pl.lit(self._search(query.text)) if query.text.strip() else mask

    def _search(self, text: str) -> pl.Series:
        with self._lock:
            known = self._searched.get(text)
        if known is not None:
            return known
        found = search(self._pairs, text)
        with self._lock:
            self._searched[text] = found
            if len(self._searched) > _ORDERS:
                self._searched.popitem(last=False)
        return found

    def beside(self, query: Query, pair_id: str) -> Beside:
        """Where a pair stands in a query's order; for a pair that is not in it, the first one comes after."""
        places = self._order(query)
        at = places.index_of(self._row(pair_id))
        place = -1 if at is None else at

        def id_at(index: int) -> str | None:
            return self.rows["pair_id"][int(places[index])] if 0 <= index < places.len() else None

        return Beside(id_at(place - 1) if place > 0 else None, id_at(place + 1), place, places.len())

    def next_with(self, query: Query, pair_id: str, reason: str) -> str | None:
        """The next pair of a query, behind this one, that has the same reason; None if there is none."""
        places = self._order(query)
        at = places.index_of(self._row(pair_id))
        rest = places.slice(0 if at is None else at + 1)
        has = self.rows.select("reasons")[rest].select(self._with_reason(reason))
        first = has.to_series().index_of(True)
        return None if first is None else str(self.rows["pair_id"][int(rest[first])])

    def overview(self, query: Query) -> dict[str, Any]:
        """Counts, histograms and the scatter of what a query finds (see `pieces.counts`), on the axes of the whole
        set, whose histograms are the `shapes`."""
        found = self._all().filter(self._mask(query)).select("keep", *SCORES).collect()
        ends = {name: self.shapes[name]["edges"][-1] for name in SCORES}
        return {
            "total": found.height,
            "kept": int(found["keep"].sum()),
            "histograms": {name: counts.histogram(found, name, ends[name]) for name in SCORES},
            "shapes": self.shapes,
            "scatter": counts.scatter(found, ends["mifd"], ends["ffd"]),
        }

    def _choices(self) -> dict[str, list[tuple[str, int]]]:
        """The values that filters can take, with how many pairs have each."""
        columns = {name: counted(self.rows[name].drop_nulls()) for name in ("image_kind", "kind", "writer")}
        reasons: Counter[str] = Counter()
        for joined, count in self._verdicts.iter_rows():
            reasons.update(dict.fromkeys(reasons_of(joined), count))
        return columns | {"reason": sorted(reasons.items(), key=lambda one: (-one[1], one[0]))}

    def preview(self, changed: Mapping[str, Any], count: int = 8) -> dict[str, Any]:
        """What other filter settings would keep: `kept`, `before`, how many are `gained` and `lost`, and the `border`:
        some of the pairs that change sides, the nearest to the changed bound first.

        Raises:
            RecipeError: if a setting is unknown or a value does not fit.
        """
        settings = _varied(self.settings, changed)
        rows = self._all()
        names = rows.collect_schema().names()
        bounds = {name: value for name, value in changed.items() if name in THRESHOLDS and value is not None}
        keep = kept(settings, names).alias("new")
        old = pl.col("by_settings").alias("old")
        found = rows.select("pair_id", old, keep, *dict.fromkeys(map(_column_of, bounds))).collect()
        turned = found.filter(pl.col("old") != pl.col("new"))
        gained = int(turned["new"].sum())
        for name in bounds:
            if (bound := _number(settings.model_dump(), name)) is not None:
                turned = turned.sort((pl.col(_column_of(name)) - bound).abs(), nulls_last=True)
        border = turned.head(count).select("pair_id", "new")
        return {
            "pairs": found.height,
            "kept": int(found["new"].sum()),
            "before": int(found["old"].sum()),
            "gained": gained,
            "lost": turned.height - gained,
            "border": [{"pair_id": pair_id, "keep": new} for pair_id, new in border.iter_rows()],
        }

    def place_of(self, pair_id: str) -> dict[str, float | None]:
        """For each score the share (0..1) of the set's scored pairs that lie below this one's; None without a score."""
        row = self.row(pair_id)
        found: dict[str, float | None] = {}
        for name in SCORES:
            column = self.rows[name]
            scored = column.len() - column.null_count()
            found[name] = int((column < row[name]).sum()) / scored if row[name] is not None else None
        return found


@contextmanager
def _readable(workspace: Workspace) -> Iterator[None]:
    try:
        yield
    except (OSError, pl.exceptions.ComputeError) as error:
        raise WorkspaceError(f"the tables of {workspace.path} can't be read: {error}") from error


def _number(settings: Mapping[str, Any], name: str) -> float | None:
    value = settings.get(name)
    return float(value) if isinstance(value, int | float) else None


def _varied(settings: Mapping[str, Any], changed: Mapping[str, Any]) -> FilterSettings:
    try:
        return FilterSettings.model_validate({**settings, **changed})
    except ValidationError as error:
        raise RecipeError(f"filter: {explain(error)}") from error


def _distance(rows: pl.DataFrame, settings: Mapping[str, Any]) -> pl.Expr:
    """How near a pair is to a threshold, in standard deviations of the score; what one rule alone rejects comes before
    that on which rules agree. Worked out when it is asked for: nobody looks at the column itself."""
    near = []
    single = [joined for joined in rows["reasons"].unique().cast(pl.String) if len(reasons_of(joined)) == 1]
    for name in BOUNDS:
        bound, column = _number(settings, name), _column_of(name)
        spread = rows[column].std() if bound is not None and rows.schema[column] != pl.Null else None
        if bound is not None and isinstance(spread, float) and spread > 0:
            near.append((pl.col(column) - bound).abs() / spread)
    alone = pl.when(pl.col("reasons").cast(pl.String).is_in(single)).then(0.5).otherwise(1.0)
    nearest = pl.min_horizontal(near) if near else pl.lit(None, pl.Float64)
    return nearest.fill_nan(None) * alone


def _column_of(setting: str) -> str:
    """The column that a bound of the filter is about."""
    name = setting.rpartition("_")[0]
    return "judged" if name == "judge" else name
