"""What is trained on: conversations about pages, from a workspace or from an exported or foreign data set."""

from __future__ import annotations

import hashlib
import json
import os
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glossator.engines.base import Turn
from glossator.errors import UsageError
from glossator.formats import foreign, forms, parquet
from glossator.formats.base import BadSample, TrainingSample
from glossator.jobs.export import describe_request
from glossator.training.settings import DataSettings

if TYPE_CHECKING:
    import polars as pl

_SHORT_ANSWER_WORDS = 12


@dataclass(frozen=True, slots=True)
class Conversation:
    """One training sample.

    Attributes:
        id: unique in its set.
        image_id: samples with the same one are about the same picture; what splits go by.
        pictures: paths of the pictures; none for text alone.
        page: the page's OCR text, for models without eyes.
        exchanges: what is asked and answered, each with what follows from it (an explanation).
    """

    id: str
    image_id: str
    pictures: tuple[Path, ...]
    page: str
    exchanges: tuple[tuple[Turn, ...], ...]

    @property
    def turns(self) -> tuple[Turn, ...]:
        """All turns, in order."""
        return tuple(turn for exchange in self.exchanges for turn in exchange)


@dataclass(slots=True)
class TrainingSet:
    """Samples to learn from and to watch by; what was left out: how many, by reason; how many were split by turn."""

    train: list[Conversation] = field(default_factory=list)
    validation: list[Conversation] = field(default_factory=list)
    left_out: dict[str, int] = field(default_factory=dict)
    split: int = 0

    def leave_out(self, reason: str, count: int = 1) -> None:
        """Count something that is not trained on."""
        if count:
            self.left_out[reason] = self.left_out.get(reason, 0) + count


def share_of(image_id: str, seed: int = 0) -> float:
    """Where an image lies in 0..1, the same on every machine: held out where it is below a share."""
    return int(hashlib.sha256(f"{seed}:{image_id}".encode()).hexdigest()[:12], 16) / 16**12


def held_out(image_id: str, settings: DataSettings) -> bool:
    """Whether an image belongs to the test split of its workspace."""
    return share_of(image_id) < settings.test_share


def split(conversations: Iterable[Conversation], settings: DataSettings) -> TrainingSet:
    """Held-out images are left out and counted; of the rest a share watches over training."""
    found = TrainingSet()
    for one in conversations:
        if held_out(one.image_id, settings):
            found.leave_out("test split")
        elif share_of(one.image_id, seed=1) < settings.validation_share:
            found.validation.append(one)
        else:
            found.train.append(one)
    return found


def from_rows(
    rows: pl.DataFrame, images: Mapping[str, Page], settings: DataSettings, seed: int = 0
) -> Iterator[Conversation]:
    """The conversations of pairs, and of captions where the settings want them.

    Args:
        rows: one a pair: pair_id, image_id, question, answer, explain_question, explain_answer, conversation, and form
            where a mix has set it.
        images: by image id; an image may have no row (its caption is trained on all the same).
        settings: what of them is wanted.
        seed: of the order of an image's pairs, and of which keep their explanation.
    """
    by_image: dict[str, list[dict[str, Any]]] = {}
    for row in rows.iter_rows(named=True):
        by_image.setdefault(row["image_id"], []).append(row)
    for image_id, page in images.items():
        caption = page.caption if settings.captions == "human" else page.enriched
        if settings.captions != "none" and caption:
            asked = (Turn("user", describe_request(image_id)), Turn("assistant", caption))
            yield Conversation(f"{image_id}-caption", image_id, page.pictures, page.text, (asked,))
        if settings.pairs and image_id in by_image:
            yield from _of_image(image_id, page, by_image[image_id], settings, seed)


@dataclass(frozen=True, slots=True)
class Page:
    """What is known of one image, whatever is asked about it."""

    pictures: tuple[Path, ...]
    text: str = ""
    caption: str = ""
    enriched: str = ""


def _of_image(
    image_id: str, page: Page, rows: Sequence[dict[str, Any]], settings: DataSettings, seed: int
) -> Iterator[Conversation]:
    """The pairs of one image, in as many conversations as the settings say."""
    if settings.pairs_per_sample is None:
        groups: dict[Any, list[dict[str, Any]]] = {}
        for row in rows:
            groups.setdefault(row["conversation"], []).append(row)
        parts = list(groups.values())
    else:
        order = random.Random(f"{seed}:{image_id}").sample(list(rows), len(rows))
        size = settings.pairs_per_sample
        parts = [order[i : i + size] for i in range(0, len(order), size)]
    for part in parts:
        exchanges = tuple(_exchange(row, settings) for row in part if forms.in_conversation(row))
        if exchanges:
            yield Conversation(part[0]["pair_id"], image_id, page.pictures, page.text, exchanges)
        for row in part:
            if forms.explained_alone(row) and _wants_explanation(row, settings):
                alone = (Turn("user", forms.explain_alone(row)), Turn("assistant", row["explain_answer"]))
                name = f"{row['pair_id']}{forms.EXPLAINED}"
                yield Conversation(name, image_id, page.pictures, page.text, (alone,))


def _wants_explanation(row: Mapping[str, Any], settings: DataSettings) -> bool:
    return settings.explanations and share_of(row["pair_id"], seed=2) < settings.explain_share


