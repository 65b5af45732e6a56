"""Shared prefixes and batches give what one pass a sequence gives, whatever the sequences look like."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from glossator.engines.loss.forward import Group, PrefixScorer, TokenSequence  # noqa: E402
from glossator.results import Failed  # noqa: E402

VOCABULARY = 40


def llama(dtype: Any = torch.float32, cls: Any = None) -> Any:
    config = transformers.LlamaConfig(
        vocab_size=VOCABULARY, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=512, initializer_range=0.3, pad_token_id=0, bos_token_id=1,
        eos_token_id=2,
    )  # fmt: skip
    torch.manual_seed(0)
    return (cls or transformers.LlamaForCausalLM)(config).to(dtype).eval()


MODELS = {dtype: llama(dtype) for dtype in (torch.float32, torch.bfloat16)}


def one_by_one(model: Any, sequence: TokenSequence) -> list[list[float]]:
    with torch.no_grad():
        chances = model(torch.tensor([sequence.ids])).logits[0].float().log_softmax(-1)
    return [[-chances[at - 1, sequence.ids[at]].item() for at in range(*span)] for span in sequence.scored]


tokens = st.lists(st.integers(3, VOCABULARY - 1), min_size=1, max_size=12)


@st.composite
def trees(draw: st.DrawFn) -> list[TokenSequence]:
    """Sequences that grow out of each other and out of a common beginning."""
    known = [draw(tokens)]
    for _ in range(draw(st.integers(1, 9))):
        stem = draw(st.sampled_from(known))
        known.append(stem[: draw(st.integers(1, len(stem)))] + draw(tokens))
    found = []
    for ids in known:
        if len(ids) < 2:
            continue
        spans = []
        for _ in range(draw(st.integers(1, 2))):
            start = draw(st.integers(1, len(ids) - 1))
            spans.append((start, draw(st.integers(start + 1, len(ids)))))
        found.append(TokenSequence(tuple(ids), tuple(spans)))
    return found


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(trees(), st.sampled_from([1, 7, 50, 4096]), st.sampled_from(list(MODELS)), st.booleans())
def test_equals_one_pass_a_sequence(sequences: list[TokenSequence], batch_tokens: int, dtype: Any, share: bool) -> None:
    if not sequences:
        return
    model = MODELS[dtype]
    found = PrefixScorer(model, batch_tokens, share=share).score(Group(sequences))
    tolerance = {"abs": 1e-3} if dtype == torch.float32 else {"rel": 0.08, "abs": 0.25}
    for losses, sequence in zip(found, sequences, strict=True):
        assert not isinstance(losses, Failed)
        for text, wanted in zip(losses, one_by_one(model, sequence), strict=True):
            assert text == pytest.approx(wanted, **tolerance)


def test_what_is_shared_goes_through_once() -> None:
    scorer = PrefixScorer(MODELS[torch.float32], 4096)
    beginning = tuple(range(3, 33))
    sequences = [TokenSequence((*beginning, i, i + 1, i + 2), ((31, 33),)) for i in range(3, 9)]
    scorer.score(Group(sequences))
    assert scorer.tokens == 30 + 6 * 3


def test_a_sequence_within_another_costs_nothing() -> None:
    scorer = PrefixScorer(MODELS[torch.float32], 4096)
    ids = tuple(range(3, 23))
    found = scorer.score(Group([TokenSequence(ids[:8], ((5, 8),)), TokenSequence(ids, ((15, 20),))]))
    assert scorer.tokens <= 20
    assert found[0] == [
        pytest.approx(one_by_one(MODELS[torch.float32], TokenSequence(ids[:8], ((5, 8),)))[0], abs=1e-3)
    ]


class SmallMemory(transformers.LlamaForCausalLM):  # type: ignore[misc]
    """Runs out of memory above 40 tokens a pass, as an accelerator would."""

    def forward(self, input_ids: Any = None, **inputs: Any) -> Any:
        if input_ids.numel() > 40:
            raise torch.OutOfMemoryError("out of memory")
        return super().forward(input_ids=input_ids, **inputs)


def test_out_of_memory_halves_the_batch_and_goes_on() -> None:
    model = llama(cls=SmallMemory)
    scorer = PrefixScorer(model, 4096)
    sequences = [TokenSequence((5, *(3 + (i * j) % 30 for j in range(1, 20))), ((10, 20),)) for i in range(1, 12)]
    found = scorer.score(Group(sequences))
    assert scorer.batch_tokens <= 110
    for losses, sequence in zip(found, sequences, strict=True):
        assert losses == [pytest.approx(one_by_one(llama(), sequence)[0], abs=1e-3)]


def test_one_sequence_that_does_not_fit_fails_alone() -> None:
    model = llama(cls=SmallMemory)
    long = TokenSequence(tuple(3 + i % 30 for i in range(90)), ((50, 90),))
    short = TokenSequence((9, 8, 7, 6), ((1, 4),))
    found = PrefixScorer(model, 4096).score(Group([long, short]))
    assert isinstance(found[0], Failed)
    assert "out of memory at 90 tokens" in found[0].message
    assert not isinstance(found[1], Failed)


def test_a_loss_that_is_no_number_fails_its_sequence_alone() -> None:
    model = llama()
    with torch.no_grad():
        model.model.embed_tokens.weight[39] = float("nan")
    bad, good = TokenSequence((5, 6, 39, 8), ((3, 4),)), TokenSequence((5, 6, 7, 8), ((3, 4),))
    found = PrefixScorer(model, 4096).score(Group([bad, good]))
    assert isinstance(found[0], Failed)
    assert not isinstance(found[1], Failed)
