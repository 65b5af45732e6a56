"""TRL's trainer, with an order that a resumed run repeats, and a loss that costs what it must without Triton.

TRL 1.16 fuses language-model head and loss. Without Triton that head scores every position of a batch against the
whole vocabulary, twice, though only the answers carry loss; for a small model that is most of a step
(`benchmarks/training_loss.py`). Here the model is asked for the logits of the answers' places alone.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from glossator.training.encode import IGNORED


class LengthGrouped:
    """Places of samples in an order drawn anew each epoch, those of like length in one batch: less padding.

    The order is that of (seed, epoch) alone: the same in every process of a run, and in a run that is gone on with.
    (transformers' own draws from the global generator, for which neither holds.)

    Args:
        lengths: of the samples, in tokens.
        group: samples of one step of one process.
        seed: of the order.
        epoch: tells which pass begins.
    """

    def __init__(self, lengths: Sequence[int], group: int, seed: int, epoch: Callable[[], int]) -> None:
        self._lengths = list(lengths)
        self._group = group
        self._seed = seed
        self._epoch = epoch

    def __len__(self) -> int:
        return len(self._lengths)

    def __iter__(self) -> Iterator[int]:
        import torch
        from transformers.trainer_pt_utils import get_length_grouped_indices

        generator = torch.Generator().manual_seed(self._seed * 10_007 + self._epoch())
        yield from get_length_grouped_indices(self._lengths, self._group, generator=generator)


def trainer_class() -> Any:
    """The class of the trainer. Where TRL's head is fast (CUDA, XPU) the loss is TRL's own."""
    import torch
    from trl import SFTTrainer

    fused = torch.cuda.is_available() or torch.xpu.is_available()

    class AnswerTrainer(SFTTrainer):  # type: ignore[misc]
        """See above. `lengths`: of the training samples, for `LengthGrouped`; None for an order without regard."""

        lengths: Sequence[int] | None = None

        def _get_train_sampler(self, train_dataset: Any = None) -> Any:
            if self.lengths is None:
                return super()._get_train_sampler(train_dataset)
            group = self.args.per_device_train_batch_size * self.args.gradient_accumulation_steps
            return LengthGrouped(self.lengths, group, self.args.seed, lambda: int(self.state.epoch or 0))

        def compute_loss(
            self,
            model: Any,
            inputs: Any,
            return_outputs: bool = False,  # noqa: FBT001, FBT002 (TRL's)
            num_items_in_batch: Any = None,
        ) -> Any:
            plain = not (fused or return_outputs or self.aux_loss_enabled)
            if not (plain and _can_choose_places(self.accelerator.unwrap_model(model))):
                return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
            rest = {name: value for name, value in inputs.items() if name != "labels"}
            loss = _loss(model, rest, inputs["labels"], num_items_in_batch)
            if num_items_in_batch is not None and self.args.average_tokens_across_devices:
                loss = loss * self.accelerator.num_processes  # the count is of all of them, gradients are averaged
            return loss

    return AnswerTrainer


def _can_choose_places(model: Any) -> bool:
    """Whether a model (adapters or not) can be asked for the logits of some places alone."""
    own = model.get_base_model() if hasattr(model, "get_base_model") else model
    return "logits_to_keep" in inspect.signature(type(own).forward).parameters


def _loss(model: Any, inputs: dict[str, Any], labels: Any, count: Any) -> Any:
    """Mean cross entropy over `count` labels (by default those of this batch), as TRL has it."""
    from torch.nn.functional import cross_entropy

    wanted = labels[:, 1:]  # place i says what it expects at i + 1
    places = (wanted != IGNORED).any(dim=0).nonzero().squeeze(-1)
    logits = model(**inputs, use_cache=False, logits_to_keep=places).logits
    wanted = wanted[:, places].flatten()
    total = cross_entropy(logits.float().flatten(0, 1), wanted, ignore_index=IGNORED, reduction="sum")
    return total / ((wanted != IGNORED).sum().clamp(min=1) if count is None else count)
