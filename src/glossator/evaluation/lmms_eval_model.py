"""Lets `lmms-eval` run any reader of ours: LLaVA-HR, a folder from `glossator train`, `ocr-lm:base`.

    lmms-eval --model glossator --model_args pretrained=DIR --tasks docvqa_val --output_path logs

lmms-eval finds it by the entry point `lmms_eval.models`. Nothing else imports this module, nor lmms-eval.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from lmms_eval.api.model import lmms
from lmms_eval.models.registry_v2 import ModelManifest
from loguru import logger

from glossator.errors import UsageError
from glossator.evaluation import readers
from glossator.evaluation.readers import Ask
from glossator.reading import read_pages
from glossator.results import Failed, Outcome

_AT_ONCE = 256  # requests whose pictures lie on the disk together
_LONGEST_ANSWER = 1024  # where a task names none, as lmms-eval's own models have it


def manifest() -> ModelManifest:
    """What the entry point tells lmms-eval."""
    return ModelManifest(model_id="glossator", simple_class_path=f"{__name__}.GlossatorModel")


class GlossatorModel(lmms):  # type: ignore[misc]
    """A reader of ours as a model of lmms-eval. Greedy; one picture a question; generation only.

    Args:
        pretrained: a reader's name, see `evaluation.readers`.
        max_ocr_tokens: for readers without eyes: budget for the page's text, which RapidOCR reads.
        batch_size, max_batch_size, device: taken and not used: batches are cut by tokens, the device is the process's.

    Raises:
        UsageError: if there is no such reader.
    """

    is_simple = True

    def __init__(
        self,
        pretrained: str,
        max_ocr_tokens: int | None = None,
        batch_size: Any = None,  # noqa: ARG002
        max_batch_size: Any = None,  # noqa: ARG002
        device: Any = None,  # noqa: ARG002
    ) -> None:
        super().__init__()
        if int(os.environ.get("WORLD_SIZE", "1")) > 1:
            from accelerate import Accelerator

            self.accelerator = Accelerator()
            self._rank, self._world_size = self.accelerator.process_index, self.accelerator.num_processes
        self._folder = TemporaryDirectory(prefix="glossator-lmms-eval-")
        self._reader = readers.build(pretrained, Path(self._folder.name), max_ocr_tokens=max_ocr_tokens)

    def generate_until(self, requests: Sequence[Any]) -> list[str]:
        """An answer to each request, in their order; empty where there is none.

        Raises:
            UsageError: for a request that wants sampling, or that shows another number of pictures than one.
        """
        answers: list[str] = []
        for start in range(0, len(requests), _AT_ONCE):
            answers += self._answered(requests[start : start + _AT_ONCE])
        return answers

    def _answered(self, requests: Sequence[Any]) -> list[str]:
        said = [""] * len(requests)

        def told(i: int, outcome: Outcome[str]) -> None:
            context, wanted = requests[i].args[:2]
            if isinstance(outcome, Failed):
                logger.warning(f"no answer to {context[:80]!r}: {outcome.message}")
            else:
                said[i] = _until(outcome, wanted.get("until"))
            self.cache_hook.add_partial("generate_until", (context, wanted), said[i])

        with TemporaryDirectory(dir=self._folder.name) as folder:
            self._reader.answer(self._asks(requests, Path(folder)), told)
        return said

    def _asks(self, requests: Sequence[Any], folder: Path) -> list[Ask]:
        pictures = [self._saved(request, folder) for request in requests]
        pages = {} if self._reader.sees else read_pages(pictures, folder / "pages")
        return [
            Ask(request.args[0], picture, pages.get(picture, ""), _longest(request.args[1]))
            for request, picture in zip(requests, pictures, strict=True)
        ]

    def _saved(self, request: Any, folder: Path) -> Path:
        """The request's picture as a file, each once."""
        _context, _wanted, doc_to_visual, doc_id, task, split = request.args
        path = folder / f"{task}-{split}-{doc_id}.png"
        if not path.exists():
            shown = doc_to_visual(self.task_dict[task][split][doc_id])
            if len(shown) != 1 or not hasattr(shown[0], "save"):
                raise UsageError(
                    f"the task {task} shows {len(shown)} things at once; glossator's readers see one picture"
                )
            shown[0].convert("RGB").save(path, compress_level=1)
        return path

    def loglikelihood(self, requests: Sequence[Any]) -> list[tuple[float, bool]]:  # noqa: ARG002
        """Not offered: scores of answers are the business of `glossator score`."""
        raise UsageError("glossator's readers answer questions; choose a task of type generate_until")

    def generate_until_multi_round(self, requests: Sequence[Any]) -> list[str]:  # noqa: ARG002
        """Not offered: each question stands by itself."""
        raise UsageError("glossator's readers answer one question at a time; choose a generate_until task")


def _longest(wanted: dict[str, Any]) -> int:
    """The longest answer. Raises `UsageError` if the answer is to be drawn at random."""
    if wanted.get("do_sample") is not False and (wanted.get("temperature") or 0) > 0:
        raise UsageError("this task wants answers drawn at random; glossator's readers decode greedily")
    return int(wanted.get("max_new_tokens") or _LONGEST_ANSWER)


def _until(text: str, ends: Any) -> str:
    """The text up to the first of the task's end marks."""
    for end in [ends] if isinstance(ends, str) else ends or []:
        if end and end in text:
            text = text[: text.index(end)]
    return text.strip()
