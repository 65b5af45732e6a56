"""Export: kept pairs (or all) and enriched captions in a trainer's format, checked for what trainers trip over."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glossator import formats
from glossator.errors import GlossatorError, UsageError
from glossator.formats import parquet
from glossator.formats.base import BadSample, Message, TrainingSample
from glossator.formats.forms import EXPLAINED, explain_alone, explained_alone, explained_there, in_conversation

if TYPE_CHECKING:
    import polars as pl

_DESCRIBE = (
    "Describe this image in detail.",
    "Give a detailed description of this image, including the text in it.",
    "What does this image show? Please describe it in detail.",
    "Write a detailed caption for this image.",
    "Please describe the image and the text that it contains.",
    "Explain in detail what can be seen and read in this image.",
)


@dataclass(frozen=True, slots=True)
class ExportSummary:
    """What was written: the file, how many samples of each kind, and the folder its image paths are relative to.

    For a second-life format `asked` is how many were asked for (None: all that there are), `sorts` how many there are
    of each sort, and `left_out` why there are no more.
    """

    path: Path
    format: str
    conversations: int
    captions: int
    image_root: Path
    asked: int | None = None
    sorts: Mapping[str, int] = field(default_factory=dict)
    left_out: Mapping[str, int] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """As plain JSON."""
        return {
            "path": str(self.path),
            "format": self.format,
            "conversations": self.conversations,
            "captions": self.captions,
            "image_root": str(self.image_root),
        } | (
            {"asked": self.asked, "sorts": dict(self.sorts), "left_out": dict(self.left_out)}
            if self.format in formats.SECOND_LIFE
            else {}
        )

    def text(self) -> str:
        """For a person."""
        if self.format in formats.SECOND_LIFE:
            return self._second_life()
        captions = f" and {self.captions:,} caption samples" if self.captions else ""
        return f"wrote {self.conversations:,} pairs{captions} to {self.path}\nimages are relative to {self.image_root}"

    def _second_life(self) -> str:
        asked = f" of {self.asked:,} asked for" if self.asked is not None else ""
        lines = [f"wrote {self.conversations:,} {self.format} samples{asked} to {self.path}"]
        lines += [f"  {count:,} {sort}" for sort, count in self.sorts.items()]
        lines += [f"  none for {count:,}: {reason}" for reason, count in self.left_out.items()]
        return "\n".join([*lines, f"images are relative to {self.image_root}"])


def export(
    tables: Mapping[str, pl.LazyFrame],
    source_root: Path,
    format: str,
    out: Path,
    *,
    keep_all: bool = False,
    copy_images: bool = False,
    share: float | None = None,
    seed: int = 0,
) -> ExportSummary:
    """Write a data set.

    Args:
        tables: images, ocr, captions, pairs, losses, scores and verdicts.
        source_root: the folder that image paths are relative to.
        format: one of `formats.NAMES`.
        out: the file to write, or a folder for it.
        keep_all: also the rejected, with verdicts.
        copy_images: copy the images into the folder `images` beside the file.
        share: for `unanswerable`, see `jobs.second_life.samples.find`.
        seed: of what is drawn for it.

    Raises:
        UsageError: for an unknown format, an option that it does not take, or an output path that can't be written.
        GlossatorError: if the written file fails its own check.
    """
    if format not in formats.NAMES:
        raise UsageError(f"no format '{format}'; known: {', '.join(formats.NAMES)}")
    if format in formats.SECOND_LIFE:
        if keep_all:
            raise UsageError(f"--all does not go with the format {format}: it takes of the rejected what it needs")
        return _export_second_life(tables, source_root, format, out, copy_images=copy_images, share=share, seed=seed)
    if share is not None:
        raise UsageError(f"--share is for the format {formats.unanswerable.name}")
    module: Any = formats.CONVERSATIONS.get(format, parquet)
    path = out if out.suffix and not out.is_dir() else out / module.file_name
    root = path.parent if copy_images else source_root
    rows = _rows(tables, keep_all=keep_all, copied=copy_images)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if copy_images:
            _copy_images(tables, rows, source_root, path.parent)
        if format == parquet.name:
            written, captions = parquet.write_frame(rows, path), 0
        else:
            captions = _count_captions(tables, rows)
            written = module.write(_samples(tables, rows, keep_all=keep_all), path) - captions
    except OSError as error:
        raise UsageError(f"{path} can't be written: {error}") from error
    _check(module, path, root)
    return ExportSummary(path, format, written, captions, root)


def _export_second_life(
    tables: Mapping[str, pl.LazyFrame],
    source_root: Path,
    format: str,
    out: Path,
    *,
    copy_images: bool,
    share: float | None,
    seed: int,
) -> ExportSummary:
    import polars as pl

    from glossator.jobs.second_life.samples import find

    module: Any = formats.SECOND_LIFE[format]
    path = out if out.suffix and not out.is_dir() else out / module.file_name
    root = path.parent if copy_images else source_root
    images = _named_images(tables, copied=copy_images, more=("kind", "width", "height"))
    found = find(format, {**tables, "images": images}, share, seed)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if copy_images:
            _copy_images(tables, images.filter(pl.col("image").is_in(sorted(found.images))), source_root, path.parent)
        written = module.write(found.samples, path)
    except OSError as error:
        raise UsageError(f"{path} can't be written: {error}") from error
    _check(module, path, root)
    return ExportSummary(path, format, written, 0, root, found.asked, found.sorts, found.left_out)


def _named_images(tables: Mapping[str, pl.LazyFrame], *, copied: bool, more: Sequence[str] = ()) -> pl.LazyFrame:
    """`image_id`, `image` and `more_images` (paths as they are written; no image is null), and `more` columns."""
    import polars as pl

    image = pl.when(pl.col("path") != "").then(_copied_name() if copied else pl.col("path"))
    others = _copied_more() if copied else pl.col("more_paths")
    return tables["images"].select("image_id", image.alias("image"), others.alias("more_images"), *more)


def _rows(tables: Mapping[str, pl.LazyFrame], *, keep_all: bool, copied: bool) -> pl.LazyFrame:
    """One row a pair with all that is known of it, in the order of the pairs."""
    import polars as pl

    images = _named_images(tables, copied=copied)
    captions = tables["captions"].select("image_id", pl.col("enriched").alias("enriched_caption"))
    scores = tables["scores"].select("pair_id", "scorer", "definition", "ifd", "vfd", "mifd", "ffd")
    verdicts = tables["verdicts"].select("pair_id", "keep", "reasons", "form")
    rows = (
        tables["pairs"]
        .join(images, on="image_id", how="left", maintain_order="left")
        .join(captions, on="image_id", how="left", maintain_order="left")
        .join(scores, on="pair_id", how="left", maintain_order="left")
        .join(verdicts, on="pair_id", how="left", maintain_order="left")
        .with_columns(pl.col("form").fill_null("both"))
    )
    return rows if keep_all else rows.filter(pl.col("keep").fill_null(value=True))


def _samples(tables: Mapping[str, pl.LazyFrame], rows: pl.LazyFrame, *, keep_all: bool) -> Iterator[TrainingSample]:
    """A caption sample for each image that has an enriched caption and a row, then one sample a conversation."""
    for row in _caption_rows(tables, rows).collect(engine="streaming").iter_rows(named=True):
        messages = (Message("user", describe_request(row["image_id"])), Message("assistant", row["enriched_caption"]))
        yield TrainingSample(f"{row['image_id']}-caption", row["image"], messages, "caption")
    frame = rows.collect(engine="streaming")
    named = (row for batch in frame.iter_slices(10_000) for row in batch.iter_rows(named=True))
    for _, turns in groupby(named, key=lambda row: (row["image_id"], row["conversation"])):
        yield from _conversation(list(turns), keep_all=keep_all)


def describe_request(image_id: str) -> str:
    """How the description of this image is asked for: always the same, and not the same for all."""
    return _DESCRIBE[int(hashlib.sha256(image_id.encode()).hexdigest()[:8], 16) % len(_DESCRIBE)]


def _conversation(rows: Sequence[dict[str, Any]], *, keep_all: bool) -> Iterator[TrainingSample]:
    """One sample of the pairs of one conversation, as far as their forms let them stand in it, then one for each
    explanation that stands alone. A pair of a set's single turn keeps its own id."""
    together = [row for row in rows if in_conversation(row)]
    if together:
        messages = []
        for row in together:
            messages += [Message("user", row["question"]), Message("assistant", row["answer"])]
            if explained_there(row):
                messages += [Message("user", row["explain_question"]), Message("assistant", row["explain_answer"])]
        yield _sample(together, together[0]["pair_id"], messages, keep_all=keep_all)
    for row in rows:
        if explained_alone(row):
            messages = [Message("user", explain_alone(row)), Message("assistant", row["explain_answer"])]
            yield _sample([row], f"{row['pair_id']}{EXPLAINED}", messages, keep_all=keep_all)


