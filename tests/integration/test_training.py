"""Training runs on tiny models: what moves, what the loss is, what is left in the folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import tiny_models
from glossator.engines.base import Turn
from glossator.errors import UsageError
from glossator.training import model, run
from glossator.training.samples import Conversation, TrainingSet
from glossator.training.settings import ModelSpec, load
from training_kit import draw, duo, losses, of, recipe, saved, several, weights

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a text model, a LLaVA and pictures."""
    folder = tmp_path_factory.mktemp("tiny")
    saved(tiny_models.TEXT_MODELS["qwen2"], folder / "text")
    saved(tiny_models.VISION_MODELS["llava-vicuna"], folder / "llava")
    draw(folder)
    return folder


def pictured(tiny: Path) -> list[Conversation]:
    wide, high = tiny / "wide.png", tiny / "high.png"
    return [duo(1, [wide]), duo(2, [high]), duo(3), duo(4, [wide, high])]


def loss_by_hand(folder: Path, samples: list[Conversation]) -> float:
    """Mean cross entropy of all answer tokens, from plain passes of one conversation, with no code of ours."""
    import torch
    from PIL import Image
    from transformers import AutoModelForCausalLM, AutoModelForImageTextToText, AutoProcessor, AutoTokenizer

    eyes = (folder / "processor_config.json").is_file()
    owner = AutoProcessor.from_pretrained(folder) if eyes else AutoTokenizer.from_pretrained(folder)
    plain: Any = (AutoModelForImageTextToText if eyes else AutoModelForCausalLM).from_pretrained(folder)
    total, count = 0.0, 0
    for sample in samples:
        shown = [Image.open(path) for path in sample.pictures]
        first = f"{sample.page}\n\n{sample.turns[0].text}" if sample.page and not eyes else sample.turns[0].text
        texts = [first, *(turn.text for turn in sample.turns[1:])]
        messages: list[Any] = [
            {"role": turn.role, "content": [{"type": "text", "text": text}] if eyes else text}
            for turn, text in zip(sample.turns, texts, strict=True)
        ]
        if shown:
            messages[0]["content"] = [{"type": "image"}] * len(shown) + messages[0]["content"]
        written = owner.apply_chat_template(messages, tokenize=False)

        def ids(text: str, shown: list[Any] = shown) -> Any:
            if eyes:
                return owner(text=[text], images=shown or None, return_tensors="pt")
            return owner([text], return_tensors="pt", add_special_tokens=False)

        inputs = ids(written)
        with torch.no_grad():
            chances = plain(**inputs).logits[0].log_softmax(-1)
        end = "</s>" if eyes else "<|im_end|>"
        at = 0
        for turn in sample.turns:
            if turn.role != "assistant":
                continue
            start = written.index(turn.text, at)
            at = start + len(turn.text) + len(end)
            assert written[:at].endswith(end)
            places = range(
                ids(written[:start].rstrip(" "))["input_ids"].shape[1], ids(written[:at])["input_ids"].shape[1]
            )
            total -= sum(float(chances[i - 1, inputs["input_ids"][0, i]]) for i in places)
            count += len(places)
    return total / count


@pytest.mark.parametrize("batch, accumulation", [(4, 1), (2, 2), (1, 4)])
def test_the_loss_is_that_of_the_answers_alone(tiny: Path, tmp_path: Path, batch: int, accumulation: int) -> None:
    changed = {"optimizer__batch_size": batch, "optimizer__accumulation": accumulation, "optimizer__max_steps": 1}
    text = [duo(1), duo(2, page="TOTAL 2.60"), several(3, 3), duo(4)]
    trained = run.train_on(of(*text), tmp_path / "text", recipe(tiny / "text", **changed), "test")
    assert losses(trained)[0] == pytest.approx(loss_by_hand(tiny / "text", text), rel=1e-4)
    trained = run.train_on(of(*pictured(tiny)), tmp_path / "eyes", recipe(tiny / "llava", **changed), "test")
    assert losses(trained)[0] == pytest.approx(loss_by_hand(tiny / "llava", pictured(tiny)), rel=1e-4)


@pytest.mark.parametrize("family", ["llama", "phi3", "qwen2", "gemma2-soft-caps-and-windows"])
def test_packing_learns_the_same_tokens_apart_from_each_other(tmp_path: Path, family: str) -> None:
    made = saved(tiny_models.TEXT_MODELS[family], tmp_path / "model")
    samples = [duo(1), several(2, 2), duo(3, page="TOTAL 1"), duo(4), several(5, 1), duo(6)]
    plain = recipe(made, optimizer__batch_size=6, optimizer__max_steps=1)
    packed = recipe(made, optimizer__batch_size=6, optimizer__max_steps=1, run__packing=True, data__max_length=200)
    apart = run.train_on(of(*samples), tmp_path / "apart", plain, "test")
    together = run.train_on(of(*samples), tmp_path / "together", packed, "test")
    assert together.learned_tokens == apart.learned_tokens
    assert losses(together)[0] == pytest.approx(losses(apart)[0], rel=1e-4)


