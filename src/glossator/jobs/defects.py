"""Planted defects: pairs of human ground truth, spoilt in known ways, to measure what scores and filter see.

Three steps, each of which writes files that can be looked at: pairs from the ground truth of a source (`truth`), their
explanations by the recipe's writer, and a set in which every clean pair stands beside its spoilt copies (`planted`).
That set is scored and filtered as any other; `meta.defect` names what was planted.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glossator.errors import SourceError
from glossator.jobs.sources import Source
from glossator.truth import truths

if TYPE_CHECKING:
    import polars as pl

CLEAN = "clean"
DEFECTS = (
    "swapped image", "wrong answer", "wrong question", "foreign explanation", "redundant explanation", "ocr noise",
    "hallucinated detail",
)  # fmt: skip
_CONFUSED = {"0": "O", "O": "0", "1": "l", "l": "1", "I": "l", "5": "S", "S": "5", "8": "B", "B": "8", "2": "Z",
             "6": "G", "e": "c", "c": "e", "a": "o", "n": "ri", "m": "rn", ".": ",", "/": "1", "E": "F",
             "D": "O"}  # fmt: skip
MAX_TRUTHS = 9


def truth(source: Path, kinds: Sequence[str] = ()) -> Iterator[dict[str, Any]]:
    """The source's records with their ground truth as given pairs: `fields` (name to value) and `qa` (question and
    answers). Records without any, or of other kinds, are left out.

    Raises:
        SourceError: if the source can't be read, or no record has any ground truth.
    """
    count = 0
    for raw in Source.open(source).records():
        record = raw.fields
        pairs = list(_truths(record))[:MAX_TRUTHS]
        if raw.problem or not pairs or (kinds and record.get("kind") not in kinds):
            continue
        count += 1
        given = {key: record[key] for key in ("id", "image", "kind", "caption") if record.get(key) is not None}
        yield {**given, "given_pairs": pairs}
    if not count:
        raise SourceError(f"{source}: no record has ground truth; give it keys 'fields' or 'qa'")


def _truths(record: dict[str, Any]) -> Iterator[dict[str, str]]:
    for one in truths(record):
        meta = {"human": one.human} if one.name is None else {"name": one.name}
        yield {"question": one.question, "answer": one.answers[0], "meta": json.dumps(meta)}


def planted(pairs: Iterable[dict[str, Any]], pages: dict[str, dict[str, Any]], seed: int) -> Iterator[dict[str, Any]]:
    """Records of a source: each image with its clean pairs and their spoilt copies.

    Args:
        pairs: rows of the table `pairs`.
        pages: for each image id what a record needs: image, kind, ocr.
        seed: of all choices.
    """
    spoiler = _Spoiler(list(pairs), pages, seed)
    for image_id, page in pages.items():
        given = list(spoiler.given(image_id))
        if given:
            yield {"id": image_id, **page, "given_pairs": given}


class _Spoiler:
    def __init__(self, pairs: list[dict[str, Any]], pages: dict[str, dict[str, Any]], seed: int) -> None:
        self._rng = random.Random(seed)
        self._pages = pages
        self._of: dict[str, list[dict[str, Any]]] = {image_id: [] for image_id in pages}
        for pair in pairs:
            if pair["explain_answer"]:
                self._of[pair["image_id"]].append(pair)
        self._of_kind: dict[str, list[str]] = {}
        for image_id, page in pages.items():
            if self._of[image_id]:
                self._of_kind.setdefault(page.get("kind", ""), []).append(image_id)
        self._guests: dict[str, list[dict[str, Any]]] = {}
        self._swap()

    def _swap(self) -> None:
        """Every image's pairs are shown once with another image of its kind."""
        for images in self._of_kind.values():
            if len(images) < 2:
                continue
            order = self._rng.sample(images, len(images))
            for image_id, host in zip(order, [*order[1:], order[0]], strict=True):
                self._guests[host] = self._of[image_id]

    def given(self, image_id: str) -> Iterator[dict[str, Any]]:
        """The image's clean and spoilt pairs, and the pairs of another image."""
        make: dict[str, Callable[[dict[str, Any]], dict[str, Any] | None]] = {
            "wrong answer": self._wrong_answer,
            "wrong question": self._wrong_question,
            "foreign explanation": self._foreign_explanation,
            "redundant explanation": _redundant,
            "ocr noise": self._noise,
            "hallucinated detail": self._hallucinated,
        }
        for pair in self._of[image_id]:
            yield _row(pair, {}, CLEAN)
            for defect, spoil in make.items():
                changes = spoil(pair)
                if changes is not None:
                    yield _row(pair, changes, defect)
        for pair in self._guests.get(image_id, ()):
            yield _row(pair, {}, "swapped image")

    def _other(self, pair: dict[str, Any], fits: Callable[[dict[str, Any]], bool]) -> dict[str, Any] | None:
        """A pair of another image of the same kind."""
        kind = self._pages[pair["image_id"]].get("kind", "")
        images = [one for one in self._of_kind.get(kind, ()) if one != pair["image_id"]]
        for image_id in self._rng.sample(images, len(images)):
            found = [one for one in self._of[image_id] if fits(one)]
            if found:
                return self._rng.choice(found)
        return None

    def _wrong_answer(self, pair: dict[str, Any]) -> dict[str, Any] | None:
        """What another image of the kind answers to this question; else to any question."""
        same = self._other(pair, lambda one: one["question"] == pair["question"] and one["answer"] != pair["answer"])
        other = same or self._other(pair, lambda one: one["answer"] != pair["answer"])
        if other is None:
            return None
        explained = pair["explain_answer"].replace(pair["answer"], other["answer"])
        return {"answer": other["answer"], "explain_answer": explained}

    def _wrong_question(self, pair: dict[str, Any]) -> dict[str, Any] | None:
        """Another question about the same image."""
        others = [one for one in self._of[pair["image_id"]] if one["answer"] != pair["answer"]]
        return {"question": self._rng.choice(others)["question"]} if others else None

    def _foreign_explanation(self, pair: dict[str, Any]) -> dict[str, Any] | None:
        other = self._other(pair, lambda one: one["explain_answer"] != pair["explain_answer"])
        return {"explain_answer": other["explain_answer"]} if other else None

    def _hallucinated(self, pair: dict[str, Any]) -> dict[str, Any] | None:
        """An invented sentence in the explanation: something that another image says."""
        other = self._other(pair, lambda one: one["answer"] != pair["answer"])
        if other is None:
            return None
        invented = f" Right beside it, {other['answer']} is printed in bold letters."
        return {"explain_answer": pair["explain_answer"] + invented}

    def _noise(self, pair: dict[str, Any]) -> dict[str, Any] | None:
        """About every fourth character read wrongly, one at least."""
        text = pair["answer"]
        places = [i for i, char in enumerate(text) if char in _CONFUSED]
        if not places:
            return None
        chosen = set(self._rng.sample(places, min(len(places), max(1, len(text) // 4))))
        return {"answer": "".join(_CONFUSED[char] if i in chosen else char for i, char in enumerate(text))}


def _redundant(pair: dict[str, Any]) -> dict[str, Any]:
    return {"explain_answer": f"The question is: {pair['question']} The answer is: {pair['answer']}."}


def _row(pair: dict[str, Any], changes: dict[str, Any], defect: str) -> dict[str, Any]:
    keys = ("question", "answer", "explain_question", "explain_answer")
    meta = json.dumps({"defect": defect, "of": pair["pair_id"]})
    return {**{key: pair[key] for key in keys}, **changes, "kind": "extractive", "meta": meta}


# Measuring


def labelled(tables: Mapping[str, pl.LazyFrame]) -> pl.LazyFrame:
    """The pairs whose `meta` names a defect (or that they are clean), with the image's kind, scores and verdict.

    Args:
        tables: pairs, images, scores and verdicts.
    """
    import polars as pl

    named = pl.col("meta").str.json_path_match("$.defect").alias("defect")
    pairs = tables["pairs"].drop("kind").with_columns(named)
    pairs = pairs.filter(pl.col("defect").is_not_null(), pl.col("repaired_from").is_null())  # as planted, not as mended
    images = tables["images"].select("image_id", "kind")
    scores, verdicts = tables["scores"].drop("image_id"), tables["verdicts"].drop("image_id")
    judged = pairs.join(images, on="image_id", how="left").join(scores, on="pair_id", how="left")
    return judged.join(verdicts, on="pair_id", how="left")


def auc(clean: Sequence[float], bad: Sequence[float]) -> float:
    """Chance that a spoilt pair scores higher than a clean one; ties count half (Mann-Whitney)."""
    import polars as pl

    ranks = pl.Series([*clean, *bad], dtype=pl.Float64).rank("average")
    spoilt = float(ranks[len(clean) :].sum())
    return (spoilt - len(bad) * (len(bad) + 1) / 2) / (len(clean) * len(bad))


def auc_interval(
    clean: dict[str, list[float]], bad: dict[str, list[float]], rounds: int = 500, seed: int = 0
) -> tuple[float, float]:
    """2.5th and 97.5th percentile of the AUC over bootstrap samples of the images; values by image id."""
    rng = random.Random(seed)
    images = sorted({*clean, *bad})
    found = []
    for _ in range(rounds):
        drawn = rng.choices(images, k=len(images))
        one = [value for image in drawn for value in clean.get(image, ())]
        other = [value for image in drawn for value in bad.get(image, ())]
        if one and other:
            found.append(auc(one, other))
    found.sort()
    return (found[int(len(found) * 0.025)], found[int(len(found) * 0.975)]) if found else (0.0, 1.0)
