"""The OCR text that stands in for the pixels, cut to a budget of tokens."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from glossator.text import fold


def ocr_context(text: str, questions: Sequence[str], budget: int, count: Callable[[str], int]) -> str:
    """The page's lines, all of them if they fit into `budget` tokens, else the most relevant ones in reading order.

    A line counts the words it shares with any of the `questions` (never with an answer: that would give the answer
    away); the line after it counts half as much, because a value often stands below its label. Among equals the
    earlier line wins. All questions of an image share one context, so that its prefix is computed once.

    Args:
        text: the page's text, one line a line.
        questions: all questions that are asked about the page.
        budget: highest number of tokens.
        count: number of tokens of a text.
    """
    lines = [line for line in text.split("\n") if line.strip()]
    sizes = [count(line + "\n") for line in lines]
    if sum(sizes) <= budget:
        return "\n".join(lines)
    wanted = {word for question in questions for word in _words(question)}
    shared = [len(wanted & _words(line)) for line in lines]
    weight = [own + before / 2 for own, before in zip(shared, [0, *shared[:-1]], strict=True)]
    chosen, used = set(), 0
    for i in sorted(range(len(lines)), key=lambda i: (-weight[i], i)):
        if used + sizes[i] <= budget:
            chosen.add(i)
            used += sizes[i]
    return "\n".join(lines[i] for i in sorted(chosen))


def _words(text: str) -> set[str]:
    return {word for piece in text.split() if len(word := fold(piece)) > 2}
