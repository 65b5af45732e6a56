"""What every reader of `glossator eval` holds to, on tiny models with random weights and a server on loopback."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw

import tiny_models
import tiny_parts
from chat_server import ChatServer, question_of
from glossator.errors import BudgetError, CredentialsError, UsageError
from glossator.evaluation import readers
from glossator.evaluation.readers import Ask, Reader
from glossator.evaluation.readers.hf import HfReader, batches
from glossator.recipe import Budget, Endpoint
from glossator.results import Failed, Outcome
from glossator.training.settings import ModelSpec

PAGE = "CORNER SHOP\nInvoice No: 4711\nTOTAL 53.60\nCASH 60.00"
Make = Callable[[Path], Reader]
TEXT = ["llama", "qwen2", "gpt2-without-template"]
READERS = ["fake", "endpoint", *TEXT, *tiny_models.VISION_MODELS, "assembled-hr-vicuna"]


def answers(reader: Reader, asks: list[Ask]) -> list[Outcome[str]]:
    found: dict[int, Outcome[str]] = {}

    def told(i: int, outcome: Outcome[str]) -> None:
        assert i not in found, "told twice"
        found[i] = outcome

    reader.answer(asks, told)
    assert sorted(found) == list(range(len(asks)))
    return [found[i] for i in range(len(asks))]


@pytest.fixture(scope="module")
def asks(tmp_path_factory: pytest.TempPathFactory) -> list[Ask]:
    folder = tmp_path_factory.mktemp("pictures")
    found = []
    for i in range(5):
        image = Image.radial_gradient("L").resize((60 + 30 * i, 140 - 20 * i)).convert("RGB")
        ImageDraw.Draw(image).text((5, 5), f"Total {i}.50", fill="black")
        image.save(folder / f"{i}.png")
        text = f"What is the total, number {i}?" + " Look well." * i
        found.append(Ask(text, folder / f"{i}.png", f"{PAGE}\nLINE {i}" * (1 + i), 6 + i % 2))
    return found


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("models")
    models = {**tiny_models.TEXT_MODELS, **tiny_models.VISION_MODELS, **tiny_parts.ASSEMBLED}
    names = [name for name in READERS if name in models]
    for name in names:
        models[name](root / name)
    return {name: root / name for name in names}


@pytest.fixture(scope="module")
def server() -> Iterator[ChatServer]:
    with ChatServer(lambda body: (200, f" You asked: {question_of(body)} ")) as running:
        yield running


def hf(folder: Path, **options: Any) -> HfReader:
    return HfReader(ModelSpec(name=str(folder), dtype="float32"), **options)


@pytest.fixture(params=READERS)
def make(request: pytest.FixtureRequest, folders: dict[str, Path], server: ChatServer) -> Make:
    if request.param == "fake":
        return lambda out: readers.build("fake:last", out)
    if request.param == "endpoint":
        return lambda out: readers.build(f"endpoint:m@{server.url}", out)
    return lambda _out: hf(folders[request.param])


@pytest.mark.model
def test_every_reader_answers_all_alike_in_any_company(make: Make, asks: list[Ask], tmp_path: Path) -> None:
    """The same at every run, in another order, and one by one; no longer than asked."""
    reader = make(tmp_path / "a")
    first = answers(reader, asks)
    assert all(isinstance(answer, str) and answer == answer.strip() for answer in first)
    assert len(set(first)) > 1  # the questions matter
    assert answers(make(tmp_path / "b"), asks[::-1]) == first[::-1]
    assert [answers(reader, [ask])[0] for ask in asks] == first
    assert answers(reader, []) == []
    assert reader.name and reader.identity


@pytest.mark.model
@pytest.mark.parametrize("name", ["endpoint", "llava-vicuna", "qwen2-vl"])
def test_a_picture_that_cannot_be_read_fails_alone(
    name: str, folders: dict[str, Path], server: ChatServer, asks: list[Ask], tmp_path: Path
) -> None:
    (tmp_path / "broken.png").write_bytes(asks[0].picture.read_bytes()[:60])
    (tmp_path / "text.png").write_text("no picture")
    bad = [Ask("Q?", tmp_path / file, "", 4) for file in ("broken.png", "text.png", "missing.png")]
    reader = readers.build(f"endpoint:m@{server.url}", tmp_path) if name == "endpoint" else hf(folders[name])
    found = answers(reader, [asks[0], *bad, asks[1]])
    assert [answer.category for answer in found if isinstance(answer, Failed)] == [
        "truncated",
        "not_an_image",
        "missing",
    ]
    assert found[0] == answers(reader, [asks[0]])[0]
    assert found[4] == answers(reader, [asks[1]])[0]


@pytest.mark.model
def test_a_picture_that_the_processor_refuses_fails_alone(
    folders: dict[str, Path], asks: list[Ask], tmp_path: Path
) -> None:
    Image.new("RGB", (900, 2), "white").save(tmp_path / "sliver.png")  # Qwen's processor wants less than 200 to 1
    found = answers(hf(folders["qwen2-vl"]), [asks[0], Ask("Q?", tmp_path / "sliver.png", "", 4), asks[1]])
    assert isinstance(found[1], Failed) and found[1].category == "engine"
    assert isinstance(found[0], str) and isinstance(found[2], str)


@pytest.mark.model
@pytest.mark.parametrize("name", ["llama", "llava-vicuna"])
def test_a_prompt_without_room_fails_alone(name: str, folders: dict[str, Path], asks: list[Ask]) -> None:
    long = Ask("What is the total? " * 2000, asks[0].picture, PAGE, 4)
    found = answers(hf(folders[name]), [asks[0], long, asks[1]])
    assert isinstance(found[1], Failed) and found[1].category == "too_long" and not found[1].retriable
    assert isinstance(found[0], str) and isinstance(found[2], str)


@pytest.mark.model
@pytest.mark.parametrize("name", ["llama", "llava-vicuna"])
def test_decoding_is_greedy_whatever_the_models_settings_say(
    name: str, folders: dict[str, Path], asks: list[Ask], tmp_path: Path
) -> None:
    shutil.copytree(folders[name], tmp_path / "model")
    settings = {
        "do_sample": True, "temperature": 9.0, "top_k": 50, "num_beams": 3, "repetition_penalty": 9.0,
        "no_repeat_ngram_size": 1, "num_return_sequences": 2, "min_new_tokens": 3,
    }  # fmt: skip
    (tmp_path / "model" / "generation_config.json").write_text(json.dumps(settings), encoding="utf-8")
    assert answers(hf(tmp_path / "model"), asks) == answers(hf(folders[name]), asks)


@pytest.mark.model
def test_the_models_own_end_tokens_are_kept(folders: dict[str, Path], asks: list[Ask], tmp_path: Path) -> None:
    """Whatever the model would say, its generation settings may name the tokens that end it."""
    from transformers import AutoTokenizer

    said = answers(hf(folders["llama"]), asks[:1])[0]
    shutil.copytree(folders["llama"], tmp_path / "model")
    every_token = [*range(len(AutoTokenizer.from_pretrained(folders["llama"])))]
    (tmp_path / "model" / "generation_config.json").write_text(json.dumps({"eos_token_id": every_token}))
    ended = answers(hf(tmp_path / "model"), asks[:1])[0]
    assert isinstance(said, str) and isinstance(ended, str) and len(ended) < len(said)


@pytest.mark.model
@pytest.mark.parametrize("name", ["llama", "llava-vicuna"])
def test_adapters_in_float32_answer_as_the_model_that_they_are_merged_into(
    name: str, folders: dict[str, Path], asks: list[Ask], tmp_path: Path
) -> None:
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM, AutoModelForImageTextToText

    cls: Any = AutoModelForImageTextToText if name == "llava-vicuna" else AutoModelForCausalLM
    base = cls.from_pretrained(folders[name], dtype=torch.float32)
    adapted = get_peft_model(base, LoraConfig(r=4, target_modules=["q_proj", "v_proj", "down_proj"]))
    torch.manual_seed(0)
    for part, weights in adapted.named_parameters():
        if "lora_B" in part:
            torch.nn.init.normal_(weights, std=0.3)
    adapted.save_pretrained(tmp_path / "adapters")
    shutil.copytree(folders[name], tmp_path / "merged")
    adapted.merge_and_unload().save_pretrained(tmp_path / "merged")
    found = answers(hf(tmp_path / "adapters"), asks)
    assert found == answers(hf(tmp_path / "merged"), asks)
    assert found != answers(hf(folders[name]), asks)  # the adapters do something
    if name == "llama":
        assert found[0] == unmerged(tmp_path / "adapters", asks[0])


def unmerged(folder: Path, ask: Ask) -> str:
    """What a text model with its adapters beside its weights answers, by transformers alone."""
    import torch

    from glossator.engines.base import Turn
    from glossator.training import model

    loaded = model.load(ModelSpec(name=str(folder), dtype="float32"), "cpu")
    text = loaded.encoder.prompt([Turn("user", f"{ask.page}\n\n{ask.text}")])
    ids = loaded.tokenizer(text, add_special_tokens=loaded.encoder.adds_special(text), return_tensors="pt")
    with torch.inference_mode():
        made = loaded.model.generate(**ids, do_sample=False, max_new_tokens=ask.max_new_tokens)
    return str(loaded.tokenizer.decode(made[0, ids["input_ids"].shape[1] :], skip_special_tokens=True).strip())


@pytest.mark.model
def test_the_pages_budget_is_part_of_who_answers(folders: dict[str, Path], asks: list[Ask]) -> None:
    small, large = (hf(folders["llama"], max_ocr_tokens=budget) for budget in (16, 512))
    assert small.identity != large.identity
    assert answers(small, asks) != answers(large, asks)


def test_batches_hold_like_lengths_within_the_budget() -> None:
    lengths = dict(enumerate([10, 100, 95, 11, 900, 98, 12, 5000]))
    found = list(batches(lengths, 300))
    assert sorted(i for batch in found for i in batch) == list(range(8))
    for batch in found:
        sizes = [lengths[i] for i in batch]
        assert len(batch) == 1 or max(sizes) * len(batch) <= 300
        assert max(sizes) <= 1.3 * min(sizes)
    assert [7] in found  # what is over the budget alone goes alone


# The endpoint


def test_an_endpoint_is_shown_picture_and_question_and_no_reply_is_bought_twice(
    asks: list[Ask], tmp_path: Path
) -> None:
    with ChatServer(lambda body: (200, question_of(body)[-9:])) as server:
        options = {"request": {"max_completion_tokens": 50, "max_tokens": None, "temperature": None}}
        first = answers(readers.build(f"endpoint:m@{server.url}", tmp_path, **options), asks)
        assert len(server.bodies) == len(asks)
        again = readers.build(f"endpoint:m@{server.url}", tmp_path, **options)
        assert answers(again, asks) == first and len(server.bodies) == len(asks)
        assert again.bought.calls == 0  # type: ignore[attr-defined]
    body = server.bodies[0]
    assert set(body) == {"model", "messages", "max_completion_tokens"}
    assert body["messages"][0]["content"][0]["image_url"]["url"].startswith("data:image/png;base64,")


def test_an_endpoints_other_model_or_request_is_another_reader(tmp_path: Path) -> None:
    url = "http://127.0.0.1:9/v1"
    plain = readers.build(f"endpoint:m@{url}", tmp_path)
    assert plain.identity == readers.build("endpoint:m@http://127.0.0.1:10/v1", tmp_path).identity
    assert plain.identity != readers.build(f"endpoint:n@{url}", tmp_path).identity
    assert plain.identity != readers.build(f"endpoint:m@{url}", tmp_path, request={"seed": 1}).identity


@pytest.mark.parametrize(
    ("reply", "category", "kept"),
    [
        ({"choices": []}, "malformed_reply", False),
        ({"odd": 1}, "malformed_reply", False),
        ({"choices": [{"finish_reason": "content_filter", "message": {"content": ""}}]}, "refused", True),
        ({"choices": [{"finish_reason": "stop", "message": {"refusal": "I won't"}}]}, "refused", True),
    ],
)
def test_an_endpoint_that_gives_no_answer_fails_the_question(
    asks: list[Ask], tmp_path: Path, reply: Any, category: str, *, kept: bool
) -> None:
    with ChatServer(lambda _body: (200, reply)) as server:
        for _ in range(2):
            found = answers(readers.build(f"endpoint:m@{server.url}", tmp_path), asks[:1])[0]
            assert isinstance(found, Failed) and found.category == category and found.retriable != kept
        assert len(server.bodies) == (1 if kept else 2)


def test_an_endpoint_stops_for_a_bad_key_and_for_a_budget(asks: list[Ask], tmp_path: Path) -> None:
    with ChatServer(lambda _body: (401, "bad key")) as server, pytest.raises(CredentialsError):
        answers(readers.build(f"endpoint:m@{server.url}", tmp_path / "a"), asks)
    with ChatServer(lambda _body: (200, "x")) as server:
        endpoint = Endpoint(url=server.url, in_flight=1)
        reader = readers.EndpointReader("m", endpoint, tmp_path / "b", budget=Budget(tokens=150))
        with pytest.raises(BudgetError):
            answers(reader, asks)
        assert len(server.bodies) < len(asks)
        assert reader.bought.calls == len(server.bodies)


def test_a_limit_of_money_wants_a_known_price(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="price of nobodys-model"):
        readers.build("endpoint:nobodys-model@http://127.0.0.1:9/v1", tmp_path, max_usd=1.0)
    assert readers.build("endpoint:gpt-4o@http://127.0.0.1:9/v1", tmp_path, max_usd=1.0).sees


@pytest.mark.parametrize(
    "name",
    ["endpoint:m", "endpoint:@http://127.0.0.1:1/v1", "endpoint:m@nonsense", "fake:odd", "no-recipe:base", "./nowhere",
     "a/b/c/d", "/nowhere/at/all"],
)  # fmt: skip
def test_a_name_that_means_nothing_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        readers.build(name, tmp_path)
