"""From loss items to token sequences: one tokenisation of the whole text, and which of its tokens are scored.

A token is scored if it holds at least one character of the text: the first may hold a space of the template too, and a
token that the template sets after the text (an end mark) never counts. Equal texts have equal tokens in every
condition; one that has not is not scored.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from glossator.engines.base import LossItem, Turn, TurnLoss
from glossator.engines.loss.context import ocr_context
from glossator.engines.loss.forward import Span, TokenSequence
from glossator.engines.loss.template import ChatTemplate, Rendered
from glossator.images import open_image
from glossator.records import ImageRecord
from glossator.results import Failed

_TRIAL = [
    LossItem(None, turns, (len(turns) - 1,))
    for turns in (
        (Turn("user", "What is this?"), Turn("assistant", "This is a trial.")),
        (Turn("user", "What is it for?"), Turn("assistant", "It shows whether both ways agree.")),
        (Turn("assistant", "This is a trial."),),
    )
]


@dataclass(frozen=True, slots=True)
class Limits:
    """Highest numbers of tokens: of a whole conversation, of a scored text, and of the OCR text shown."""

    length: int
    turn: int
    ocr: int


@dataclass(frozen=True, slots=True)
class Tokenised:
    """A conversation as tokens. `offsets[i]`: for each token of the i-th scored text, its characters in that text."""

    sequence: TokenSequence
    offsets: tuple[tuple[Span, ...], ...]


@dataclass(frozen=True, slots=True)
class Prepared:
    """The items of one image, tokenised, with the picture inputs that their common beginning needs.

    `inputs`, `inputs_end` and `token_types` are those of `forward.Group`.
    """

    rows: list[Tokenised | Failed]
    inputs: dict[str, Any] = field(default_factory=dict)
    inputs_end: int = 0
    token_types: dict[str, Any] = field(default_factory=dict)


class TextConversations:
    """For a text model: the OCR text stands before the first question, in the place of the pixels."""

    instrument: ClassVar[str] = "ocr-proxy"

    def __init__(self, tokenizer: Any, template: ChatTemplate, limits: Limits) -> None:
        self._tokenizer = tokenizer
        self._template = template
        self._limits = limits

    def prepare(self, items: Sequence[LossItem]) -> Prepared:
        """Items that all show the same image, or none."""
        shown = self._shown(items)
        return Prepared([self._tokenised(item, shown) for item in items])

    def count(self, text: str) -> int:
        """How many tokens a text has by itself."""
        return len(self._offsets(text)[0])

    def with_marks(self, item: LossItem, pictures: int) -> Tokenised | Failed:
        """The tokens of a conversation with one mark a picture, as a server gets it that puts the pictures in."""
        rendered = self._template.render(item.turns, pictures)
        if isinstance(rendered, Failed):
            return rendered
        return self._located(rendered, [rendered.spans[i] for i in item.scored])

    def length_with_marks(self, item: LossItem, pictures: int) -> int | Failed:
        """How many tokens that is in all, up to the end that the template sets after the last text."""
        rendered = self._template.render(item.turns, pictures)
        return rendered if isinstance(rendered, Failed) else self.count(rendered.text)

    def trial(self) -> Prepared:
        """A small conversation under three conditions, to try the model with; with a picture if it has eyes."""
        return self.prepare(_TRIAL)

    def _shown(self, items: Sequence[LossItem]) -> str:
        """The OCR text that all items share, cut to its budget."""
        sample = items[0].image
        if sample is None or sample.page is None:
            return ""
        questions = list(dict.fromkeys(turn.text for item in items for turn in item.turns if turn.role == "user"))
        return ocr_context(sample.page.text, questions, self._limits.ocr, self._fit)

    def _fit(self, text: str, budget: int) -> tuple[int, int]:
        """How many tokens a text has, and how many of its characters lie within the first `budget` of them."""
        ends = self._offsets(text)[1]
        return len(ends), ends[min(len(ends), budget) - 1][1] if ends and budget > 0 else 0

    def _tokenised(self, item: LossItem, shown: str) -> Tokenised | Failed:
        turns = list(item.turns)
        before = 0
        if shown:
            if turns[0].role == "assistant":
                turns.insert(0, Turn("user", ""))
            text = f"{shown}\n\n{turns[0].text}".strip("\n")
            before = len(text) - len(turns[0].text)
            turns[0] = Turn("user", text)
        rendered = self._template.render(turns)
        if isinstance(rendered, Failed):
            return rendered
        shift = len(turns) - len(item.turns)
        spans = [rendered.spans[i + shift] for i in item.scored]
        if before and shift == 0 and 0 in item.scored:
            at = item.scored.index(0)
            spans[at] = (spans[at][0] + before, spans[at][1])
        return self._located(rendered, spans)

    def _located(self, rendered: Rendered, spans: Sequence[Span], head: _Head | None = None) -> Tokenised | Failed:
        """The tokens of a rendered conversation, and those of the texts at `spans` (characters)."""
        ids, offsets = self._offsets(rendered.text)
        scored, inside = [], []
        for start, end in spans:
            found = [i for i, (begin, finish) in enumerate(offsets) if begin < end and finish > start]
            if not rendered.text[start:end].strip() or not found:
                return Failed("not_scored", "an empty text")
            tokens = range(found[0], found[-1] + 1)
            if len(tokens) > self._limits.turn:
                return Failed("not_scored", f"{len(tokens)} tokens; at most {self._limits.turn} are scored")
            if tokens.start == 0:
                return Failed("not_scored", "nothing stands before the text's first token")
            scored.append((tokens.start, tokens.stop))
            inside.append(tuple((max(0, offsets[i][0] - start), min(end, offsets[i][1]) - start) for i in tokens))
        if head is not None:
            ids, scored = head.before(ids, scored)
        last = max(stop for _, stop in scored)
        if last > self._limits.length:
            return Failed("not_scored", f"{last} tokens with all that stands before it; at most {self._limits.length}")
        return Tokenised(TokenSequence(tuple(ids[:last]), tuple(scored)), tuple(inside))

    def _offsets(self, text: str) -> tuple[list[int], list[Span]]:
        """Token ids, and the characters that each covers."""
        special = self.adds_special_tokens(text)
        found = self._tokenizer(text, add_special_tokens=special, return_offsets_mapping=True)
        return list(found["input_ids"]), [tuple(pair) for pair in found["offset_mapping"]]

    def adds_special_tokens(self, _text: str) -> bool:
        """Whether the tokenizer sets special tokens of its own around a rendered conversation.

        It does not: a tokenizer's chat template prints them all, as transformers assumes.
        """
        return False


@dataclass(frozen=True, slots=True)
class _Head:
    """The tokens up to the last image mark: `marks` as the text has them, `full` as the model takes them."""

    marks: int
    full: list[int]

    def before(self, ids: list[int], scored: list[Span]) -> tuple[list[int], list[Span]]:
        shift = len(self.full) - self.marks
        return [*self.full, *ids[self.marks :]], [(start + shift, end + shift) for start, end in scored]


class PictureConversations(TextConversations):
    """For a vision-language model: the pictures stand before the first question, at the processor's resolution."""

    instrument: ClassVar[str] = "vision"

    def __init__(
        self, processor: Any, template: ChatTemplate, limits: Limits, image_token: int, convert: Callable[[Any], Any]
    ) -> None:
        super().__init__(processor.tokenizer, template, limits)
        self._processor = processor
        self._image_token = image_token
        self._convert = convert

    def prepare(self, items: Sequence[LossItem]) -> Prepared:
        """See `TextConversations`. Pictures that can't be opened fail the items that show them."""
        sample = items[0].image
        if sample is None:
            rendered = [self._template.render(item.turns) for item in items]
            return Prepared([self._text_only(one, item) for one, item in zip(rendered, items, strict=True)])
        pictures = open_all(Path(sample.root), sample.image)
        if isinstance(pictures, Failed):
            return Prepared([pictures] * len(items))
        return self._prepared(items, pictures)

    def _prepared(self, items: Sequence[LossItem], pictures: list[Any]) -> Prepared:
        rendered = [self._template.render(item.turns, len(pictures)) for item in items]
        first = next((one for one in rendered if isinstance(one, Rendered)), None)
        if first is None:
            return Prepared([one for one in rendered if isinstance(one, Failed)])
        given = self._processor(
            text=[first.text],
            images=pictures,
            return_tensors="pt",
            add_special_tokens=self.adds_special_tokens(first.text),
        )
        head = self._head(first, given["input_ids"][0].tolist())
        if isinstance(head, Failed):
            return Prepared([head] * len(items))
        rows = [
            one if isinstance(one, Failed) else self._located(one, [one.spans[i] for i in item.scored], head)
            for one, item in zip(rendered, items, strict=True)
        ]
        return self._with_inputs(rows, given, head)

    def trial(self) -> Prepared:
        """See `TextConversations`: about a small grey picture."""
        from PIL import Image

        return self._prepared(_TRIAL, [Image.radial_gradient("L").resize((96, 64)).convert("RGB")])

    def _text_only(self, rendered: Rendered | Failed, item: LossItem) -> Tokenised | Failed:
        if isinstance(rendered, Failed):
            return rendered
        return self._located(rendered, [rendered.spans[i] for i in item.scored])

    def _head(self, rendered: Rendered, full: list[int]) -> _Head | Failed:
        """What the processor made of the text up to the last image mark. What follows must be as it was."""
        ids, _ = self._offsets(rendered.text)
        tail = tail_after_pictures(ids, full, self._image_token)
        if tail is None:
            return Failed("not_scored", "the processor changes the text behind the picture; it can't be found again")
        return _Head(len(ids) - tail, full[: len(full) - tail])

    def _with_inputs(self, rows: list[Tokenised | Failed], given: Any, head: _Head) -> Prepared:
        length = given["input_ids"].shape[1]
        end = len(head.full)
        inputs, token_types = {}, {}
        for name, value in given.items():
            if name in ("input_ids", "attention_mask"):
                continue
            if tuple(getattr(value, "shape", ())) == (1, length):
                token_types[name] = self._convert(value[:, :end])
            else:
                inputs[name] = self._convert(value)
        return Prepared(rows, inputs, end, token_types)

    def adds_special_tokens(self, text: str) -> bool:
        """See `TextConversations`. A processor's template may leave the first token to the tokenizer (LLaVA)."""
        first = self._tokenizer.bos_token
        return first is None or not text.startswith(first)


