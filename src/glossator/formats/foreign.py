"""Reading somebody's finished set, whatever its form: the rows that people publish, told apart by their keys.

    conversations: [{from, value}]            LLaVA, ShareGPT, LLaMA-Factory (its `dataset_info.json` is heeded)
    messages: [{role, content}]               Hugging Face, OpenAI; content is a text or a list of blocks
    prompt + completion                       TRL; texts or lists of messages
    texts: [{user, assistant}]                nanoVLM, FineVision
    instruction, input, output, history       Alpaca

Pictures stand in `image` or `images`, or in the blocks: as paths, or as bytes, which are handed to `save`.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from glossator.errors import UsageError
from glossator.formats import parquet
from glossator.formats.base import IMAGE_TAG, BadSample, Message, Role, TrainingSample, original, read_json_rows

Save = Callable[[bytes], str]  # keeps a picture's bytes and returns its path
_ROLES: dict[str, Role] = {"human": "user", "user": "user", "gpt": "assistant", "assistant": "assistant"}
_NOT_META = {"id", "image", "images", "conversations", "messages", "prompt", "completion", "texts", "instruction",
             "input", "output", "history", "system", "tools", "videos", "audios"}  # fmt: skip


class _Bad(Exception):
    """Why a row can't be taken."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Names that a row uses, as LLaMA-Factory's `dataset_info.json` gives them."""

    messages: str = ""
    images: str = "images"
    role: str = ""
    content: str = ""
    user: str = "human"
    assistant: str = "gpt"
    prompt: str = "instruction"
    query: str = "input"
    response: str = "output"
    history: str = "history"


def read(path: Path, save: Save) -> Iterator[TrainingSample | BadSample]:
    """All rows of a JSON, JSONL or Parquet file. Raises `UsageError` if it is none of these."""
    if path.suffix == ".parquet" and parquet.is_ours(path):
        yield from parquet.read(path)
        return
    layout = layout_of(path)
    for where, row in _rows(path):
        try:
            yield _sample(where, row, layout, save)
        except _Bad as problem:
            yield BadSample(where, str(problem))


def layout_of(path: Path) -> Layout:
    """What a `dataset_info.json` beside the file says of it; the usual names where there is none."""
    try:
        info = json.loads((path.parent / "dataset_info.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return Layout()
    entries = info.values() if isinstance(info, dict) else ()
    entry = next((one for one in entries if isinstance(one, dict) and one.get("file_name") == path.name), {})
    columns, tags = entry.get("columns", {}), entry.get("tags", {})
    if not (isinstance(columns, dict) and isinstance(tags, dict)):
        return Layout()
    names = {key: columns[key] for key in ("messages", "images", "prompt", "query", "response", "history")
             if isinstance(columns.get(key), str)}  # fmt: skip
    marks = {key: tags[f"{key}_tag"] for key in ("role", "content", "user", "assistant")
             if isinstance(tags.get(f"{key}_tag"), str)}  # fmt: skip
    return Layout(**names, **marks)


def _rows(path: Path) -> Iterator[tuple[str, Any]]:
    if path.suffix != ".parquet":
        yield from read_json_rows(path)
        return
    try:
        with pq.ParquetFile(path) as file:
            number = 0
            for batch in file.iter_batches(batch_size=256):
                for row in batch.to_pylist():
                    yield f"row {number}", {key: value for key, value in row.items() if value is not None}
                    number += 1
    except (OSError, pa.ArrowException) as error:
        raise UsageError(f"{path} can't be read: {error}") from error


def _sample(where: str, row: Any, layout: Layout, save: Save) -> TrainingSample:
    if not isinstance(row, dict):
        raise _Bad("no JSON object")
    images = _pictures(row.get(layout.images, row.get("image")), save)
    found: list[str] = []
    tags = 0
    messages: list[Message] = []
    for role, content in _turns(row, layout):
        text, marks = _text(content, found, save)
        tags += marks
        if role == "system" or (role == "assistant" and not messages):
            continue
        if role not in ("user", "assistant") or (messages and messages[-1].role == role):
            raise _Bad("roles do not alternate between user and assistant")
        messages.append(Message(role, text))  # type: ignore[arg-type]
    if messages and messages[-1].role == "user":
        messages.pop()
    if not messages:
        raise _Bad("no question with an answer")
    if any(not message.text for message in messages):
        raise _Bad("an empty turn")
    images = images or found
    if tags and tags != len(images):
        raise _Bad(f"{tags} image tags for {len(images)} images")
    first = images[0] if images else None
    meta = {key: value for key, value in row.items() if key not in _NOT_META | {layout.messages, layout.images}}
    given = meta.pop("meta", None)
    meta |= given if isinstance(given, dict) else {}
    return TrainingSample(
        str(row.get("id", where)), first, tuple(messages), more_images=tuple(images[1:]), meta=_json(meta)
    )


def _json(meta: dict[str, Any]) -> str:
    try:
        return json.dumps(meta, default=str, sort_keys=True) if meta else ""
    except (TypeError, ValueError, RecursionError):
        return ""


def _turns(row: dict[str, Any], layout: Layout) -> Iterator[tuple[str, Any]]:
    """Role and content of each turn."""
    listed = row.get(layout.messages) or row.get("conversations") or row.get("messages")
    if listed is not None:
        yield from _listed(listed, layout)
    elif "completion" in row:
        for role, value in (("user", row.get("prompt", "")), ("assistant", row["completion"])):
            yield from _listed(value, layout) if isinstance(value, list) else [(role, value)]
    elif isinstance(row.get("texts"), list):
        for pair in row["texts"]:
            if not isinstance(pair, dict):
                raise _Bad("texts holds no list of user and assistant texts")
            yield from (("user", pair.get("user")), ("assistant", pair.get("assistant")))
    elif layout.prompt in row and layout.response in row:
        for pair in row.get(layout.history) or []:
            if not isinstance(pair, list) or len(pair) != 2:
                raise _Bad("the history holds no pairs of texts")
            yield from zip(("user", "assistant"), pair, strict=True)
        asked = [text for text in (row[layout.prompt], row.get(layout.query)) if text]
        yield from (("user", "\n".join(map(str, asked))), ("assistant", row[layout.response]))
    else:
        raise _Bad(f"no conversation that is known; its keys: {', '.join(map(str, row))[:120]}")


def _listed(turns: Any, layout: Layout) -> Iterator[tuple[str, Any]]:
    if not isinstance(turns, list):
        raise _Bad("no list of turns")
    for turn in turns:
        if not isinstance(turn, dict):
            raise _Bad("a turn that is no object")
        role = str(turn.get(layout.role or ("from" if "from" in turn else "role")))
        content = turn.get(layout.content or ("value" if "value" in turn else "content"))
        known = {layout.user: "user", layout.assistant: "assistant", "system": "system"} | _ROLES
        if role not in known:
            raise _Bad(f"an unknown speaker {role[:40]!r}")
        yield known[role], content


def _text(content: Any, found: list[str], save: Save) -> tuple[str, int]:
    """The text of a turn without image marks, and how many of them there were; pictures in blocks go to `found`."""
    if isinstance(content, str):
        tags = content.count(IMAGE_TAG)
        bare = content.replace(f"{IMAGE_TAG}\n", "").replace(f"\n{IMAGE_TAG}", "").replace(IMAGE_TAG, "")
        return original(bare).strip(), tags
    if not isinstance(content, list):
        raise _Bad("a turn without a text")
    texts, tags = [], 0
    for block in content:
        kind = block.get("type") if isinstance(block, dict) else None
        if kind == "text":
            text, more = _text(block.get("text") or "", found, save)
            texts.append(text)
            tags += more
        elif kind in ("image", "image_url"):
            tags += 1
            url = block.get("image_url", block.get("image", block.get("path")))
            found += _pictures(url.get("url") if isinstance(url, dict) and "url" in url else url, save)
        else:
            raise _Bad(f"a block of an unknown kind {str(kind)[:40]!r}")
    return "\n".join(text for text in texts if text), tags


def _pictures(value: Any, save: Save) -> list[str]:
    """Paths of the pictures that a value names; bytes are saved."""
    if value is None:
        return []
    if isinstance(value, list):
        return [path for one in value for path in _pictures(one, save)]
    if isinstance(value, dict):
        if isinstance(value.get("bytes"), bytes):
            return [save(value["bytes"])]
        value = value.get("path")
    if not isinstance(value, str) or not value:
        raise _Bad("a picture that is neither a path nor bytes")
    if value.startswith("data:"):
        try:
            return [save(base64.b64decode(value.partition(",")[2], validate=True))]
        except (binascii.Error, ValueError):
            raise _Bad("a picture whose data is no base64") from None
    return [value.removeprefix("file://")]
