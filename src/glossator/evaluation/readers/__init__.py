"""Readers by the name that `glossator eval` takes.

DIR or NAME            a folder from `glossator train`, a model's folder, or a model on the Hub
ocr-lm:base            the untuned reader of the training recipe `ocr-lm`; `RECIPE:base` for another
endpoint:MODEL@URL     an OpenAI-compatible server
fake:first, fake:last  the page's first or last line
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from glossator.engines.endpoint import prices
from glossator.errors import UsageError
from glossator.evaluation.readers.base import Ask, Reader, Told
from glossator.evaluation.readers.endpoint import EndpointReader
from glossator.evaluation.readers.fake import FakeReader
from glossator.evaluation.readers.hf import HfReader
from glossator.recipe import Budget, Endpoint
from glossator.training import settings
from glossator.training.settings import DataSettings, ModelSpec

__all__ = ["Ask", "EndpointReader", "Reader", "Told", "build"]


def build(
    name: str,
    out: Path,
    *,
    key_env: str | None = None,
    in_flight: int = 16,
    max_usd: float | None = None,
    request: Mapping[str, Any] | None = None,
    max_ocr_tokens: int | None = None,
) -> Reader:
    """The reader of that name; replies of an endpoint are kept in `out`.

    Args:
        name: see above.
        out: the evaluation's folder.
        key_env: the environment variable that holds an endpoint's key.
        in_flight: an endpoint's requests under way at once.
        max_usd: spend at most so much at an endpoint.
        request: further keys of each request to an endpoint; None takes one out.
        max_ocr_tokens: budget for OCR text; None for what the model was trained with.

    Raises:
        UsageError: if there is no such model, or the name can't be understood.
    """
    if name.startswith("endpoint:"):
        model, separator, url = name.removeprefix("endpoint:").rpartition("@")
        if not separator or not model:
            raise UsageError(
                f"{name}: write it as endpoint:MODEL@URL, such as endpoint:gpt-4o@https://api.openai.com/v1"
            )
        endpoint, budget = _endpoint(url, key_env, in_flight), Budget(usd=max_usd)
        if max_usd is not None and prices.usd({}, model, 1, 0, 1) is None:
            raise UsageError(f"nobody knows the price of {model}, so a limit of {max_usd:g} dollars could not bite")
        return EndpointReader(model, endpoint, out / "replies" / "eval", request=request, budget=budget)
    if name.startswith("fake:"):
        return FakeReader(name.removeprefix("fake:"))
    recipe = name.removesuffix(":base")
    if name.endswith(":base"):
        loaded = settings.load(recipe)
        return HfReader(loaded.model, max_ocr_tokens=max_ocr_tokens or loaded.data.max_ocr_tokens, name=name)
    if _is_path(name) and not Path(name).is_dir():
        raise UsageError(f"no model '{name}': there is no such folder")
    trained = _data_of(Path(name))
    return HfReader(ModelSpec(name=name), max_ocr_tokens=max_ocr_tokens or trained.max_ocr_tokens)


def _is_path(name: str) -> bool:
    """Whether it can't be a name on the Hub, which has one slash at most, and none in front."""
    return name.startswith((".", "/", "~")) or name.count("/") > 1 or Path(name).is_absolute()


def _data_of(folder: Path) -> DataSettings:
    """What the model in a folder was shown when it was trained; the defaults for another."""
    path = folder / "recipe.json"
    if not path.is_file():
        return DataSettings()
    return settings.parse(json.loads(path.read_text(encoding="utf-8")), str(path)).data


def _endpoint(url: str, key_env: str | None, in_flight: int) -> Endpoint:
    try:
        return Endpoint(url=url, key_env=key_env, in_flight=in_flight)
    except ValueError as error:
        raise UsageError(
            f"{url.partition('?')[0][:80]} is no endpoint: {str(error).splitlines()[-2].strip()}"
        ) from None
