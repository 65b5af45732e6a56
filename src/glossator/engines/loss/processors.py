"""The processor of a vision-language model, also where the packages that only its videos need are missing."""

from __future__ import annotations

import inspect
from typing import Any


def load_processor(path: str, config: Any, **options: Any) -> Any:
    """`AutoProcessor.from_pretrained`; a model that also reads videos is loaded without that if torchvision is missing,
    or was missing where it was saved.

    Raises what transformers raises.
    """
    from transformers import AutoProcessor

    try:
        return AutoProcessor.from_pretrained(path, **options)
    except (ImportError, ValueError, OSError) as error:  # which one depends on the model's class
        if not any(word in str(error).lower() for word in ("torchvision", "video processor")):
            raise
        return _without_video(path, config, **options)


class _NoVideos:
    """Stands in for a video processor: some processors ask it for settings before they look for videos."""

    def __getattr__(self, name: str) -> None:
        if name.startswith("__"):
            raise AttributeError(name)


def _without_video(path: str, config: Any, **options: Any) -> Any:
    from transformers import AutoImageProcessor, AutoTokenizer
    from transformers.models.auto.processing_auto import PROCESSOR_MAPPING

    cls: Any = PROCESSOR_MAPPING[type(config)]

    class PicturesOnly(cls):  # type: ignore[misc]
        def check_argument_for_proper_class(self, argument_name: str, argument: Any) -> Any:
            """The stand-in for the video processor has no class that could be checked."""
            if isinstance(argument, _NoVideos):
                return None
            return super().check_argument_for_proper_class(argument_name, argument)

        def to_dict(self) -> Any:
            """What is saved names the true class, and no video processor."""
            saved = super().to_dict() | {"processor_class": cls.__name__}
            saved.pop("video_processor", None)
            return saved

    try:
        stored, _ = cls.get_processor_dict(path, **options)
    except OSError:  # older models have no processor_config.json
        stored = {}
    named = inspect.signature(cls.__init__).parameters
    parts = ("image_processor", "tokenizer", "video_processor", "chat_template")
    settings = {key: value for key, value in stored.items() if key in named and key not in parts}
    tokenizer = AutoTokenizer.from_pretrained(path, **options)
    return PicturesOnly(
        image_processor=AutoImageProcessor.from_pretrained(path, **options),
        tokenizer=tokenizer,
        video_processor=_NoVideos(),
        chat_template=stored.get("chat_template") or tokenizer.chat_template,
        **settings,
    )
