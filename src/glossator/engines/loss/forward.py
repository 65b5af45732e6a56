"""Token losses of many sequences that begin alike: the beginning is computed once, the rest in batches of like length.

Sequences come in groups. What all of a group's sequences share (the system message and the image, say) goes through the
model once, and its key-value cache stands before every batch of the rest. A sequence with which another begins costs
nothing: its texts are scored on the way. Logits are computed at scored positions only. Padding stands on the right,
where a causal model does not see it.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar

from glossator.results import Failed

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class TokenSequence:
    """Token ids, and the half-open index ranges of the texts in them that are to be scored."""

    ids: tuple[int, ...]
    scored: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """Sequences that begin alike.

    Attributes:
        sequences: at least one; their common beginning is computed once.
        inputs: further inputs of the model that belong to the beginning, such as `pixel_values`.
        inputs_end: index of the first token after those that `inputs` belong to; 0 without inputs.
        token_types: inputs with one value for each token of the beginning, such as `mm_token_type_ids`.
    """

    sequences: Sequence[TokenSequence]
    inputs: dict[str, Any] = field(default_factory=dict)
    inputs_end: int = 0
    token_types: dict[str, Any] = field(default_factory=dict)


Losses = list[list[float]]  # for each scored text, the loss (nats) of each of its tokens


@dataclass(frozen=True, slots=True)
class Branch:
    """One sequence that goes through the model; `owners` are the texts scored on the way, as (sequence, text)."""

    ids: tuple[int, ...]
    spans: list[Span]
    owners: list[tuple[int, int]]


class PrefixScorer:
    """Runs a causal model of transformers, text only or with vision.

    Args:
        model: with a language-modelling head; its device and dtype are used as they are.
        batch_tokens: highest number of tokens, padding included, in one forward pass behind a shared beginning.
        share: False computes every sequence whole, for models whose cache can't be shared.
    """

    padding = 1.12  # a batch's widest sequence over its narrowest
    logit_bytes: ClassVar[dict[str, int]] = {"cpu": 256 << 20, "other": 2 << 30}  # of one pass, about

    def __init__(self, model: Any, batch_tokens: int, *, share: bool = True) -> None:
        self.model = model
        self.batch_tokens = batch_tokens
        self.share = share
        vocabulary = model.get_input_embeddings().weight.shape[0]
        bound = self.logit_bytes["cpu" if model.device.type == "cpu" else "other"]
        self.scored_at_once = max(1, bound // (vocabulary * model.dtype.itemsize))  # positions
        self.tokens = 0  # that went through the model so far, padding included

    def score(self, group: Group) -> list[Losses | Failed]:
        """For each sequence of the group the losses of its texts, or why there are none."""
        import torch

        branches = merged(group.sequences)
        results: list[list[list[float] | None]] = [[None] * len(sequence.scored) for sequence in group.sequences]
        failed: dict[int, Failed] = {}
        with torch.inference_mode():
            start = self._shared_length(group, branches)
            prefix = self._prefix(group, start) if start else None
            for batch in self._batches(branches, start):
                for branch, losses in zip(batch, self._losses(batch, prefix, start, group), strict=True):
                    self._deliver(branch, losses, results, failed)
        return [failed.get(i) or [text or [] for text in texts] for i, texts in enumerate(results)]

    def _deliver(self, branch: Branch, losses: Any, results: Any, failed: dict[int, Failed]) -> None:
        for number, (sequence, text) in enumerate(branch.owners):
            if isinstance(losses, Failed):
                failed[sequence] = losses
            elif any(value != value or value in (float("inf"), float("-inf")) for value in losses[number]):
                failed[sequence] = Failed("not_scored", "the model gave a loss that is no finite number")
            else:
                results[sequence][text] = losses[number]

    def _shared_length(self, group: Group, branches: Sequence[Branch]) -> int:
        """How many tokens all branches begin with. The token before a scored one stays outside: its logits are needed.

        Pictures are computed with the beginning or not at all: 0 where they do not lie within it.
        """
        if not self.share:
            return 0
        first, last = min(branch.ids for branch in branches), max(branch.ids for branch in branches)
        common = next((i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first))
        common = min([common, *(start - 1 for branch in branches for start, _ in branch.spans)])
        return common if common >= group.inputs_end else 0

    def _prefix(self, group: Group, length: int) -> _Prefix:
        import torch

        self.forget_positions()
        ids = torch.tensor([group.sequences[0].ids[:length]], device=self.model.device)
        output = self._base(input_ids=ids, use_cache=True, **group.inputs, **self._types(group, length))
        self.tokens += length
        return _Prefix(output.past_key_values, length, getattr(self._inner, "rope_deltas", None))

    def _types(self, group: Group, length: int) -> dict[str, Any]:
        """The token types of the first `length` tokens; what follows the pictures is text, type 0."""
        import torch

        known = {name: values[:, :length] for name, values in group.token_types.items()}
        return {name: torch.nn.functional.pad(values, (0, length - values.shape[1])) for name, values in known.items()}

    def _batches(self, branches: Sequence[Branch], start: int) -> Iterator[list[Branch]]:
        """Batches of like length. `start` tokens of each branch are already done."""
        batch: list[Branch] = []
        scored = 0
        for branch in sorted(branches, key=lambda branch: (len(branch.ids), branch.owners)):
            width, texts = len(branch.ids) - start, sum(end - begin for begin, end in branch.spans)
            full = width * (len(batch) + 1) > self.batch_tokens or scored + texts > self.scored_at_once
            if batch and (full or width > self.padding * (len(batch[0].ids) - start) + 2):
                yield batch
                batch, scored = [], 0
            batch.append(branch)
            scored += texts
        if batch:
            yield batch

    def _losses(self, batch: list[Branch], prefix: _Prefix | None, start: int, group: Group) -> list[Any]:
        """One entry a branch: the losses of its texts. Out of memory halves the batch, for this and what follows."""
        try:
            return self._forward(batch, prefix, start, group)
        except Exception as error:
            if not _out_of_memory(error):
                raise
        self._free_memory()
        if len(batch) == 1:
            return [Failed("not_scored", f"out of memory at {len(batch[0].ids)} tokens; set max_length lower")]
        self.batch_tokens = max(1, min(self.batch_tokens, (len(batch[0].ids) - start) * len(batch)) // 2)
        half = len(batch) // 2
        return [
            *self._losses(batch[:half], prefix, start, group),
            *self._losses(batch[half:], prefix, start, group),
        ]

    def _forward(self, batch: list[Branch], prefix: _Prefix | None, start: int, group: Group) -> list[Any]:
        import torch

        if prefix is None and group.inputs and len(batch) > 1:
            return [row for branch in batch for row in self._forward([branch], None, start, group)]
        width = max(len(branch.ids) for branch in batch) - start
        device = self.model.device
        ids = torch.zeros((len(batch), width), dtype=torch.long)
        for row, branch in enumerate(batch):
            ids[row, : len(branch.ids) - start] = torch.tensor(branch.ids[start:])
        spans = [(row, begin - start, end - start) for row, branch in enumerate(batch) for begin, end in branch.spans]
        rows = torch.tensor([row for row, begin, end in spans for _ in range(begin, end)], device=device)
        places = torch.tensor([at for _, begin, end in spans for at in range(begin, end)], device=device)
        self.tokens += ids.numel()
        ids = ids.to(device)
        extra = self._continued(prefix, len(batch), width) if prefix else self._whole(group, width)
        with self._head_at(rows, places - 1):
            logits = self.model(input_ids=ids, **extra).logits
        if logits.dim() == 3:  # the model has no head that could be told where to look
            logits = logits[rows, places - 1]
        losses = _token_losses(logits, ids[rows, places]).tolist()
        texts = iter(losses[i:j] for i, j in _slices(end - begin for _, begin, end in spans))
        return [[next(texts) for _ in branch.spans] for branch in batch]

    def _continued(self, prefix: _Prefix, rows: int, width: int) -> dict[str, Any]:
        import torch

        places = torch.arange(prefix.length, prefix.length + width, device=self.model.device)
        positions = places.unsqueeze(0).expand(rows, -1)
        if prefix.shift is not None:  # pictures take fewer positions than tokens there (Qwen-VL)
            positions = positions + prefix.shift.to(positions.device)
        return {"past_key_values": prefix.before(rows), "position_ids": positions, "use_cache": True}

    def _whole(self, group: Group, width: int) -> dict[str, Any]:
        self.forget_positions()
        return {"use_cache": False, **group.inputs, **self._types(group, width)}

    @property
    def _inner(self) -> Any:
        return self.model.base_model

    def _base(self, **inputs: Any) -> Any:
        """The model without its head: a prefix needs no logits."""
        head = self.model.get_output_embeddings()
        if head is None or self._inner is self.model:
            return self.model(**inputs)
        return self._inner(**inputs)

    def forget_positions(self) -> None:
        """Qwen-VL models remember the picture positions of their last input; a new one must not meet them."""
        if hasattr(self._inner, "rope_deltas"):
            self._inner.rope_deltas = None

    @contextmanager
    def _head_at(self, rows: Any, places: Any) -> Iterator[None]:
        """While this holds, the head sees the hidden states at these places alone, as (places, width).

        The model's own forward pass still does all that it does to logits afterwards (scaling, soft caps).
        """
        head = self.model.get_output_embeddings()
        if head is None:
            yield
            return
        hook = head.register_forward_pre_hook(lambda _module, inputs: (inputs[0][rows, places],))
        try:
            yield
        finally:
            hook.remove()

    def _free_memory(self) -> None:
        import torch

        if torch.cuda.is_available():
            torch.cuda.empty_cache()


@dataclass(frozen=True, slots=True)
class _Prefix:
    """A beginning that has been computed: its cache, its length in tokens, and Qwen-VL's shift of later positions."""

    cache: Any
    length: int
    shift: Any = None

    def before(self, rows: int) -> Any:
        """A cache of `rows` rows that begin with this prefix, free to be written to."""
        from transformers.cache_utils import DynamicCache, DynamicLayer

        if all(type(layer) is DynamicLayer for layer in self.cache.layers):
            shared = DynamicCache()
            shared.layers = [_shared_layer(layer) for layer in self.cache.layers]
            return shared
        own = copy.deepcopy(self.cache)  # sliding windows and recurrent states are changed in place
        own.batch_repeat_interleave(rows)
        return own


