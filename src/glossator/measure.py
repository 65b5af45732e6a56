"""What scores and filter see of planted defects, on any set with human ground truth (see `jobs.defects`)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glossator import runner
from glossator.difficulty import MORE_SCORES, SCORES
from glossator.jobs import defects
from glossator.jobs.sources import Source
from glossator.recipe import Recipe, load
from glossator.workspace import Workspace, build

if TYPE_CHECKING:
    import polars as pl

MEASURED = (*SCORES, *MORE_SCORES, "grounding", "question_fit", "explain_grounding")


@dataclass(frozen=True, slots=True)
class Seen:
    """How well one score tells one defect from clean pairs of one kind.

    `auc` is the chance that a spoilt pair scores higher than a clean one: 0.5 is blind, near 0 means that it scores
    lower. `low` and `high` bound it at 95 % (bootstrap over images).
    """

    kind: str
    defect: str
    score: str
    auc: float
    low: float
    high: float
    clean: int
    spoilt: int

    @property
    def strength(self) -> float:
        """The AUC in the direction in which the score tells more."""
        return max(self.auc, 1 - self.auc)


@dataclass(frozen=True, slots=True)
class Kept:
    """How many pairs of one kind and defect (or clean ones) the filter keeps."""

    kind: str
    defect: str
    kept: int
    pairs: int


@dataclass(frozen=True, slots=True)
class Measured:
    """The whole measurement."""

    scorer: str
    seen: list[Seen]
    kept: list[Kept]

    def best(self, kind: str, defect: str, scores: Sequence[str] = MEASURED) -> Seen:
        """The score that tells this defect best."""
        found = [one for one in self.seen if (one.kind, one.defect) == (kind, defect) and one.score in scores]
        return max(found, key=lambda one: one.strength)

    def to_json(self) -> dict[str, Any]:
        """As plain JSON."""
        return {
            "scorer": self.scorer,
            "seen": [asdict(one) for one in self.seen],
            "kept": [asdict(one) for one in self.kept],
        }


def measure_defects(
    source: str | Path,
    out: str | Path,
    recipe: str | Path = "rescore",
    *,
    kinds: Sequence[str] = (),
    seed: int = 0,
    events: runner.Events | None = None,
    **overrides: Any,
) -> Measured:
    """Plant defects into a source with ground truth, score and filter them, and say what was seen.

    Args:
        source: a source whose records carry `fields` or `qa`.
        out: a folder for both workspaces, the planted set and `defects.json`; run again, it goes on.
        recipe: its stage `ocr` and all from `score` on are used.
        kinds: only records of these kinds.
        seed: of what is planted.
        events, overrides: as of `build`.

    Raises:
        The errors of `build`; `SourceError` if no record has ground truth.
    """
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    chosen = load(recipe, {key.replace("__", "."): value for key, value in overrides.items()})
    root = Source.open(Path(source)).root
    _write(folder / "truth.jsonl", list(defects.truth(Path(source), kinds)))
    clean = build(folder / "truth.jsonl", folder / "clean", _with(chosen, _CLEAN), images=root, events=events)
    pairs = clean.table("pairs").to_pylist()
    _write(folder / "planted.jsonl", list(defects.planted(pairs, pages_as_records(clean), seed)))
    planted = build(folder / "planted.jsonl", folder / "planted", planted_recipe(chosen), images=root, events=events)
    found = measure(planted)
    (folder / "defects.json").write_text(json.dumps(found.to_json(), indent=1), encoding="utf-8")
    return found


_CLEAN = (
    {"use": "extract", "engine": {"kind": "given"}, "settings": {"max_pairs": 1000}},
    {"use": "explain", "engine": {"kind": "grounded"}},
)
_PLANTED = (
    {"use": "extract", "engine": {"kind": "given"}, "settings": {"max_pairs": 100_000}},
    {"use": "explain", "engine": {"kind": "given"}},
)


def _with(recipe: Recipe, middle: Sequence[dict[str, Any]]) -> Recipe:
    """The recipe with these stages between its OCR and, for the planted set, all from its scores on."""
    raw = recipe.model_dump(mode="json")
    stages = raw["stages"]
    read = [stage for stage in stages if stage["use"] == "ocr"]
    judged: list[dict[str, Any]] = []
    if middle is _PLANTED:
        read = [_set(stage, use_given=True) for stage in read]  # the pages of the clean set, as they were read
        uses = [stage["use"] for stage in stages]
        judged = stages[uses.index("score") :] if "score" in uses else []
    # Every spoilt copy asks what its clean pair asks.
    judged = [_asked_again(stage) for stage in judged]
    return Recipe.model_validate({**raw, "stages": [*read, *middle, *judged]})


def _asked_again(stage: dict[str, Any]) -> dict[str, Any]:
    """The stage without the rule that a question is asked of an image once."""
    if stage["use"] == "repair":
        return _set(stage, filter={**stage["settings"].get("filter", {}), "question_similarity_max": None})
    return _set(stage, question_similarity_max=None) if stage["use"] == "filter" else stage


def _set(stage: dict[str, Any], **settings: Any) -> dict[str, Any]:
    return {**stage, "settings": {**stage["settings"], **settings}}


def planted_recipe(recipe: Recipe) -> Recipe:
    """The recipe for a set with given pairs and explanations: its OCR, and all from its scores on."""
    return _with(recipe, _PLANTED)


def pages_as_records(workspace: Workspace) -> dict[str, dict[str, Any]]:
    """For each image that was read, what a record needs, with what was read as its OCR."""
    spans = {row["image_id"]: row["spans"] for row in workspace.table("ocr").to_pylist()}
    return {
        row["image_id"]: {"image": row["path"], "kind": row["kind"], "ocr": spans[row["image_id"]]}
        for row in workspace.table("images").to_pylist()
        if row["image_id"] in spans
    }


def _write(path: Path, records: Sequence[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")


def measure(workspace: Workspace) -> Measured:
    """What the scores and the filter of a scored workspace with planted defects see."""
    names = ("pairs", "images", "scores", "verdicts")
    table = defects.labelled({name: workspace.scan(name) for name in names}).collect()
    scorer = str(table["scorer"][0]) if len(table) else ""
    seen, kept = [], []
    for kind in sorted(set(table["kind"])):
        rows = table.filter(kind=kind)
        clean = rows.filter(defect=defects.CLEAN)
        for defect in (defects.CLEAN, *defects.DEFECTS):
            spoilt = rows.filter(defect=defect)
            if not len(spoilt):
                continue
            kept.append(Kept(kind, defect, int(spoilt["keep"].sum()), len(spoilt)))
            if defect != defects.CLEAN:
                seen += [_seen(kind, defect, score, clean, spoilt) for score in MEASURED]
    return Measured(scorer, [one for one in seen if one.spoilt and one.clean], kept)


def _seen(kind: str, defect: str, score: str, clean: pl.DataFrame, spoilt: pl.DataFrame) -> Seen:
    one, other = _by_image(clean, score), _by_image(spoilt, score)
    good, bad = [v for values in one.values() for v in values], [v for values in other.values() for v in values]
    if not good or not bad:
        return Seen(kind, defect, score, 0.5, 0.0, 1.0, len(good), len(bad))
    low, high = defects.auc_interval(one, other)
    return Seen(kind, defect, score, defects.auc(good, bad), low, high, len(good), len(bad))


def _by_image(rows: pl.DataFrame, score: str) -> dict[str, list[float]]:
    found = rows.select("image_id", score).drop_nulls().group_by("image_id").agg(score)
    return dict(zip(found["image_id"].to_list(), found[score].to_list(), strict=True))


def table_text(found: Measured) -> str:
    """For a person: of each kind and defect the best score with its interval, all AUCs, and what the filter keeps."""
    kept = {(one.kind, one.defect): one for one in found.kept}
    lines = [f"scorer: {found.scorer}"]
    for kind in sorted({one.kind for one in found.kept}):
        clean = kept[kind, defects.CLEAN]
        lines += ["", f"{kind or 'any'}: {clean.kept} of {clean.pairs} clean pairs kept", _HEADER]
        for defect in defects.DEFECTS:
            if any((one.kind, one.defect) == (kind, defect) for one in found.seen):
                lines.append(_line(found, kept[kind, defect]))
    return "\n".join(lines)


_HEADER = f"{'defect':23} {'dropped':>9}  best score (AUC, 95 %)".ljust(70) + "  ".join(
    f"{name:>12}" for name in MEASURED
)


def _line(found: Measured, one: Kept) -> str:
    best = found.best(one.kind, one.defect)
    known = {seen.score: seen for seen in found.seen if (seen.kind, seen.defect) == (one.kind, one.defect)}
    dropped = f"{one.pairs - one.kept}/{one.pairs}"
    head = f"{one.defect:23} {dropped:>9}  {best.score} {best.auc:.3f} ({best.low:.3f}-{best.high:.3f})".ljust(70)
    return head + "  ".join(f"{known[name].auc:12.3f}" if name in known else " " * 12 for name in MEASURED)
