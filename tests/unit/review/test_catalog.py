"""The pairs in memory: filters, orders, steps from pair to pair, and what other thresholds would keep."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError
from tests.review_kit import judge_twice, make_source, make_workspace

import glossator
from glossator.errors import RecipeError
from glossator.jobs.tasks import at_random
from glossator.recipe import Recipe
from glossator.review.catalog import Catalog
from glossator.review.query import Query, parse_ranges
from glossator.review.rows import read_images, read_rows
from glossator.schemas import SCHEMAS
from glossator.workspace import Workspace


@pytest.fixture(scope="module")
def ws(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return make_workspace(tmp_path_factory.mktemp("catalog"))


@pytest.fixture(scope="module")
def catalog(ws: Workspace) -> Catalog:
    return Catalog(ws)


@pytest.fixture(scope="module")
def truth(ws: Workspace) -> pl.DataFrame:
    """Pairs, scores and verdicts, joined plainly."""
    found = ws.scan("pairs")
    for table in (ws.scan("scores").drop("image_id", strict=False), ws.scan("verdicts").drop("image_id")):
        found = found.join(table, on="pair_id", how="left", maintain_order="left")
    return found.collect()


def ids(catalog: Catalog, **query: Any) -> list[str]:
    return catalog.find(Query(**query), 0, 1000).pair_ids


def test_all_pairs_in_their_order(catalog: Catalog, truth: pl.DataFrame) -> None:
    assert ids(catalog) == truth["pair_id"].to_list()
    page = catalog.find(Query(), 7, 5)
    assert (page.total, page.pair_ids) == (truth.height, truth["pair_id"].to_list()[7:12])


def test_filters_find_what_a_plain_look_finds(catalog: Catalog, truth: pl.DataFrame) -> None:
    kept = truth.filter(pl.col("keep"))["pair_id"]
    assert set(ids(catalog, keep="kept")) == set(kept)
    assert 0 < len(kept) < truth.height
    reason = truth["reasons"].explode(empty_as_null=False).drop_nulls()[0]
    assert set(ids(catalog, reason=reason)) == set(truth.filter(pl.col("reasons").list.contains(reason))["pair_id"])
    assert set(ids(catalog, ranges="mifd:0.3:0.5")) == set(truth.filter(pl.col("mifd").is_between(0.3, 0.5))["pair_id"])
    kind = truth["kind"][0]
    assert set(ids(catalog, kind=kind)) == set(truth.filter(kind=kind)["pair_id"])
    assert ids(catalog, image_kind="receipt") == ids(catalog)
    assert ids(catalog, image_kind="chart") == ids(catalog, writer="nobody") == []


def test_words_are_found_whatever_their_case_and_place(catalog: Catalog, truth: pl.DataFrame) -> None:
    word, other = truth["question"][0].split()[-1].strip("?"), truth["explain_answer"][0].split()[-1]
    found = ids(catalog, text=f"  {word.upper()} {other.lower()} ")
    assert truth["pair_id"][0] in found
    assert ids(catalog, text=".*") == []
    both = set(ids(catalog, text=word)) & set(ids(catalog, text=other))
    assert set(found) == both


def test_orders(catalog: Catalog, truth: pl.DataFrame) -> None:
    by_score = ids(catalog, order="mifd", descending=True)
    values = [truth.filter(pair_id=one)["mifd"][0] for one in by_score]
    known = [value for value in values if value is not None]
    assert known == sorted(known, reverse=True)
    assert values[: len(known)] == known, "pairs without the value come last"
    drawn = ids(catalog, order="random")
    assert drawn != ids(catalog)
    assert drawn == ids(catalog, order="random")
    assert sorted(drawn) == sorted(ids(catalog))
    # The sample that `glossator verdicts export --sample` gives out.
    assert ids(catalog, order="random", sample=5) == drawn[:5] == at_random(truth.lazy(), 5, seed=0)
    for column in catalog.measured:
        assert sorted(ids(catalog, order=column)) == sorted(drawn)
    assert {"mifd", "ffd_image", "explain_grounding"} <= set(catalog.measured)
    assert "judged" not in catalog.measured
    with pytest.raises(ValidationError, match="no order"):
        Query(order="nonsense")


def test_the_border_is_what_is_near_a_bound(catalog: Catalog, truth: pl.DataFrame) -> None:
    order = ids(catalog, order="border")
    first, last = (truth.filter(pl.col("pair_id").is_in(some)) for some in (order[:6], order[-6:]))
    bound = catalog.bound("mifd_max")
    assert bound == 0.4
    bounds = {name: catalog.bound(f"{name}_max") for name in ("vfd", "mifd", "ffd")}

    def distance(rows: pl.DataFrame) -> float:
        near = [(pl.col(name) - value).abs() for name, value in bounds.items() if value is not None]
        return float(rows.select(pl.min_horizontal(near).mean()).item() or 9.0)

    assert distance(first) < distance(last)


def test_steps_lead_through_all_and_back(catalog: Catalog) -> None:
    query = Query(order="ffd")
    order = catalog.find(query, 0, 1000).pair_ids
    walked = [order[0]]
    while (beside := catalog.beside(query, walked[-1])).after:
        assert beside.place == len(walked) - 1
        walked.append(beside.after)
    assert walked == order
    assert catalog.beside(query, order[3]).before == order[2]
    outside = catalog.beside(Query(keep="kept"), catalog.find(Query(keep="rejected"), 0, 1).pair_ids[0])
    assert (outside.place, outside.before) == (-1, None)
    assert outside.after == catalog.find(Query(keep="kept"), 0, 1).pair_ids[0]


def test_the_next_of_the_same_reason(catalog: Catalog, truth: pl.DataFrame) -> None:
    reason = "mifd_above_max"
    same = ids(catalog, reason=reason)
    assert len(same) > 1
    assert catalog.next_with(Query(), same[0], reason) == same[1]
    assert catalog.next_with(Query(), same[-1], reason) is None


def test_what_was_judged_is_asked_anew_with_each_first_page(ws: Workspace) -> None:
    judged: set[str] = set()
    catalog = Catalog(ws, lambda: judged)
    query = Query(judged="no")
    everything = catalog.find(query, 0, 1000).pair_ids
    judged.add(everything[0])
    assert catalog.beside(query, everything[0]).after == everything[1], "the row does not change under one's feet"
    assert catalog.find(query, 0, 1000).pair_ids == everything[1:]
    assert catalog.find(Query(judged="yes"), 0, 9).pair_ids == everything[:1]


@pytest.mark.parametrize("changed", [{"mifd_max": 0.6}, {"mifd_max": None}, {"grounding_min": 0.99}, {"ffd_max": 0.5}])
def test_a_preview_tells_what_the_filter_would_do(ws: Workspace, catalog: Catalog, changed: dict[str, Any]) -> None:
    found = catalog.preview(changed)
    (row,) = ws.what_if(**{name: [value] for name, value in changed.items()})
    assert (found["kept"], found["pairs"]) == (row["kept"], row["pairs"])
    assert found["before"] == ws.verdict_counts()["kept"]
    assert found["kept"] == found["before"] + found["gained"] - found["lost"]
    for one in found["border"]:
        assert catalog.row(one["pair_id"])["keep"] is not one["keep"]
    values = [catalog.row(one["pair_id"])["mifd"] for one in found["border"]]
    if changed.get("mifd_max"):
        assert values == sorted(values, key=lambda value: abs(value - changed["mifd_max"]))


def test_a_wrong_setting_is_told(catalog: Catalog) -> None:
    with pytest.raises(RecipeError, match="mifd_max"):
        catalog.preview({"mifd_max": "much"})


def test_charts_count_every_scored_pair_once(catalog: Catalog, truth: pl.DataFrame) -> None:
    found = catalog.overview(Query())
    for name, histogram in found["histograms"].items():
        assert sum(histogram["kept"]) + sum(histogram["rejected"]) == truth[name].drop_nulls().len()
    both = truth.filter(pl.col("mifd").is_not_null() & pl.col("ffd").is_not_null())
    assert sum(kept + out for _, _, kept, out in found["scatter"]["cells"]) == both.height
    part = catalog.overview(Query(ranges="mifd::0.4"))
    assert part["total"] == truth.filter(pl.col("mifd") <= 0.4).height
    assert part["shapes"] == found["shapes"]


def test_a_blind_query_has_no_filter_that_could_tell() -> None:
    query = Query(blind=True, sample=20, keep="rejected", reason="not_grounded", order="mifd", ranges="mifd:0.8:")
    assert query == Query(blind=True, sample=20, order="random")
    assert Query(blind="true", keep="kept").keep == ""  # type: ignore[arg-type]


def test_an_address_gives_the_same_query() -> None:
    from urllib.parse import parse_qsl

    query = Query(text="a & b=ü", keep="kept", descending=True, ranges="mifd:0.1:", order="ffd")
    assert Query(**dict(parse_qsl(query.address()))) == query  # type: ignore[arg-type]
    assert Query().address() == ""


@pytest.mark.parametrize("text", ["mifd", "mifd:a:b", "keep:0:1", "mifd:0:1:2", "x"])
def test_ranges_that_can_not_be_read(text: str) -> None:
    with pytest.raises(ValidationError):
        Query(ranges=text)
    with pytest.raises(ValueError):
        parse_ranges(text)


def test_only_an_unfiltered_random_order_is_a_random_sample() -> None:
    assert Query(order="random").sampling == Query(blind=True).sampling == Query(order="random", sample=9).sampling
    assert Query(order="random").sampling == "random"
    assert Query(order="random", keep="kept").sampling != "random"
    assert Query(order="border").sampling != "random"


@pytest.mark.parametrize("order", ["random", "border", "mifd", "set"])
def test_a_filter_leaves_the_order_as_it_is(catalog: Catalog, truth: pl.DataFrame, order: str) -> None:
    kept = set(truth.filter(pl.col("keep"))["pair_id"])
    every = ids(catalog, order=order)
    assert sorted(every) == sorted(truth["pair_id"])
    assert ids(catalog, order=order, keep="kept") == [pair_id for pair_id in every if pair_id in kept]
    assert ids(catalog, order=order, text="nowhere at all", keep="kept") == []


def test_an_unknown_pair(catalog: Catalog) -> None:
    assert "nope" not in catalog
    with pytest.raises(KeyError):
        catalog.row("nope")
    assert catalog.image("../../etc/passwd") is None


def test_the_rules_over_rows_that_were_read_in_portions(tmp_path: Path) -> None:
    """Repairs, copies, languages and people's words, in several shards: as the filter itself decides."""
    kinds = ("ocr", "enrich", "extract", "explain", "score")
    stages: list[dict[str, Any]] = [{"use": kind, "engine": {"kind": "fake"}} for kind in kinds]
    stages += [{"use": kind} for kind in ("hash", "dedup", "inspect", "filter")]
    recipe = Recipe.model_validate(
        {"data": {"shard_size": 2}, "stages": stages, "run": {"workers": dict.fromkeys(kinds, 0)}}
    )
    built = glossator.build(make_source(tmp_path, 5), tmp_path / "ws", recipe)
    judge_twice(built)
    folder = built.path / built.tables["pairs"]
    for path in sorted(folder.glob("part-0000[02].parquet")):  # not the one between: it lacks the column of chains
        rows = pq.read_table(path).to_pylist()
        for first, second in zip(rows[::3], rows[1::3], strict=False):
            second["repaired_from"] = first["pair_id"] if first["image_id"] == second["image_id"] else None
        pq.write_table(pa.Table.from_pylist(rows, SCHEMAS["pairs"]), path)
    built.filter(repair_accept="reflection")
    assert len(built.store.shards()) == 3
    images = read_images(built)
    whole, portions = (read_rows(built, images, [0, 1, 2], at_once) for at_once in (10**6, 1))
    assert whole.equals(portions)
    assert {"chain", "image"} <= set(whole.columns)
    catalog = Catalog(built)
    changes: list[dict[str, Any]] = [
        {}, {"mifd_max": 0.3}, {"top_k": 2}, {"budget": 7}, {"languages": ["de"]}, {"repair_accept": "all"},
        {"question_copies": False}, {"personal_data": ["all"]}, {"template_max": 1},
        {"percentiles": {"mifd": [10, 60]}},
    ]  # fmt: skip
    seen = set()
    for changed in changes:
        (row,) = built.what_if(**({name: [value] for name, value in changed.items()} or {"mifd_max": [None]}))
        found = catalog.preview(changed or {"mifd_max": None})
        assert (found["kept"], found["pairs"]) == (row["kept"], row["pairs"]), changed
        seen.add(found["kept"])
    assert len(seen) > 3
    counts = built.verdict_counts()
    assert catalog.overview(Query())["kept"] == counts["kept"]
    reasons = Counter(reason for row in built.table("verdicts").to_pylist() for reason in row["reasons"])
    assert dict(catalog.choices["reason"]) == reasons
    for row in built.table("verdicts").to_pylist():
        assert catalog.row(row["pair_id"])["reasons"] == row["reasons"]
