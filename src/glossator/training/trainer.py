"""TRL's trainer, with a loss that costs what it must on machines without Triton.

TRL 1.16 fuses language-model head and loss. Without Triton that head scores every position of a batch against the
whole vocabulary, twice, though only the answers carry loss; for a small model that is most of a step
(`benchmarks/training_loss.py`). Here the model is asked for the logits of the answers' places alone.
"""

from __future__ import annotations

import inspect
from typing import Any

from glossator.training.encode import IGNORED


def trainer_class() -> Any:
    """`SFTTrainer` where it is fast (CUDA, XPU), else a subclass of it with the same loss."""
    import torch
    from trl import SFTTrainer

    class AnswerTrainer(SFTTrainer):  # type: ignore[misc]
        """See above."""

        def compute_loss(
            self,
            model: Any,
            inputs: Any,
            return_outputs: bool = False,  # noqa: FBT001, FBT002 (TRL's)
            num_items_in_batch: Any = None,
        ) -> Any:
            if return_outputs or self.aux_loss_enabled or not _can_choose_places(self.accelerator.unwrap_model(model)):
                return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
            rest = {name: value for name, value in inputs.items() if name != "labels"}
            loss = _loss(model, rest, inputs["labels"], num_items_in_batch)
            if num_items_in_batch is not None and self.args.average_tokens_across_devices:
                loss = loss * self.accelerator.num_processes  # the count is of all of them, gradients are averaged
            return loss

    return SFTTrainer if torch.cuda.is_available() or torch.xpu.is_available() else AnswerTrainer


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
