"""The whole history of one pair: source, OCR, stages, replies, losses, verdict, people's words, repairs. Plain data."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from rapidfuzz import fuzz, process

from glossator.difficulty import MORE_SCORES, SCORES, scores
from glossator.errors import UsageError
from glossator.grounding import claims, claims_grounding
from glossator.jobs.reasons import Reason, explained
from glossator.places.check import Checked
from glossator.places.page import PageText
from glossator.records import CONDITIONS, ImageRecord, Page, Pair
from glossator.replies import of_image
from glossator.schemas import SCHEMAS, from_arrow
from glossator.stages.judged import judged_columns
from glossator.stages.measured import places_told
from glossator.store import Store
from glossator.text import fold

if TYPE_CHECKING:
    import polars as pl

NEAR = 3
_SHORTEST = 6  # characters of a pair id's beginning
_BESIDE = ("agreement", "judgements", "inspections", "duplicates", "leaks")


@dataclass(frozen=True, slots=True)
class Subject:
    """What a history is about, as records: for drawing and further looks."""

    pair: Pair
    image: ImageRecord
    page: Page | None

    @property
    def text(self) -> PageText:
        """The page as a place to look texts up."""
        return PageText(self.page.spans if self.page else (), self.image.width, self.image.height)


def find(tables: Mapping[str, pl.LazyFrame], wanted: str) -> Subject:
    """The pair with an id, or the only one whose id begins so.

    Raises:
        UsageError: if there is none or there are several; names near ones.
    """
    import polars as pl

    ids = tables["pairs"].select("pair_id").collect()["pair_id"]
    known = ids.filter(ids == wanted)
    if not known.len() and len(wanted) >= _SHORTEST:
        known = ids.filter(ids.str.starts_with(wanted))
    if known.len() != 1:
        raise UsageError(_unknown(wanted, known.to_list(), ids.to_list()))
    of_pair = pl.col("pair_id") == known[0]
    (pair,) = _records(tables, "pairs", of_pair)
    of_image = pl.col("image_id") == pair.image_id
    (image,) = _records(tables, "images", of_image)
    pages = _records(tables, "ocr", of_image)
    return Subject(pair, image, pages[0] if pages else None)


def _unknown(wanted: str, several: list[str], ids: list[str]) -> str:
    if several:
        return (
            f"{len(several)} pairs have an id that begins with '{wanted}': {', '.join(several[:NEAR])}, ...; give more"
        )
    near = [one for one, _, _ in process.extract(wanted, ids, scorer=fuzz.ratio, limit=NEAR)]
    hint = f"; the nearest are {', '.join(near)}" if near else "; the workspace has no pairs"
    return f"no pair '{wanted}'{hint}"


def _records(tables: Mapping[str, pl.LazyFrame], name: str, which: pl.Expr) -> list[Any]:
    rows = tables[name].filter(which).collect().to_arrow()
    return from_arrow(name, rows.cast(SCHEMAS[name]))


def history(store: Store, tables: Mapping[str, pl.LazyFrame], subject: Subject) -> dict[str, Any]:
    """Everything that is known of a pair, as JSON.

    Args:
        store: the workspace.
        tables: its tables by name (see `workspace.TABLES`).
        subject: from `find`.
    """
    import polars as pl

    pair, of_pair = subject.pair, pl.col("pair_id") == subject.pair.pair_id
    losses = tables["losses"].filter(of_pair).collect().to_dicts()
    return {
        "pair": asdict(pair),
        "source": _source(tables, subject),
        "ocr": _ocr(subject),
        "explanation": _explanation(subject),
        "stages": _stages(store),
        "failures": tables["failures"].filter(pl.col("id").is_in([pair.pair_id, pair.image_id])).collect().to_dicts(),
        "replies": _replies(store, subject),
        "losses": _losses(losses[0]) if losses else None,
        "scores": _scores(tables, pair.pair_id),
        "beside": {name: rows[0] for name in _BESIDE if (rows := tables[name].filter(of_pair).collect().to_dicts())},
        "verdict": _verdict(store, tables, pair.pair_id),
        "human": tables["human"].filter(of_pair).collect().to_dicts(),
        "repairs": _repairs(tables, pair),
    }


def _source(tables: Mapping[str, pl.LazyFrame], subject: Subject) -> dict[str, Any]:
    import polars as pl

    image = subject.image
    of_image = pl.col("image_id") == image.image_id
    enriched = tables["captions"].filter(of_image).select("enriched", "writer").collect().to_dicts()
    also = tables["sources"].filter(of_image, pl.col("source_id") != image.source_id).select("source_id", "path")
    keys = ("image_id", "source_id", "path", "more_paths", "sha256", "width", "height", "kind", "shard", "caption")
    return {key: getattr(image, key) for key in keys} | {
        "meta": _json(image.meta),
        "enriched": enriched[0] if enriched else None,
        "same_picture": also.collect().to_dicts(),
    }


def _json(text: str) -> Any:
    try:
        return json.loads(text) if text else {}
    except ValueError:
        return text


def _ocr(subject: Subject) -> dict[str, Any] | None:
    """Who read the page, and the spans of the evidence with their number in reading order and their confidence."""
    page = subject.page
    if page is None:
        return None
    known = {(span.text, span.box): (number, span.confidence) for number, span in enumerate(page.spans, start=1)}
    spans = []
    for piece in subject.pair.evidence:
        number, confidence = known.get((piece.text, piece.box), (None, None))
        spans.append({"text": piece.text, "box": piece.box, "span": number, "confidence": confidence})
    return {"engine": page.engine, "spans": len(page.spans), "evidence": spans}


def _explanation(subject: Subject) -> dict[str, Any]:
    """What the explanation says is printed and where, each with whether it is so (null: nothing tells)."""
    pair, page = subject.pair, subject.text
    known = f"{pair.question}\n{pair.answer}"
    named = [
        {"text": one, "true": None if share is None else bool(share)}
        for one in dict.fromkeys(claims(pair.explain_answer))
        for share in (claims_grounding(f'"{one}"', known, page.spans) if fold(one) else None,)
    ]
    places = places_told(pair, page)
    return {"named": named, "places": [_place(one) for one in places]}


def _place(checked: Checked) -> dict[str, Any]:
    claim = checked.claim
    return {
        "words": claim.words,
        "sort": claim.sort,
        "about": [ref.text or "the answer" for ref in claim.subjects],
        "to": [ref.text or "the answer" for ref in claim.anchors],
        "true": checked.true,
    }


def _stages(store: Store) -> list[dict[str, Any]]:
    """The stages of the last recipe, in order, with what decided their output."""
    found = []
    for folder in store.read_json("current.json").get("stages", []):
        kind, _, fingerprint = folder.partition("/")
        identity = store.read_json(f"{folder}/manifest.json").get("identity", {})
        engine = identity.get("engine") or {}
        kinds, models = list(_under(engine, "kind")), list(_under(engine, "model"))
        found.append(
            {
                "stage": kind,
                "fingerprint": fingerprint,
                "version": identity.get("version"),
                "engine": kinds[0] if kinds else None,
                "models": list(dict.fromkeys(map(str, models))),
                "prompts": [one for one in _under(engine, "prompt") if isinstance(one, dict)],
                "settings": identity.get("settings", {}),
                "parents": identity.get("parents", {}),
            }
        )
    return found


def _under(tree: Any, key: str) -> Iterator[Any]:
    """All that stands under a key anywhere in a tree, outermost first: engines of several teachers hold each one's."""
    if isinstance(tree, dict):
        if tree.get(key):
            yield tree[key]
        for name, value in tree.items():
            if name != key:
                yield from _under(value, key)
    elif isinstance(tree, list):
        for value in tree:
            yield from _under(value, key)


