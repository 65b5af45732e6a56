"""Label Studio: the labelling config that we ship, tasks with boxes for it, and the annotations that come back. Pure.

A task's texts are shown and stand, as a prediction, in text areas where they can be changed. Verdicts and boxes follow
Label Studio's raw JSON (labelstud.io/guide/export#Label-Studio-JSON-format-of-annotated-tasks).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

from glossator.records import Evidence, ImageRecord, Pair
from glossator.verdict_log import EDIT, KEEP, REJECT, TEXTS

LOCAL_FILES = "/data/local-files/?d="  # how Label Studio serves files below its document root
REASONS = (
    "wrong_answer", "not_on_image", "unclear_question", "useless_question", "wrong_explanation",
    "redundant_explanation", "wrong_boxes", "private", "offensive",
)  # fmt: skip
HEADINGS = {
    "question": "Question", "answer": "Answer", "explain_question": "How it is asked to explain",
    "explain_answer": "Explanation",
}  # fmt: skip


def config() -> str:
    """The labelling config (XML): the picture with boxes, the texts to read or change, verdict, reason, note."""
    areas = "".join(
        f'  <Header value={quoteattr(heading)}/>\n  <TextArea name="edited_{name}" toName="image" editable="true" '
        'maxSubmissions="1" rows="2"/>\n'
        for name, heading in HEADINGS.items()
    )
    verdicts = "".join(
        f'<Choice value="{word}" hotkey="{key}"/>' for word, key in ((KEEP, "k"), (REJECT, "r"), (EDIT, "e"))
    )
    reasons = "".join(f'<Choice value="{name}"/>' for name in REASONS)
    return (
        "<View>\n"
        '  <Image name="image" value="$image" zoom="true" zoomControl="true" rotateControl="true"/>\n'
        '  <RectangleLabels name="boxes" toName="image"><Label value="evidence" background="#2f7d4f"/>'
        "</RectangleLabels>\n"
        f"{areas}"
        f'  <Choices name="verdict" toName="image" choice="single" required="true">{verdicts}</Choices>\n'
        '  <Choices name="reason" toName="image" choice="single" visibleWhen="choice-selected" whenTagName="verdict" '
        f'whenChoiceValue="reject,edit">{reasons}</Choices>\n'
        '  <TextArea name="note" toName="image" placeholder="Note" maxSubmissions="1"/>\n'
        "</View>\n"
    )


def task(pair: Pair, image: ImageRecord, sampling: str, image_root: str = LOCAL_FILES) -> dict[str, Any]:
    """One task: the pair's texts and picture as data, its boxes and texts as a prediction.

    It does not say what the rules or other people think of the pair.

    Args:
        pair: a pair with a picture.
        image: its image; boxes are in pixels of it.
        sampling: how the pair was chosen; it comes back with the verdict.
        image_root: what to put before the picture's path to make a URL that Label Studio can reach.
    """
    texts = {name: getattr(pair, name) for name in TEXTS}
    data = {"image": image_root + quote(image.path), "pair_id": pair.pair_id, "sampling": sampling, **texts}
    areas = [_area(name, text) for name, text in texts.items() if text]
    boxes = [_box(number, piece, image) for number, piece in enumerate(pair.evidence)]
    return {
        "data": data,
        "predictions": [{"model_version": pair.writer or "glossator", "score": 1.0, "result": areas + boxes}],
    }


def _area(name: str, text: str) -> dict[str, Any]:
    return {
        "id": name, "from_name": f"edited_{name}", "to_name": "image", "type": "textarea", "value": {"text": [text]},
    }  # fmt: skip


def _box(number: int, piece: Evidence, image: ImageRecord) -> dict[str, Any]:
    """A box in percent of the picture's size, cut off at its edges."""
    width, height = max(1, image.width), max(1, image.height)
    x0, x1 = (min(max(value, 0.0), width) * 100 / width for value in piece.box[::2])
    y0, y1 = (min(max(value, 0.0), height) * 100 / height for value in piece.box[1::2])
    place = {"x": x0, "y": y0, "width": x1 - x0, "height": y1 - y0, "rotation": 0}
    return {
        "id": f"box-{number}", "from_name": "boxes", "to_name": "image", "type": "rectanglelabels",
        "original_width": width, "original_height": height, "image_rotation": 0,
        "value": {**place, "rectanglelabels": ["evidence"]}, "meta": {"text": [piece.text]},
    }  # fmt: skip


def records(where: str, task: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any] | str]]:
    """What the people who completed a task said: for each a flat record, or a message if it can't be read.

    A task that nobody has completed gives one record without a verdict. Cancelled (skipped) annotations are left out.
    """
    data, annotations = task.get("data"), task.get("annotations")
    if not isinstance(data, dict) or not isinstance(annotations, list):
        yield where, "no task of Label Studio: data or annotations are missing"
        return
    done = [one for one in annotations if not (isinstance(one, dict) and one.get("was_cancelled"))]
    if not done:
        yield where, {**data, "verdict": ""}
    for number, annotation in enumerate(done, 1):
        place = f"{where}, annotation {number}" if len(done) > 1 else where
        result = annotation.get("result") if isinstance(annotation, dict) else None
        if not isinstance(result, list):
            yield place, "no annotation of Label Studio: it has no list of results"
            continue
        said = {key: data[key] for key in data if key not in ("verdict", "reviewer", "time", "updated_at")}
        person = {"reviewer": _person(annotation.get("completed_by"))}
        yield place, {**said, **person, **_times(annotation), **dict(_said(result))}


def _times(annotation: Mapping[str, Any]) -> dict[str, Any]:
    return {"time": text(annotation.get("updated_at")) or text(annotation.get("created_at"))}


def _said(result: Iterable[Any]) -> Iterator[tuple[str, str]]:
    """The value of each control that is no box."""
    for item in result:
        if isinstance(item, dict) and isinstance(item.get("from_name"), str) and isinstance(item.get("value"), dict):
            value = item["value"].get("choices", item["value"].get("text"))
            if value is not None:
                yield item["from_name"], text(value)


def _person(completed_by: Any) -> str:
    """Who it was: an address or a name where the export has them, else the number."""
    if isinstance(completed_by, dict):
        named = (text(completed_by.get(key)) for key in ("email", "username", "id"))
        return next((name for name in named if name), "")
    return text(completed_by)


def person(name: str) -> str:
    """A reviewer's name; of a bare number, what says that it is one."""
    return f"user {name}" if name.isdecimal() else name


def text(value: Any) -> str:
    """A value of an export as text: a list of texts line by line, of choices `{"choices": [...]}` too; else empty."""
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        return text(value.get("choices", value.get("text")))
    if isinstance(value, list):
        return "\n".join(one for one in value if isinstance(one, str))
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""