def tail_after_pictures(ids: Sequence[int], full: Sequence[int], image_token: int | None) -> int | None:
    """How many tokens stand behind the last image mark, the same in both.

    Args:
        ids: the tokens of a text with one mark a picture.
        full: what the processor made of that text and the pictures.
        image_token: the mark.

    Returns:
        None if there is no mark, or the processor changed what stands behind the last one.
    """
    marks = max((i + 1 for i, token in enumerate(ids) if token == image_token), default=0)
    tail = len(ids) - marks
    return tail if marks and list(full[len(full) - tail :]) == list(ids[marks:]) else None


def open_all(root: Path, image: ImageRecord) -> list[Any] | Failed:
    """All pictures of a record, as RGB; the first failure if one can't be opened."""
    pictures = []
    for path in image.paths:
        picture = open_image(root / path)
        if isinstance(picture, Failed):
            return Failed(picture.category, f"{path}: {picture.message}")
        pictures.append(picture)
    return pictures


def by_image(items: Sequence[LossItem]) -> list[list[int]]:
    """Indexes of items that share an image; those without one come together."""
    groups: dict[str, list[int]] = {}
    for i, item in enumerate(items):
        groups.setdefault(item.image.image.image_id if item.image else "", []).append(i)
    return list(groups.values())


def same_tokens(row: Tokenised | Failed, item: LossItem, known: dict[str, tuple[int, ...]]) -> Tokenised | Failed:
    """The row, if each of its scored texts has the tokens that it had before; `known` remembers them."""
    if isinstance(row, Failed):
        return row
    for index, (start, end) in zip(item.scored, row.sequence.scored, strict=True):
        ids = row.sequence.ids[start:end]
        if known.setdefault(item.turns[index].text, ids) != ids:
            return Failed("not_scored", "its tokens are not the same in every condition")
    return row


def turn_loss(offsets: Sequence[Span], losses: Sequence[float]) -> TurnLoss:
    """The loss of one text from those of its tokens and the characters that they cover."""
    tokens = tuple((start, end, nll) for (start, end), nll in zip(offsets, losses, strict=True))
    return TurnLoss(sum(losses), len(losses), tokens)
