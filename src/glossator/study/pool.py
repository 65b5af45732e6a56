"""The data that arms choose from: all pairs of the study's sources, built, scored, and partly spoilt."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glossator import runner
from glossator.errors import RecipeError
from glossator.fingerprint import digest
from glossator.jobs import defects
from glossator.jobs.sources import Source
from glossator.measure import pages_as_records, planted_recipe
from glossator.recipe import Recipe, load
from glossator.stages.filter import FilterSettings, judged_columns, verdicts
from glossator.study.settings import Arm, StudyData
from glossator.training.samples import Page, pages_of, share_of
from glossator.workspace import Workspace, build

if TYPE_CHECKING:
    import polars as pl

MOST_NOISE = 0.5


@dataclass(slots=True)
class Pool:
    """One data set of a study.

    Attributes:
        rows: one a pair, with `image_kind`, for spoilt copies `defect` and `of` (the pair that they replace), and for
            repaired ones `repaired_from`.
        judged: what a verdict rests on, for the same pairs.
        pages: what is known of each image, by image id.
        kinds: the kind of each image.
        filter_settings: the recipe's.
    """

    rows: pl.DataFrame
    judged: pl.DataFrame
    pages: dict[str, Page]
    kinds: dict[str, str]
    filter_settings: dict[str, Any] = field(default_factory=dict)


def make(
    data: StudyData, sources: Sequence[Path], folder: Path, *, noise: bool, events: runner.Events | None = None
) -> Pool:
    """Build a data set of a study, or take it as it was built. Raises the errors of `build`."""
    recipe = load(data.recipe, data.overrides)
    sorts = digest("|".join(data.noise_of).encode())[:6]
    found = []
    for number, source in enumerate(sources):
        records = source if data.human_captions else _without_captions(source, folder / f"source-{number}.jsonl")
        root = Source.open(source).root
        clean = build(records, folder / f"source-{number}", recipe, images=root, events=events)
        spoilt = folder / f"planted-{number}-{sorts}"
        found.append((clean, _spoilt(clean, source, spoilt, recipe, data.noise_of, events) if noise else None))
    return _joined(recipe, found)


def _without_captions(source: Path, path: Path) -> Path:
    """The source's records in a file, without what people wrote about the images."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as file:
        for raw in Source.open(source).records():
            record = {key: value for key, value in raw.fields.items() if key not in ("caption", "captions")}
            file.write(json.dumps(record, default=str) + "\n")
    return path


def _spoilt(
    clean: Workspace, source: Path, folder: Path, recipe: Recipe, sorts: Sequence[str], events: runner.Events | None
) -> Workspace | None:
    """A workspace of spoilt copies, one for each of half of the pairs, scored as the others are."""
    pairs = [pair for pair in clean.table("pairs").to_pylist() if pair["explain_answer"]]
    records = []
    for record in defects.planted(pairs, pages_as_records(clean), seed=0):
        given = [pair for pair in record["given_pairs"] if _chosen(json.loads(pair["meta"]), sorts)]
        if given:
            records.append({**record, "given_pairs": given})
    if not records:
        return None
    path = folder.parent / f"{folder.name}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return build(path, folder, planted_recipe(recipe), images=Source.open(source).root, events=events)


def _chosen(meta: dict[str, str], sorts: Sequence[str]) -> bool:
    """Whether this spoilt copy is the one that stands for its pair: half of the pairs have one, of a drawn sort."""
    if share_of(meta["of"], seed=3) >= MOST_NOISE:
        return False
    return meta["defect"] == sorts[int(share_of(meta["of"], seed=6) * len(sorts))]


