"""Argilla: pairs as a data set on disk, as `argilla.Dataset.from_disk` reads it (SDK 2.8).

    <folder>/.argilla/dataset.json     the data set's name and how many people judge each pair
    <folder>/.argilla/settings.json    what is shown (fields), what is asked (questions), what goes along (metadata)
    <folder>/records.json              a record a pair; its id is the pair's

The interface puts the text of a field into its page as HTML, and that of a custom field's record into a script, where
`</script>` ends it. So texts are escaped here (`html.escape`), and the boxes are drawn on the picture instead of by a
custom field. Suggestions it shows as plain text; they are as they are.
"""

from __future__ import annotations

import base64
import hashlib
import html
import io
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from PIL import Image, ImageDraw

from glossator.errors import UsageError
from glossator.images import open_image
from glossator.jobs.label_studio import HEADINGS, REASONS
from glossator.records import Box, ImageRecord, Pair
from glossator.results import Failed
from glossator.verdict_log import EDIT, KEEP, REJECT, TEXTS

NAME = "glossator"
RECORDS = "records.json"
SETTINGS = ".argilla/settings.json"
DATASET = ".argilla/dataset.json"
GUIDELINES = (
    "Keep the pair, reject it with a reason, or edit it: change the texts on the right to what they should say. "
    "The box on the picture is where the answer stands."
)
_SIDE = 1600  # so that even noise stays below the server's 5,000,000 characters for a picture
_QUALITY = 85
_MAX_PIXELS = 10**9  # ingest has already refused what is over the recipe's limit
_COLOUR = (214, 39, 40)
_NEW = {"id": None, "inserted_at": None, "updated_at": None}


def write(folder: Path, records: Iterable[dict[str, Any]]) -> int:
    """Write the data set, and give how many records it holds. The records come last: a folder with them is whole.

    Raises:
        UsageError: if records are there already; people's answers may be among them.
        OSError: if it can't be written.
    """
    path = folder / RECORDS
    if path.exists():
        raise UsageError(f"{path} is there already and may hold answers; give a new folder with -o")
    for name, content in ((DATASET, dataset()), (SETTINGS, settings())):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(json.dumps(content, indent=1), encoding="ascii")
    count = 0
    partial = path.with_suffix(".partial")
    with partial.open("w", encoding="ascii") as file:
        for count, record in enumerate(records, 1):
            file.write(("[\n" if count == 1 else ",\n") + json.dumps(record))
        file.write("\n]\n" if count else "[]\n")
    partial.replace(path)
    return count


def dataset() -> dict[str, Any]:
    """What `.argilla/dataset.json` holds."""
    return {
        **_NEW, "name": NAME, "status": "draft", "guidelines": GUIDELINES, "allow_extra_metadata": True,
        "distribution": _distribution(), "workspace_id": None, "last_activity_at": None,
    }  # fmt: skip


def settings() -> dict[str, Any]:
    """What `.argilla/settings.json` holds: picture and texts; verdict, reason, new texts, note; how it was drawn."""
    texts = [_property(name, title, {"type": "text", "use_markdown": False}) for name, title in HEADINGS.items()]
    new = [
        _property(f"edited_{name}", f"{title}, as it should read", {"type": "text", "use_markdown": False})
        for name, title in HEADINGS.items()
    ]
    return {
        "guidelines": GUIDELINES,
        "fields": [_property("picture", "Picture", {"type": "image"}) | {"required": True}, *texts],
        "questions": [
            _property("verdict", "Verdict", _labels([KEEP, REJECT, EDIT])) | {"required": True},
            _property("reason", "Reason", _labels(REASONS)),
            *new,
            _property("note", "Note", {"type": "text", "use_markdown": False}),
        ],
        "vectors": [],
        "metadata": [_hidden("sampling")],
        "allow_extra_metadata": True,
        "distribution": _distribution(),
        "mapping": None,
    }


def record(pair: Pair, sampling: str, picture: str) -> dict[str, Any]:
    """One record: picture and texts as fields, the texts once more as suggestions that can be changed.

    It does not say what the rules or other people think of the pair.

    Args:
        pair: a pair with a picture.
        sampling: how the pair was chosen; it comes back with the verdict.
        picture: its picture as a URL (see `shown` and `linked`).
    """
    texts = {name: text for name in TEXTS if (text := getattr(pair, name))}
    return {
        "id": pair.pair_id,
        "fields": {"picture": picture, **{name: html.escape(text) for name, text in texts.items()}},
        "metadata": {
            "sampling": sampling,
            "evidence": [{"text": piece.text, "box": list(piece.box)} for piece in pair.evidence],
        },
        "suggestions": {
            f"edited_{name}": {"value": text, "score": None, "agent": NAME} for name, text in texts.items()
        },
        "responses": {}, "vectors": {}, "status": "pending", "_server_id": None,
    }  # fmt: skip


def linked(image: ImageRecord, image_root: str) -> str:
    """The address of a picture that a server gives out; its boxes are in the metadata only."""
    return image_root + quote(image.path)


def shown(image: ImageRecord, root: Path, boxes: Iterable[Box]) -> str | None:
    """The picture with boxes, at most 1,600 pixels on its longer side, as a data URI.

    Args:
        image: the picture; boxes are in pixels of it.
        root: the folder that image paths are relative to.
        boxes: what to mark.

    Returns:
        None where the file is gone, broken, or no longer the one that was taken in.
    """
    path = root / image.path
    picture = open_image(path, _MAX_PIXELS)
    if isinstance(picture, Failed) or (image.sha256 and _sha256(path) != image.sha256):
        return None
    scale = min(1.0, _SIDE / max(picture.size))
    if scale < 1:
        picture = picture.resize((max(1, round(picture.width * scale)), max(1, round(picture.height * scale))))
    _mark(picture, boxes, scale)
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=_QUALITY)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"


def _mark(picture: Image.Image, boxes: Iterable[Box], scale: float) -> None:
    pen = ImageDraw.Draw(picture)
    width = max(2, round(max(picture.size) / 500))
    for x0, y0, x1, y1 in boxes:
        left, right = sorted((x0 * scale - width, x1 * scale + width))
        upper, lower = sorted((y0 * scale - width, y1 * scale + width))
        pen.rectangle((left, upper, right, lower), outline=_COLOUR, width=width)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _distribution() -> dict[str, Any]:
    return {"strategy": "overlap", "min_submitted": 1}


def _property(name: str, title: str, settings: dict[str, Any]) -> dict[str, Any]:
    """A field or a question."""
    return {
        **_NEW, "name": name, "title": title, "description": None, "required": False, "dataset_id": None,
        "settings": settings, "type": settings["type"],
    }  # fmt: skip


def _labels(words: Iterable[str]) -> dict[str, Any]:
    options = [{"value": word, "text": word.replace("_", " ")} for word in words]
    return {"type": "label_selection", "options": options, "visible_options": len(options)}


def _hidden(name: str) -> dict[str, Any]:
    """A property of a record that one can filter by, and that who judges does not see."""
    return {
        **_NEW, "name": name, "title": name, "visible_for_annotators": False, "dataset_id": None,
        "settings": {"type": "terms", "values": None, "visible_for_annotators": True},
    }  # fmt: skip