def changed(before: dict[str, Any], after: dict[str, Any]) -> set[str]:
    """The parts in which a whole model's weights differ."""
    assert before.keys() == after.keys()
    return {model.part_of(name) for name, value in before.items() if not value.equal(after[name])}


@pytest.mark.parametrize("parts", [
    {"language"}, {"projector"}, {"vision"}, {"projector", "language"}, {"vision", "projector", "language"},
], ids=lambda parts: "-".join(sorted(parts)))  # fmt: skip
def test_full_tuning_moves_the_named_parts_and_no_other(tiny: Path, tmp_path: Path, parts: set[str]) -> None:
    tuned = {f"tune__{part}": part in parts for part in ("vision", "projector", "language")}
    chosen = recipe(tiny / "llava", tune__method="full", optimizer__max_steps=2, **tuned)
    run.train_on(of(*pictured(tiny)), tmp_path / "out", chosen, "test")
    assert changed(weights(tiny / "llava"), weights(tmp_path / "out")) == parts


@pytest.mark.parametrize("family", ["llava-vicuna", "smolvlm", "qwen3-vl"])
@pytest.mark.parametrize("parts", [set(), {"projector"}, {"vision"}, {"vision", "projector"}],
                         ids=lambda parts: "-".join(sorted(parts)) or "adapters")  # fmt: skip
def test_adapters_stand_beside_the_named_parts(tiny: Path, tmp_path: Path, family: str, parts: set[str]) -> None:
    made = saved(tiny_models.VISION_MODELS[family], tmp_path / "model")
    tuned = {"tune__projector": "projector" in parts, "tune__vision": "vision" in parts}
    run.train_on(of(*pictured(tiny)), tmp_path / "out", recipe(made, optimizer__max_steps=3, **tuned), "test")
    base = model.load(ModelSpec(name=str(made), dtype="float32"), "cpu").model.state_dict()
    merged = model.load(ModelSpec(name=str(tmp_path / "out"), dtype="float32"), "cpu", to_tune=True).model.state_dict()
    assert changed(base, merged) == {"language", *parts}
    saved_names = weights(tmp_path / "out").keys()
    assert {model.part_of(name) for name in saved_names if ".lora_" in name} == {"language"}


def logits(folder: Path, samples: list[Conversation], **options: Any) -> Any:
    import torch

    from glossator.training.collate import PictureCollator

    loaded = model.load(ModelSpec(name=str(folder), dtype="float32"), "cpu", **options)
    if loaded.sees:
        batch = PictureCollator(loaded).batch(samples)
        assert isinstance(batch, dict)
    else:
        batch = dict(loaded.tokenizer([loaded.encoder.render(samples[0].turns).text], return_tensors="pt"))
    with torch.no_grad():
        return loaded.model.eval()(**batch).logits


@pytest.mark.parametrize("kind", ["text", "llava"])
def test_what_is_saved_gives_the_logits_of_what_was_trained(tiny: Path, tmp_path: Path, kind: str) -> None:
    import torch

    samples = pictured(tiny) if kind == "llava" else [duo(1), several(2, 2)]
    trained = run.train_on(of(*samples), tmp_path / "out", recipe(tiny / kind, optimizer__batch_size=4), "test")
    again = recipe(tmp_path / "out", optimizer__max_steps=1, optimizer__batch_size=4, tune__lora__dropout=0.0)
    followed = run.train_on(of(*samples), tmp_path / "again", again, "test")
    assert losses(followed)[0] < losses(trained)[0]
    loaded, merged = logits(tmp_path / "out", samples), logits(tmp_path / "out", samples, to_tune=True)
    assert torch.allclose(loaded, merged, atol=2e-3)
    assert not torch.allclose(loaded, logits(tiny / kind, samples), atol=1e-2)
    assert logits(tmp_path / "again", samples).shape == loaded.shape  # adapters on adapters


