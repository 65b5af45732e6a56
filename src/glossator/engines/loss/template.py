"""Conversations as one text in a model's own chat template, and where each turn's text lies in it.

A conversation that begins with an answer gets an empty question before it, so that an answer stands in the same frame
in every condition: after a user's turn that holds the image, the question, both or nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from glossator.engines.base import Turn
from glossator.errors import UsageError
from glossator.results import Failed

Span = tuple[int, int]
PLAIN = "{% for message in messages %}{{ message['content'] }}{{ '\\n' }}{% endfor %}"
_JOINER = "\u200d"  # invisible; breaks a special token that is only printed text


@dataclass(frozen=True, slots=True)
class Rendered:
    """A conversation as one text. `spans[i]`: the range of characters of turn `i` of the conversation as given."""

    text: str
    spans: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class _Frame:
    """What the template prints around the texts of a conversation of one shape."""

    pieces: tuple[str, ...]
    strips: tuple[tuple[bool, bool], ...]  # white space before and after each text


class ChatTemplate:
    """The chat template of a tokenizer or processor.

    Args:
        owner: with `apply_chat_template`.
        blocks: True if a message's content is a list of blocks (processors), False if it is a string.
        reserved: the model's special tokens; where they stand in a text from outside they are broken.
        template: a Jinja template in the place of the owner's; None for its own.

    Raises:
        UsageError: if the template can't be used.
    """

    def __init__(self, owner: Any, *, blocks: bool, reserved: Sequence[str], template: str | None = None) -> None:
        self._owner = owner
        self._blocks = blocks
        self._reserved = sorted((token for token in reserved if len(token) > 1), key=len, reverse=True)
        self._template = template
        self._frames: dict[tuple[tuple[str, ...], int], _Frame | None] = {}
        try:
            self._apply([Turn("user", "Q"), Turn("assistant", "A")], 0)
        except Exception as error:
            raise UsageError(
                f"the model's chat template can't be used: {error}; give one with chat_template"
            ) from error

    def render(self, turns: Sequence[Turn], images: int = 0) -> Rendered | Failed:
        """The conversation as text, `images` image marks before its first question.

        Failures: `not_scored` where the template changes a text beyond recognition.
        """
        shift = int(turns[0].role == "assistant")
        texts = [self.harmless(turn.text) for turn in turns]
        if shift:
            turns = [Turn("user", ""), *turns]
            texts = ["", *texts]
        frame = self._frame(tuple(turn.role for turn in turns), images)
        plain = [Turn(turn.role, text) for turn, text in zip(turns, texts, strict=True)]
        rendered = self._apply(plain, images)
        found = _in_frame(rendered, texts, frame) if frame else None
        found = found or _searched(rendered, texts)
        if found is None:
            return Failed("not_scored", "the model's chat template changes this text; it can't be found again")
        return Rendered(rendered, tuple(found[shift:]))

    def prompt(self, turns: Sequence[Turn], images: int = 0) -> str:
        """The conversation as text, up to where the model begins to answer."""
        return self._apply([Turn(turn.role, self.harmless(turn.text)) for turn in turns], images, answer=True)

    def harmless(self, text: str) -> str:
        """The text with the model's special tokens in it broken."""
        for token in self._reserved:
            if token in text:
                text = text.replace(token, token[:-1] + _JOINER + token[-1:])
        return text

    def _apply(self, turns: Sequence[Turn], images: int, *, answer: bool = False) -> str:
        messages: list[dict[str, Any]] = [{"role": turn.role, "content": self._content(turn.text)} for turn in turns]
        if images:
            messages[0]["content"] = [{"type": "image"}] * images + messages[0]["content"]
        options = {"chat_template": self._template} if self._template is not None else {}
        return str(self._owner.apply_chat_template(messages, tokenize=False, add_generation_prompt=answer, **options))

    def _content(self, text: str) -> Any:
        return [{"type": "text", "text": text}] if self._blocks else text

    def _frame(self, roles: tuple[str, ...], images: int) -> _Frame | None:
        """What stands around the texts of this shape of conversation, seen by rendering marks in their places."""
        key = (roles, images)
        if key not in self._frames:
            marks = [f"MARK{i}OF{len(roles)}" for i in range(len(roles))]
            turns = [Turn(role, f"\t{mark}\t") for role, mark in zip(roles, marks, strict=True)]  # type: ignore[arg-type]
            self._frames[key] = _split(self._apply(turns, images), marks)
        return self._frames[key]


def _split(rendered: str, marks: Sequence[str]) -> _Frame | None:
    """None if a mark does not stand exactly once, in order. Marks stand between tabs, which show what is stripped."""
    pieces, strips = [], []
    rest = rendered
    for mark in marks:
        before, found, rest = rest.partition(mark)
        if not found or mark in rest:
            return None
        left, right = not before.endswith("\t"), not rest.startswith("\t")
        strips.append((left, right))
        pieces.append(before if left else before[:-1])
        rest = rest if right else rest[1:]
    return _Frame((*pieces, rest), tuple(strips))


def _in_frame(rendered: str, texts: Sequence[str], frame: _Frame) -> list[Span] | None:
    """The texts' places if the frame around them makes up the rendered text, else None."""
    spans, at = [], 0
    for piece, text, (left, right) in zip(frame.pieces, texts, frame.strips, strict=False):
        text = text.lstrip() if left else text
        text = text.rstrip() if right else text
        if not rendered.startswith(piece + text, at):
            return None
        at += len(piece)
        spans.append((at, at + len(text)))
        at += len(text)
    return spans if rendered[at:] == frame.pieces[-1] else None


def _searched(rendered: str, texts: Sequence[str]) -> list[Span] | None:
    """The texts' places one after the other, the last ones from the end; None if one can't be found."""
    spans: list[Span] = []
    end = len(rendered)
    for text in reversed([text.strip() for text in texts]):
        at = rendered.rfind(text, 0, end) if text else end
        if at < 0:
            return None
        spans.append((at, at + len(text)))
        end = at
    return spans[::-1]
