"""Our metrics against published implementations, on thousands of texts made to be awkward.

`anls` is installed whole. Of `lmms-eval` single functions are taken out of its files: the package wants much that is
not needed for them.
"""

from __future__ import annotations

import ast
import random
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from anls import anls_score

from glossator import metrics
from glossator.vqa_text import normalised

PIECES = [
    *"aAbBéßﬁİ0159 .,-%$/?!'\"()\n\t\u3000２％Ａ",
    "the", "The ", "a ", "an ", "two", "none", "ten ", "dont", "y'all", "she's", "'s", "1,000", "3.50", "1e3", "nan",
    "inf", "  ", ", ", " -", "- ", "...", "5%", "0", "0.0", "-1", "1_0", "total", "TOTAL: ", "x^2", "\\frac{1}",
    "合計",
]  # fmt: skip
COUNT = 4000


def pairs() -> Iterator[tuple[str, list[str]]]:
    """Texts, each with golds that are unlike it, equal, or a little changed."""
    rng = random.Random(7)

    def text() -> str:
        return "".join(rng.choices(PIECES, k=rng.randrange(9)))

    def changed(base: str) -> str:
        letters = list(base)
        for _ in range(rng.randrange(4)):
            at = rng.randrange(len(letters) + 1)
            letters[at : at + rng.randrange(2)] = rng.choice(PIECES)
        return rng.choice([str.upper, str.lower, str.strip, str.title, lambda t: f" {t}  "])("".join(letters))

    for _ in range(COUNT):
        base = text()
        yield base, [rng.choice([changed(base), text(), base]) for _ in range(rng.randrange(1, 11))]


def numbers() -> Iterator[tuple[str, str]]:
    rng = random.Random(8)
    for _ in range(COUNT):
        gold = rng.choice([rng.uniform(-200, 200), rng.randrange(-9, 2100), 0])
        said = rng.choice([gold, gold * rng.uniform(0.9, 1.1), gold * 1.05, gold * 0.95, -gold])
        shown = [rng.choice(["{}", "{:.2f}", "{:.0f}", "{}%", " {}", "{:e}", "{:,}", "${}", "{}\n"]) for _ in range(2)]
        yield shown[0].format(said), shown[1].format(gold)


def taken(path: str, *names: str) -> dict[str, Any]:
    """Functions, classes and constants of one of lmms-eval's files, without what else it imports."""
    spec = find_spec("lmms_eval")
    assert spec is not None and spec.origin is not None
    tree = ast.parse((Path(spec.origin).parent / path).read_text(encoding="utf-8"))
    wanted = [node for node in tree.body if getattr(node, "name", None) in names]
    assert len(wanted) == len(names)
    for node in wanted:
        node.decorator_list = []  # type: ignore[attr-defined]
    scope: dict[str, Any] = {"re": __import__("re"), "statistics": __import__("statistics")}
    exec(compile(ast.Module(wanted, []), path, "exec"), scope)
    return scope


def test_anls_of_the_papers_is_that_of_the_package() -> None:
    seen = set()
    for said, golds in pairs():
        ours = metrics.anls_papers(said, golds)
        assert ours == anls_score(said, golds, 0.5), (said, golds)
        seen.add(round(ours, 1))
    assert {0.0, 1.0} < seen and len(seen) > 5  # the texts are neither all alike nor all different


def test_anls_of_lmms_eval() -> None:
    theirs = taken("api/metrics.py", "levenshtein_distance", "anls")["anls"]
    halves = 0
    for said, golds in [*pairs(), ("ab", ["ac"]), ("", [""]), ("cat   ", ["car"])]:
        ours = metrics.anls_lmms_eval(said, golds)
        assert ours == theirs(golds, [said])["anls"], (said, golds)
        halves += ours == 0.5
    assert halves


def test_relaxed_accuracy_of_lmms_eval() -> None:
    theirs = taken("tasks/chartqa/utils.py", "relaxed_correctness")["relaxed_correctness"]
    right = 0
    for said, gold in [*numbers(), *((said, golds[0]) for said, golds in pairs())]:
        ours = metrics.relaxed_accuracy(said, gold)
        assert ours == theirs(said, gold), (said, gold)
        right += ours == 1
    assert COUNT / 4 < right < COUNT


def test_vqa_accuracy_of_lmms_eval() -> None:
    scope = taken("tasks/_task_utils/vqa_eval_metric.py", "EvalAIAnswerProcessor")
    judge = taken("tasks/textvqa/utils.py", "textvqa_process_results")
    judge["EvalAIAnswerProcessor"] = scope["EvalAIAnswerProcessor"]
    put = scope["EvalAIAnswerProcessor"]()
    scores = set()
    for said, golds in pairs():
        assert normalised(said) == put(said), said
        theirs = judge["textvqa_process_results"]({"answers": list(golds), "question_id": 1}, [said])["exact_match"]
        ours = metrics.vqa_accuracy(said, golds)
        assert ours == pytest.approx(theirs), (said, golds)
        scores.add(round(ours, 1))
    assert {0.0, 0.3, 0.6, 0.9, 1.0} <= scores


@pytest.mark.parametrize("dataset", ["IIIT5K", "HME100k"])
def test_ocrbench_of_lmms_eval(dataset: str) -> None:
    scope = taken("tasks/ocrbench/utils.py", "_fold_fullwidth_ascii", "ocrbench_process_results")
    theirs: Callable[..., Any] = scope["ocrbench_process_results"]
    hits = 0
    for said, golds in pairs():
        doc = {"answer": list(golds), "dataset": dataset, "question_type": "x"}
        ours = metrics.ocrbench_folded(said, golds, formula=dataset == "HME100k")
        assert ours == theirs(doc, [said])["ocrbench_accuracy"]["score"], (said, golds)
        hits += ours == 1
    assert 0 < hits < COUNT
