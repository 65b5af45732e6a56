"""Data-set formats, by name."""

from __future__ import annotations

from glossator.formats import dpo, hard_negatives, llava, parquet, sharegpt, unanswerable

CONVERSATIONS = {"llava": llava, "sharegpt": sharegpt}
SECOND_LIFE = {module.name: module for module in (dpo, unanswerable, hard_negatives)}
NAMES = (*CONVERSATIONS, parquet.name, *SECOND_LIFE)
