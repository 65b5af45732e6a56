"""The embedded engine against the definition: one whole forward pass a sample, in float32, without cache or batch."""

from __future__ import annotations

from typing import Any

import pytest

from glossator.engines import registry
from glossator.engines.base import LossItem, Runtime, Session, Turn, TurnLoss
from glossator.engines.loss.weights import EMBEDDED, model_path
from glossator.recipe import EngineSpec
from glossator.records import ImageRecord, Page, Sample
from glossator.results import Failed

pytestmark = pytest.mark.model

SYSTEM = "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n"
TEXT = "CORNER SHOP\nInvoice No: 4711-0815\nTOTAL 53.60\nCASH 60.00\nCHANGE 6.40"


class NoReplies:
    """A reply log for engines that buy nothing."""

    def get(self, key: str) -> dict[str, Any] | None:
        return None

    def put(self, key: str, reply: dict[str, Any]) -> None:
        raise AssertionError("scoring is not meant to buy anything")


def page(text: str = TEXT) -> Sample:
    return Sample("", ImageRecord("a", "a", "a.png", "0" * 64, 100, 100), Page("a", "test", (), text))


def talk(image: Sample | None, *texts: str) -> LossItem:
    """A conversation whose assistant turns are all scored; a single text is the assistant's."""
    first = "assistant" if len(texts) == 1 else "user"
    second = "assistant" if first == "user" else "user"
    turns = tuple(Turn(first if i % 2 == 0 else second, text) for i, text in enumerate(texts))  # type: ignore[arg-type]
    return LossItem(image, turns, tuple(i for i, turn in enumerate(turns) if turn.role == "assistant"))


ITEMS = [
    talk(None, "The total is 53.60"),
    talk(None, "What is the total?", "The total is 53.60", "How so?", "53.60 stands right of the word TOTAL."),
    talk(None, "How so?", "53.60 stands right of the word TOTAL."),
    talk(page(), "What is the total?", "The total is 53.60"),
    talk(page(), "The total is 53.60"),
    talk(page(), "What number has the invoice?", "4711-0815,\nas printed"),
    talk(page(), "Was heißt das?", "数据 – Grüße, ✓"),
]


@pytest.fixture(scope="module")
def engine() -> Any:
    spec = EngineSpec.model_validate({"kind": "embedded", "dtype": "float32"})
    return registry.build("loss", spec, Runtime(threads=2))


@pytest.fixture(scope="module")
def plain() -> tuple[Any, Any]:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    path = model_path(EMBEDDED)
    model = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32).eval()
    return model, AutoTokenizer.from_pretrained(path)


def reference(plain: tuple[Any, Any], item: LossItem) -> list[TurnLoss]:
    """Each scored turn's loss by the definition, from one forward pass over everything."""
    import torch

    model, tokenizer = plain
    asked = item.turns[0].role == "user"
    turns = item.turns if asked else (Turn("user", ""), *item.turns)
    whole, places = SYSTEM, []
    for i, turn in enumerate(turns):
        shown = item.image.page.text if i == 0 and item.image and item.image.page else ""
        gap = "\n\n" if shown and turn.text else ""
        whole += f"<|im_start|>{turn.role}\n{shown}{gap}"
        places.append((len(whole), len(whole) + len(turn.text)))
        whole += f"{turn.text}<|im_end|>\n"
    found = tokenizer(whole, add_special_tokens=False, return_offsets_mapping=True)
    ids = found["input_ids"]
    spans = []
    for start, end in places:
        inside = [i for i, (first, last) in enumerate(found["offset_mapping"]) if first < end and last > start]
        spans.append((inside[0], inside[-1] + 1) if inside else (0, 0))
    with torch.no_grad():
        chances = model(torch.tensor([ids])).logits[0].log_softmax(-1)
    return [
        TurnLoss(-sum(chances[at - 1, ids[at]].item() for at in range(*spans[i])), spans[i][1] - spans[i][0])
        for i in (index + (not asked) for index in item.scored)
    ]


def score(engine: Any, items: list[LossItem]) -> list[Any]:
    return engine.losses(items, Session(NoReplies()))  # type: ignore[no-any-return]


def test_equals_one_forward_pass_a_sample(engine: Any, plain: tuple[Any, Any]) -> None:
    for item, found in zip(ITEMS, score(engine, ITEMS), strict=True):
        for loss, wanted in zip(found, reference(plain, item), strict=True):
            assert loss.tokens == wanted.tokens
            assert loss.nll == pytest.approx(wanted.nll, rel=1e-3)


def test_bfloat16_stays_within_two_percent(engine: Any) -> None:
    spec = EngineSpec.model_validate({"kind": "embedded", "dtype": "bfloat16"})
    half = registry.build("loss", spec, Runtime(threads=2))
    means = []
    for one in (engine, half):
        losses = [loss for found in score(one, ITEMS[:4]) for loss in found]
        means.append(sum(loss.nll for loss in losses) / sum(loss.tokens for loss in losses))
    assert means[1] == pytest.approx(means[0], rel=0.02)


@pytest.mark.parametrize("text", ["", "no " * 600])
def test_empty_and_too_long_texts_are_not_scored_and_spoil_nothing(engine: Any, text: str) -> None:
    bad, good = score(engine, [talk(page(), "What is the total?", text), ITEMS[0]])
    assert isinstance(bad, Failed)
    assert bad.category == "not_scored"
    assert not isinstance(good, Failed)


def test_a_page_without_text_or_far_too_much_of_it(engine: Any) -> None:
    for text in ("", "\n".join(f"line {i} of many, amount {i}.00" for i in range(3000)), "x" * 20_000):
        (found,) = score(engine, [talk(page(text), "What is the total?", "The total is 53.60")])
        assert not isinstance(found, Failed)


def test_the_same_text_has_the_same_tokens_wherever_it_stands(engine: Any) -> None:
    for text in ("53.60", " 53.60", "\n\nTOTAL 53.60", "...and more", "数据 – Grüße ✓"):
        found = score(engine, [talk(None, text), talk(None, "Q\n", text), talk(page(), "Q", text, "\n", text)])
        counts = {loss.tokens for losses in found if not isinstance(losses, Failed) for loss in losses}
        assert len(counts) == 1
