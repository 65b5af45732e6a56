"""Parts are joined unchanged, lay conversations out as their text model was trained, and see the whole page."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

import tiny_parts
from glossator.engines.base import Turn
from glossator.errors import RecipeError, UsageError
from glossator.models import register
from glossator.training import assemble, model
from glossator.training.collate import PictureCollator
from glossator.training.samples import Conversation
from glossator.training.settings import ModelSpec, load

JOINS = [(family, high) for family in tiny_parts.FAMILIES for high in (None, "convnext", "timm")]
DUO = (
    (
        Turn("user", "What is the total?"),
        Turn("assistant", "53.60"),
        Turn("user", "How do you know?"),
        Turn("assistant", "It is printed right of TOTAL."),
    ),
    (Turn("user", "Who issued it?"), Turn("assistant", "CORNER SHOP")),
)
LAID_OUT = {
    "phi3": "<|user|>\n<image>\nWhat is the total?<|end|>\n<|assistant|>\n53.60<|end|>\n"
    "<|user|>\nHow do you know?<|end|>\n<|assistant|>\nIt is printed right of TOTAL.<|end|>\n"
    "<|user|>\nWho issued it?<|end|>\n<|assistant|>\nCORNER SHOP<|end|>\n<|im_end|>",
    "llama3": "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\n"
    "Cutting Knowledge Date: December 2023<|eot_id|>"
    "<|start_header_id|>user<|end_header_id|>\n\n<image>\nWhat is the total?<|eot_id|>"
    "<|start_header_id|>assistant<|end_header_id|>\n\n53.60<|eot_id|>"
    "<|start_header_id|>user<|end_header_id|>\n\nHow do you know?<|eot_id|>"
    "<|start_header_id|>assistant<|end_header_id|>\n\nIt is printed right of TOTAL.<|eot_id|>"
    "<|start_header_id|>user<|end_header_id|>\n\nWho issued it?<|eot_id|>"
    "<|start_header_id|>assistant<|end_header_id|>\n\nCORNER SHOP<|eot_id|>",
    "vicuna": "A chat between a curious user and an artificial intelligence assistant. The assistant gives helpful, "
    "detailed, and polite answers to the user's questions. USER: <image>\nWhat is the total? ASSISTANT: 53.60</s>"
    "USER: How do you know? ASSISTANT: It is printed right of TOTAL.</s>"
    "USER: Who issued it? ASSISTANT: CORNER SHOP</s>",
}
END = {"phi3": "<|end|>", "llama3": "<|eot_id|>", "vicuna": "</s>"}


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("parts")


@pytest.fixture(scope="module")
def folders(parts: Path) -> dict[tuple[str, str | None], Path]:
    register()
    made = {}
    for family, high in JOINS:
        made[family, high] = parts / f"joined-{family}-{high}"
        assemble.assemble(tiny_parts.assembly(parts, family, high), made[family, high])
    return made


def loaded(folder: Path, dtype: torch.dtype = torch.float32) -> tuple[Any, Any]:
    from transformers import AutoModelForImageTextToText, AutoProcessor

    return AutoModelForImageTextToText.from_pretrained(folder, dtype=dtype).eval(), AutoProcessor.from_pretrained(
        folder
    )


def page(path: Path) -> Path:
    """A tall picture with a colour along each of its four edges."""
    drawn = Image.new("RGB", (90, 240), "white")
    drawn.paste("red", (0, 0, 90, 24))
    drawn.paste("blue", (0, 216, 90, 240))
    drawn.paste("green", (0, 24, 12, 216))
    drawn.paste("yellow", (78, 24, 90, 216))
    drawn.save(path)
    return path


def logits(net: Any, processor: Any, picture: Path) -> torch.Tensor:
    asked = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "What is the total?"}]}]
    text = processor.apply_chat_template(asked, add_generation_prompt=True)
    inputs = processor(text=[text], images=[Image.open(picture)], return_tensors="pt")
    with torch.no_grad():
        return net(**inputs).logits


@pytest.mark.parametrize(("family", "high"), JOINS)
def test_parts_keep_their_weights(
    family: str, high: str | None, parts: Path, folders: dict[tuple[str, str | None], Path]
) -> None:
    from transformers import AutoModelForCausalLM, CLIPVisionModel, ConvNextBackbone

    net, _ = loaded(folders[family, high])
    text = AutoModelForCausalLM.from_pretrained(parts / family)
    rows = text.config.vocab_size
    assert net.config.image_token_id >= rows  # a row of its own
    for name, weights in text.base_model.state_dict().items():
        assert torch.equal(net.model.language_model.state_dict()[name][: len(weights)], weights), name
    assert torch.equal(net.lm_head.weight[:rows], text.lm_head.weight)
    tower = net.model.vision_tower
    clip = tower.low if high else tower
    for name, weights in CLIPVisionModel.from_pretrained(parts / "clip").state_dict().items():
        assert torch.equal(clip.state_dict()[name], weights), name
    if high == "convnext":
        network = ConvNextBackbone.from_pretrained(parts / high, out_features=["stage4"])
        for name, weights in network.state_dict().items():
            assert torch.equal(tower.high.state_dict()[name], weights), name


@pytest.mark.parametrize(("family", "high"), [("phi3", None), ("llama3", "convnext"), ("vicuna", "timm")])
def test_saved_and_loaded_gives_equal_logits(family: str, high: str | None, parts: Path, tmp_path: Path) -> None:
    net, processor = assemble.join(tiny_parts.assembly(parts, family, high))
    wanted = logits(net.eval(), processor, page(tmp_path / "page.png"))
    net.save_pretrained(tmp_path / "saved")
    processor.save_pretrained(tmp_path / "saved")
    found = logits(*loaded(tmp_path / "saved"), tmp_path / "page.png")
    torch.testing.assert_close(found, wanted, rtol=0, atol=0)


def test_the_class_of_two_resolutions_is_found_by_name(folders: dict[tuple[str, str | None], Path]) -> None:
    assert type(loaded(folders["phi3", None])[0]).__name__ == "LlavaForConditionalGeneration"
    assert type(loaded(folders["phi3", "timm"])[0]).__name__ == "LlavaHrForConditionalGeneration"


@pytest.mark.parametrize("high", [None, "timm"])
def test_bfloat16_all_through(high: str | None, folders: dict[tuple[str, str | None], Path], tmp_path: Path) -> None:
    net, processor = loaded(folders["llama3", high], torch.bfloat16)
    assert {weights.dtype for weights in net.parameters()} == {torch.bfloat16}
    found = logits(net, processor, page(tmp_path / "page.png"))
    wanted = logits(*loaded(folders["llama3", high]), tmp_path / "page.png")
    assert found.dtype == torch.bfloat16
    assert torch.nn.functional.cosine_similarity(found.float(), wanted, dim=-1).mean() > 0.98


def test_the_model_of_two_resolutions_begins_as_the_plain_one(
    folders: dict[tuple[str, str | None], Path], tmp_path: Path
) -> None:
    (plain, _), (high, processor) = loaded(folders["phi3", None]), loaded(folders["phi3", "timm"])
    plain.model.multi_modal_projector.load_state_dict(high.model.multi_modal_projector.state_dict())
    shown = processor(text="<image>", images=Image.open(page(tmp_path / "page.png")), return_tensors="pt").pixel_values
    small = torch.nn.functional.interpolate(shown, size=(56, 56), mode="bilinear", antialias=True)
    with torch.no_grad():
        ours, theirs = high.get_image_features(shown), plain.get_image_features(small)
    torch.testing.assert_close(ours.pooler_output[0], theirs.pooler_output[0])
    assert ours.pooler_output[0].shape == (16, 48)


@pytest.mark.parametrize("family", tiny_parts.FAMILIES)
def test_conversations_are_laid_out_as_the_text_model_knows_them(
    family: str, folders: dict[tuple[str, str | None], Path], tmp_path: Path
) -> None:
    one = model.load(ModelSpec(name=str(folders[family, None]), dtype="float32"), "cpu")
    turns = tuple(turn for exchange in DUO for turn in exchange)
    assert one.encoder.render(turns, 1).text == LAID_OUT[family]  # type: ignore[union-attr]
    asked = one.encoder.prompt(turns[:1], 1)
    assert LAID_OUT[family].startswith(asked)
    assert not LAID_OUT[family].removeprefix(asked).startswith("<")


@pytest.mark.parametrize("high", [None, "timm"])
@pytest.mark.parametrize("family", tiny_parts.FAMILIES)
def test_only_answers_and_their_end_carry_loss(
    family: str, high: str | None, folders: dict[tuple[str, str | None], Path], tmp_path: Path
) -> None:
    one = model.load(ModelSpec(name=str(folders[family, high]), dtype="float32"), "cpu")
    sample = Conversation("a", "a", (page(tmp_path / "page.png"),), "", DUO)
    short = Conversation("b", "b", sample.pictures, "", DUO[1:])
    batch = PictureCollator(one).batch([sample, short])
    assert (batch["input_ids"] == one.image_token).sum(dim=1).tolist() == [16, 16]
    for row, exchanges in zip(range(2), (DUO, DUO[1:]), strict=True):
        learned = [int(label) for label in batch["labels"][row] if label != -100]
        answers = [turn.text for exchange in exchanges for turn in exchange if turn.role == "assistant"]
        said = one.tokenizer.decode(learned)
        assert said.replace(" ", "") == "".join(answer + END[family] for answer in answers).replace(" ", "")
        assert learned == [int(batch["input_ids"][row][i]) for i in (batch["labels"][row] != -100).nonzero()]


@pytest.mark.parametrize("fit", ["pad", "squeeze"])
@pytest.mark.parametrize("high", [None, "convnext"])
def test_the_whole_page_is_seen(fit: str, high: str | None, parts: Path, tmp_path: Path) -> None:
    _, processor = assemble.join(tiny_parts.assembly(parts, "phi3", high, fit=fit))
    seen = processor(text="<image>", images=Image.open(page(tmp_path / "page.png")), return_tensors="pt").pixel_values
    mean, std = (torch.tensor(values)[:, None, None] for values in (
        processor.image_processor.image_mean, processor.image_processor.image_std))  # fmt: skip
    pixels = seen[0] * std + mean
    side = 128 if high else 56
    assert pixels.shape == (3, side, side)
    middle, left = side // 2, (0 if fit == "squeeze" else round(side * (1 - 90 / 240) / 2))
    right = side - 1 - left
    for place, colour in {
        (1, middle): (1, 0, 0), (side - 2, middle): (0, 0, 1), (middle, left + 1): (0, 0.5, 0),
        (middle, right - 1): (1, 1, 0),
    }.items():  # fmt: skip
        torch.testing.assert_close(pixels[:, place[0], place[1]], torch.tensor(colour).float(), atol=0.2, rtol=0)


def test_the_network_of_imagenet_is_shown_imagenets_pixels(parts: Path, tmp_path: Path) -> None:
    net, processor = assemble.join(tiny_parts.assembly(parts, "phi3", "convnext"))
    shown: list[torch.Tensor] = []
    net.model.vision_tower.high.register_forward_pre_hook(lambda _module, inputs: shown.append(inputs[0]))
    Image.new("RGB", (50, 50), (255, 0, 51)).save(tmp_path / "flat.png")
    logits(net, processor, tmp_path / "flat.png")
    wanted = (torch.tensor([1.0, 0.0, 0.2]) - torch.tensor([0.485, 0.456, 0.406])) / torch.tensor([0.229, 0.224, 0.225])
    torch.testing.assert_close(shown[0][0, :, 60, 60], wanted, atol=1e-4, rtol=0)


def test_a_seed_decides_the_projector(parts: Path) -> None:
    first, again, other = (
        assemble.join(tiny_parts.assembly(parts, "phi3", seed=seed))[0].model.multi_modal_projector.linear_1.weight
        for seed in (0, 0, 1)
    )
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_a_text_model_with_tied_weights_and_rows_to_spare(parts: Path, tmp_path: Path) -> None:
    tiny_parts.text("phi3", tmp_path / "tied", tie_word_embeddings=True, rows=1024)
    made = assemble.assemble(
        tiny_parts.assembly(parts, "phi3", text={"name": str(tmp_path / "tied")}), tmp_path / "out"
    )
    net, _ = loaded(tmp_path / "out")
    assert net.lm_head.weight.data_ptr() == net.get_input_embeddings().weight.data_ptr()
    assert net.lm_head.weight.shape[0] == 1024
    assert made.new_parameters == sum(weights.numel() for weights in net.model.multi_modal_projector.parameters())
    assert made.parameters == sum(weights.numel() for weights in net.parameters())


def test_what_was_joined_is_kept_with_the_model(folders: dict[tuple[str, str | None], Path], parts: Path) -> None:
    stored = json.loads((folders["vicuna", "timm"] / assemble.RECORD).read_text())
    assert assemble.Assembly.model_validate(stored) == tiny_parts.assembly(parts, "vicuna", "timm")


# Mistakes


def broken(parts: Path, tmp_path: Path, which: str) -> dict[str, Any]:
    if which == "template":
        return {"chat_template": None, "text": {"name": str(parts / "vicuna")}}
    if which == "no clip":
        return {"vision": {"name": str(parts / "vicuna")}}
    if which == "few layers":
        return {"vision": {"name": str(tiny_parts.clip(tmp_path / "clip", layers=2))}}
    if which == "pieces":
        shutil.copytree(parts / "vicuna", tmp_path / "pieces", ignore=shutil.ignore_patterns("tokenizer*"))
        (tmp_path / "pieces" / "tokenizer.model").write_bytes(b"not read here")
        return {"chat_template": "vicuna", "text": {"name": str(tmp_path / "pieces")}}
    if which == "no backbone":
        return {"high": {"name": str(parts / "clip"), "size": 128}}
    empty = tmp_path / "empty"
    empty.mkdir()
    return {which: {"name": str(empty)}}


@pytest.mark.parametrize(
    ("which", "message"),
    [
        ("template", "has no chat template (--set chat_template=vicuna"),
        ("pieces", "pip install sentencepiece"),
        ("no clip", "it is no CLIP model but llama; name another with --set vision.name="),
        ("few layers", "at least 4 layers"),
        ("no backbone", "it is no backbone of transformers"),
        ("text", "can't be used as text"),
        ("vision", "can't be used as vision"),
        ("high", "can't be used as high"),
    ],
)
def test_a_part_that_does_not_fit_is_named_with_what_to_do(
    which: str, message: str, parts: Path, folders: dict[tuple[str, str | None], Path], tmp_path: Path
) -> None:
    given = tiny_parts.assembly(parts, "phi3", "timm").model_dump() | broken(parts, tmp_path, which)
    with pytest.raises(UsageError) as caught:
        assemble.assemble(assemble.Assembly.model_validate(given), tmp_path / "out")
    assert message in str(caught.value) and "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_nothing_is_written_over(parts: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    for taken in (tmp_path / "mine", tmp_path / "mine" / "notes.txt"):
        with pytest.raises(UsageError, match="give a new one with -o"):
            assemble.assemble(tiny_parts.assembly(parts, "phi3"), taken)
    assert (tmp_path / "mine" / "notes.txt").read_text() == "mine"


# Recipes


@pytest.mark.parametrize("name", assemble.shipped())
def test_shipped_assemblies_are_the_papers(name: str) -> None:
    found = assemble.load(name)
    assert found.vision.name == "openai/clip-vit-large-patch14-336"
    assert (found.high is not None) == name.endswith("-hr")
    assert found.high is None or found.high.size == 768
    assert (found.chat_template == "vicuna") == ("vicuna" in found.text.name)


def test_three_bases_with_and_without_a_second_resolution() -> None:
    bases = ["llama-3.1-8b", "phi-3-mini", "vicuna-1.5-13b"]
    assert assemble.shipped() == sorted([*bases, *(f"{base}-hr" for base in bases)])


def test_settings_are_overridden_by_dotted_names() -> None:
    found = assemble.load("phi-3-mini", {"text.name": "mine", "high.name": "net", "high.size": 512, "dtype": "float32"})
    assert (found.text.name, found.high, found.dtype) == ("mine", assemble.HighPart(name="net", size=512), "float32")
    assert assemble.load("phi-3-mini-hr", {"high": None}).high is None


@pytest.mark.parametrize(
    ("text", "overrides", "message"),
    [
        ("[1]", {}, "an assembly is a mapping"),
        ("text: {", {}, "not valid YAML"),
        ("text: {name: a}", {}, "vision: Field required"),
        ("text: {name: a}\nvision: {name: b}", {"text.name.more": 1}, "'name' holds no settings"),
        ("text: {name: a}\nvision: {name: b}", {"dtype": "int4"}, "dtype"),
    ],
)
def test_a_broken_assembly_is_explained(text: str, overrides: dict[str, Any], message: str, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(text)
    with pytest.raises(RecipeError) as caught:
        assemble.load(tmp_path / "mine.yaml", overrides)
    assert message in str(caught.value)


def test_an_unknown_assembly_names_those_there_are() -> None:
    with pytest.raises(RecipeError, match=r"llama-3\.1-8b, llama-3\.1-8b-hr, phi-3-mini"):
        assemble.load("llama-4")


def test_training_recipes_have_the_published_settings() -> None:
    align, tune, lora = (load(f"llava-{name}", {"model.name": "m"}) for name in ("align", "tune", "tune-lora"))
    assert (align.optimizer.learning_rate, align.optimizer.batch_size, align.optimizer.epochs) == (1e-3, 16, 1)
    assert (align.data.captions, align.data.pairs) == ("enriched", False)
    assert (align.tune.projector, align.tune.language, align.tune.vision) == (True, False, False)
    for recipe in (tune, lora):
        assert recipe.optimizer.batch_size * recipe.optimizer.accumulation == 16
        assert (recipe.optimizer.epochs, recipe.optimizer.schedule, recipe.optimizer.warmup_share) == (
            3,
            "cosine",
            0.03,
        )
        assert recipe.data.max_length == 4096 and recipe.data.explanations and recipe.data.pairs
    assert (tune.optimizer.learning_rate, tune.optimizer.batch_size, tune.tune.method) == (2e-5, 8, "full")
    assert lora.tune.method == "lora"


@pytest.mark.parametrize("name", ["llava-align", "llava-tune", "llava-tune-lora"])
def test_a_recipe_that_leaves_the_model_to_its_user_says_so(name: str) -> None:
    with pytest.raises(RecipeError, match=r"--set model\.name=FOLDER"):
        load(name)
