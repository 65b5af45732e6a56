"""The command `glossator show`: a pair's history as text for a terminal. Texts of sets and models are hostile there."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

import glossator
from glossator.cli.options import Mode
from glossator.errors import UsageError
from glossator.jobs import evidence_image
from glossator.jobs.history import find, history
from glossator.text import clean
from glossator.workspace import TABLES

_WIDTH = 100
_SHOWN_CHARS = 6000  # of one text
# Marks that change how what follows is shown, beyond those that `clean` takes out.
_HIDDEN = re.compile("[\u061c\u200b-\u200f\u2028\u2029\u2060-\u2065\u00ad\ufe00-\ufe0f]")


def show(workspace: Path, pair_id: str, image: Path | None, mode: Mode, *, draw: bool) -> int:
    """Print the history of a pair, and write its picture with boxes."""
    ws = glossator.open(workspace)
    tables = {name: ws.scan(name) for name in TABLES if name != "calls"}
    subject = find(tables, pair_id)
    told = history(ws.store, tables, subject)
    told["picture"] = None
    if draw and (subject.image.path or image is not None):
        told["picture"] = _draw(subject, ws.store.source_root, image, ws.path / "show")
    if mode.json:
        import json

        # Escaped, so that no control character or bidirectional mark of any text reaches a terminal.
        click.echo(json.dumps(told, ensure_ascii=True, default=str))
    else:
        mode.result(told, "\n".join(_lines(told)))
    return 0


def _draw(subject: Any, root: Path, wanted: Path | None, folder: Path) -> str | None:
    """Where the picture was written. What was not asked for by name may fail: then why goes to stderr."""
    path = wanted or folder / f"{subject.pair.pair_id}.png"
    try:
        picture = evidence_image.draw(subject, root)
        path.parent.mkdir(parents=True, exist_ok=True)
        picture.save(path, "PNG")
    except (UsageError, OSError) as error:
        if wanted is not None:
            raise UsageError(f"no picture was written: {error}") from error
        click.echo(f"no picture was written: {terminal(str(error))}", err=True)
        return None
    return str(path)


def terminal(text: str) -> str:
    """A text on one line, fit for a terminal: no control, escape or bidirectional character, and not too long."""
    plain = " ".join(_HIDDEN.sub("", clean(str(text))).split())
    return plain if len(plain) <= _SHOWN_CHARS else f"{plain[:_SHOWN_CHARS]} ... ({len(plain):,} characters)"


def _lines(told: Mapping[str, Any]) -> Iterator[str]:
    yield from _pair(told["pair"])
    yield from _section("source", _source(told["source"]))
    yield from _section("evidence", _evidence(told["ocr"], told["pair"]))
    yield from _section("explanation's claims", _claims(told["explanation"]))
    yield from _section("made by", map(_stage, told["stages"]))
    yield from _section("failed", (f"{row['stage']}: {row['category']}: {row['message']}" for row in told["failures"]))
    yield from _section("replies", (line for reply in told["replies"] for line in _reply(reply)))
    yield from _section("losses and scores", _numbers(told["losses"], told["scores"]))
    yield from _section("also measured", _beside(told["beside"]))
    yield from _section("verdict", _verdict(told["verdict"]))
    yield from _section("people", map(_person, told["human"]))
    yield from _section("repairs", map(_repair, told["repairs"]))
    if told["picture"]:
        yield from _section("picture", [told["picture"]])


def _section(title: str, lines: Any) -> Iterator[str]:
    shown = [terminal(line) for line in lines]
    if shown:
        yield ""
        yield title
        yield from (f"  {line}" for line in shown)


def _pair(pair: Mapping[str, Any]) -> Iterator[str]:
    yield f"pair {terminal(pair['pair_id'])}" + (f", {terminal(pair['kind'])}" if pair["kind"] else "")
    names = (("Q", "question"), ("A", "answer"), ("Q", "explain_question"), ("A", "explain_answer"))
    yield from (f"  {short}  {terminal(pair[name])}" for short, name in names if pair[name])
    yield f"  by {terminal(pair['writer']) or 'nobody known'}; {_measures(pair)}"
    if pair["operation"]:
        yield f"  computed: {terminal(pair['operation'])} of its evidence"
    if pair["context"]:
        yield f"  after: {terminal(pair['context'])}"


def _measures(pair: Mapping[str, Any]) -> str:
    names = ("grounding", "question_fit", "explain_grounding", "explain_places", "question_similarity")
    return ", ".join(f"{name} {_number(pair[name])}" for name in names if pair[name] is not None)


def _number(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.3f}".rstrip("0").rstrip(".")
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_number(one)}" for key, one in value.items() if one is not None)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(_number, value))
    return str(value)


def _source(source: Mapping[str, Any]) -> Iterator[str]:
    yield f"record {source['source_id']}, image {source['image_id']}, shard {source['shard']}"
    if source["path"]:
        paths = ", ".join([source["path"], *source["more_paths"]])
        yield f"file {paths}, {source['width']} x {source['height']}, kind {source['kind'] or 'not said'}"
    else:
        yield "no picture"
    if source["caption"]:
        yield f"caption: {source['caption']}"
    if source["enriched"]:
        yield f"enriched by {source['enriched']['writer']}: {source['enriched']['enriched']}"
    yield from (f"the same picture: record {row['source_id']}, file {row['path']}" for row in source["same_picture"])


def _evidence(ocr: Mapping[str, Any] | None, pair: Mapping[str, Any]) -> Iterator[str]:
    if ocr is None:
        yield "no OCR"
        return
    yield f"read by {ocr['engine']}, {ocr['spans']} spans"
    for piece in ocr["evidence"]:
        number = f"span {piece['span']}" if piece["span"] else "not a span of this reading"
        sure = f", confidence {piece['confidence']:.2f}" if piece["confidence"] is not None else ""
        box = ", ".join(f"{value:.0f}" for value in piece["box"])
        yield f'"{piece["text"]}" at ({box}), {number}{sure}'
    if not pair["evidence"]:
        yield "none: the answer was not found on the page"


def _claims(explanation: Mapping[str, Any]) -> Iterator[str]:
    verdicts = {True: "so", False: "NOT so", None: "can't be told"}
    for one in explanation["named"]:
        yield f'says that "{one["text"]}" is printed: {verdicts[one["true"]]}'
    for one in explanation["places"]:
        about = " or ".join(one["about"])
        to = f", against {' and '.join(one['to'])}" if one["to"] else ""
        yield f'says "{one["words"]}" ({one["sort"]}) of {about}{to}: {verdicts[one["true"]]}'


def _stage(row: Mapping[str, Any]) -> str:
    engine = " ".join(map(str, [row["engine"] or "", *row["models"]])).strip()
    prompts = "".join(f", prompt {one.get('name')} version {one.get('version')}" for one in row["prompts"])
    return f"{row['stage']} {row['fingerprint']}, version {row['version']}{f', {engine}' if engine else ''}{prompts}"


def _reply(reply: Mapping[str, Any]) -> Iterator[str]:
    usd = reply.get("usd")
    cost = f", {usd:.5f} USD" if usd is not None else ""
    tokens = f"{reply.get('tokens_in', 0)} + {reply.get('tokens_out', 0)} tokens"
    yield f"{reply['stage']}: {reply.get('model')}, reply {reply['reply']}, {tokens}{cost}, end: {reply.get('finish')}"
    yield f"    {reply.get('refusal') or reply.get('text', '')}"


def _numbers(losses: Mapping[str, Any] | None, scores: Mapping[str, Mapping[str, float]]) -> Iterator[str]:
    if losses is None:
        return
    yield f"scorer {losses['scorer']} ({losses['scorer_kind']})" + (
        f", not scored: {losses['not_scored']}" if losses["not_scored"] else ""
    )
    for condition, one in losses["conditions"].items():
        yield f"s({condition}) {one['nll'] / max(1, one['tokens']):.3f} nats a token, {one['tokens']} tokens"
    for name, score in scores.items():
        yield f"{name} {score['value']:.3f}, percentile {score['percentile']:.1f} of the set"


def _beside(beside: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    for table, row in beside.items():
        said = {
            key: value
            for key, value in row.items()
            if key not in ("pair_id", "image_id") and value not in (None, [], "")
        }
        if said:
            yield f"{table}: {_number(said)}"


def _verdict(verdict: Mapping[str, Any] | None) -> Iterator[str]:
    if verdict is None:
        yield "none yet"
        return
    by = "a person" if verdict["decided_by"] == "person" else "the rules"
    kept = f"kept by {by}; exported as {verdict['form'] or 'both'}"
    yield kept if verdict["keep"] else f"rejected by {by}"
    yield from map(_reason, verdict["reasons"])
    yield from (f"overruled: {_reason(one)}" for one in verdict["overruled"])


def _reason(one: Mapping[str, Any]) -> str:
    measured = f": {_number(one['measured'])}" if one["measured"] is not None else ""
    bound = f" ({one['side']} {_number(one['bound'])})" if one["bound"] is not None and one["side"] else ""
    bound = bound or (f" (bound: {_number(one['bound'])})" if one["bound"] not in (None, [], ()) else "")
    return f"{one['reason']}{measured}{bound}"


def _person(row: Mapping[str, Any]) -> str:
    words = [row["verdict"], row["reason"], row["note"], row["question"], row["answer"], row["explain_answer"]]
    return f"{row['reviewer']} {row['time']}: {'; '.join(word for word in words if word)}"


def _repair(row: Mapping[str, Any]) -> str:
    kept = {True: "kept", False: f"rejected: {', '.join(row['reasons'] or [])}", None: "no verdict"}[row["keep"]]
    of = f" repairs {row['repaired_from']}" if row["repaired_from"] else " is the first"
    return f"{row['pair_id']}{of} [{kept}] Q {row['question']} A {row['answer']} ({row['writer']})"
