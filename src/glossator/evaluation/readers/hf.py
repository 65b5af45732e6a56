"""Readers that transformers loads: a folder from `glossator train`, any text model, any vision-language model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from glossator.engines.base import Turn
from glossator.engines.loss.context import ocr_context
from glossator.errors import MissingExtraError, UsageError
from glossator.evaluation.readers.base import Ask, Told
from glossator.images import open_image
from glossator.results import Failed
from glossator.training import model
from glossator.training.settings import ModelSpec

_PAD_SHARE = 1.3  # a batch's longest prompt against its shortest
_PICTURE_TOKENS = 2048  # pictures are most of a prompt, and their size is the processor's


class HfReader:
    """See `readers.base.Reader`. Greedy decoding, in batches of prompts of like length.

    What a model's own generation settings say of sampling, beams or penalties is not followed; its end tokens are.

    Args:
        spec: the model.
        max_ocr_tokens: budget for the page's text, where the model has no eyes.
        batch_tokens: prompt tokens of one batch, at most (one prompt at least); 0: as the device bears.
        name: as results name it; the model's own if empty.

    Raises:
        UsageError: if there is no such model, or it can't be used.
        MissingExtraError: if a package is missing.
    """

    def __init__(self, spec: ModelSpec, *, max_ocr_tokens: int = 512, batch_tokens: int = 0, name: str = "") -> None:
        try:
            import torch
        except ImportError as error:
            raise MissingExtraError(f"the model {spec.name}", "train") from error
        device = model.default_device()
        self._torch = torch
        self._loaded = model.load(spec, device)
        self._loaded.model = _merged(self._loaded.model, spec).eval()
        self._loaded.tokenizer.padding_side = "left"
        self._loaded.model.generation_config = self._greedy()
        self._budget = max_ocr_tokens
        self._batch_tokens = batch_tokens or (4096 if device == "cpu" else 32768)
        self._positions = model.positions(self._loaded.model)
        self.sees = self._loaded.sees
        self.name = name or spec.name
        self.identity = f"{spec.model_dump_json()} {0 if self.sees else max_ocr_tokens}"

    def answer(self, asks: Sequence[Ask], told: Told) -> None:
        """See `readers.base.Reader`."""
        (self._with_pictures if self.sees else self._without)(asks, told)

    def _greedy(self) -> Any:
        """Generation settings of our own, but for the tokens that end an answer."""
        from transformers import GenerationConfig

        loaded, own = self._loaded, self._loaded.model.generation_config
        ends = own.eos_token_id if isinstance(own.eos_token_id, list) else [own.eos_token_id]
        return GenerationConfig(
            do_sample=False,
            num_beams=1,
            bos_token_id=own.bos_token_id,
            pad_token_id=loaded.tokenizer.pad_token_id,
            eos_token_id=sorted({*(end for end in ends if end is not None), *loaded.encoder.end_marks()}) or None,
        )

    # Without eyes

    def _without(self, asks: Sequence[Ask], told: Told) -> None:
        prompts: dict[int, list[int]] = {}
        for i, ask in enumerate(asks):
            text = self._loaded.encoder.prompt([Turn("user", self._shown(ask))])
            special = self._loaded.encoder.adds_special(text)
            ids = self._loaded.tokenizer(text, add_special_tokens=special)["input_ids"]
            too_long = self._too_long(len(ids), ask)
            if too_long:
                told(i, too_long)
            else:
                prompts[i] = ids
        for batch in batches({i: len(ids) for i, ids in prompts.items()}, self._batch_tokens):
            self._padded(batch, prompts, asks, told)

    def _padded(self, batch: Sequence[int], prompts: Mapping[int, list[int]], asks: Sequence[Ask], told: Told) -> None:
        padded = self._loaded.tokenizer.pad({"input_ids": [prompts[i] for i in batch]}, return_tensors="pt")
        if not self._decoded(dict(padded), batch, asks, told):
            for half in _halves(batch):
                self._padded(half, prompts, asks, told)

    def _shown(self, ask: Ask) -> str:
        page = ocr_context(ask.page, [ask.text], self._budget, self._loaded.encoder.fit)
        return f"{page}\n\n{ask.text}" if page else ask.text

    def _too_long(self, tokens: int, ask: Ask) -> Failed | None:
        if tokens + ask.max_new_tokens <= self._positions:
            return None
        return Failed("too_long", f"{tokens} tokens; the model has room for {self._positions}, the answer included")

    # With eyes

    def _with_pictures(self, asks: Sequence[Ask], told: Told) -> None:
        order = sorted(range(len(asks)), key=lambda i: (asks[i].max_new_tokens, str(asks[i].picture), i))
        size = max(1, self._batch_tokens // _PICTURE_TOKENS)
        for at in range(0, len(order), size):
            self._shown_pictures(order[at : at + size], asks, told)

    def _shown_pictures(self, batch: Sequence[int], asks: Sequence[Ask], told: Told) -> None:
        pictures = {i: open_image(asks[i].picture) for i in batch}
        for i, picture in pictures.items():
            if isinstance(picture, Failed):
                told(i, picture)
        good = [i for i in batch if not isinstance(pictures[i], Failed)]
        if good:
            self._processed(good, pictures, asks, told)

    def _processed(self, batch: Sequence[int], pictures: Mapping[int, Any], asks: Sequence[Ask], told: Told) -> None:
        """Answer a batch of pictures; if it can't be, halves of it, down to the one at fault."""
        try:
            inputs = self._inputs(batch, pictures, asks)
        except (ValueError, RuntimeError, TypeError, ZeroDivisionError) as error:  # of a sliver, some processors say no
            if len(batch) == 1:
                why = (str(error) or type(error).__name__).splitlines()[0][:200]
                told(batch[0], Failed("engine", f"the model's processor does not take this picture: {why}"))
                return
        else:
            lengths = inputs["attention_mask"].sum(dim=1).tolist()
            problems = {i: self._too_long(int(n), asks[i]) for i, n in zip(batch, lengths, strict=True)}
            if not any(problems.values()):
                if self._decoded(inputs, batch, asks, told):
                    return
            elif len(batch) == 1 and (problem := problems[batch[0]]):
                told(batch[0], problem)
                return
        for half in _halves(batch):
            self._processed(half, pictures, asks, told)

    def _inputs(self, batch: Sequence[int], pictures: Mapping[int, Any], asks: Sequence[Ask]) -> dict[str, Any]:
        texts = [self._loaded.encoder.prompt([Turn("user", asks[i].text)], 1) for i in batch]
        owner = self._loaded.owner
        owner.tokenizer.padding_side = "left"
        return dict(
            owner(
                text=texts,
                images=[[pictures[i]] for i in batch],
                return_tensors="pt",
                padding=True,
                add_special_tokens=self._loaded.encoder.adds_special(texts[0]),
            )
        )

    # Both

    def _decoded(self, inputs: dict[str, Any], batch: Sequence[int], asks: Sequence[Ask], told: Told) -> bool:
        """Answer a batch. False if memory does not suffice for it.

        Raises:
            UsageError: if it does not suffice for one question.
        """
        try:
            with self._torch.inference_mode():
                made = self._loaded.model.generate(
                    **{name: self._placed(value) for name, value in inputs.items()},
                    max_new_tokens=max(asks[i].max_new_tokens for i in batch),
                )
        except self._torch.OutOfMemoryError as error:
            if len(batch) == 1:
                raise UsageError(f"{self.name} does not fit into the device's memory beside one question") from error
            self._torch.cuda.empty_cache()
            return False
        start = inputs["input_ids"].shape[1]
        for row, i in enumerate(batch):
            ids = made[row, start:][: asks[i].max_new_tokens]
            told(i, self._loaded.tokenizer.decode(ids, skip_special_tokens=True).strip())
        return True

    def _placed(self, value: Any) -> Any:
        if not isinstance(value, self._torch.Tensor):
            return value
        kind = self._loaded.model.dtype if value.is_floating_point() else value.dtype
        return value.to(self._loaded.model.device, kind)


def _merged(loaded: Any, spec: ModelSpec) -> Any:
    """Adapters merged into float32 weights: faster, and the answers stay. In rounder weights they would change."""
    plain = spec.quantization is None and str(loaded.dtype) == "torch.float32"
    return loaded.merge_and_unload() if plain and hasattr(loaded, "peft_config") else loaded


def _halves(batch: Sequence[int]) -> tuple[Sequence[int], Sequence[int]]:
    middle = len(batch) // 2
    return batch[:middle], batch[middle:]


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
