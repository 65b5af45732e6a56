"""One cell of a study: one arm and one seed, from the choice of pairs to the judged answers, kept in one folder."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glossator.errors import UsageError
from glossator.evaluation.benchmarks import load as load_benchmark
from glossator.evaluation.questions import Benchmark, Question, judged
from glossator.evaluation.readers.base import Ask
from glossator.evaluation.readers.hf import HfReader
from glossator.fingerprint import digest
from glossator.results import Failed, Outcome
from glossator.study.pool import Pool
from glossator.study.settings import Arm, Study
from glossator.training import run, settings
from glossator.training.samples import Page, TrainingSet, from_rows, share_of
from glossator.training.settings import ModelSpec

if TYPE_CHECKING:
    import polars as pl

DONE = "cell.json"
VERSION = 1  # bump it when the same study gives other cells


@dataclass(frozen=True, slots=True)
class Cell:
    """What one cell came to.

    Attributes:
        arm, seed: which it is.
        pairs, spoilt: pairs trained on, and how many of them were planted noise.
        images: images trained on.
        steps, tokens, seconds: of training.
        loss: the last training loss.
        scores: for each question its picture, kind and what the study's metric says of the answer.
    """

    arm: str
    seed: int
    pairs: int
    spoilt: int
    images: int
    steps: int
    tokens: int
    seconds: float
    loss: float | None
    scores: list[dict[str, Any]]


def questions(sources: Sequence[str], most: int) -> dict[str, list[Question]]:
    """The human questions of all sources by image id, at most so many an image, drawn at random."""
    found: dict[str, list[Question]] = {}
    for source in sources:
        for question in load_benchmark("records", source).questions:
            image_id = image_id_of(question.picture)
            found.setdefault(image_id, []).append(replace(question, image_id=image_id))
    return {
        image_id: sorted(sorted(asked, key=lambda q: share_of(q.id, seed=4))[:most], key=lambda q: q.id)
        for image_id, asked in found.items()
    }


def image_id_of(picture: Path) -> str:
    """The id that ingest gives to a picture: the beginning of its bytes' SHA-256."""
    return digest(picture.read_bytes())[:16]


def fold_of(image_id: str, folds: int) -> int:
    """The fold that an image belongs to."""
    return int(share_of(image_id, seed=5) * folds)


def key_of(study: Study, pool: Pool, arm: Arm, seed: int, chosen: pl.DataFrame, asks: Sequence[Ask]) -> str:
    """What decides a cell. Equal cells of different studies are computed once if they share a folder."""
    recipe = recipe_of(study, arm, seed).model_dump(mode="json")
    texts = chosen.drop("repaired_from")
    learned = [] if arm.untuned else [texts.rows(), *_pages(pool, chosen).items()]
    asked = [[ask.text, ask.page, ask.picture.name] for ask in asks]
    what = [VERSION, recipe, arm.untuned, learned, study.test.model_dump(mode="json"), asked]
    return digest(json.dumps(what, sort_keys=True, default=str).encode())[:16]


def _pages(pool: Pool, chosen: pl.DataFrame) -> dict[str, Page]:
    """The pages that an arm's pairs are about."""
    images = set(chosen["image_id"])
    return {image_id: page for image_id, page in pool.pages.items() if image_id in images}


def recipe_of(study: Study, arm: Arm, seed: int) -> settings.TrainRecipe:
    """The training recipe of a cell. Raises `RecipeError`."""
    own = {f"data.{key}": value for key, value in arm.train.items()}
    fixed = {"run.seed": seed, "data.test_share": 0.0}  # folds hold out what is tested
    return settings.load(study.train, {**study.train_overrides, **own, **fixed})


def compute(
    study: Study,
    pool: Pool,
    name: str,
    seed: int,
    chosen: pl.DataFrame,
    asked: Sequence[Question],
    asks: Sequence[Ask],
    folder: Path,
) -> Cell:
    """Train and test one cell; what it came to is in `cell.json`, which is written last."""
    arm = study.arms[name]
    recipe = recipe_of(study, arm, seed)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    chosen.write_parquet(folder / "pairs.parquet")
    found = TrainingSet(train=list(from_rows(chosen, _pages(pool, chosen), recipe.data, seed)))
    trained = None if arm.untuned else run.train_on(found, folder / "model", recipe, f"{study.name}: {name}")
    model = recipe.model if arm.untuned else ModelSpec(name=str(folder / "model"))
    reader = HfReader(model, max_ocr_tokens=study.test.max_ocr_tokens or recipe.data.max_ocr_tokens)
    cell = Cell(
        arm=name,
        seed=seed,
        pairs=chosen.height,
        spoilt=int((chosen["of"].is_not_null() & chosen["repaired_from"].is_null()).sum()),
        images=chosen["image_id"].n_unique(),
        steps=trained.steps if trained else 0,
        tokens=trained.tokens if trained else 0,
        seconds=trained.seconds if trained else 0.0,
        loss=_number(trained.loss) if trained else None,
        scores=tested(study, reader, asked, asks),
    )
    if not study.keep_models:
        shutil.rmtree(folder / "model", ignore_errors=True)
    temporary = folder / f".{DONE}"
    temporary.write_text(json.dumps(asdict(cell)), encoding="utf-8")
    temporary.rename(folder / DONE)
    return cell


def read(folder: Path) -> Cell | None:
    """A finished cell, or None."""
    path = folder / DONE
    if not path.is_file():
        return None
    try:
        return Cell(**json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise UsageError(f"{path} is damaged ({error}); delete it and run the study again") from error


def asks_of(asked: Sequence[Question], pages: Mapping[str, Page], longest: int) -> list[Ask]:
    """The questions as a reader is asked them, each with the OCR text of its page; `longest` in tokens."""
    benchmark = Benchmark("records", list(asked), ())
    text = {image_id: page.text for image_id, page in pages.items()}
    return [Ask(benchmark.put(q), q.picture, text.get(q.cluster, ""), longest) for q in asked]


def tested(study: Study, reader: Any, asked: Sequence[Question], asks: Sequence[Ask]) -> list[dict[str, Any]]:
    """What the study's metric says of a reader's answer to each question."""
    answers: dict[int, Outcome[str]] = {}
    reader.answer(asks, answers.__setitem__)
    return [_scored(question, answers.get(i), study.test.metric) for i, question in enumerate(asked)]


def _scored(question: Question, answer: Outcome[str] | None, metric: str) -> dict[str, Any]:
    said = "" if answer is None or isinstance(answer, Failed) else answer
    score = judged(said, question, (metric,))[metric] if said else 0.0
    return {
        "id": question.id, "image_id": question.cluster, "kind": question.kind, "said": said,
        "gold": question.golds[0], "score": round(score, 6),
    }  # fmt: skip


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def mean_scores(cells: Sequence[Cell]) -> Mapping[str, float]:
    """For each question, the mean of its scores over the cells of one arm that asked it."""
    found: dict[str, list[float]] = {}
    for cell in cells:
        for row in cell.scores:
            found.setdefault(row["id"], []).append(row["score"])
    return {id_: sum(scores) / len(scores) for id_, scores in found.items()}
