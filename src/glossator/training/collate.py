"""From samples to batches. Text is tokenised once, before training; pictures are opened when their batch is made.

What is too long is split by turn or left out before training begins, and counted: no sequence is ever cut, so no
picture loses its tokens and no answer its end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from glossator.engines.base import Turn
from glossator.engines.loss.context import ocr_context
from glossator.engines.loss.conversations import tail_after_pictures
from glossator.engines.loss.template import Rendered
from glossator.errors import StopRun
from glossator.images import open_image
from glossator.results import Failed
from glossator.training.encode import IGNORED, Encoded
from glossator.training.model import Loaded
from glossator.training.samples import Conversation, TrainingSet
from glossator.training.settings import DataSettings


@dataclass(frozen=True, slots=True)
class Size:
    """Tokens of a sample, its pictures' included, and how many of them carry loss."""

    tokens: int
    learned: int


Measure = Callable[[Conversation], Size | Failed]


def with_page(sample: Conversation, settings: DataSettings, loaded: Loaded) -> tuple[Turn, ...]:
    """The turns; for a model without eyes the page's OCR text stands before the first question."""
    turns = sample.turns
    if loaded.sees or not sample.page:
        return turns
    asked = [turn.text for turn in turns if turn.role == "user"]
    shown = ocr_context(sample.page, asked, settings.max_ocr_tokens, loaded.encoder.fit)
    return (Turn("user", f"{shown}\n\n{turns[0].text}"), *turns[1:])


def fitting(
    samples: Iterable[Conversation], limit: int, measure: Measure, found: TrainingSet
) -> Iterator[tuple[Conversation, Size]]:
    """The samples that fit into `limit` tokens. A longer one is split in halves by turn.

    Of an exchange that is too long by itself the fact is kept and its explanation left out; what is too long even so,
    can't be used or has nothing to learn is left out. All of it is counted in `found`.
    """
    for sample in samples:
        size = measure(sample)
        if isinstance(size, Failed):
            found.leave_out(f"{size.category}: {size.message}")
        elif size.learned == 0:
            found.leave_out("no answer to learn")
        elif size.tokens <= limit:
            yield sample, size
        elif len(sample.exchanges) > 1:
            found.split += 1
            middle = len(sample.exchanges) // 2
            halves = (sample.exchanges[:middle], sample.exchanges[middle:])
            parts = [replace(sample, id=f"{sample.id}/{i}", exchanges=half) for i, half in enumerate(halves)]
            yield from fitting(parts, limit, measure, found)
        elif len(sample.turns) > 2:
            found.leave_out("explanation, too long with its fact")
            yield from fitting([replace(sample, exchanges=(sample.turns[:2],))], limit, measure, found)
        else:
            found.leave_out("too long")


def encoded(sample: Conversation, settings: DataSettings, loaded: Loaded) -> Encoded | Failed:
    """A sample for a model without eyes."""
    return loaded.encoder.encode(with_page(sample, settings, loaded))


def measure_text(sample: Conversation, settings: DataSettings, loaded: Loaded) -> Size | Failed:
    """How long a sample is for a model without eyes."""
    one = encoded(sample, settings, loaded)
    return one if isinstance(one, Failed) else Size(len(one.input_ids), one.learned)