@pytest.mark.parametrize("kind", ["text", "llava"])
@pytest.mark.parametrize("settings", [
    {"tune__method": "lora"},
    {"tune__method": "full"},
    {"tune__method": "lora", "run__gradient_checkpointing": True},
    {"tune__method": "full", "run__gradient_checkpointing": True, "tune__language": False},
    {"tune__method": "lora", "run__precision": "bf16", "model__dtype": "auto"},
    {"tune__method": "full", "run__precision": "bf16", "model__dtype": "auto"},
    {"tune__method": "lora", "model__dtype": "bfloat16"},
], ids=lambda settings: "-".join(str(value) for value in settings.values()))  # fmt: skip
def test_the_loss_falls(tiny: Path, tmp_path: Path, kind: str, settings: dict[str, Any]) -> None:
    if kind == "text" and settings.get("tune__language") is False:
        settings = settings | {"tune__language": True}
    samples = pictured(tiny) if kind == "llava" else [duo(1), duo(2), several(3, 2), duo(4)]
    chosen = recipe(tiny / kind, optimizer__batch_size=4, optimizer__max_steps=8, **settings)
    found = losses(run.train_on(of(*samples), tmp_path / "out", chosen, "test"))
    assert len(found) == 8
    assert found[-1] < 0.98 * found[0]


def test_what_moves_is_float32_under_bf16(tiny: Path, tmp_path: Path) -> None:
    import torch

    chosen = recipe(tiny / "llava", run__precision="bf16", model__dtype="auto", optimizer__max_steps=1)
    run.train_on(of(*pictured(tiny)), tmp_path / "out", chosen, "test")
    assert {value.dtype for value in weights(tmp_path / "out").values()} == {torch.float32}


@pytest.mark.parametrize("bits", ["4bit", "8bit"])
@pytest.mark.parametrize("kind", ["text", "llava"])
def test_adapters_on_a_quantised_model(tiny: Path, tmp_path: Path, kind: str, bits: str) -> None:
    samples = pictured(tiny) if kind == "llava" else [duo(1), several(2, 2)]
    chosen = recipe(tiny / kind, model__quantization=bits, optimizer__max_steps=3, optimizer__batch_size=4)
    found = losses(run.train_on(of(*samples), tmp_path / "out", chosen, "test"))
    assert found[-1] < found[0]
    assert logits(tmp_path / "out", samples).isfinite().all()


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(tiny: Path, tmp_path: Path) -> None:
    samples = [duo(i) for i in range(6)]

    def made(name: str, seed: int) -> dict[str, Any]:
        run.train_on(of(*samples), tmp_path / name, recipe(tiny / "text", run__seed=seed), "test")
        return weights(tmp_path / name)

    one, same, other = made("one", 3), made("same", 3), made("other", 4)
    assert all(value.equal(same[name]) for name, value in one.items())
    assert not all(value.equal(other[name]) for name, value in one.items())


def test_training_stops_early_and_keeps_the_best(tiny: Path, tmp_path: Path) -> None:
    contradiction = duo(9).exchanges[0][0], Turn("assistant", "Nobody knows what is printed there at all.")
    watched = Conversation("w", "w", (), duo(1).page, (contradiction,))
    found = TrainingSet(train=[duo(i) for i in range(4)], validation=[watched])
    chosen = recipe(
        tiny / "text", optimizer__max_steps=40, optimizer__learning_rate=0.05, data__validation_share=0.1,
        run__eval_steps=2, run__patience=2,
    )  # fmt: skip
    trained = run.train_on(found, tmp_path / "out", chosen, "test")
    looks = [float(line["eval_loss"]) for line in trained.curve if "eval_loss" in line]
    assert trained.steps < 40
    assert looks.index(min(looks)) == len(looks) - 3  # two looks without a lower loss, then the end
    assert trained.validation_samples == 1
    again = recipe(
        tmp_path / "out", optimizer__max_steps=2, optimizer__learning_rate=1e-9, data__validation_share=0.1,
        run__eval_steps=1,
    )  # fmt: skip
    kept = run.train_on(TrainingSet(train=[duo(1)], validation=[watched]), tmp_path / "again", again, "test")
    first = next(float(line["eval_loss"]) for line in kept.curve if "eval_loss" in line)
    assert first == pytest.approx(min(looks), rel=1e-3)


