"""The model card: what was tuned, on what, how, and what to say beside it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import jinja2

import glossator
from glossator.training.settings import TrainRecipe

if TYPE_CHECKING:
    from glossator.training.folder import Trained

_CARD = """---
base_model: {{ base | tojson }}
library_name: {{ library }}
tags: [glossator, text-rich images]
---
# {{ name }}

{{ base }}, tuned with Glossator {{ version }} on {{ '{:,}'.format(trained.samples) }} conversations about text-rich
images. Loss on the assistant's turns only: {{ '{:,}'.format(trained.learned_tokens) }} of
{{ '{:,}'.format(trained.tokens) }} tokens in one pass.

| | |
|---|---|
| data set | {{ trained.dataset }} |
| tuned | {{ method }} |
| learning rate, schedule | {{ recipe.optimizer.learning_rate }}, {{ recipe.optimizer.schedule }} |
| samples a step and process | {{ recipe.optimizer.batch_size * recipe.optimizer.accumulation }} |
| steps, seconds | {{ trained.steps }}, {{ trained.seconds }} |
| last training loss | {{ '%.4f' % trained.loss if trained.loss is not none else 'none' }} |
| seed | {{ recipe.run.seed }} |
| device | {{ trained.device }} |

Left out: {{ left_out }}. Split by turn, because they were too long in one piece: {{ trained.split }}.

The whole recipe is in `recipe.json`, the loss curve in `training.json`. Answers are as good as the data set:
machine-made pairs about the kinds of image that it holds. Measure it with `glossator eval` before you use it. The
licence of the base model, and the terms of the images and captions, hold for this model too.
"""


def write_card(path: Path, recipe: TrainRecipe, trained: Trained) -> None:
    """Write the card of a finished run."""
    rank = f" of rank {recipe.tune.lora.rank} on the language model"
    tuned = [
        f"{part}{rank if part == 'adapters' else ', in full'} ({count:,} parameters)"
        for part, count in trained.moving.items()
    ]
    bits = f"; base in {recipe.model.quantization}" if recipe.model.quantization else ""
    left_out = "; ".join(f"{count:,} ({reason})" for reason, count in trained.left_out.items()) or "nothing"
    template = jinja2.Environment(autoescape=False, keep_trailing_newline=True).from_string(_CARD)
    text = template.render(
        base=recipe.model.name,
        name=path.resolve().parent.name,
        version=glossator.__version__,
        recipe=recipe,
        trained=trained,
        library="peft" if "adapters" in trained.moving else "transformers",
        method="; ".join(tuned) + bits,
        left_out=left_out,
    )
    path.write_text(text, encoding="utf-8")