def _joined(recipe: Recipe, found: Sequence[tuple[Workspace, Workspace | None]]) -> Pool:
    import polars as pl

    rows, judged = [], []
    pages: dict[str, Page] = {}
    kinds: dict[str, str] = {}
    for clean, spoilt in found:
        for workspace in (clean, spoilt):
            if workspace is None:
                continue
            tables = {name: workspace.scan(name) for name in ("pairs", "losses", "agreement", "judgements")}
            tables["drafts"] = tables["pairs"]
            rows.append(_rows(workspace))
            judged.append(judged_columns(tables).collect())
            pages |= pages_of(workspace) if workspace is clean else {}
            of_kind = workspace.table("images").select(["image_id", "kind"]).to_pylist()
            kinds |= {row["image_id"]: row["kind"] for row in of_kind}
    stage = recipe.stage("filter")
    settings = dict(stage.settings) if stage is not None else {}
    return Pool(pl.concat(rows, how="vertical_relaxed"), pl.concat(judged, how="diagonal"), pages, kinds, settings)


def _rows(workspace: Workspace) -> pl.DataFrame:
    """The pairs with what training needs, and what was planted."""
    import polars as pl

    images = workspace.scan("images").select("image_id", pl.col("kind").alias("image_kind"))
    meta = pl.col("meta").str
    return (
        workspace.scan("pairs")
        .join(images, on="image_id", how="left", maintain_order="left")
        .select(
            "pair_id",
            "image_id",
            "image_kind",
            "question",
            "answer",
            "explain_question",
            "explain_answer",
            "conversation",
            "repaired_from",
            meta.json_path_match("$.defect").alias("defect"),
            meta.json_path_match("$.of").alias("of"),
        )
        .collect()
    )


def choose(pool: Pool, arm: Arm, images: set[str], *, like: int | None, seed: int) -> pl.DataFrame:
    """The pairs that an arm trains on, of these images only.

    Args:
        pool: the arm's data set.
        arm: how to choose.
        images: images that may be trained on.
        like: how many pairs to draw at random, where the arm says so.
        seed: of what is drawn.

    Raises:
        RecipeError: if its filter's settings do not fit.
    """
    import polars as pl

    rows = _with_noise(pool.rows, arm.noise)
    rows = rows.filter(pl.col("image_id").is_in(sorted(images)))
    if arm.kinds:
        rows = rows.filter(pl.col("image_kind").is_in(arm.kinds))
    if arm.without_kinds:
        rows = rows.filter(~pl.col("image_kind").is_in(arm.without_kinds))
    if arm.like is None and arm.filter is not None:
        try:
            settings = FilterSettings.model_validate(pool.filter_settings | arm.filter)
        except ValueError as error:
            raise RecipeError(f"filter {arm.filter}: {error}") from error
        judged = pool.judged.filter(pl.col("pair_id").is_in(rows["pair_id"].implode())).lazy()
        kept = verdicts(judged, settings).filter(pl.col("keep")).select("pair_id").collect()
        rows = rows.join(kept, on="pair_id", how="semi", maintain_order="left")
    count = like if arm.like is not None and like is not None else round(arm.share * rows.height)
    if count < rows.height:
        order = sorted(range(rows.height), key=lambda i: share_of(rows["pair_id"][i], seed=100 + seed))
        rows = rows[sorted(order[:count])]
    return rows


def _with_noise(rows: pl.DataFrame, noise: float) -> pl.DataFrame:
    """The clean pairs, of which a share is replaced by spoilt copies; the spoilt ones are the same at every seed.

    Repaired pairs come with what they repair.
    """
    import polars as pl

    repairs = rows.filter(pl.col("repaired_from").is_not_null())
    first = rows.filter(pl.col("repaired_from").is_null())
    clean, spoilt = first.filter(pl.col("of").is_null()), first.filter(pl.col("of").is_not_null())
    chosen = clean
    if noise:
        order = sorted(range(spoilt.height), key=lambda i: share_of(spoilt["of"][i], seed=3))
        taken = spoilt[order[: round(noise * clean.height)]]
        chosen = pl.concat([clean.filter(~pl.col("pair_id").is_in(taken["of"].implode())), taken])
    while True:  # chains are short: a repair of a repair comes with the next turn
        more = repairs.join(chosen, left_on="repaired_from", right_on="pair_id", how="semi")
        if not more.height:
            return chosen
        chosen, repairs = pl.concat([chosen, more]), repairs.join(more, on="pair_id", how="anti")
