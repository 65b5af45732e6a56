"""FUNSD and SROIE as question answering, in both generations of MultimodalOCR's benchmark.

    2024 (`funsd`, `sroie`)            wording and substring rule of OCRBench's document questions
    2023 (`funsd-2023`, `sroie-2023`)  its first wording; a gold text counts at word borders, both sides normalised

The generations can't be compared with each other, nor with entity F1 as LayoutLM papers report it. Files:

    FUNSD   testing_data/annotations/*.json: form[{id, label, text, linking}], testing_data/images/*.png
    SROIE   one file a receipt of {company, date, address, total}: key/*.json, entities/*.txt, or *.txt beside *.jpg

FUNSD asks for each entity `question` that is linked; its gold text joins the linked answers' texts with blanks.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from glossator.errors import UsageError
from glossator.evaluation.benchmarks.files import Pictures, read_json, texts
from glossator.evaluation.questions import Benchmark

_DIRECTLY = " Answer this question using the text in the image directly."
_SROIE_2024 = {
    "company": "what is the name of the company that issued this receipt?",
    "date": "when was this receipt issued?",
    "address": "where was this receipt issued?",
    "total": "what is the total amount of this receipt?",
}
_SROIE_2023 = {field: text.replace("receipt", "invoice") for field, text in _SROIE_2024.items()}
_METRICS_2024 = ("ocrbench", "kie_2023", "anls", "exact")
_METRICS_2023 = ("kie_2023", "ocrbench", "anls", "exact")


def funsd(path: Path) -> Benchmark:
    """The test forms, as OCRBench asks."""
    return _funsd(path, "funsd", "what is the value for '{label}'?" + _DIRECTLY, _METRICS_2024)


def funsd_2023(path: Path) -> Benchmark:
    """The test forms, as its first version asked."""
    return _funsd(path, "funsd-2023", 'what is "{label}" information in the image?', _METRICS_2023)


def sroie(path: Path) -> Benchmark:
    """The receipts of a folder, as OCRBench asks."""
    asked = {field: text + _DIRECTLY for field, text in _SROIE_2024.items()}
    return _sroie(path, "sroie", asked, _METRICS_2024)


def sroie_2023(path: Path) -> Benchmark:
    """The receipts of a folder, as its first version asked."""
    return _sroie(path, "sroie-2023", _SROIE_2023, _METRICS_2023)


def _funsd(path: Path, name: str, wording: str, metrics: tuple[str, ...]) -> Benchmark:
    folder = next((one for one in (path, path / "testing_data") if (one / "annotations").is_dir()), None)
    if folder is None:
        raise UsageError(f"{path}: no folder annotations here, nor in testing_data")
    found = Benchmark(name, [], metrics, prompt="{question}")
    pictures = Pictures(folder)
    for file in sorted((folder / "annotations").glob("*.json")):
        form = _object(file, found).get("form")
        picture = pictures.find(f"{file.stem}.png")
        for number, (label, gold) in enumerate(_linked(form if isinstance(form, list) else [])):
            found.add(f"{file.stem}-{number}", picture, wording.replace("{label}", label), (gold,))
    return found


def _linked(form: list[Any]) -> Iterator[tuple[str, str]]:
    """Each linked question's text, and the texts of its answers."""
    entities = [
        one for one in form if isinstance(one, dict) and one.get("linking") and isinstance(one["linking"], list)
    ]
    answers = {str(one.get("id")): _text(one) for one in entities if one.get("label") == "answer"}
    for one in entities:
        if one.get("label") == "question":
            ends = [str(link[1]) for link in _links(one) if isinstance(link, list) and len(link) == 2]
            gold = " ".join(answers[end] for end in ends if answers.get(end))
            if gold:
                yield _text(one), gold


def _links(entity: dict[str, Any]) -> list[Any]:
    links = entity.get("linking")
    return links if isinstance(links, list) else []


def _text(entity: dict[str, Any]) -> str:
    text = entity.get("text")
    return text.strip() if isinstance(text, str) else ""


def _sroie(path: Path, name: str, asked: dict[str, str], metrics: tuple[str, ...]) -> Benchmark:
    shapes = ("key/*.json", "entities/*.txt", "*.txt", "*.json")
    files = next((some for shape in shapes if (some := sorted(path.glob(shape)))), [])
    if not files:
        raise UsageError(f"{path}: no key/*.json, entities/*.txt or *.txt here")
    found = Benchmark(name, [], metrics, prompt="{question}")
    pictures = Pictures(files[0].parent)
    for file in files:
        if "(" in file.stem:  # the competition's folder holds some receipts twice, as "X(1)"
            found.leave_out("second copy of a receipt")
            continue
        fields = _object(file, found)
        picture = pictures.find(f"{file.stem}.jpg", f"{file.stem}.png")
        for field, question in asked.items():
            if field in fields:
                found.add(f"{file.stem}-{field}", picture, question, texts(fields[field])[:1], kind=field)
    return found


def _object(file: Path, found: Benchmark) -> dict[str, Any]:
    """The JSON object in a file; empty, and counted, where there is none."""
    try:
        tree = read_json(file)
    except UsageError:
        tree = None
    if not isinstance(tree, dict):
        found.leave_out("a file that holds no JSON object")
        return {}
    return tree
