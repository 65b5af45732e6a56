"""The three families of engine. Each is a Protocol: a batch in, one outcome per row out, in the same order.

An engine is described by a small pydantic spec (which is hashed and travels to the worker) and built there by
`build(spec, runtime)`. To add one: write a class, name it in `registry.BUILTIN` (or in the entry-point group
`glossator.engines`), and add it to the contract tests of its family.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Protocol, Self

from pydantic import BaseModel, ConfigDict

from glossator.meter import Meter
from glossator.recipe import Endpoint, Price
from glossator.records import Box, Evidence, Pair, Sample, Span
from glossator.results import Outcome, Usage

Step = Literal["ocr", "enrich", "extract", "explain", "agree", "judge", "score", "repair"]


class Spec(BaseModel):
    """Base of every engine's spec: all that decides its output, nothing that says how it is reached or run."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str


@dataclass(frozen=True, slots=True)
class Runtime:
    """How an engine is run on this worker. Never hashed.

    `threads` is the number of CPU threads that the engine may use.
    """

    threads: int = 1
    endpoints: dict[str, Endpoint] = field(default_factory=dict)
    prices: dict[str, Price] = field(default_factory=dict)


class ReplyLog(Protocol):
    """Bought replies of one shard; see `glossator.replies`."""

    def get(self, key: str) -> dict[str, Any] | None:
        """The stored reply to the request with this key, or None."""

    def put(self, key: str, reply: dict[str, Any]) -> None:
        """Store a reply at once; it is on disk when this returns."""


def _no_progress(_done: int) -> None:
    """Progress that nobody watches."""


@dataclass(slots=True)
class Session:
    """What an engine may use during one batch, beside the rows.

    Attributes:
        replies: where every paid reply is looked up and kept.
        progress: call it with the number of samples that have just been finished.
        usage: by model, what the replies cost that this batch rests on, whenever they were bought; engines add to it.
        counted: keys of the replies in `usage`.
        bought: by model, what was bought now.
        meter: what this run buys; engines ask it before each request and tell it what they bought.
        retry: True when rows that failed before are being tried once more (bad replies are then not reused).
    """

    replies: ReplyLog
    progress: Callable[[int], None] = _no_progress
    usage: dict[str, Usage] = field(default_factory=dict)
    counted: set[str] = field(default_factory=set)
    bought: dict[str, Usage] = field(default_factory=dict)
    meter: Meter = field(default_factory=Meter)
    retry: bool = False

    @property
    def paid(self) -> Usage:
        """All that was bought now."""
        return sum(self.bought.values(), Usage())

    def buy(self, key: str, model: str, usage: Usage) -> None:
        """Count the reply of `model` to the request `key`, which has just been bought."""
        self.bought[model] = self.bought.get(model, Usage()) + usage
        self.meter.add(usage)
        self.counted.discard(key)  # bought a second time: both count
        self.used(key, model, usage)

    def used(self, key: str, model: str, usage: Usage) -> None:
        """Count a reply that this batch rests on, however often it is looked up."""
        if key not in self.counted:
            self.counted.add(key)
            self.usage[model] = self.usage.get(model, Usage()) + usage


class Engine(Protocol):
    """What all families share.

    Attributes:
        Spec: pydantic model of the engine's spec.
        version: bump it by hand when the same spec gives other output.
        local_cpu: True if the work burns this machine's cores (then it runs in spawned processes), False if it
            waits for a network or runs on an accelerator (then it runs in the main process).
    """

    Spec: ClassVar[type[Spec]]
    version: ClassVar[int]
    local_cpu: ClassVar[bool]

    @classmethod
    def parallelism(cls, cores: int) -> tuple[int, int]:
        """Worker processes, and threads for each, that use `cores` best. Read only where `local_cpu` is true."""

    @classmethod
    def build(cls, spec: Any, runtime: Runtime) -> Self:
        """Make the live engine. Raises `MissingExtraError` if its package is not installed."""

    @classmethod
    def identity(cls, spec: Any, step: Step) -> dict[str, Any]:
        """What of this engine decides the output of `step`, as plain JSON: the spec, the version, prompt texts."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What an OCR engine saw: spans in any order, and the name that the `ocr` table records.

    `complete` and `disputed` are those of `records.Page`.
    """

    engine: str
    spans: tuple[Span, ...]
    complete: float | None = None
    disputed: tuple[Evidence, ...] = ()


class OcrEngine(Engine, Protocol):
    """Reads the text of images."""

    def read(self, samples: Sequence[Sample], session: Session) -> list[Outcome[Reading]]:
        """One reading per sample, in order. An unreadable image is a `Failed`, an empty one a reading without spans."""


@dataclass(frozen=True, slots=True)
class PairDraft:
    """An extractive pair as a writer proposes it. `evidence` may be left empty: the stage then looks for it.

    `context`, `conversation` and `meta` are those of `records.Pair`; a `conversation` of None is one of its own.
    `quotes` are printed texts that the writer says the answer rests on, for answers that are not copied themselves;
    None where it was not asked for them.
    """

    question: str
    answer: str
    kind: str = ""
    evidence: tuple[Evidence, ...] = ()
    source_id: str = ""
    explain_question: str = ""
    explain_answer: str = ""
    context: str = ""
    conversation: int | None = None
    meta: str = ""
    quotes: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Explanation:
    """A self-explain turn: the question that asks how the answer was found, and its answer."""

    question: str
    answer: str