def test_the_folder_tells_what_was_done(tiny: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    found = TrainingSet(
        train=[duo(1), several(2, 12), Conversation("e", "e", (), "", ((Turn("user", "Q"), Turn("assistant", " ")),))]
    )
    trained = run.train_on(found, out, recipe(tiny / "text", data__max_length=120, run__save_steps=2), "my data set")
    written = json.loads((out / "training.json").read_text(encoding="utf-8"))
    assert written["steps"] == trained.steps == 6
    assert written["split"] == trained.split >= 1
    assert sum(written["left_out"].values()) == 1
    assert written["samples"] == trained.samples > 3
    assert 0 < written["learned_tokens"] < written["tokens"]
    assert len(losses(trained)) == 6
    card = (out / "README.md").read_text(encoding="utf-8")
    for part in (
        "| my data set |",
        "library_name: peft",
        "adapters of rank 16",
        f"{trained.learned_tokens:,} of",
        "| seed | 0 |",
        "Left out: 1 (",
    ):
        assert part in card
    assert not (out / "checkpoints").exists()
    assert "trained 6 steps" in run.summary_text(trained, out)


def test_a_finished_folder_is_not_trained_again(tiny: Path, tmp_path: Path) -> None:
    chosen = recipe(tiny / "text", optimizer__max_steps=2)
    first = run.train_on(of(duo(1), duo(2)), tmp_path / "out", chosen, "test")
    before = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "out").glob("adapter*")}
    again = run.train_on(of(duo(1), duo(2)), tmp_path / "out", chosen, "test")
    assert (again.kept, first.kept) == (True, False)
    assert again.curve == json.loads((tmp_path / "out" / "training.json").read_text(encoding="utf-8"))["curve"]
    assert before == {path.name: path.stat().st_mtime_ns for path in (tmp_path / "out").glob("adapter*")}
    assert "trained already" in run.summary_text(again, tmp_path / "out")


def test_runs_are_not_mixed_in_one_folder(tiny: Path, tmp_path: Path) -> None:
    run.train_on(of(duo(1)), tmp_path / "out", recipe(tiny / "text", optimizer__max_steps=1), "test")
    with pytest.raises(UsageError, match="another recipe"):
        run.train_on(of(duo(1)), tmp_path / "out", recipe(tiny / "text", optimizer__max_steps=2), "test")
    with pytest.raises(UsageError, match="other samples"):
        run.train_on(of(duo(2)), tmp_path / "out", recipe(tiny / "text", optimizer__max_steps=1), "test")


def test_a_recipe_that_failed_before_training_stands_in_nobodys_way(tiny: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="can't be loaded"):
        run.train_on(of(duo(1)), tmp_path / "out", recipe(tmp_path / "no-model"), "test")
    run.train_on(of(duo(1)), tmp_path / "out", recipe(tiny / "text", optimizer__max_steps=1), "test")


@pytest.mark.parametrize("settings, message", [
    ({"optimizer__schedule": "zigzag"}, "zigzag"),
    ({"optimizer__name": "no-such"}, "no-such"),
    ({"tune__lora__targets": ["nothing"]}, "nothing"),
    ({"data__validation_share": 0.5, "run__eval_steps": 1}, "to watch by"),
], ids=str)  # fmt: skip
def test_settings_that_can_not_work_are_told(tiny: Path, tmp_path: Path, settings: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        run.train_on(of(duo(1)), tmp_path / "out", recipe(tiny / "text", **settings), "test")


def test_packing_is_refused_for_pictures_and_tuning_what_is_not_there_too(tiny: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="packing"):
        run.train_on(of(*pictured(tiny)), tmp_path / "a", recipe(tiny / "llava", run__packing=True), "test")
    blind = recipe(tiny / "text", tune__method="full", tune__language=False, tune__projector=True)
    with pytest.raises(UsageError, match="no such part"):
        run.train_on(of(duo(1)), tmp_path / "b", blind, "test")


@pytest.mark.parametrize("name, family", [("smolvlm", "smolvlm"), ("qwen-vl", "qwen3-vl"), ("ocr-lm", "llama")])
def test_a_shipped_recipe_takes_a_step_on_a_tiny_model_of_its_class(
    tiny: Path, tmp_path: Path, name: str, family: str
) -> None:
    models = tiny_models.VISION_MODELS | tiny_models.TEXT_MODELS
    made = saved(models[family], tmp_path / "model")
    small = {"model.name": str(made), "optimizer.max_steps": 2, "run.workers": 0, "run.logging_steps": 1}
    samples = [duo(1), duo(2)] if family == "llama" else pictured(tiny)
    trained = run.train_on(of(*samples), tmp_path / "out", load(name, small), "test")
    assert len(losses(trained)) == 2
    assert trained.moving["adapters"] > 0
    assert logits(tmp_path / "out", samples).isfinite().all()


def test_pictures_can_be_opened_in_other_processes(tiny: Path, tmp_path: Path) -> None:
    alone = run.train_on(of(*pictured(tiny)), tmp_path / "a", recipe(tiny / "llava", optimizer__max_steps=2), "test")
    chosen = recipe(tiny / "llava", optimizer__max_steps=2, run__workers=2)
    assert losses(run.train_on(of(*pictured(tiny)), tmp_path / "b", chosen, "test")) == losses(alone)
