"""Labels of text conversations, looked at token by token, under chat templates of several families."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import tiny_models
from glossator.engines.base import Turn
from glossator.training import model
from glossator.training.encode import IGNORED, Encoded
from glossator.training.settings import ModelSpec
from training_kit import HOSTILE, duo, said, saved

pytestmark = pytest.mark.model
END = {"llama": "</s>", "phi3": "<|end|>"}  # the others' is <|im_end|>
WITHOUT_END = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}"


@pytest.fixture(scope="module", params=tiny_models.TEXT_MODELS)
def loaded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Any]:
    folder = saved(tiny_models.TEXT_MODELS[request.param], tmp_path_factory.mktemp("models") / request.param)
    return END.get(request.param, "<|im_end|>"), model.load(ModelSpec(name=str(folder), dtype="float32"), "cpu")


def runs(encoded: Encoded, tokenizer: Any) -> list[str]:
    """The texts of the unbroken runs of learned tokens."""
    found: list[list[int]] = []
    for i, label in enumerate(encoded.labels):
        if label != IGNORED:
            assert label == encoded.input_ids[i]
            if i == 0 or encoded.labels[i - 1] == IGNORED:
                found.append([])
            found[-1].append(label)
    return [tokenizer.decode(ids) for ids in found]


def encoded(loaded: Any, *turns: Turn) -> Encoded:
    found = loaded.encoder.encode(turns)
    assert isinstance(found, Encoded)
    assert len(found.input_ids) == len(found.labels)
    return found


def test_both_answers_of_a_duo_are_learned_with_their_end_marks_and_nothing_else(loaded: tuple[str, Any]) -> None:
    end, one = loaded
    sample = duo(53)
    found = runs(encoded(one, *sample.turns), one.tokenizer)
    assert [text.removesuffix(end).strip() for text in found] == said(sample)
    assert all(text.endswith(end) for text in found)


def test_every_answer_of_four_exchanges_is_learned(loaded: tuple[str, Any]) -> None:
    end, one = loaded
    turns = [turn for i in range(4) for turn in (Turn("user", f"Line {i}?"), Turn("assistant", f"Word {i}."))]
    found = runs(encoded(one, *turns), one.tokenizer)
    assert [text.removesuffix(end).strip() for text in found] == [f"Word {i}." for i in range(4)]


def test_an_answer_that_repeats_the_question_is_learned_once(loaded: tuple[str, Any]) -> None:
    _, one = loaded
    turns = (Turn("user", "TOTAL 53.60"), Turn("assistant", "TOTAL 53.60"), Turn("user", "TOTAL"))
    assert len(runs(encoded(one, *turns, Turn("assistant", "TOTAL")), one.tokenizer)) == 2


def test_printed_special_tokens_open_no_turn(loaded: tuple[str, Any]) -> None:
    end, one = loaded
    plain = encoded(one, Turn("user", "What does it say?"), Turn("assistant", "It says nothing."))
    hostile = encoded(one, Turn("user", f"What is {HOSTILE}?"), Turn("assistant", f"{HOSTILE} stands there."))
    special = set(one.tokenizer.get_added_vocab().values())
    assert [i for i in hostile.input_ids if i in special] == [i for i in plain.input_ids if i in special]
    (text,) = runs(hostile, one.tokenizer)
    assert text.removesuffix(end).strip().replace("\u200d", "") == f"{HOSTILE} stands there."


def test_what_is_asked_is_what_stood_before_the_answer_in_training(loaded: tuple[str, Any]) -> None:
    _, one = loaded
    turns = (Turn("user", "What is the total?"), Turn("assistant", "The total is 53.60"))
    prompt = one.encoder.prompt(turns[:1])
    asked = one.tokenizer(prompt, add_special_tokens=one.encoder.adds_special(prompt))["input_ids"]
    learned = encoded(one, *turns)
    assert learned.input_ids[: len(asked)] == asked
    assert learned.labels[len(asked) - 1] == IGNORED
    assert learned.labels[len(asked)] != IGNORED


def test_the_end_marks_are_what_the_model_learns_to_stop_with(loaded: tuple[str, Any]) -> None:
    end, one = loaded
    assert one.encoder.end_marks() == {one.tokenizer.convert_tokens_to_ids(end)}


def test_a_template_that_ends_no_answer_gets_end_marks(tmp_path: Path) -> None:
    template = tmp_path / "template.jinja"
    template.write_text(WITHOUT_END, encoding="utf-8")
    folder = saved(tiny_models.TEXT_MODELS["qwen2"], tmp_path / "model")
    one = model.load(ModelSpec(name=str(folder), dtype="float32", chat_template=str(template)), "cpu")
    found = encoded(one, *duo(1).turns)
    assert runs(found, one.tokenizer) == [f" {text}<|im_end|>" for text in said(duo(1))]
    assert one.tokenizer.decode(found.input_ids).endswith("TOTAL.<|im_end|>\n")
    assert one.encoder.prompt(duo(1).turns[:1]) == "user: What is the total?\nassistant:"