def _shared_layer(layer: Any) -> Any:
    """A cache layer that puts the shared keys and values before each row's own, and keeps nothing."""
    import torch
    from transformers.cache_utils import DynamicLayer

    class SharedLayer(DynamicLayer):  # type: ignore[misc]
        def update(self, key_states: Any, value_states: Any, *_args: Any, **_kwargs: Any) -> tuple[Any, Any]:
            rows = key_states.shape[0]
            keys = torch.cat([layer.keys.expand(rows, -1, -1, -1), key_states], dim=-2)
            return keys, torch.cat([layer.values.expand(rows, -1, -1, -1), value_states], dim=-2)

    shared = SharedLayer()
    shared.keys, shared.values = layer.keys, layer.values
    shared.dtype, shared.device, shared.is_initialized = layer.dtype, layer.device, True
    return shared


def merged(sequences: Sequence[TokenSequence]) -> list[Branch]:
    """The sequences up to their last scored token, those with which another begins merged into it."""
    order = sorted((sequence.ids[: max(end for _, end in sequence.scored)], i) for i, sequence in enumerate(sequences))
    branches: list[Branch] = []
    for ids, i in reversed(order):
        if not branches or branches[-1].ids[: len(ids)] != ids:
            branches.append(Branch(ids, [], []))
        for number, span in enumerate(sequences[i].scored):
            branches[-1].spans.append(span)
            branches[-1].owners.append((i, number))
    return branches


def _slices(lengths: Any) -> Iterator[Span]:
    start = 0
    for length in lengths:
        yield start, start + length
        start += length


def _token_losses(logits: Any, targets: Any) -> Any:
    """Negative log-likelihood (nats) of each target. `logits`: (tokens, vocabulary), taken to float32 part by part."""
    import torch

    parts = zip(logits.split(256), targets.split(256), strict=True)
    return torch.cat(
        [torch.nn.functional.cross_entropy(part.float(), target, reduction="none") for part, target in parts]
    )


def _out_of_memory(error: Exception) -> bool:
    """torch has a type of its own for accelerators; for the CPU it raises a RuntimeError or a MemoryError."""
    import torch

    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and "DefaultCPUAllocator: can't allocate memory" in str(error)