def _replies(store: Store, subject: Subject) -> list[dict[str, Any]]:
    """The bought replies that the pair was made of: of its image, by its writer, with its texts in them.

    A stage may have asked about an image several times (in rounds, or with an earlier prompt): the last reply that
    holds the pair's own words is the one.
    """
    pair, image = subject.pair, subject.image
    own: dict[str, list[tuple[str, ...]]] = {
        "extract": [(pair.question, pair.answer)],
        "explain": [(pair.explain_answer,)],
        "repair": [(pair.answer,), (pair.explain_answer,)] if pair.repaired_from else [],
    }
    found = []
    stages = [folder.partition("/")[0] for folder in store.read_json("current.json").get("stages", [])]
    for folder in dict.fromkeys(stages):
        replies = of_image(store.replies_folder, folder, image.shard, image.image_id)
        last = {_last(replies, texts) for texts in own[folder]} if folder in own else {len(replies) - 1}
        found += [{"stage": folder, "reply": replies[i][0], **replies[i][1]} for i in sorted(last) if i >= 0]
    return found


def _last(replies: Sequence[tuple[str, dict[str, Any]]], texts: tuple[str, ...]) -> int:
    """The place of the last reply that holds all texts; -1 if none does."""
    return max((i for i, (_, reply) in enumerate(replies) if all(texts) and _holds(reply, texts)), default=-1)


