"""The records that travel between stages. Each is a frozen dataclass; `store` writes each as one Parquet table.

Boxes are `(x0, y0, x1, y1)` in pixels of the image after EXIF rotation, origin top left.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of text that OCR found at one place, usually a line or a part of one.

    `confidence` is the engine's own, in 0..1; 1.0 where the source gave none.
    """

    text: str
    box: Box
    confidence: float = 1.0


@dataclass(frozen=True, slots=True)
class Evidence:
    """A piece of the image that an answer rests on: the printed text and its box."""

    text: str
    box: Box


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """One picture of the source (table `images`, key `image_id`).

    Attributes:
        image_id: first 16 hex digits of the SHA-256 of the file's bytes, so the same picture is kept once.
        source_id: the record's own id in the source.
        path: relative to the source's root folder, with forward slashes; empty for a sample without a picture.
        more_paths: further pictures that stand beside this one in every sample of the record.
        sha256: of the file's bytes.
        width, height: pixels after EXIF rotation.
        kind: what the source calls it (receipt, form, chart, ...); empty if it does not say.
        shard: the number of the shard that the image belongs to for ever.
        caption: the human caption; None where there is none. Several captions are joined by a blank line.
        given_ocr: OCR that the source brings along, as spans; None where it brings none.
        given_pairs: question-answer pairs that a finished data set brings along, as JSON; empty otherwise.
        meta: every other key of the record, as JSON. Never an input of a stage.
    """

    image_id: str
    source_id: str
    path: str
    sha256: str
    width: int
    height: int
    kind: str = ""
    shard: int = 0
    caption: str | None = None
    given_ocr: tuple[Span, ...] | None = None
    given_pairs: str = ""
    meta: str = "{}"
    more_paths: tuple[str, ...] = ()

    @property
    def paths(self) -> tuple[str, ...]:
        """All its pictures; empty for a sample without any."""
        return (self.path, *self.more_paths) if self.path else ()


@dataclass(frozen=True, slots=True)
class Alias:
    """One source record and the image that holds its picture (table `sources`, key `source_id`)."""

    source_id: str
    image_id: str
    path: str
    caption: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """What OCR read on one image (table `ocr`). `spans` stand in reading order; `text` joins them line by line.

    Attributes:
        complete: the share of the image's words that were likely read, 0..1; None from an engine that can't tell.
        disputed: places where an ensemble's engines disagree: in `text`, line by line, what was taken and what else was
            read.
    """

    image_id: str
    engine: str
    spans: tuple[Span, ...]
    text: str
    complete: float | None = None
    disputed: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True)
class Caption:
    """The human caption and its detail-enriched form (table `captions`).

    `caption` is None where no person wrote one; `enriched` then describes what is there.
    """

    image_id: str
    caption: str | None
    enriched: str
    writer: str


@dataclass(frozen=True, slots=True)
class Pair:
    """An extractive question-answer pair and, after the explain stage, its self-explain pair (table `pairs`).

    Attributes:
        pair_id: `<image_id>-<12 hex digits of the hash of question, answer and order>`; stable over runs.
        source_id: the source record that the pair belongs to.
        kind: what kind of question it is (field, table, chart-value, heading, yes-no, ...).
        evidence: the spans that the answer was found in; empty if it was not found.
        grounding: how well the answer's text matches its evidence, 0..1 (1 = stands there literally); None without a
            picture.
        question_fit: whether type and label of the answer are what the question asks for, 0..1; None where nothing
            tells (see `layout.question_fit`).
        explain_grounding: the share of what the explanation says is printed that stands on the page, 0..1; None where
            it claims nothing.
        explain_places: the share of what the explanation says of places ("below the total") that is true, 0..1; None
            where it says nothing that can be checked.
        operation: how a computed answer follows from its evidence (sum, difference, count, ...); empty where it is
            printed.
        question_similarity: highest similarity (0..1) to an earlier question of the same image.
        repaired_from: pair_id of the rejected pair that this one mends, or None.
        context: the conversation before the question, as JSON (a list of [role, text]); empty where there is none.
        conversation: pairs of one image with the same number are turns of one conversation, in their order.
        meta: what else the source says of the pair, as JSON (`defect` names a planted one).
    """

    pair_id: str
    image_id: str
    source_id: str
    question: str
    answer: str
    kind: str = ""
    evidence: tuple[Evidence, ...] = ()
    grounding: float | None = 0.0
    question_similarity: float = 0.0
    explain_question: str = ""
    explain_answer: str = ""
    writer: str = ""
    repaired_from: str | None = None
    context: str = ""
    conversation: int = 0
    meta: str = ""
    question_fit: float | None = None
    explain_grounding: float | None = None
    explain_places: float | None = None
    operation: str = ""


@dataclass(frozen=True, slots=True)
class Agreement:
    """What a second model answered to a pair's question, blind (table `agreement`).

    `anls` is how far it agrees with the pair's answer, 0..1 (see `metrics.anls_papers`).
    """

    pair_id: str
    image_id: str
    model: str
    answer: str
    anls: float


