"""Data-set formats, by name."""

from __future__ import annotations

from glossator.formats import llava, parquet, sharegpt

CONVERSATIONS = {"llava": llava, "sharegpt": sharegpt}
NAMES = (*CONVERSATIONS, parquet.name)
