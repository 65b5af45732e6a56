"""The mix: what is asked of what is kept, the forms, and what was possible."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml
from pydantic import ValidationError

from glossator.records import ImageRecord, Losses, Pair
from glossator.schemas import SCHEMAS, to_arrow
from glossator.stages.mix import MixSettings, MixStage, asked_and_possible

KINDS = {"r": "receipt", "f": "form", "c": "chart"}


def lazy(table: str, records: list[Any]) -> pl.LazyFrame:
    return pl.DataFrame(pl.from_arrow(to_arrow(table, records))).lazy()


def tables(counts: dict[str, int], rejected: int = 0, explained: bool = True) -> dict[str, pl.LazyFrame]:
    """Pairs of images of each kind; pair number i has an FFD of i hundredths, odd ones come from another teacher."""
    pairs, losses, verdicts = [], [], []
    for image, count in counts.items():
        for i in range(count):
            name = f"{image}-{i}"
            kind = "total" if i % 4 == 0 else "field"
            why = "It stands there." if explained else ""
            pairs.append(Pair(name, image, image, "What?", "53.60", kind, explain_question="How so?" if why else "",
                              explain_answer=why, writer="bo" if i % 2 else "ada"))  # fmt: skip
            losses.append(Losses(name, image, "m", "text", nll_r_s=100.0, tokens_r_s=10, nll_r_qas=float(i),
                                 tokens_r_qas=10))  # fmt: skip
            bad = ["not_grounded"] if i >= count - rejected else []
            verdicts.append({"pair_id": name, "image_id": image, "keep": not bad, "reasons": bad, "rules": bad,
                             "decided_by": "rules", "form": "both"})  # fmt: skip
    schema = pl.DataFrame(pl.from_arrow(SCHEMAS["verdicts"].empty_table())).schema
    return {
        "images": lazy("images", [ImageRecord(one, one, f"{one}.png", "", 9, 9, kind=KINDS[one]) for one in counts]),
        "drafts": lazy("drafts", pairs),
        "losses": lazy("losses", losses),
        "verdicts": pl.DataFrame(verdicts, schema=schema).lazy(),
    }


def mixed(given: dict[str, pl.LazyFrame], **settings: Any) -> pl.DataFrame:
    return MixStage(MixSettings.model_validate(settings)).run(given).collect()


def report(given: dict[str, pl.LazyFrame], **settings: Any) -> dict[tuple[str, str], dict[str, Any]]:
    wanted = MixSettings.model_validate(settings)
    after = given | {"verdicts": MixStage(wanted).run(given).collect().lazy()}
    return {(row["by"], row["name"]): row for row in asked_and_possible(after, wanted)}


def test_what_is_left_out_says_so_and_nothing_else_changes() -> None:
    given = tables({"r": 40, "f": 10}, rejected=2)
    before, after = given["verdicts"].collect(), mixed(given, image_kinds={"receipt": 0.5, "form": 0.5})
    assert after["pair_id"].to_list() == before["pair_id"].to_list()
    assert after.schema == before.schema
    assert after.filter(~before["keep"]).equals(before.filter(~pl.col("keep")))
    out = after.filter(before["keep"] & ~after["keep"])
    assert out["reasons"].to_list() == [["not_in_mix"]] * out.height
    assert out["rules"].to_list() == [[]] * out.height
    kept = after.filter("keep")["image_id"].to_list()
    assert (kept.count("r"), kept.count("f")) == (8, 8)


def test_without_shares_all_is_kept_as_it_was() -> None:
    given = tables({"r": 8}, rejected=1)
    assert mixed(given).equals(given["verdicts"].collect())


@pytest.mark.parametrize(
    ("settings", "column", "shares"),
    [
        ({"image_kinds": {"receipt": 0.25, "chart": 0.5}}, "image_id", {"r": 0.25, "c": 0.5, "f": 0.25}),
        ({"question_kinds": {"total": 0.5, "field": 0.5}}, "kind", {"total": 0.5, "field": 0.5}),
        ({"writers": {"ada": 0.8, "bo": 0.2}}, "writer", {"ada": 0.8, "bo": 0.2}),
        ({"bands": [{"score": "ffd", "by": "value", "edges": [0.2], "shares": [0.9, 0.1]}]}, "easy",
         {True: 0.9, False: 0.1}),
        ({"bands": [{"score": "ffd", "edges": [0.5], "shares": [0.1, 0.9]}]}, "low", {True: 0.1, False: 0.9}),
    ],
)  # fmt: skip
def test_each_kind_of_share(settings: dict[str, Any], column: str, shares: dict[Any, float]) -> None:
    given = tables({"r": 100, "f": 60, "c": 80})
    kept = mixed(given, **settings, size=40).filter("keep").join(given["drafts"].collect(), on="pair_id")
    number = pl.col("pair_id").str.extract(r"-(\d+)").cast(pl.Int64)
    kept = kept.with_columns((number <= 20).alias("easy"), (number <= 39).alias("low"))
    assert kept.height == 40
    found = dict(kept[column].value_counts().iter_rows())
    assert {name: found[name] / 40 for name in shares} == pytest.approx(shares, abs=0.03)


def test_several_at_once() -> None:
    given = tables({"r": 200, "f": 200})
    found = report(given, image_kinds={"receipt": 0.7, "form": 0.3}, question_kinds={"total": 0.5},
                   writers={"ada": 0.7}, size=100)  # fmt: skip
    got = {key: row["possible"] for key, row in found.items()}
    assert got["size", "pairs"] == 100
    wanted = {("image_kind", "receipt"): 0.7, ("question_kind", "total"): 0.5, ("writer", "ada"): 0.7}
    assert {key: got[key] for key in wanted} == pytest.approx(wanted, abs=0.02)


def test_the_impossible_gives_the_nearest_and_is_told() -> None:
    found = report(tables({"r": 100, "f": 10}), image_kinds={"receipt": 0.2, "form": 0.3, "comic": 0.5}, size=60)
    comic = found["image_kind", "comic"]
    assert (comic["asked"], comic["possible"], comic["available"]) == (0.5, 0.0, 0)
    assert found["image_kind", "form"]["possible"] == pytest.approx(0.6, abs=0.05)
    size = found["size", "pairs"]
    assert (size["asked"], size["possible"], size["available"]) == (60, 17, 110)


def test_a_set_of_nothing_that_is_asked_is_empty() -> None:
    found = report(tables({"r": 10}), image_kinds={"comic": 1.0})
    assert found["size", "pairs"]["possible"] == 0
    assert found["explain_ratio", "explanations"]["possible"] is None


def test_pairs_without_the_score_come_with_the_rest() -> None:
    given = tables({"r": 20})
    given["losses"] = given["losses"].head(10)
    found = report(given, bands=[{"score": "ffd", "by": "value", "edges": [0.045], "shares": [0.5, 0.25]}], size=8)
    assert found["band 1 (ffd)", "(rest)"] == {"by": "band 1 (ffd)", "name": "(rest)", "asked": 0.25, "possible": 0.25,
                                               "pairs": 2, "available": 10}  # fmt: skip
    del given["losses"]
    bands = [{"score": "ffd", "edges": [0.5], "shares": [0.5, 0.5]}]
    assert not mixed(given, bands=bands)["keep"].any()


def test_the_same_seed_draws_the_same_and_another_draws_others() -> None:
    given = tables({"r": 200})
    one, again, other = (mixed(given, size=50, seed=seed) for seed in (0, 0, 1))
    assert one.equals(again)
    assert one.filter("keep")["pair_id"].to_list() != other.filter("keep")["pair_id"].to_list()


def test_a_larger_set_holds_the_smaller_one() -> None:
    given = tables({"r": 200, "f": 100})
    small, large = (set(mixed(given, size=size).filter("keep")["pair_id"]) for size in (60, 150))
    assert small < large


@pytest.mark.parametrize(
    ("settings", "forms"),
    [
        ({"explain_ratio": 0}, {"extractive": 40}),
        ({"explain_ratio": 0.5}, {"both": 20, "extractive": 20}),
        ({"explain_ratio": 1}, {"both": 40}),
        ({"explain_ratio": 2}, {"both": 20, "explanation": 20}),
        ({"explanations": "separate"}, {"separate": 40}),
        ({"explain_ratio": 0.25, "explanations": "separate"}, {"separate": 10, "extractive": 30}),
    ],
)
def test_explanations_stand_in_the_ratio_that_is_asked(settings: dict[str, Any], forms: dict[str, int]) -> None:
    given = tables({"r": 40})
    assert dict(mixed(given, **settings)["form"].value_counts().iter_rows()) == forms
    wanted = settings.get("explain_ratio", 1)
    assert report(given, **settings)["explain_ratio", "explanations"]["possible"] == wanted


def test_a_pair_without_an_explanation_is_extractive() -> None:
    given = tables({"r": 4}, explained=False)
    assert set(mixed(given, explain_ratio=1)["form"]) == {"extractive"}
    assert report(given, explain_ratio=1)["explain_ratio", "explanations"]["possible"] == 0


def test_the_example_of_the_docs_is_one() -> None:
    text = (Path(__file__).resolve().parents[3] / "docs" / "mixing.md").read_text(encoding="utf-8")
    example = yaml.safe_load(text.split("```yaml")[1].split("```")[0])
    assert MixSettings.model_validate(example["stages"][-1]["settings"]).size == 40_000


@pytest.mark.parametrize(
    "settings",
    [
        {"image_kinds": {"receipt": 0.7, "form": 0.7}},
        {"writers": {"ada": -0.1}},
        {"bands": [{"score": "ffd", "edges": [0.5, 0.2], "shares": [0.1, 0.1, 0.1]}]},
        {"bands": [{"score": "ffd", "edges": [0.5], "shares": [1.0]}]},
        {"bands": [{"score": "ffd", "edges": [1.5], "shares": [0.5, 0.5]}]},
        {"bands": [{"score": "taste", "edges": [0.5], "shares": [0.5, 0.5]}]},
        {"size": 0},
        {"explain_ratio": -1},
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        MixSettings.model_validate(settings)