@dataclass(frozen=True, slots=True)
class Marks:
    """A judge's marks for one pair, 1 (bad) to 5 (without fault), as means over its turns (table `judgements`).

    Attributes:
        judge: who judged.
        lowest: the lowest of the four.
        turn_gap: how far a mark differs between turns, as a mean over the four; None after one turn.
        problem: the worst fault in a few words; empty if there is none.
    """

    pair_id: str
    image_id: str
    judge: str
    correct: float
    grounded: float
    clear: float
    useful: float
    lowest: float
    turn_gap: float | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Hashes:
    """What copies of a picture are found by (table `hashes`; see `copies.pictures`).

    Attributes:
        picture: which picture of the sample it is, from 0.
        hashes: perceptual hashes of the whole picture and with borders cut off, 64 hexadecimal digits each.
        thumbnail: a small grey picture (WebP) for the second look.
    """

    image_id: str
    picture: int
    hashes: tuple[str, ...]
    thumbnail: bytes


@dataclass(frozen=True, slots=True)
class Inspection:
    """What the texts of a pair hold that some sets must not (table `inspections`).

    Attributes:
        personal: sorts of personal data, such as `email`; each once.
        languages: languages that were told for certain, as ISO 639-1 codes.
        scripts: Unicode scripts, as ISO 15924 codes (`Latn`).
        profane: entries of the recipe's word list that stand there.
    """

    pair_id: str
    image_id: str
    personal: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    scripts: tuple[str, ...] = ()
    profane: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HumanVerdict:
    """The last word of one person on one pair (table `human`).

    Attributes:
        verdict: `keep`, `reject`, or `edit` (then the four texts hold what the pair should say).
        reason: a rule's name or the person's own word; empty if none was given.
        time: when, ISO 8601 in UTC.
        sampling: how the pair came before the person: `random` if it was drawn at random, else a word for it.
    """

    pair_id: str
    image_id: str
    reviewer: str
    verdict: str
    reason: str = ""
    note: str = ""
    time: str = ""
    sampling: str = ""
    question: str = ""
    answer: str = ""
    explain_question: str = ""
    explain_answer: str = ""


@dataclass(frozen=True, slots=True)
class TokenLoss:
    """Negative log-likelihood (nats) of one token, and the characters `start:end` of the text that it covers.

    `condition` is the suffix of the loss it belongs to; see `Losses`.
    """

    condition: str
    start: int
    end: int
    nll: float


Condition = Literal["a", "a_q", "a_i", "a_qi", "r_s", "r_qas", "r_si", "r_qasi", "q", "q_a"]
CONDITIONS: tuple[Condition, ...] = get_args(Condition)


@dataclass(frozen=True, slots=True)
class Losses:
    """Sums of token losses (nats) and token counts of one pair under each condition (table `losses`).

    The suffix names the scored text and, after the underscore, what stands before it: `a` the answer, `q` the
    question, `i` the image, `r` the explanation, `s` the question that asks for it (the *self-explain* question).
    `None` means that the condition was not scored; `not_scored` says why.

        nll_a       A               s(Ae)
        nll_a_q     A  | Q          s(Ae|Qe)
        nll_a_i     A  | I          s(Ae|I)
        nll_a_qi    A  | Q, I       s(Ae|Qe,I)
        nll_r_s     R  | S          s(Ar|Qr)
        nll_r_qas   R  | Q, A, S    s(Ar|Qe,Ae,Qr)
        nll_r_si    R  | S, I       s(Ar|Qr,I)
        nll_r_qasi  R  | Q, A, S, I s(Ar|Qe,Ae,Qr,I)
        nll_q       Q               s(Qe)
        nll_q_a     Q  | A          s(Qe|Ae), after a request to guess the question

    `token_losses` has every token's loss, where the recipe asks for it.
    """

    pair_id: str
    image_id: str
    scorer: str
    scorer_kind: str
    nll_a: float | None = None
    tokens_a: int = 0
    nll_a_q: float | None = None
    tokens_a_q: int = 0
    nll_a_i: float | None = None
    tokens_a_i: int = 0
    nll_a_qi: float | None = None
    tokens_a_qi: int = 0
    nll_r_s: float | None = None
    tokens_r_s: int = 0
    nll_r_qas: float | None = None
    tokens_r_qas: int = 0
    nll_r_si: float | None = None
    tokens_r_si: int = 0
    nll_r_qasi: float | None = None
    tokens_r_qasi: int = 0
    nll_q: float | None = None
    tokens_q: int = 0
    nll_q_a: float | None = None
    tokens_q_a: int = 0
    token_losses: tuple[TokenLoss, ...] = ()
    not_scored: str = ""


@dataclass(frozen=True, slots=True)
class Failure:
    """One failed row (table `failures`, key stage + id)."""

    stage: str
    id: str
    image_id: str
    category: str
    message: str
    attempts: int = 1


@dataclass(frozen=True, slots=True)
class Sample:
    """All that is known of one image so far; what a stage gets to work on. `root` is the source's folder."""

    root: str
    image: ImageRecord
    page: Page | None = None
    caption: Caption | None = None
    pairs: tuple[Pair, ...] = ()
    losses: tuple[Losses, ...] = ()
    edits: tuple[HumanVerdict, ...] = ()


@dataclass(frozen=True, slots=True)
class ShardReport:
    """What happened to one shard in one stage. Goes into the stage's manifest.

    `calls` to `usd` are what the part rests on, whenever it was bought, so that they are the same after a crash;
    `models` has them by model. `bought_*` is what this run paid. `reused` counts the images whose rows were taken over
    from before some captions came later.
    """

    stage: str
    shard: int
    rows: int
    failed: int
    seconds: float
    images: int = 0
    calls: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    usd: float = 0.0
    cached: int = 0
    unpriced: int = 0
    models: dict[str, dict[str, float]] = field(default_factory=dict)
    bought_calls: int = 0
    bought_tokens: int = 0
    bought_usd: float = 0.0
    reused: int = 0