def _exchange(row: Mapping[str, Any], settings: DataSettings) -> tuple[Turn, ...]:
    turns = [Turn("user", asked(row["question"], row["answer"], settings)), Turn("assistant", row["answer"])]
    if forms.explained_there(row) and _wants_explanation(row, settings):
        turns += [Turn("user", row["explain_question"]), Turn("assistant", row["explain_answer"])]
    return tuple(turns)


def asked(question: str, answer: str, settings: DataSettings) -> str:
    """The question, with the request for a short answer where it has one."""
    short = settings.short_answer and len(answer.split()) <= _SHORT_ANSWER_WORDS
    return f"{question}\n{settings.short_answer}" if short else question


# Where they come from


def read(dataset: Path, settings: DataSettings, *, images: Path | None, seed: int) -> TrainingSet:
    """The training set of a workspace, or of a data set in any form that `formats.foreign` reads.

    Args:
        dataset: a workspace's folder, or a file.
        settings: what of it is wanted.
        images: the folder that a file's image paths are relative to; by default its own.
        seed: of the order of an image's pairs.

    Raises:
        UsageError: if it is neither.
    """
    if dataset.is_dir():
        return split(from_workspace(dataset, settings, seed), settings)
    if not dataset.is_file():
        raise UsageError(f"{dataset} is neither a workspace nor a file with a data set")
    return _from_file(dataset, settings, images or dataset.parent)


def from_workspace(folder: Path, settings: DataSettings, seed: int = 0) -> Iterator[Conversation]:
    """The kept pairs of a workspace, and its captions. Raises `WorkspaceError` if it is none."""
    from glossator.workspace import open as open_workspace

    workspace = open_workspace(folder)
    kept = workspace.scan("verdicts").select("pair_id", "keep", "form")
    rows = workspace.scan("pairs").join(kept, on="pair_id", how="left", maintain_order="left").collect()
    rows = rows.filter(rows["keep"].fill_null(value=True))
    yield from from_rows(rows, pages_of(workspace), settings, seed)


def pages_of(workspace: Any) -> dict[str, Page]:
    """What a workspace knows of its images, by image id, in their order."""
    root = workspace.store.source_root
    text = {row["image_id"]: row["text"] for row in workspace.table("ocr").select(["image_id", "text"]).to_pylist()}
    captions = {row["image_id"]: row for row in workspace.table("captions").to_pylist()}
    found = {}
    for row in workspace.table("images").to_pylist():
        caption = captions.get(row["image_id"], {})
        paths = tuple(root / path for path in (row["path"], *(row["more_paths"] or ())) if path)
        human = caption.get("caption") or row.get("caption") or ""
        found[row["image_id"]] = Page(paths, text.get(row["image_id"], ""), human, caption.get("enriched") or "")
    return found


def _from_file(path: Path, settings: DataSettings, root: Path) -> TrainingSet:
    """A file's conversations as they are: nobody knows which of its turns are explanations, or captions."""
    left_out = TrainingSet()
    conversations = []
    rejected = _rejected(path)
    ours = path.suffix == ".parquet" and parquet.is_ours(path)
    for sample in parquet.read_formed(path) if ours else foreign.read(path, _SavedPictures(path)):
        if isinstance(sample, BadSample):
            left_out.leave_out(sample.message)
        elif sample.id.removesuffix(forms.EXPLAINED) in rejected or _is_rejected(sample):
            left_out.leave_out("rejected by the filter")
        else:
            conversations.append(_conversation(sample, settings, root))
    found = split(conversations, settings.model_copy(update={"test_share": 0.0}))
    for reason, count in left_out.left_out.items():
        found.leave_out(reason, count)
    return found


def _conversation(sample: TrainingSample, settings: DataSettings, root: Path) -> Conversation:
    turns = [Turn(message.role, message.text) for message in sample.messages]
    exchanges = tuple(
        (Turn("user", asked(question.text, answer.text, settings)), answer)
        for question, answer in zip(turns[::2], turns[1::2], strict=True)
    )
    pictures = tuple(root / image for image in sample.images)
    return Conversation(sample.id, " ".join(sample.images) or sample.id, pictures, "", exchanges)


def _is_rejected(sample: TrainingSample) -> bool:
    """Whether `export --all` wrote a verdict into the sample, and it is no."""
    verdict = json.loads(sample.meta or "{}").get("verdict")
    return isinstance(verdict, dict) and verdict.get("keep") is False


def _rejected(path: Path) -> frozenset[str]:
    """The ids of the pairs that a Parquet file of ours keeps with the verdict no."""
    import polars as pl

    if path.suffix != ".parquet" or not parquet.is_ours(path) or "keep" not in pl.read_parquet_schema(path):
        return frozenset()
    return frozenset(pl.scan_parquet(path).filter(~pl.col("keep")).select("pair_id").collect()["pair_id"])


class _SavedPictures:
    """Keeps pictures that a set holds as bytes in a folder beside it, each once."""

    def __init__(self, path: Path) -> None:
        self._folder = path.parent / f"{path.name}.images"

    def __call__(self, data: bytes) -> str:
        target = self._folder / hashlib.sha256(data).hexdigest()[:32]
        if not target.exists():
            try:
                self._folder.mkdir(exist_ok=True)
                temporary = target.with_name(f".{target.name}.{os.getpid()}")
                temporary.write_bytes(data)
                temporary.replace(target)
            except OSError as error:
                raise UsageError(f"the set's pictures can't be kept in {self._folder}: {error}") from error
        return str(target)
