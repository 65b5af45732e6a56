"""The OCR text that stands in for the pixels, cut to a budget of tokens."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from glossator.text import fold

Fit = Callable[[str, int], tuple[int, int]]


def ocr_context(text: str, questions: Sequence[str], budget: int, fit: Fit) -> str:
    """The page's lines, all of them if they fit into `budget` tokens, else the most relevant ones in reading order.

    A line counts the words it shares with any of the `questions` (never with an answer: that would give the answer
    away), a rare word more than one that stands on many lines; the line after it counts half as much, because a value
    often stands below its label. Among equals the earlier line wins. A line that does not fit is cut where the budget
    ends if nothing has been chosen yet. All questions of an image share one context, so its prefix is computed once.

    Args:
        text: the page's text, one line a line.
        questions: all questions that are asked about the page.
        budget: highest number of tokens.
        fit: number of tokens of a text, and how many of its characters lie within a number of tokens.
    """
    lines = [line for line in text.split("\n") if line.strip()]
    whole = "\n".join(lines)
    if fit(whole, budget)[0] <= budget:
        return whole
    words = [_words(line) for line in lines]
    wanted = {word for question in questions for word in _words(question)}
    rarity = {word: 1 / sum(word in line for line in words) for word in wanted.intersection(*[set().union(*words)])}
    shared = [sum(rarity.get(word, 0.0) for word in line) for line in words]
    weight = [own + before / 2 for own, before in zip(shared, [0.0, *shared[:-1]], strict=True)]
    chosen: dict[int, str] = {}
    used = 0
    for i in sorted(range(len(lines)), key=lambda i: (-weight[i], i)):
        size, cut = fit(lines[i] + "\n", budget)
        if used + size <= budget:
            chosen[i] = lines[i]
            used += size
        elif not chosen:
            chosen[i] = lines[i][:cut]
            used = budget
    return "\n".join(chosen[i] for i in sorted(chosen))


def _words(text: str) -> set[str]:
    return {word for piece in text.split() if len(word := fold(piece)) > 2}
