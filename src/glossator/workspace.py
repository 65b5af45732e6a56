"""The Python API: `build`, `score` and `open` give a `Workspace`, which holds every table of a run."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from glossator import runner
from glossator.earlier import with_captions
from glossator.errors import RecipeError, SourceError, WorkspaceError
from glossator.recipe import Recipe, load, parse_tree
from glossator.replies import calls
from glossator.schemas import SCHEMAS
from glossator.stages.base import StagePlan
from glossator.stages.resolve import over_stored, resolve
from glossator.store import HUMAN, IMAGES, Store

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

    from glossator.against_people import AgainstPeople
    from glossator.jobs.export import ExportSummary

TABLES = (
    "images", "sources", "ocr", "hashes", "captions", "pairs", "agreement", "judgements", "inspections", "losses",
    "scores", "duplicates", "leaks", "human", "verdicts", "failures", "calls",
)  # fmt: skip


def build(
    source: str | Path,
    workspace: str | Path,
    recipe: str | Path | Recipe = "embedded",
    *,
    images: str | Path | None = None,
    limit: int | None = None,
    events: runner.Events | None = None,
    **overrides: Any,
) -> Workspace:
    """Turn images (and captions) into a filtered data set; run again, it goes on where it stopped.

    Args:
        source: a folder of images, or a JSONL, CSV or Parquet file of records.
        workspace: the folder that holds all output; made if it is not there.
        recipe: a shipped name, a YAML path or a loaded recipe.
        images: the folder that image paths of a source file are relative to; by default the file's own.
        limit: take only the first so many records of the source.
        events: told how the run goes on; silent by default.
        overrides: recipe settings by dotted name, as in `**{"filter.mifd_max": 0.9}`.

    Raises:
        UsageError: for wrong settings, an unreadable source, or a workspace in use.
        StopRun: if the run had to stop; what was finished is kept.
    """
    from glossator.jobs import ingest, people

    plan = _recipe(recipe, overrides)
    resolve(plan)  # wrong settings are told before anything is made
    root = Path(images) if images is not None else None
    if root is not None and not root.is_dir():
        raise SourceError(f"{root} is no folder of images")
    store = ingest.open_store(Path(source), Path(workspace), plan.data, root)
    with store.lock():
        plan = with_captions(store, people.with_edits(store, plan))
        store.write_recipe(dump(plan))
        ingest.run(store, Path(source), plan.data, limit=limit, events=events)
        plan = with_captions(store, plan)
        store.write_recipe(dump(plan))
        runner.run(store, plan, events)
    return Workspace(store)


def open(path: str | Path) -> Workspace:
    """The workspace in a folder. Raises `WorkspaceError` if there is none."""
    return Workspace(Store(Path(path)))


class Workspace:
    """A built workspace: its tables, and what can be made of them."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._held: dict[str, str] | None = None

    @property
    def tables(self) -> dict[str, str]:
        """Which folder holds each table: the last run's, or those that are held (see `hold`)."""
        if self._held is not None:
            return self._held
        return dict(self.store.read_json("current.json").get("tables", {}))

    def hold(self) -> None:
        """Keep to the tables as they are now, whatever a later run makes, until the next call."""
        self._held = None
        self._held = self.tables

    @property
    def path(self) -> Path:
        """The workspace's folder."""
        return self.store.root

    @property
    def recipe(self) -> Recipe:
        """The recipe of the last run. Raises `WorkspaceError` if there was none."""
        return parse_tree(yaml.safe_load(self.store.read_recipe()), str(self.path / "recipe.yaml"))

    def table(self, name: str) -> pa.Table:
        """One table as an Arrow table; empty if its stage has not run.

        Raises:
            WorkspaceError: if there is no table of that name.
        """
        table = self.scan(name).collect(engine="streaming").to_arrow()
        return table.cast(SCHEMAS[name]) if name in SCHEMAS else table

    def scan(self, name: str) -> pl.LazyFrame:
        """One table as a lazy polars frame. Same errors as `table`."""
        if name not in TABLES:
            raise WorkspaceError(f"no table '{name}'; there are {', '.join(TABLES)}")
        if name == "failures":
            return self._failures()
        if name == "calls":
            return calls(self.store.replies_folder)
        if name == "scores":
            from glossator.difficulty import scores

            found: pl.LazyFrame = scores(self.scan("losses"))
            return found
        return self.store.scan(self._folder(name), name)

    def scan_shard(self, name: str, shard: int) -> pl.LazyFrame:
        """One shard of a stage's table: all that it says of the shard's images. Empty if there is none."""
        return self.scan_shards(name, (shard,))

    def scan_shards(self, name: str, shards: Collection[int]) -> pl.LazyFrame:
        """Some shards of a stage's table, in shard order."""
        return self.store.scan(self._folder(name), name, shards)

    def shards(self, name: str) -> list[int]:
        """Numbers of the shards that a stage's table has, ascending."""
        return self.store.shards(self._folder(name))

    def _folder(self, name: str) -> str:
        folders = self.tables
        if name == "pairs" and name not in folders:
            return folders.get("drafts", "pairs/none")
        return folders.get(name, f"{name}/none")

    def filter(self, **settings: Any) -> dict[str, int]:
        """New verdicts from stored losses and from what people said. `settings` override the recipe's, as in
        `mifd_max=0.9`.

        Returns:
            Counts: `pairs`, `kept`, `rejected`.
        """
        from glossator.jobs import people

        recipe = self.recipe
        if recipe.stage("filter") is None:
            raise RecipeError("the recipe of this workspace has no stage 'filter'")
        recipe = load_from(recipe, {f"filter.{key}": value for key, value in settings.items()})
        with self.store.lock():
            people.refresh(self.store)
            # Over the tables as they are: a newer version of a writer makes other ones, but at the next build only.
            plans = over_stored(recipe, self.store.read_json("current.json").get("tables", {}))
            for plan in plans:
                if runner.todo(self.store, [plan])[0].shards:
                    runner.run_table_stage(self.store, plan)
            # Only now: where the disk is full, or the process is killed, the old verdicts stand.
            self.store.write_recipe(dump(recipe))
            runner.set_tables(self.store, plans)
        return Workspace(self.store).verdict_counts()

    def what_if(self, **grid: Any) -> list[dict[str, Any]]:
        """What the filter would keep with other settings; nothing is written.

        Args:
            grid: values to try by setting, as in `mifd_max=[0.4, 0.6]`; a small grid by default.

        Returns:
            One row a combination: its settings, `kept`, `pairs`, and the mean of each score over what is kept.

        Raises:
            RecipeError: if a setting is unknown or a value does not fit.
        """
        from glossator.jobs.what_if import DEFAULT_GRID, what_if
        from glossator.stages.filter import FilterSettings

        plan = next((plan for plan in resolve(self.recipe) if plan.kind == "filter"), None)
        settings = FilterSettings.model_validate(plan.settings if plan else {})
        return what_if(self._judged_by(), settings, grid or DEFAULT_GRID)

    def judged(self) -> pl.LazyFrame:
        """One row a pair with all that a verdict rests on (see `stages.judged.judged_columns`)."""
        from glossator.stages.judged import judged_columns

        return judged_columns(self._judged_by())

    def _judged_by(self) -> dict[str, pl.LazyFrame]:
        folders = self.tables
        extra = ("losses", "agreement", "judgements", "duplicates", "leaks", "inspections", "human")
        return {"drafts": self.scan("pairs")} | {name: self.scan(name) for name in extra if name in folders}

    def against_people(self) -> AgainstPeople:
        """How the filter's rules do against people, and people against each other, with intervals."""
        from glossator.against_people import against_people
        from glossator.jobs import people

        people.refresh(self.store)
        return against_people(self.store.scan(HUMAN, "human"), self.scan("verdicts"))

    def retry(self, events: runner.Events | None = None) -> runner.Run:
        """Do the failed rows again, with all that follows from them."""
        with self.store.lock():
            return runner.retry(self.store, self.recipe, events)

    def export(
        self,
        format: str,
        out: str | Path,
        *,
        keep_all: bool = False,
        copy_images: bool = False,
        share: float | None = None,
        seed: int = 0,
    ) -> ExportSummary:
        """Write the kept pairs (or all, with verdicts where the format can hold them) as a data set; or what else the
        workspace gives: `dpo`, `unanswerable` (at a `share`, drawn by `seed`), `hard-negatives`.

        Raises:
            UsageError: if there is no such format, or the written file fails its own check.
        """
        from glossator.jobs.export import export

        names = ("images", "ocr", "captions", "pairs", "losses", "scores", "verdicts")
        tables = {name: self.scan(name) for name in names}
        return export(
            tables,
            self.store.source_root,
            format,
            Path(out),
            keep_all=keep_all,
            copy_images=copy_images,
            share=share,
            seed=seed,
        )

    def mix(self) -> list[dict[str, Any]]:
        """What the stage `mix` was asked and what was possible (see `stages.mix.asked_and_possible`); empty without
        one."""
        from glossator.stages.mix import MixSettings, asked_and_possible

        plan = next((plan for plan in reversed(resolve(self.recipe)) if plan.kind == "mix"), None)
        if plan is None or not self.store.shards(plan.folder):
            return []
        tables = {name: self.scan(name) for name in ("images", "pairs", "losses")}
        tables["verdicts"] = self.store.scan(plan.folder, "verdicts")
        return asked_and_possible(tables, MixSettings.model_validate(plan.settings))

    def report(self, out: str | Path | None = None) -> Path:
        """Write the HTML report, by default as `report.html` in the workspace. Returns its path."""
        from glossator.jobs.report import write_report

        path = Path(out) if out is not None else self.path / "report.html"
        write_report(self.report_data(), path)
        return path

    def report_data(self) -> Any:
        """All that the report shows."""
        from glossator.jobs.report import ReportData

        status = self.status()
        return ReportData(
            title=self.path.resolve().name,
            counts=status["counts"],
            tables={name: self.scan(name) for name in TABLES},
            stages=status["stages"],
            recipe_yaml=self.store.read_recipe(),
            source_root=self.store.source_root,
            thresholds=self.filter_settings(),
            mix=next((plan.settings for plan in resolve(self.recipe) if plan.kind == "mix"), None),
        )

    def filter_settings(self) -> dict[str, Any]:
        """The filter's settings, `auto` bounds resolved for the (first) scorer in the table; empty without a filter."""
        from glossator.stages.bounds import bounds_of

        plan = next((plan for plan in resolve(self.recipe) if plan.kind == "filter"), None)
        settings = plan.settings if plan is not None else {}
        scorer = self.scan("losses").select("scorer").head(1).collect()
        defaults = bounds_of(str(scorer.item()) if scorer.height else "")
        return {name: getattr(defaults, name) if value == "auto" else value for name, value in settings.items()}

    def verdict_counts(self) -> dict[str, int]:
        """How many pairs there are, and how many are kept and rejected."""
        import polars as pl

        keep = pl.col("keep")
        row = self.scan("verdicts").select(pl.len().alias("pairs"), keep.sum().alias("kept")).collect().row(0)
        return {"pairs": row[0], "kept": int(row[1] or 0), "rejected": row[0] - int(row[1] or 0)}

    def status(self) -> dict[str, Any]:
        """What is done, failed and spent, as plain JSON: `counts` (the funnel), `stages`, `failures` by category,
        `mix` (what was asked and what was possible)."""
        import polars as pl

        failures = self.scan("failures").group_by("stage", "category").len().sort("stage", "category").collect()
        pairs = self.scan("pairs").select(pl.len(), pl.col("image_id").n_unique()).collect().row(0)
        counts = {
            "images": _rows(self.scan("images")),
            "read": _rows(self.scan("ocr")),
            "captioned": _rows(self.scan("captions")),
            "with_pairs": pairs[1],
            "pairs": pairs[0],
            "explained": _rows(self.scan("pairs").filter(pl.col("explain_answer") != "")),
            "scored": _rows(self.scan("losses").filter(pl.col("nll_a_q").is_not_null())),
        } | {key: value for key, value in self.verdict_counts().items() if key != "pairs"}
        return {
            "workspace": str(self.path),
            "counts": counts,
            "failed": int(failures["len"].sum()),
            "failures": failures.to_dicts(),
            "stages": [self._stage_status(plan) for plan in resolve(self.recipe)],
            "mix": self.mix(),
        }

    def _stage_status(self, plan: StagePlan) -> dict[str, Any]:
        (step,) = runner.todo(self.store, [plan])
        total = self.store.read_json(f"{plan.folder}/manifest.json").get("total", {})
        keys = ("images", "rows", "failed", "seconds", *runner.COSTS)
        return {
            "stage": plan.kind,
            "engine": (plan.engine or {}).get("kind", ""),
            "fingerprint": plan.fingerprint,
            "shards_done": len(self.store.shards(plan.folder)),
            "shards_missing": len(step.shards),
            "models": total.get("models", {}),
        } | {key: total.get(key, 0) for key in keys}

    def _failures(self) -> pl.LazyFrame:
        import polars as pl

        folders = [IMAGES, *self.store.read_json("current.json").get("stages", [])]
        return pl.concat([self.store.scan_failures(folder) for folder in folders])