def _holds(reply: Mapping[str, Any], texts: tuple[str, ...]) -> bool:
    said = fold(_unescaped(str(reply.get("text", ""))))
    return all(fold(text) in said for text in texts)


def _unescaped(text: str) -> str:
    """The text of a JSON reply without its escapes; as it stands if it is none."""
    try:
        return json.dumps(json.loads(text), ensure_ascii=False)
    except ValueError:
        return text


def _losses(row: Mapping[str, Any]) -> dict[str, Any]:
    told = {
        condition: {"nll": row[f"nll_{condition}"], "tokens": row[f"tokens_{condition}"]}
        for condition in CONDITIONS
        if row[f"nll_{condition}"] is not None
    }
    return {key: row[key] for key in ("scorer", "scorer_kind", "not_scored")} | {"conditions": told}


def _scores(tables: Mapping[str, pl.LazyFrame], pair_id: str) -> dict[str, dict[str, float]]:
    """Each score with its percentile: the share of the set's scored pairs that are at or below it, in percent."""
    import polars as pl

    names = [*SCORES, *MORE_SCORES]
    every = scores(tables["losses"])
    own = every.filter(pl.col("pair_id") == pair_id).select(names).collect()
    values = {name: own[name][0] for name in names if own.height and own[name][0] is not None}
    if not values:
        return {}
    below = every.select(
        (100 * (pl.col(name) <= value).sum() / pl.col(name).count()).alias(name) for name, value in values.items()
    ).collect()
    return {name: {"value": value, "percentile": round(below[name][0], 1)} for name, value in values.items()}


def _verdict(store: Store, tables: Mapping[str, pl.LazyFrame], pair_id: str) -> dict[str, Any] | None:
    """The verdict; each reason with what was measured and the bound that it passed."""
    import polars as pl

    rows = tables["verdicts"].filter(pl.col("pair_id") == pair_id).collect().to_dicts()
    if not rows:
        return None
    folders = store.read_json("current.json").get("stages", [])
    folder = next((one for one in reversed(folders) if one.startswith("filter/")), "filter/none")
    settings = store.read_json(f"{folder}/manifest.json").get("identity", {}).get("settings", {})
    judged = judged_columns({**tables, "drafts": tables["pairs"]})
    measured = judged.filter(pl.col("pair_id") == pair_id).collect().to_dicts()
    why: list[Reason] = explained(rows[0]["reasons"], measured[0] if measured else {}, settings)
    overruled = [one for one in rows[0]["rules"] or [] if one not in rows[0]["reasons"]]
    return rows[0] | {
        "reasons": [asdict(one) for one in why],
        "overruled": [asdict(one) for one in explained(overruled, measured[0] if measured else {}, settings)],
    }


def _repairs(tables: Mapping[str, pl.LazyFrame], pair: Pair) -> list[dict[str, Any]]:
    """The chains that the pair stands in, oldest first: what it repairs, itself, and what repairs it. Empty without."""
    import polars as pl

    table = tables["pairs"].filter(pl.col("image_id") == pair.image_id)
    repaired = tables["pairs"].filter(pl.col("repaired_from").is_not_null())
    columns = ("pair_id", "repaired_from", "question", "answer", "explain_answer", "writer")
    rows = pl.concat([table.select(columns), repaired.select(columns)]).unique(maintain_order=True).collect()
    by_id = {row["pair_id"]: row for row in rows.iter_rows(named=True)}
    chain = _chain(pair.pair_id, {row["pair_id"]: row["repaired_from"] for row in by_id.values()})
    if len(chain) < 2 and not pair.repaired_from:
        return []
    verdicts = tables["verdicts"].filter(pl.col("pair_id").is_in(chain)).select("pair_id", "keep", "reasons").collect()
    told = {row["pair_id"]: row for row in verdicts.iter_rows(named=True)}
    none = {"keep": None, "reasons": None}
    return [by_id[one] | {key: told.get(one, none)[key] for key in none} for one in chain]


def _chain(pair_id: str, repaired_from: Mapping[str, str | None]) -> list[str]:
    """The first pair of the chain and all that repair it or its repairs, in order."""
    first, seen = pair_id, {pair_id}
    while (earlier := repaired_from.get(first)) in repaired_from and earlier not in seen:
        first = str(earlier)
        seen.add(first)
    chain = [first]
    for one in chain:  # grows while it is gone through
        chain += [other for other, earlier in repaired_from.items() if earlier == one and other not in chain]
    return chain