class Writer(Engine, Protocol):
    """Writes text about images. Each method gives one outcome per sample, in order."""

    @property
    def name(self) -> str:
        """What the tables record as the writer, such as `grounded` or `chat:gpt-4o`."""

    def name_for(self, sample: Sample) -> str:
        """The same for one sample; another only where an engine holds several writers."""

    def enrich(self, samples: Sequence[Sample], session: Session) -> list[Outcome[str]]:
        """The detail-enriched caption of each image. Samples carry `image.caption` and `page`."""

    def extract(
        self, samples: Sequence[Sample], max_pairs: int, session: Session
    ) -> list[Outcome[Sequence[Outcome[PairDraft]]]]:
        """At most `max_pairs` pairs an image, best first; fewer (or none) where the image does not hold more.

        A failure among them says that the rest could not be written; what was written before it is kept.
        """

    def explain(self, samples: Sequence[Sample], session: Session) -> list[Outcome[list[Outcome[Explanation]]]]:
        """One explanation for each of the sample's `pairs`, in their order."""


class Answerer(Engine, Protocol):
    """A writer that can also answer questions, for the stage `agree`."""

    @property
    def name(self) -> str:
        """See `Writer.name`."""

    def answer(self, samples: Sequence[Sample], session: Session) -> list[Outcome[list[Outcome[str]]]]:
        """One answer to the question of each of the sample's `pairs`, given without a look at theirs."""


Part = Literal["answer", "explanation"]


@dataclass(frozen=True, slots=True)
class Rejected:
    """A pair that the rules reject, which part of it is to be written anew, and their reasons."""

    pair: Pair
    part: Part
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Mended:
    """What a rejected pair should say. `evidence` and `quotes` are those of `PairDraft`."""

    question: str
    answer: str
    explain_question: str
    explain_answer: str
    evidence: tuple[Evidence, ...] = ()
    quotes: tuple[str, ...] | None = None


class Repairer(Engine, Protocol):
    """A writer that can also mend pairs, for the stage `repair`."""

    def name_for(self, sample: Sample) -> str:
        """See `Writer.name_for`."""

    def repair(
        self, samples: Sequence[Sample], rejected: Sequence[Sequence[Rejected]], session: Session
    ) -> list[Outcome[list[Outcome[Mended | None]]]]:
        """For each sample, one outcome for each of its rejected pairs; None for what can't be mended.

        Where the answer is rejected the question is asked again without a look at it (a printed text that it misreads
        counts too), where the explanation is, that alone is written anew.
        """


@dataclass(frozen=True, slots=True)
class Judgement:
    """Marks from 1 (bad) to 5 (without fault) for one pair, and its worst fault in a few words."""

    correct: float
    grounded: float
    clear: float
    useful: float
    problem: str = ""


class Judge(Engine, Protocol):
    """A writer that can also judge pairs, for the stage `judge`."""

    @property
    def name(self) -> str:
        """See `Writer.name`."""

    def judge(self, samples: Sequence[Sample], turn: int, session: Session) -> list[Outcome[list[Outcome[Judgement]]]]:
        """One judgement of each of the sample's `pairs`. Another `turn` shows them in another order."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One message of a conversation."""

    role: Literal["user", "assistant"]
    text: str


@dataclass(frozen=True, slots=True)
class LossItem:
    """A conversation whose assistant turns are to be scored.

    Attributes:
        image: the sample whose images (or, for a text model, OCR text) stand before the first turn; None for a
            conversation without the image.
        turns: the conversation. It may begin with an assistant turn: that text after an empty question.
        scored: indexes of the turns whose tokens are scored.
    """

    image: Sample | None
    turns: tuple[Turn, ...]
    scored: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class TurnLoss:
    """Sum of the negative log-likelihoods (nats) of one turn's tokens, and how many tokens that is.

    `by_token` has them one by one where the engine can tell, as (start, end, nll) with the characters `start:end` of
    the turn's text; else it is empty.
    """

    nll: float
    tokens: int
    by_token: tuple[tuple[int, int, float], ...] = field(default=(), compare=False)


class LossEngine(Engine, Protocol):
    """Measures how surprised a language model is by a text."""

    @property
    def name(self) -> str:
        """Model and revision, as the `losses` table records it."""

    @property
    def instrument(self) -> str:
        """`ocr-proxy` (a text model that reads OCR in place of pixels), `vision` or `text`; never mixed."""

    def losses(self, items: Sequence[LossItem], session: Session) -> list[Outcome[tuple[TurnLoss, ...]]]:
        """For each item, one loss for each index of `scored`. The same text has the same tokens in every item."""


__all__ = [
    "Answerer", "Box", "Engine", "Explanation", "Judge", "Judgement", "LossEngine", "LossItem", "Mended",
    "OcrEngine", "PairDraft", "Part", "Reading", "Rejected", "Repairer", "ReplyLog", "Runtime", "Session", "Spec",
    "Step", "Turn", "TurnLoss", "Writer",
]  # fmt: skip