def score(
    dataset: str | Path,
    workspace: str | Path,
    recipe: str | Path | Recipe = "rescore",
    *,
    images: str | Path | None = None,
    limit: int | None = None,
    events: runner.Events | None = None,
    **overrides: Any,
) -> Workspace:
    """Read, score and filter somebody's finished set (see `formats.foreign`). `images` is its image root.

    Pictures that the set holds as bytes are kept beside the workspace. Raises the errors of `build`.
    """
    from glossator.jobs.dataset import as_source

    source, pictures = as_source(Path(dataset), Path(workspace))
    return build(
        source,
        workspace,
        recipe,
        images=pictures or (images if images is not None else Path(dataset).parent),
        limit=limit,
        events=events,
        **overrides,
    )


def load_from(recipe: Recipe, overrides: Mapping[str, Any]) -> Recipe:
    """`recipe` with dotted `overrides` applied. Raises `RecipeError`."""
    return parse_tree(recipe.model_dump(mode="json"), "recipe", overrides)


def dump(recipe: Recipe) -> str:
    """The recipe as YAML. It holds no secret: keys are named by environment variable only."""
    return yaml.safe_dump(recipe.model_dump(mode="json", exclude_defaults=True), sort_keys=False, allow_unicode=True)


def _recipe(recipe: str | Path | Recipe, overrides: Mapping[str, Any]) -> Recipe:
    dotted = {key.replace("__", "."): value for key, value in overrides.items()}
    return load_from(recipe, dotted) if isinstance(recipe, Recipe) else load(recipe, dotted)


def _rows(frame: pl.LazyFrame) -> int:
    import polars as pl

    return int(frame.select(pl.len()).collect().item())
