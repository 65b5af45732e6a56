"""The processes of one run: `accelerate launch` starts one a device, each with its number in the environment.

What is written beside the model is written by the first process alone; what all have to agree on is what it says.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")


def count() -> int:
    """How many processes train together."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def is_first() -> bool:
    """Whether this process speaks for all."""
    return int(os.environ.get("RANK", "0")) == 0


def device() -> str:
    """This process's accelerator if there is one, else the CPU."""
    import torch

    if os.environ.get("ACCELERATE_USE_CPU", "").lower() in ("1", "true", "yes"):
        return "cpu"
    if torch.cuda.is_available():
        return f"cuda:{os.environ.get('LOCAL_RANK', '0')}"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def shards() -> bool:
    """Whether the trainer will spread the weights over the processes, so that none should hold them on its device."""
    return os.environ.get("ACCELERATE_USE_FSDP", "").lower() in ("1", "true", "yes")


@contextmanager
def first_goes_first() -> Iterator[None]:
    """The first process does the block alone, then the others do it too and find what it has written."""
    if count() == 1:
        yield
        return
    from accelerate import PartialState

    with PartialState(cpu=device() == "cpu").main_process_first():
        yield


def agreed(choice: T) -> T:
    """What the first process chose, in every process."""
    if count() == 1:
        return choice
    from accelerate import PartialState
    from accelerate.utils import broadcast_object_list

    PartialState(cpu=device() == "cpu")
    return broadcast_object_list([choice])[0]  # type: ignore[no-any-return]
