"""Readers that transformers loads: a folder from `glossator train`, any text model, any vision-language model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from glossator.engines.base import Turn
from glossator.engines.loss.context import ocr_context
from glossator.evaluation.readers.base import Ask, Told
from glossator.images import open_image
from glossator.results import Failed
from glossator.training import model
from glossator.training.settings import ModelSpec

_PAD_SHARE = 1.3  # a batch's longest prompt against its shortest


class HfReader:
    """See `readers.base.Reader`. Greedy decoding, in batches of prompts of like length.

    Args:
        spec: the model.
        max_ocr_tokens: budget for the page's text, where the model has no eyes.
        batch_tokens: prompt tokens of one batch, at most (one prompt at least).
        name: as results name it; the model's own if empty.
    """

    def __init__(self, spec: ModelSpec, *, max_ocr_tokens: int = 512, batch_tokens: int = 0, name: str = "") -> None:
        import torch

        device = model.default_device()
        self._loaded = model.load(spec, device)
        self._loaded.model.eval()
        self._loaded.tokenizer.padding_side = "left"
        self._budget = max_ocr_tokens
        self._batch_tokens = batch_tokens or (4096 if device == "cpu" else 32768)
        self._positions = model.positions(self._loaded.model)
        self._torch = torch
        self.sees = self._loaded.sees
        self.name = name or spec.name

    def answer(self, asks: Sequence[Ask], told: Told) -> None:
        """See `readers.base.Reader`."""
        (self._with_pictures if self.sees else self._without)(asks, told)

    # Without eyes

    def _without(self, asks: Sequence[Ask], told: Told) -> None:
        prompts: dict[int, list[int]] = {}
        for i, ask in enumerate(asks):
            text = self._loaded.encoder.prompt([Turn("user", self._shown(ask))])
            special = self._loaded.encoder.adds_special(text)
            ids = self._loaded.tokenizer(text, add_special_tokens=special)["input_ids"]
            if len(ids) + ask.max_new_tokens > self._positions:
                told(i, Failed("too_long", f"{len(ids)} tokens; the model has room for {self._positions}"))
            else:
                prompts[i] = ids
        for batch in batches({i: len(ids) for i, ids in prompts.items()}, self._batch_tokens):
            padded = self._loaded.tokenizer.pad({"input_ids": [prompts[i] for i in batch]}, return_tensors="pt")
            self._decode(dict(padded), batch, asks, told)

    def _shown(self, ask: Ask) -> str:
        page = ocr_context(ask.page, [ask.text], self._budget, self._loaded.encoder.fit)
        return f"{page}\n\n{ask.text}" if page else ask.text

    # With eyes

    def _with_pictures(self, asks: Sequence[Ask], told: Told) -> None:
        order = sorted(range(len(asks)), key=lambda i: (asks[i].max_new_tokens, str(asks[i].picture), i))
        size = max(1, self._batch_tokens // 2048)  # pictures are most of a prompt, and their size is the processor's
        for at in range(0, len(order), size):
            self._batch_of_pictures(order[at : at + size], asks, told)

    def _batch_of_pictures(self, batch: Sequence[int], asks: Sequence[Ask], told: Told) -> None:
        pictures = {i: open_image(asks[i].picture) for i in batch}
        for i, picture in pictures.items():
            if isinstance(picture, Failed):
                told(i, picture)
        good = [i for i in batch if not isinstance(pictures[i], Failed)]
        if not good:
            return
        texts = [self._loaded.encoder.prompt([Turn("user", asks[i].text)], 1) for i in good]
        owner = self._loaded.owner
        owner.tokenizer.padding_side = "left"
        inputs = owner(
            text=texts,
            images=[[pictures[i]] for i in good],
            return_tensors="pt",
            padding=True,
            add_special_tokens=self._loaded.encoder.adds_special(texts[0]),
        )
        self._decode(dict(inputs), good, asks, told)

    def _decode(self, inputs: dict[str, Any], batch: Sequence[int], asks: Sequence[Ask], told: Told) -> None:
        loaded = self._loaded
        inputs = {name: self._placed(value) for name, value in inputs.items()}
        config = loaded.model.generation_config
        ends = config.eos_token_id if isinstance(config.eos_token_id, list) else [config.eos_token_id]
        with self._torch.inference_mode():
            made = loaded.model.generate(
                **inputs,
                do_sample=False,
                num_beams=1,
                temperature=None,
                top_p=None,
                top_k=None,
                max_new_tokens=max(asks[i].max_new_tokens for i in batch),
                pad_token_id=loaded.tokenizer.pad_token_id,
                eos_token_id=sorted({*(end for end in ends if end is not None), *loaded.encoder.end_marks()}),
            )
        start = inputs["input_ids"].shape[1]
        for row, i in enumerate(batch):
            ids = made[row, start:][: asks[i].max_new_tokens]
            told(i, loaded.tokenizer.decode(ids, skip_special_tokens=True).strip())

    def _placed(self, value: Any) -> Any:
        if not isinstance(value, self._torch.Tensor):
            return value
        kind = self._loaded.model.dtype if value.is_floating_point() else value.dtype
        return value.to(self._loaded.model.device, kind)


def batches(lengths: dict[int, int], most: int) -> Iterator[list[int]]:
    """Places of prompts, those of like length together; a batch, padded, holds at most so many tokens."""
    batch: list[int] = []
    for i in sorted(lengths, key=lambda i: (-lengths[i], i)):
        longest = lengths[batch[0]] if batch else 0
        if batch and (longest * (len(batch) + 1) > most or longest > _PAD_SHARE * lengths[i]):
            yield batch
            batch = []
        batch.append(i)
    if batch:
        yield batch
