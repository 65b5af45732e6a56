"""From conversations to tokens and labels: only what the assistant says carries loss, its end mark included.

The whole conversation is laid out by the model's own chat template and tokenised once. A token carries loss if it
holds at least one character of an assistant's turn, or if it is the mark that ends the turn: without it the model
never learns to stop. Questions, pictures, system texts and padding never do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from glossator.engines.base import Turn
from glossator.engines.loss.template import ChatTemplate, Rendered
from glossator.results import Failed

IGNORED = -100  # the label that torch's cross entropy leaves out


@dataclass(frozen=True, slots=True)
class Encoded:
    """Token ids and labels of one conversation, equally long. `labels[i]` is `input_ids[i]` or `IGNORED`."""

    input_ids: list[int]
    labels: list[int]

    @property
    def learned(self) -> int:
        """How many tokens carry loss."""
        return sum(label != IGNORED for label in self.labels)


class Encoder:
    """Lays out conversations for one model.

    Args:
        tokenizer: a fast tokenizer.
        template: the model's chat template.
    """

    def __init__(self, tokenizer: Any, template: ChatTemplate) -> None:
        self._tokenizer = tokenizer
        self._template = template
        self._marks = set(tokenizer.all_special_ids) | set(tokenizer.get_added_vocab().values())
        self._mark_texts = tuple(tokenizer.convert_ids_to_tokens(sorted(self._marks)))
        self._before_answers: str | None = None
        self._says_blank: bool | None = None

    def render(self, turns: Sequence[Turn], images: int = 0) -> Rendered | Failed:
        """The conversation as one text, with an end mark behind every answer whatever the template prints.

        `Failed` where the template changes a text beyond recognition.
        """
        rendered = self._template.render(turns, images)
        end = self._tokenizer.eos_token
        if isinstance(rendered, Failed) or end is None:
            return rendered
        text, spans, shift = rendered.text, [], 0
        for turn, (start, stop) in zip(turns, rendered.spans, strict=True):
            spans.append((start + shift, stop + shift))
            at = stop + shift
            if turn.role == "assistant" and not text[at:].lstrip().startswith(self._mark_texts):
                text, shift = text[:at] + end + text[at:], shift + len(end)
        return replace(rendered, text=text, spans=tuple(spans))

    def prompt(self, turns: Sequence[Turn], images: int = 0) -> str:
        """The conversation as text, up to where the model begins to answer: what stands before an answer in training.

        A template may print more there than it does when it is asked for an answer (an empty thought, a name).
        """
        if self._before_answers is None:
            self._before_answers = self._more_than_asked()
        return self._template.prompt(turns, images) + self._before_answers

    def _more_than_asked(self) -> str:
        """What the template prints before an answer, over what it prints when it is asked for one."""
        turns = [Turn("user", "Q"), Turn("assistant", "A")]
        answered = self._template.render(turns)
        asked = self._template.prompt(turns[:1])
        if isinstance(answered, Failed) or not answered.text.startswith(asked):
            return ""
        more = answered.text[len(asked) : answered.spans[1][0]]
        return more.rstrip(" ") if more.strip() else ""  # a blank is part of the answer's first token

    def encode(self, turns: Sequence[Turn]) -> Encoded | Failed:
        """A conversation without pictures, as tokens and labels."""
        rendered = self.render(turns)
        if isinstance(rendered, Failed):
            return rendered
        return Encoded(*self.labelled(rendered, turns))

    def labelled(self, rendered: Rendered, turns: Sequence[Turn]) -> tuple[list[int], list[int]]:
        """Token ids and labels of a rendered conversation, image marks as the text has them."""
        special = self.adds_special(rendered.text)
        found = self._tokenizer(rendered.text, add_special_tokens=special, return_offsets_mapping=True)
        ids, offsets = list(found["input_ids"]), found["offset_mapping"]
        labels = [IGNORED] * len(ids)
        for turn, (start, end) in zip(turns, rendered.spans, strict=True):
            if turn.role != "assistant" or not rendered.text[start:end].strip():
                continue  # an empty answer would teach to say nothing
            start = self._with_blank(rendered.text, start)
            said = [i for i, (begin, stop) in enumerate(offsets) if begin < end and stop > start]
            said += self._end_mark(ids, said[-1] + 1) if said else []
            for i in said:
                labels[i] = ids[i]
        return ids, labels

    def _with_blank(self, text: str, start: int) -> int:
        """Where an answer begins, the blank before it included unless the model is given that when it is asked.

        Most tokenizers make it part of the first word, but some let it stand alone before a digit.
        """
        if self._says_blank is None:
            self._says_blank = not self.prompt([Turn("user", "Q")]).endswith(" ")
        return start - 1 if self._says_blank and text[:start].endswith(" ") else start

    def _end_mark(self, ids: Sequence[int], at: int) -> list[int]:
        """The index of the special token that ends a turn: the first after its text, blanks between them included."""
        for i in range(at, min(at + 2, len(ids))):
            if ids[i] in self._marks:
                return list(range(at, i + 1))
        return []

    def adds_special(self, text: str) -> bool:
        """Whether the tokenizer has to set the first token itself, because the template leaves it out."""
        first = self._tokenizer.bos_token
        return first is not None and not text.startswith(first) and self._sets_first(first)

    def _sets_first(self, first: str) -> bool:
        ids = self._tokenizer("a")["input_ids"]
        return bool(ids) and ids[0] == self._tokenizer.convert_tokens_to_ids(first)

    def end_marks(self) -> set[int]:
        """The tokens that this model's template sets behind answers, as they are told from a small conversation."""
        encoded = self.encode([Turn("user", "Q"), Turn("assistant", "A")] * 2)
        return set() if isinstance(encoded, Failed) else set(encoded.labels) & self._marks

    def count(self, text: str) -> int:
        """Tokens of a text by itself."""
        return len(self._tokenizer(text, add_special_tokens=False)["input_ids"])

    def fit(self, text: str, budget: int) -> tuple[int, int]:
        """Tokens of a text, and how many of its characters lie within the first `budget` of them."""
        offsets = self._tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
        return len(offsets), offsets[min(len(offsets), budget) - 1][1] if offsets and budget > 0 else 0

    def image_token_id(self, owner: Any, config: Any) -> int | None:
        """The token that stands for a picture, or None."""
        found = getattr(config, "image_token_id", None) or getattr(owner, "image_token_id", None)
        return None if found is None else int(found)