class PictureCollator:
    """Makes batches for a model with eyes: pictures opened, texts padded on the right, labels as in `encode`."""

    def __init__(self, loaded: Loaded, samples: Sequence[Conversation] = ()) -> None:
        # Not the model: a collator travels into the processes that open pictures.
        self._owner, self._encoder, self._image_token = loaded.owner, loaded.encoder, loaded.image_token
        self._samples = samples
        self._grown: dict[tuple[Path, ...], int] = {}

    def __call__(self, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """A batch of rows as `rows_of_pictures` makes them.

        Raises:
            StopRun: if a picture is no longer what it was when training began.
        """
        samples = [self._samples[row["place"]] for row in rows]
        batch = self.batch(samples)
        if isinstance(batch, Failed):
            among = ", ".join(sample.id for sample in samples)
            raise StopRun(f"training can't go on: {batch.message} (one of {among}); run it again when that is mended")
        return batch

    def batch(self, samples: Sequence[Conversation]) -> dict[str, Any] | Failed:
        """Tensors for the model, `labels` included.

        `Failed` if a picture can't be opened, or the template or processor changes a text beyond recognition.
        """
        import torch

        texts: list[Rendered] = []
        pictures: list[list[Any]] = []
        for sample in samples:
            rendered, opened = self._rendered(sample), _opened(sample)
            if isinstance(rendered, Failed) or isinstance(opened, Failed):
                return rendered if isinstance(rendered, Failed) else opened  # type: ignore[return-value]
            texts.append(rendered)
            pictures.append(opened)
        batch = dict(self._processed([one.text for one in texts], pictures))
        labels = torch.full_like(batch["input_ids"], IGNORED)
        for i, (one, sample) in enumerate(zip(texts, samples, strict=True)):
            size = int(batch["attention_mask"][i].sum())
            found = self._labels(one, sample, batch["input_ids"][i, :size].tolist())
            if isinstance(found, Failed):
                return found
            labels[i, :size] = torch.tensor(found)
        return batch | {"labels": labels}

    def measure(self, sample: Conversation) -> Size | Failed:
        """How long a sample is; `Failed` where it can't be used. Each picture is opened and processed once only."""
        rendered = self._rendered(sample)
        if isinstance(rendered, Failed):
            return rendered
        ids, labels = self._encoder.labelled(rendered, sample.turns)
        if sample.pictures not in self._grown:
            batch = self.batch([sample])
            if isinstance(batch, Failed):
                return batch
            self._grown[sample.pictures] = batch["input_ids"].shape[1] - len(ids)
        return Size(len(ids) + self._grown[sample.pictures], sum(label != IGNORED for label in labels))

    def _rendered(self, sample: Conversation) -> Rendered | Failed:
        return self._encoder.render(sample.turns, len(sample.pictures))

    def _processed(self, texts: list[str], pictures: list[list[Any]]) -> Any:
        self._owner.tokenizer.padding_side = "right"
        shown = pictures if any(pictures) else None  # a list a sample, empty where it has none
        special = self._encoder.adds_special(texts[0])
        return self._owner(text=texts, images=shown, return_tensors="pt", padding=True, add_special_tokens=special)

    def _labels(self, rendered: Rendered, sample: Conversation, ids: list[int]) -> list[int] | Failed:
        """Labels for what the processor made of a text. It may only have changed what stands before the questions."""
        plain, labels = self._encoder.labelled(rendered, sample.turns)
        tail = tail_after_pictures(plain, ids, self._image_token) if sample.pictures else len(plain)
        if tail is None or (not sample.pictures and plain != ids):
            return Failed("not_scored", "the model's processor changes the text behind the picture")
        return [IGNORED] * (len(ids) - tail) + labels[len(labels) - tail :]


def _opened(sample: Conversation) -> list[Any] | Failed:
    """The pictures of a sample; the first failure if one can't be opened."""
    opened = []
    for path in sample.pictures:
        picture = open_image(path)
        if isinstance(picture, Failed):
            return picture
        opened.append(picture)
    return opened


def rows_of_text(samples: Sequence[Conversation], settings: DataSettings, loaded: Loaded) -> Any:
    """A data set of token ids and labels."""
    from datasets import Dataset

    rows = [encoded(sample, settings, loaded) for sample in samples]
    good = [row for row in rows if isinstance(row, Encoded)]
    return Dataset.from_list([{"input_ids": row.input_ids, "labels": row.labels} for row in good])


def rows_of_pictures(first: int, count: int) -> Any:
    """A data set of places in the collator's list of samples; pictures are opened when their batch is made."""
    from datasets import Dataset

    return Dataset.from_dict({"place": list(range(first, first + count))})
