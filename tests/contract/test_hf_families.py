"""The engine `hf` on tiny models of each family, against whole passes through transformers' own processor."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import tiny_models
import tiny_parts
from glossator.engines import registry
from glossator.engines.base import LossItem, Runtime, Session, Turn, TurnLoss
from glossator.engines.loss.processors import load_processor
from glossator.recipe import EngineSpec
from glossator.records import ImageRecord, Page, Sample
from glossator.results import Failed

pytestmark = pytest.mark.model
QUESTION, ANSWER = Turn("user", "What is the total?"), Turn("assistant", "The total is 53.60")
ASK, EXPLANATION = Turn("user", "How do you know?"), Turn("assistant", "53.60 is printed right of the word TOTAL.")


class NoReplies:
    """A reply log for engines that buy nothing."""

    def get(self, key: str) -> dict[str, Any] | None:
        return None

    def put(self, key: str, reply: dict[str, Any]) -> None:
        raise AssertionError("this engine is not meant to buy anything")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    Image.radial_gradient("L").resize((120, 80)).convert("RGB").save(folder / "a.png")
    Image.radial_gradient("L").resize((90, 130)).rotate(90).point(lambda v: 255 - v).convert("RGB").save(
        folder / "b.png"
    )
    return folder


def saved(models: dict[str, Callable[[Path], None]], name: str, tmp: pytest.TempPathFactory) -> Path:
    folder = tmp.mktemp(name)
    models[name](folder)
    return folder


VISION_MODELS = tiny_models.VISION_MODELS | tiny_parts.ASSEMBLED


@pytest.fixture(scope="module", params=VISION_MODELS)
def vision(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    folder = saved(VISION_MODELS, request.param, tmp_path_factory)
    return folder, load(folder)


@pytest.fixture(scope="module", params=tiny_models.TEXT_MODELS)
def text(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    folder = saved(tiny_models.TEXT_MODELS, request.param, tmp_path_factory)
    return folder, load(folder)


def load(folder: Path, **settings: Any) -> Any:
    spec = {"kind": "hf", "model": str(folder), "dtype": "float32", "device": "cpu", **settings}
    return registry.build("loss", EngineSpec.model_validate(spec), Runtime(threads=2))


def sample(pictures: Path, *names: str) -> Sample:
    image = ImageRecord("-".join(names), "i", names[0], "0" * 64, 120, 80, more_paths=names[1:])
    return Sample(str(pictures), image, Page(image.image_id, "test", (), "CORNER SHOP\nTOTAL 53.60\nCASH 60.00"))


def conversations(shown: Sample) -> list[LossItem]:
    return [
        LossItem(None, (ANSWER,), (0,)),
        LossItem(None, (QUESTION, ANSWER), (1,)),
        LossItem(None, (ASK, EXPLANATION), (1,)),
        LossItem(None, (QUESTION, ANSWER, ASK, EXPLANATION), (3,)),
        LossItem(shown, (ANSWER,), (0,)),
        LossItem(shown, (QUESTION, ANSWER), (1,)),
        LossItem(shown, (ASK, EXPLANATION), (1,)),
        LossItem(shown, (QUESTION, ANSWER, ASK, EXPLANATION), (3,)),
        LossItem(shown, (QUESTION, Turn("assistant", " spaces around 53.60 ")), (1,)),
    ]


def losses(engine: Any, items: Sequence[LossItem]) -> list[TurnLoss]:
    found = engine.losses(items, Session(NoReplies()))
    assert not [one for one in found if isinstance(one, Failed)]
    return [one[0] for one in found]


def whole_pass(engine: Any, processor: Any, item: LossItem) -> TurnLoss:
    """One forward pass over the text that the model's own template makes, with its picture; the last turn is scored."""
    import torch

    turns = item.turns if item.turns[0].role == "user" else (Turn("user", ""), *item.turns)
    blocks = hasattr(processor, "image_processor")
    shown = [Image.open(Path(item.image.root) / path) for path in item.image.image.paths] if item.image else []
    if not blocks and item.image and item.image.page:
        first = f"{item.image.page.text}\n\n{turns[0].text}".strip()
        turns = (Turn("user", first), *turns[1:])
    messages: list[Any] = [
        {"role": turn.role, "content": [{"type": "text", "text": turn.text}] if blocks else turn.text} for turn in turns
    ]
    tokens = processor.tokenizer if blocks else processor
    if blocks and shown:
        messages[0]["content"] = [{"type": "image"} for _ in shown] + messages[0]["content"]
    if tokens.chat_template or blocks:
        written = processor.apply_chat_template(messages, tokenize=False)
    else:
        written = "".join(f"{message['content']}\n" for message in messages)
    special = blocks and not (tokens.bos_token and written.startswith(tokens.bos_token))
    if shown and blocks:
        inputs = dict(processor(text=[written], images=shown, return_tensors="pt", add_special_tokens=special))
    else:
        inputs = dict(tokens([written], return_tensors="pt", add_special_tokens=special))
    answer = item.turns[-1].text.strip()
    start = written.rindex(answer)
    offsets = tokens(written, return_offsets_mapping=True, add_special_tokens=special)["offset_mapping"]
    marked = [i for i, (first, last) in enumerate(offsets) if last > start and first < start + len(answer)]
    from_end = [len(offsets) - i for i in marked]
    ids = inputs["input_ids"][0]
    engine.scorer.forget_positions()
    with torch.no_grad():
        chances = engine.model(**inputs).logits[0].float().log_softmax(-1)
    places = [len(ids) - back for back in from_end]
    return TurnLoss(-sum(chances[at - 1, ids[at]].item() for at in places), len(places))