def _sample(
    rows: Sequence[dict[str, Any]], sample_id: str, messages: Sequence[Message], *, keep_all: bool
) -> TrainingSample:
    verdict = None
    if keep_all:
        reasons = list(dict.fromkeys(reason for row in rows for reason in row["reasons"] or ()))
        verdict = {"keep": all(row["keep"] for row in rows), "reasons": reasons}
    more = tuple(rows[0]["more_images"] or ())
    return TrainingSample(sample_id, rows[0]["image"], tuple(messages), "conversation", verdict, more)


def _caption_rows(tables: Mapping[str, pl.LazyFrame], rows: pl.LazyFrame) -> pl.LazyFrame:
    """The enriched captions of the images that have a row, in the order of the images."""
    import polars as pl

    named = rows.select("image_id", "image").unique("image_id", keep="first")
    captions = tables["captions"].filter(pl.col("enriched") != "")
    joined = captions.join(named, on="image_id", how="inner", maintain_order="left")
    return joined.select("image_id", "image", pl.col("enriched").alias("enriched_caption"))


def _count_captions(tables: Mapping[str, pl.LazyFrame], rows: pl.LazyFrame) -> int:
    import polars as pl

    return int(_caption_rows(tables, rows).select(pl.len()).collect().item())


def _copied_name() -> pl.Expr:
    """A safe file name: the image id, and the source's ending."""
    import polars as pl

    ending = pl.col("path").str.extract(r"(\.[A-Za-z0-9]{1,5})$").fill_null(".img").str.to_lowercase()
    return pl.lit("images/") + pl.col("image_id") + ending


