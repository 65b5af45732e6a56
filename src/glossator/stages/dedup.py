"""Stage `dedup`: near-duplicate images and pairs, and how often a question's template stands in the set."""

from __future__ import annotations

import polars as pl
from pydantic import Field

from glossator.copies.words import figures, stable_hash, template, words
from glossator.schemas import SCHEMAS
from glossator.stages.base import TableStage
from glossator.stages.copying import CopySettings

_PAIR = ("pair_id", "image_id", "question", "answer", "repaired_from")


class DedupSettings(CopySettings):
    """Settings of the stage `dedup`."""

    question_similarity_min: float = Field(
        0.8, gt=0, le=1, description="Questions count as the same from this share of words and word pairs in common on."
    )
    across_words_min: int | None = Field(
        16,
        ge=1,
        description="Pairs of different images are compared if question and answer have so many words; null: never.",
    )
    seed: int = Field(0, description="Draws the order of pairs within their template.")


class DedupStage(TableStage):
    """One row a pair: the image that its image copies, the pair that it copies, its template and its rank in that.

    Only images and pairs that are no copies themselves count as originals; of two copies the later one is the copy.
    A pair that mends another is no copy of it.
    """

    kind = "dedup"
    version = 3
    reads = ("drafts",)
    uses = ("pairs", "hashes", "images")
    writes = "duplicates"
    Settings = DedupSettings

    def run(self, tables: dict[str, pl.LazyFrame]) -> pl.LazyFrame:
        table = tables.get("pairs", tables["drafts"])
        pairs = table.select(*_PAIR).collect(engine="streaming")
        images = _image_copies(tables["hashes"], pairs, self.settings) if "hashes" in tables else {}
        pairs = pairs.with_columns(
            _looked_up(pairs["image_id"], images, "image_copy_of"),
            _question_copies(pairs, images, self.settings),
            template(pl.col("question")).alias("template"),
        )
        kinds = tables["images"].select("image_id", image_kind="kind") if "images" in tables else None
        ranked = _ranked(pairs, kinds, self.settings.seed)
        return ranked.select(SCHEMAS["duplicates"].names).lazy()


def _looked_up(keys: pl.Series, found: dict[str, str], name: str) -> pl.Series:
    return pl.Series(name, [found.get(key) for key in keys], dtype=pl.String)


def _image_copies(hashes: pl.LazyFrame, pairs: pl.DataFrame, settings: DedupSettings) -> dict[str, str]:
    """For each image that copies another one of those that have pairs: that one. Samples of several pictures don't."""
    from glossator.copies.images import copies_within
    from glossator.copies.tables import pictures

    several = hashes.filter(pl.col("picture") > 0).select("image_id")
    asked = pairs.lazy().select("image_id").unique()
    # A join may reorder rows; the first of two copies is the original.
    rows = hashes.join(several, on="image_id", how="anti", maintain_order="left")
    ours = pictures(rows.join(asked, on="image_id", how="semi", maintain_order="left"))
    ids = ours.keys["image_id"]
    return {ids[copy.row]: ids[copy.of] for copy in copies_within(ours.hashes, ours.thumbnails, settings.rule)}


def _question_copies(pairs: pl.DataFrame, images: dict[str, str], settings: DedupSettings) -> pl.Series:
    """The pair that each one copies: of one image (or its copy), and, if they are long enough, of all images."""
    from glossator.copies.questions import copies

    questions = pairs["question"].to_list()
    families = _families(pairs)
    near, far = [], []
    for question, answer, image_id in zip(questions, pairs["answer"], pairs["image_id"], strict=True):
        said = words(answer)
        what = f"{' '.join(said)}|{figures(question)}"
        near.append(f"{images.get(image_id, image_id)}|{what}")
        least = settings.across_words_min
        far.append(what if least is not None and len(said) + len(words(question)) >= least else "")
    found = copies(near, families, questions, settings.question_similarity_min)
    found |= copies(
        ["" if row in found else scope for row, scope in enumerate(far)],
        families,
        questions,
        settings.question_similarity_min,
    )
    ids = pairs["pair_id"]
    of = [ids[found[row]] if row in found else None for row in range(len(ids))]
    return pl.Series("question_copy_of", of, dtype=pl.String)


def _families(pairs: pl.DataFrame) -> list[str]:
    """Each pair's first ancestor: the pair that it, or the one it mends, or ... mends; itself if it mends none."""
    first: dict[str, str] = {}
    for pair_id, mended in pairs.select("pair_id", "repaired_from").iter_rows():
        first[pair_id] = first.get(mended, mended) if mended else pair_id
    return list(first.values()) if len(first) == len(pairs) else [first[pair_id] for pair_id in pairs["pair_id"]]


def _ranked(pairs: pl.DataFrame, kinds: pl.LazyFrame | None, seed: int) -> pl.DataFrame:
    """`template_rank`, from 1: in turn by kind of image, and within these in turn by answer, in a drawn order.

    Whatever copies something comes last, so that a cap on templates keeps originals.
    """
    drawn = [stable_hash(f"{seed} {pair_id}") for pair_id in pairs["pair_id"]]
    rows = pairs.with_row_index("row").with_columns(
        pl.Series("drawn", drawn, dtype=pl.UInt64),
        pl.any_horizontal(pl.col("image_copy_of", "question_copy_of").is_not_null()).alias("copied"),
        pl.col("answer").str.to_lowercase().str.strip_chars(" .").alias("said"),
    )
    if kinds is None:
        rows = rows.with_columns(pl.lit("").alias("image_kind"))
    else:
        rows = rows.join(kinds.collect(), on="image_id", how="left", maintain_order="left")
    turn = pl.int_range(pl.len())
    rows = rows.sort("copied", "drawn").with_columns(turn.over("template", "image_kind", "said").alias("turn"))
    rows = rows.sort("copied", "turn", "drawn").with_columns(turn.over("template", "image_kind").alias("turn"))
    rows = rows.sort("copied", "turn", "drawn").with_columns((turn.over("template") + 1).alias("template_rank"))
    return rows.sort("row")