def check(engine: Any, processor: Any, items: list[LossItem]) -> None:
    for item, found in zip(items, losses(engine, items), strict=True):
        wanted = whole_pass(engine, processor, item)
        if item.turns[-1].text == item.turns[-1].text.strip():
            assert found.tokens == wanted.tokens
            assert found.nll == pytest.approx(wanted.nll, rel=2e-3)
        assert sum(token[2] for token in found.by_token) == pytest.approx(found.nll)


def test_a_vision_model_equals_whole_passes(vision: tuple[Path, Any], pictures: Path) -> None:
    folder, engine = vision
    assert (engine.instrument, engine.scorer.share) == ("vision", True)
    processor = load_processor(str(folder), engine.model.config)
    check(engine, processor, conversations(sample(pictures, "a.png")))


def test_a_text_model_equals_whole_passes(text: tuple[Path, Any], pictures: Path) -> None:
    from transformers import AutoTokenizer

    folder, engine = text
    assert (engine.instrument, engine.scorer.share) == ("ocr-proxy", True)
    check(engine, AutoTokenizer.from_pretrained(folder), conversations(sample(pictures, "a.png")))


def test_another_picture_changes_what_sees_it_and_nothing_else(vision: tuple[Path, Any], pictures: Path) -> None:
    _, engine = vision
    first = losses(engine, conversations(sample(pictures, "a.png")))
    second = losses(engine, conversations(sample(pictures, "b.png")))
    for item, a, b in zip(conversations(sample(pictures, "a.png")), first, second, strict=True):
        if item.image is None:
            assert a.nll == pytest.approx(b.nll, rel=1e-5)
        else:
            assert abs(a.nll - b.nll) > 1e-3 * a.nll


def test_several_pictures_in_one_sample(vision: tuple[Path, Any], pictures: Path) -> None:
    folder, engine = vision
    processor = load_processor(str(folder), engine.model.config)
    items = conversations(sample(pictures, "a.png", "b.png"))
    check(engine, processor, items)
    alone = losses(engine, conversations(sample(pictures, "a.png")))[5]
    assert abs(losses(engine, items)[5].nll - alone.nll) > 1e-3 * alone.nll


def test_a_picture_that_is_not_there_fails_what_shows_it(vision: tuple[Path, Any], pictures: Path) -> None:
    found = vision[1].losses(conversations(sample(pictures, "none.png")), Session(NoReplies()))
    assert [isinstance(one, Failed) for one in found] == [False] * 4 + [True] * 5
    assert all(one.category == "missing" for one in found[4:])


def test_printed_special_tokens_are_only_text(vision: tuple[Path, Any], pictures: Path) -> None:
    shown = sample(pictures, "a.png")
    for printed in ("<image>", "<|image_pad|>", "<|im_end|>", "</s>", "<end_of_utterance>"):
        hostile = LossItem(
            shown, (Turn("user", f"What does {printed} say?"), Turn("assistant", f"It says {printed} here")), (1,)
        )
        (found,) = losses(vision[1], [hostile])
        assert found.tokens > 3


def test_over_long_and_empty_texts_have_a_reason(text: tuple[Path, Any], pictures: Path) -> None:
    long = Turn("assistant", "total 53.60 " * 800)
    items = [
        LossItem(None, (QUESTION, long), (1,)),
        LossItem(None, (QUESTION, Turn("assistant", " ")), (1,)),
        LossItem(None, (long, QUESTION, ANSWER), (2,)),
    ]
    found = text[1].losses([*items, *conversations(sample(pictures, "a.png"))], Session(NoReplies()))
    assert all(isinstance(one, Failed) and one.category == "not_scored" and one.message for one in found[:3])
    assert not any(isinstance(one, Failed) for one in found[3:])


def test_sharing_off_gives_the_same(vision: tuple[Path, Any], pictures: Path) -> None:
    folder, engine = vision
    items = conversations(sample(pictures, "a.png"))
    for a, b in zip(losses(engine, items), losses(load(folder, share_prefix=False), items), strict=True):
        assert a.nll == pytest.approx(b.nll, rel=1e-3)


@pytest.mark.parametrize("bits", ["8bit", "4bit"])
def test_quantised_loading(bits: str, tmp_path: Path, pictures: Path) -> None:
    # Where the CPU has bfloat16 units, 4-bit layers must be a multiple of 32 wide.
    tiny_models.causal("Qwen2", tiny_models.CHATML, tmp_path, hidden_size=64, intermediate_size=128)
    items = conversations(sample(pictures, "a.png"))
    whole, small = losses(load(tmp_path), items), losses(load(tmp_path, quantization=bits), items)
    assert any(a.nll != b.nll for a, b in zip(whole, small, strict=True))
    assert bits in load(tmp_path, quantization=bits).name
