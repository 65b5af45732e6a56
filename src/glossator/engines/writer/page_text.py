"""A page's text as a chat model is shown it: line by line, doubts marked, and without what has been used up."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from glossator.records import Page, Span
from glossator.text import fold

UNSURE = 0.8
MAX_CHARS = 12_000
_LABEL_CHARS = 30
NOTHING = "(no text was read)"
Line = tuple[Span, ...]


def lines(page: Page | None) -> list[Line]:
    """The spans of each line of `page.text`. A line that no spans stand for (a further picture's) is one span."""
    if page is None:
        return []
    found: list[Line] = []
    at = 0
    for text in page.text.split("\n"):
        end, length = at, -1
        while end < len(page.spans) and length < len(text):
            length += len(page.spans[end].text) + 1
            end += 1
        if end > at and length == len(text) and " ".join(span.text for span in page.spans[at:end]) == text:
            found.append(page.spans[at:end])
            at = end
        elif text:
            found.append((Span(text, (0.0, 0.0, 0.0, 0.0)),))
    return found


def marked(page_lines: Sequence[Line]) -> str:
    """The lines as text, `[?]` behind each span that was read with little certainty."""
    text = "\n".join(
        " ".join(f"{span.text} [?]" if span.confidence < UNSURE else span.text for span in line) for line in page_lines
    )
    return text[:MAX_CHARS] or NOTHING


def whole(page: Page | None) -> str:
    """The whole page, marked."""
    if page is not None and all(span.confidence >= UNSURE for span in page.spans):
        return page.text[:MAX_CHARS] or NOTHING
    return marked(lines(page))


def without(page_lines: Sequence[Line], used: Collection[Span]) -> list[Line]:
    """The lines without the spans that answers were copied from.

    With a value goes the label that only it had: what is left of a line that held no more than the two.
    """
    left = []
    for line in page_lines:
        rest = tuple(span for span in line if span not in used)
        only_label = len(rest) == 1 and len(line) == 2 and len(rest[0].text) <= _LABEL_CHARS
        if rest and not (only_label and rest != line):
            left.append(rest)
    return left


def copied_from(answer: str, page_lines: Sequence[Line]) -> set[Span]:
    """The spans of the first line that an answer was copied from, literally; none if it stands on no single line.

    `grounding.locate` finds more, but is too slow for a place where replies must not wait.
    """
    wanted = fold(answer)
    if not wanted:
        return set()
    for line in page_lines:
        folded = [fold(span.text) for span in line]
        if wanted not in "".join(folded):
            continue
        alone = [span for span, text in zip(line, folded, strict=True) if text == wanted]
        if alone:
            return {alone[0]}
        for first in range(len(line)):
            for end in range(first + 1, len(line) + 1):
                if wanted in "".join(folded[first:end]) and (
                    first + 1 == end or wanted not in "".join(folded[first + 1 : end])
                ):
                    return set(line[first:end])
    return set()


def size(page_lines: Sequence[Line]) -> int:
    """Letters and digits in the lines."""
    return sum(len(fold(span.text)) for line in page_lines for span in line)
