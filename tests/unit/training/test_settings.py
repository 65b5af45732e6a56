"""Training recipes: every shipped one loads, mistakes are told, what depends on each other is checked."""

from __future__ import annotations

import pytest
from pydantic import BaseModel

from glossator.errors import RecipeError
from glossator.training import settings

GIVEN = {"model.name": "some-model"}


@pytest.mark.parametrize("name", settings.shipped())
def test_every_shipped_recipe_loads(name: str) -> None:
    found = settings.load(name, GIVEN)
    assert found.model.name == "some-model"
    assert settings.parse(found.model_dump(mode="json"), "again") == found


def test_the_documented_recipes_are_shipped() -> None:
    wanted = {"ocr-lm", "ocr-lm-small", "llava-align", "llava-tune", "llava-tune-lora", "smolvlm", "qwen-vl"}
    assert wanted <= set(settings.shipped())


@pytest.mark.parametrize("changed, told", [
    ({"optimizer.speed": 1}, "optimizer.speed"),
    ({"optimizer.learning_rate": 0}, "optimizer.learning_rate"),
    ({"tune.language": False, "tune.projector": False}, "nothing is tuned"),
    ({"run.patience": 1}, "validation_share"),
    ({"run.eval_steps": 1}, "validation_share"),
    ({"run.patience": 1, "run.eval_steps": 2, "run.save_steps": 3, "data.validation_share": 0.1}, "multiple"),
    ({"model.quantization": "4bit", "tune.method": "full"}, "lora"),
    ({"model.name.x": 1}, "model.name.x"),
], ids=str)  # fmt: skip
def test_what_does_not_fit_is_told(changed: dict[str, object], told: str) -> None:
    with pytest.raises(RecipeError, match=told):
        settings.load("ocr-lm", changed)


def undescribed(model: type[BaseModel]) -> list[str]:
    """Names of fields without a description, those of fields that are models too."""
    found = [name for name, field in model.model_fields.items() if not field.description]
    for field in model.model_fields.values():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            found += undescribed(field.annotation)
    return found


def test_every_setting_is_described() -> None:
    assert not undescribed(settings.TrainRecipe)
