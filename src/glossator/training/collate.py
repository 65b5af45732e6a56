"""From samples to batches. Text is tokenised once, before training; pictures are opened when their batch is made.

What is too long is split by turn or left out before training begins, and counted: no sequence is ever cut, so no
picture loses its tokens and no answer its end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from glossator.engines.base import Turn
from glossator.engines.loss.context import ocr_context
from glossator.engines.loss.conversations import tail_after_pictures
from glossator.engines.loss.template import Rendered
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
    samples: Sequence[Conversation], limit: int, measure: Measure, found: TrainingSet
) -> Iterator[tuple[Conversation, Size]]:
    """The samples that fit into `limit` tokens; longer ones split in halves by turn, what can't be split counted."""
    for sample in samples:
        size = measure(sample)
        if isinstance(size, Failed):
            found.leave_out(f"{size.category}: {size.message}")
        elif size.tokens <= limit:
            yield sample, size
        elif len(sample.exchanges) == 1:
            found.leave_out("too long")
        else:
            found.leave_out("split, too long in one piece")
            middle = len(sample.exchanges) // 2
            for i, part in enumerate((sample.exchanges[:middle], sample.exchanges[middle:])):
                yield from fitting([replace(sample, id=f"{sample.id}/{i}", exchanges=part)], limit, measure, found)


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
        self._loaded = loaded
        self._samples = samples

    def __call__(self, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """A batch of rows as `rows_of_pictures` makes them."""
        return self.batch([self._samples[row["place"]] for row in rows])

    def batch(self, samples: Sequence[Conversation]) -> dict[str, Any]:
        """Tensors for the model, `labels` included.

        Raises:
            ValueError: if a picture can't be opened, or the processor changes the text behind one. Both are looked
                for before training starts (`measure`).
        """
        import torch

        rendered = [self._rendered(sample) for sample in samples]
        pictures = [self._pictures(sample) for sample in samples]
        batch = dict(self._processed([one.text for one in rendered], pictures))
        labels = torch.full_like(batch["input_ids"], IGNORED)
        for i, (one, sample) in enumerate(zip(rendered, samples, strict=True)):
            size = int(batch["attention_mask"][i].sum())
            ids = batch["input_ids"][i, :size].tolist()
            labels[i, :size] = torch.tensor(self._labels(one, sample, ids))
        return batch | {"labels": labels}

    def measure(self, sample: Conversation) -> Size | Failed:
        """How long a sample is; `Failed` where it can't be used."""
        for path in sample.pictures:
            opened = open_image(path)
            if isinstance(opened, Failed):
                return opened
        try:
            labels = self.batch([sample])["labels"]
        except ValueError as error:
            return Failed("not_scored", str(error))
        return Size(labels.numel(), int((labels != IGNORED).sum()))

    def _rendered(self, sample: Conversation) -> Rendered:
        rendered = self._loaded.encoder.render(sample.turns, len(sample.pictures))
        if isinstance(rendered, Failed):
            raise ValueError(f"{sample.id}: {rendered.message}")
        return rendered

    def _pictures(self, sample: Conversation) -> list[Any]:
        opened = [open_image(path) for path in sample.pictures]
        bad = next((one for one in opened if isinstance(one, Failed)), None)
        if bad is not None:
            raise ValueError(f"{sample.id}: {bad.message}")
        return opened

    def _processed(self, texts: list[str], pictures: list[list[Any]]) -> Any:
        owner = self._loaded.owner
        owner.tokenizer.padding_side = "right"
        shown: Any = pictures if any(pictures) else None
        if shown is not None and not all(pictures):  # some samples have none: most processors want a flat list then
            shown = [picture for some in pictures for picture in some]
        special = self._loaded.encoder.adds_special(texts[0])
        return owner(text=texts, images=shown, return_tensors="pt", padding=True, add_special_tokens=special)

    def _labels(self, rendered: Rendered, sample: Conversation, ids: list[int]) -> list[int]:
        """Labels for what the processor made of a text. It may only have changed what stands before the questions."""
        plain, labels = self._loaded.encoder.labelled(rendered, sample.turns)
        tail = tail_after_pictures(plain, ids, self._loaded.image_token) if sample.pictures else len(ids)
        if tail is None:
            raise ValueError(f"{sample.id}: the processor changes the text behind the picture")
        found = [IGNORED] * (len(ids) - tail) + labels[len(labels) - tail :]
        return found if sample.pictures else labels


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
