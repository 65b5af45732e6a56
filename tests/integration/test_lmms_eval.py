"""Our readers as a model of lmms-eval, whose own base class, requests and registry are used; its tasks are not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from lmms_eval import models
from lmms_eval.api.instance import Instance
from PIL import Image, ImageDraw

import tiny_models
import tiny_parts
from glossator.errors import UsageError
from glossator.evaluation.readers import Ask
from glossator.evaluation.readers.hf import HfReader
from glossator.training.settings import ModelSpec

pytestmark = pytest.mark.model
QUESTION = "What is the total?\nAnswer the question using a single word or phrase."


MODELS = {"llava": tiny_models.VISION_MODELS["llava-vicuna"], "llava-hr": tiny_parts.ASSEMBLED["assembled-hr-vicuna"]}


@pytest.fixture(scope="module", params=MODELS)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp(request.param)
    MODELS[request.param](made)
    return made


def documents(count: int) -> list[dict[str, Any]]:
    found = []
    for i in range(count):
        image = Image.radial_gradient("L").resize((60 + 20 * i, 90)).convert("RGBA")
        ImageDraw.Draw(image).text((5, 5), f"Total {i}.50", fill="black")
        found.append({"image": image})
    return found


def model(name: str, docs: list[dict[str, Any]], **options: Any) -> Any:
    """As lmms-eval makes it from `--model glossator --model_args pretrained=...`."""
    extra = {"batch_size": 1, "max_batch_size": None, "device": "cuda:0"}
    made = models.get_model("glossator").create_from_arg_string(f"pretrained={name}", {**extra, **options})
    made.task_dict = {"docvqa_val": {"validation": docs}}
    return made


def request(doc_id: int, text: str = QUESTION, see: Any = lambda doc: [doc["image"]], **wanted: Any) -> Instance:
    given = {"max_new_tokens": 8, "temperature": 0, "do_sample": False, "until": ["\n\n"], **wanted}
    metadata = {"task": "docvqa_val", "doc_id": doc_id, "repeats": 1}
    return Instance("generate_until", (text, given, see, doc_id, "docvqa_val", "validation"), 0, metadata)


def test_lmms_eval_finds_it_by_its_entry_point() -> None:
    manifest = models.get_model_manifest("glossator")
    assert manifest.simple_class_path == "glossator.evaluation.lmms_eval_model.GlossatorModel"
    assert "glossator" in models.list_available_models()


def test_answers_are_those_of_the_reader_in_the_order_of_the_requests(folder: Path, tmp_path: Path) -> None:
    docs = documents(3)
    asked = [request(i, f"{QUESTION} {i}") for i in (2, 0, 1, 0)]
    found = model(str(folder), docs).generate_until(asked)
    reader = HfReader(ModelSpec(name=str(folder)))
    direct: dict[int, Any] = {}
    asks = []
    for place, one in enumerate(asked):
        docs[one.args[3]]["image"].convert("RGB").save(tmp_path / f"{place}.png")
        asks.append(Ask(one.args[0], tmp_path / f"{place}.png", "", 8))
    reader.answer(asks, direct.__setitem__)
    assert found == [direct[i] for i in range(4)]
    assert len(set(found)) > 1


def test_an_answer_ends_at_the_tasks_own_mark(folder: Path) -> None:
    running = model(str(folder), documents(1))
    whole = running.generate_until([request(0)])[0]
    assert len(whole) > 2
    mark = whole[len(whole) // 2]
    assert running.generate_until([request(0, until=mark)])[0] == whole[: whole.index(mark)].strip()


def test_a_reader_without_eyes_reads_the_pages(tmp_path: Path) -> None:
    page = Image.new("RGB", (400, 120), "white")
    ImageDraw.Draw(page).text((10, 10), "CORNER SHOP", fill="black", font_size=30)
    ImageDraw.Draw(page).text((10, 70), "TOTAL 53.60", fill="black", font_size=30)
    found = model("fake:last", [{"image": page}]).generate_until([request(0)])
    assert found == ["TOTAL 53.60"]


def test_what_it_does_not_offer_is_told(folder: Path) -> None:
    running = model(str(folder), documents(1))
    with pytest.raises(UsageError, match="2 things"):
        running.generate_until([request(0, see=lambda doc: [doc["image"]] * 2)])
    with pytest.raises(UsageError, match="greedily"):
        running.generate_until([request(0, temperature=0.7, do_sample=True)])
    with pytest.raises(UsageError):
        running.loglikelihood([request(0)])
    with pytest.raises(UsageError):
        model("./nowhere", [])


def test_a_prompt_without_room_is_an_empty_answer(folder: Path) -> None:
    found = model(str(folder), documents(1)).generate_until([request(0, "long " * 5000), request(0)])
    assert found[0] == "" and found[1]