def _copied_more() -> pl.Expr:
    """The same for further images, numbered."""
    import polars as pl

    def names(row: dict[str, Any]) -> list[str]:
        return [f"images/{row['image_id']}-{i}{_ending(path)}" for i, path in enumerate(row["more_paths"] or (), 1)]

    return pl.struct("image_id", "more_paths").map_elements(names, pl.List(pl.String))


def _ending(path: str) -> str:
    ending = Path(path).suffix.lower()
    return ending if ending[1:].isalnum() and len(ending) < 7 else ".img"


def _copy_images(tables: Mapping[str, pl.LazyFrame], rows: pl.LazyFrame, root: Path, out: Path) -> None:
    import polars as pl

    used = rows.select("image_id").unique()
    wanted = tables["images"].join(used, on="image_id", how="semi").filter(pl.col("path") != "")
    named = wanted.select("path", _copied_name().alias("copy"), "more_paths", _copied_more().alias("more")).collect()
    (out / "images").mkdir(parents=True, exist_ok=True)
    for path, copy, more_paths, more in named.iter_rows():
        for source, target in zip((path, *(more_paths or ())), (copy, *(more or ())), strict=True):
            if not (out / target).exists() or (out / target).stat().st_size != (root / source).stat().st_size:
                shutil.copyfile(root / source, out / target)


def _check(module: Any, path: Path, root: Path) -> None:
    problems: list[BadSample] = list(islice(module.check(path, root), 5))
    if problems:
        listed = "; ".join(f"{problem.where}: {problem.message}" for problem in problems)
        raise GlossatorError(f"{path} was written but fails its check: {listed}")
