"""Pairs given out to people to be judged: which ones, and the files that hold them."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import nsmallest
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glossator.against_people import RANDOM
from glossator.errors import UsageError
from glossator.jobs import argilla, label_studio
from glossator.jobs.label_studio import LOCAL_FILES
from glossator.jobs.verdict_files import COLUMNS, EDITED, guarded
from glossator.records import ImageRecord, Pair
from glossator.schemas import SCHEMAS, from_arrow
from glossator.verdict_log import TEXTS

if TYPE_CHECKING:
    import polars as pl

NEAR = "near_threshold"
FORMATS = ("csv", "labelstudio", "argilla")
__all__ = ["FORMATS", "LOCAL_FILES", "NEAR", "RANDOM", "TasksSummary", "at_random", "give_out", "near_threshold"]


@dataclass(frozen=True, slots=True)
class TasksSummary:
    """What was given out: `written` pairs, and `left_out` ones that can't be shown for want of a (sound) picture."""

    path: Path
    written: int
    left_out: int
    config: Path | None = None

    def to_json(self) -> dict[str, Any]:
        """As plain JSON."""
        found = {"path": str(self.path), "written": self.written, "left_out": self.left_out}
        return found | ({"config": str(self.config)} if self.config else {})

    def text(self) -> str:
        """For a person."""
        lines = [f"wrote {self.written:,} pairs to {self.path}"]
        if self.left_out:
            lines.append(f"{self.left_out:,} pairs are left out: no picture, or none that can be read")
        return "\n".join(lines + ([f"labelling config: {self.config}"] if self.config else []))


def give_out(
    tables: dict[str, pl.LazyFrame],
    chosen: Sequence[str],
    sampling: str,
    format: str,
    path: Path,
    image_root: str = "",
    pictures: Path = Path(),
) -> TasksSummary:
    """Write pairs to be judged, in the order of `chosen`. What rules or people say of them is not in the file.

    Args:
        tables: images and pairs.
        chosen: their ids (see `at_random` and `near_threshold`).
        sampling: how they were chosen; it comes back with the verdicts.
        format: one of `FORMATS`.
        path: the file, and for Argilla the folder; the labelling config of Label Studio goes beside the file.
        image_root: what to put before image paths; if empty, Label Studio's local files are meant, and for Argilla the
            pictures go into the records.
        pictures: the folder that image paths are relative to.

    Raises:
        UsageError: for an unknown format, an address that can't work, or a path that can't be written.
    """
    import polars as pl

    if format not in FORMATS:
        raise UsageError(f"no format '{format}' for tasks; known: {', '.join(FORMATS)}")
    if format == "argilla" and image_root and not image_root.startswith(("http://", "https://")):
        raise UsageError(
            f"--image-root {image_root}: Argilla shows pictures of an address with http:// or https:// only"
        )
    order = pl.LazyFrame({"pair_id": chosen}, schema={"pair_id": pl.String})
    pairs = from_arrow("pairs", _rows(order.join(tables["pairs"], on="pair_id", maintain_order="left"), "pairs"))
    wanted = order.select(pl.col("pair_id").str.slice(0, 16).alias("image_id")).unique()
    images = from_arrow("images", _rows(tables["images"].join(wanted, on="image_id", how="semi"), "images"))
    by_id = {image.image_id: image for image in images}
    shown = [(pair, by_id[pair.image_id]) for pair in pairs if by_id[pair.image_id].path or format == "csv"]
    config = path.with_suffix(".config.xml") if format == "labelstudio" else None
    written = len(shown)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if format == "csv":
            _write_csv(path, shown, sampling)
        elif format == "argilla":
            written = argilla.write(path, _argilla_records(shown, sampling, image_root, pictures))
        else:
            tasks = [label_studio.task(pair, image, sampling, image_root or LOCAL_FILES) for pair, image in shown]
            path.write_text(json.dumps(tasks, ensure_ascii=False, indent=1), encoding="utf-8")
        if config is not None:
            config.write_text(label_studio.config(), encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path} can't be written: {error}") from error
    return TasksSummary(path, written, len(pairs) - written, config)


def _argilla_records(
    shown: Sequence[tuple[Pair, ImageRecord]], sampling: str, image_root: str, pictures: Path
) -> Iterator[dict[str, Any]]:
    for pair, image in shown:
        boxes = [piece.box for piece in pair.evidence]
        picture = argilla.linked(image, image_root) if image_root else argilla.shown(image, pictures, boxes)
        if picture is not None:
            yield argilla.record(pair, sampling, picture)


def _rows(frame: pl.LazyFrame, name: str) -> Any:
    return frame.select(SCHEMAS[name].names).collect().to_arrow()


def _write_csv(path: Path, shown: Sequence[tuple[Pair, ImageRecord]], sampling: str) -> None:
    with path.open("w", encoding="utf-8-sig", newline="") as file:  # with the mark that Excel wants
        writer = csv.writer(file)
        writer.writerow([*COLUMNS, "image", *TEXTS, *EDITED.values()])
        for pair, image in shown:
            texts = [guarded(getattr(pair, name)) for name in TEXTS]
            writer.writerow([pair.pair_id, "", "", "", "", "", sampling, guarded(image.path), *texts, *[""] * 4])


def at_random(pairs: pl.LazyFrame, sample: int | None, seed: int) -> list[str]:
    """Ids of pairs drawn at random without replacement, the same for the same pairs and seed; all without `sample`.

    Those that have been judged are drawn as well: a sample that leaves them out is none of the set.
    """
    ids = pairs.select("pair_id").collect(engine="streaming")["pair_id"]
    return nsmallest(sample or len(ids), ids, key=lambda id: drawn(id, seed))


def drawn(pair_id: str, seed: int = 0) -> int:
    """A number of 64 bits, as good as random and the same each time: the pairs with the smallest make a sample."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{pair_id}".encode()).digest()[:8], "big")


def near_threshold(judged: pl.LazyFrame, settings: Mapping[str, Any], sample: int | None) -> list[str]:
    """Ids of the pairs that a small change of a bound would judge otherwise, the nearest first.

    How near a score is to its bound is told by the share of all pairs whose score lies between the two, so that scores
    of any scale can be compared; of several scores the nearest counts.

    Args:
        judged: rows of `stages.judged.judged_columns`.
        settings: the filter's settings, `auto` bounds resolved.
        sample: so many; all that have a score with a bound if None.
    """
    import polars as pl

    named = [(name.rpartition("_")[0], bound) for name, bound in settings.items() if name.endswith(("_min", "_max"))]
    there = set(judged.collect_schema().names())
    bounds = [(score, float(bound)) for score, bound in named if score in there and isinstance(bound, int | float)]
    if not bounds:
        return []
    away = [
        ((pl.col(score).rank("average") - 0.5) / pl.col(score).count() - (pl.col(score) <= bound).mean()).abs()
        for score, bound in bounds
    ]
    nearest = judged.select("pair_id", pl.min_horizontal(away).alias("away")).drop_nulls()
    ordered = nearest.sort("away", "pair_id")
    return (ordered if sample is None else ordered.head(sample)).collect()["pair_id"].to_list()
