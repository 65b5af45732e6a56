"""OCR engine `ensemble`: several engines read each picture, and their letters are voted on by calibrated confidence.

The member that has surely read most of a page comes first: its spans are the places that are voted on, the others'
words are laid on them (see `align`). What it missed and another engine is sure of is added. What the members dispute is
told with its place, and its confidence falls to what people's transcriptions say that such a line is worth (see
`calibration`).
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

from pydantic import Field, field_validator

from glossator.engines import registry
from glossator.engines.base import OcrEngine, Reading, Runtime, Session, Step
from glossator.engines.ocr import calibration
from glossator.engines.ocr.align import Place, Said, Slot, places, vote
from glossator.engines.ocr.complete import completeness
from glossator.engines.ocr.pages import PageSpec, pixels, plain
from glossator.engines.ocr.prepare import Prepared, prepared
from glossator.errors import RecipeError
from glossator.recipe import EngineSpec
from glossator.records import Evidence, Sample, Span
from glossator.results import Failed, Outcome

if TYPE_CHECKING:
    from glossator.engines.ocr.pages import Pixels

DEFAULT: tuple[dict[str, Any], ...] = (
    {"kind": "rapidocr", "view": "scaled"},
    {"kind": "rapidocr"},
    {"kind": "tesseract"},
)


class EnsembleSpec(PageSpec):
    """Which engines read, and what is believed."""

    kind: str = "ensemble"
    members: tuple[dict[str, Any], ...] = Field(
        DEFAULT,
        min_length=2,
        description="Two engines or more, each as a stage's engine, no two alike; the first one proves preparations.",
    )
    min_confidence: float = Field(
        0.0, ge=0, le=1, description="Voted lines that are less likely to be right are left out."
    )

    @field_validator("members")
    @classmethod
    def _of_engines(cls, members: tuple[dict[str, Any], ...]) -> tuple[dict[str, Any], ...]:
        if any(not isinstance(member.get("kind"), str) for member in members):
            raise ValueError("each member needs a kind, such as {kind: tesseract}")
        if any(member["kind"].startswith("ensemble") for member in members):
            raise ValueError("a member of an ensemble can't be an ensemble itself")
        if len({member_name(member) for member in members}) < len(members):
            raise ValueError("two members are of one kind and view")
        return members


@dataclass(frozen=True, slots=True)
class Voted:
    """What came out at a place: the line, and the other things that were said there, most believed first."""

    span: Span
    others: tuple[str, ...] = ()


class EnsembleOcr:
    """See `engines.base.OcrEngine`."""

    Spec: ClassVar[type[EnsembleSpec]] = EnsembleSpec
    version: ClassVar[int] = 1
    local_cpu: ClassVar[bool] = True

    def __init__(self, spec: EnsembleSpec, members: Sequence[OcrEngine]) -> None:
        self.spec = spec
        self.members = members
        self.names = [member_name(member) for member in spec.members]

    @classmethod
    def parallelism(cls, cores: int) -> tuple[int, int]:
        """One process a core, as its members have it."""
        return cores, 1

    @classmethod
    def identity(cls, spec: Any, step: Step) -> dict[str, Any]:
        """Its own settings, the members' identities, and the calibration."""
        members = []
        for member in spec.members:
            engine = EngineSpec.model_validate(member)
            kind = registry.engine_class("ocr", engine.kind)
            members.append(kind.identity(registry.parse_spec("ocr", engine), step))
        own = {key: value for key, value in plain(spec).items() if key != "members"}
        return {
            "spec": own,
            "members": members,
            "calibration": calibration.identity(),
            "version": cls.version,
            "step": step,
        }

    @classmethod
    def build(cls, spec: Any, runtime: Runtime) -> Self:
        """Raises the errors of the members' own `build`, and `RecipeError` if the first can't prove a preparation."""
        return cls(spec, cls.build_members(spec, runtime))

    @staticmethod
    def build_members(spec: EnsembleSpec, runtime: Runtime) -> list[OcrEngine]:
        """The live members. Raises as `build`."""
        members = [registry.build("ocr", EngineSpec.model_validate(member), runtime) for member in spec.members]
        if spec.prepare and not hasattr(members[0], "spans"):
            raise RecipeError(
                f"ensemble: {spec.members[0]['kind']} reads no pixels, so that it can't prove a preparation"
            )
        return members

    def read(self, samples: Sequence[Sample], session: Session) -> list[Outcome[Reading]]:
        """One reading a sample. It fails where all members fail, with the first one's reason."""
        quiet = replace(session, progress=lambda _done: None)
        readings: list[Outcome[Reading]] = []
        for sample in samples:
            readings.append(self._read(sample, quiet))
            session.progress(1)
        return readings

    def _read(self, sample: Sample, session: Session) -> Outcome[Reading]:
        if not self.spec.prepare:
            return self._voted(sample, session, list)
        page = pixels(Path(sample.root) / sample.image.path)
        if isinstance(page, Failed):
            return page
        read: Callable[[Pixels], Iterable[Span]] = self.members[0].spans  # type: ignore[attr-defined]
        try:
            better = prepared(page, self.spec.prepare, read)
        except Exception:  # native code raises what it likes; the picture is then read as it is
            return self._voted(sample, session, list)
        if not better.done:
            return self._voted(sample, session, list)
        with tempfile.TemporaryDirectory() as folder:
            return self._voted(_stored(sample, better, Path(folder)), session, better.back)

    def _voted(
        self, sample: Sample, session: Session, back: Callable[[Iterable[Span]], list[Span]]
    ) -> Outcome[Reading]:
        outcomes = [member.read([sample], session)[0] for member in self.members]
        read = [(name, one) for name, one in zip(self.names, outcomes, strict=True) if isinstance(one, Reading)]
        if not read:
            return outcomes[0]
        names, spans_of = ranked({name: one.spans for name, one in read})
        found = places(spans_of)
        voted = [one for one in combined(found, names) if one.span.confidence >= self.spec.min_confidence]
        spans = back([one.span for one in voted])
        disputes = back([Span("\n".join((v.span.text, *v.others)), v.span.box) for v in voted if v.others])
        return Reading(
            "ensemble",
            tuple(spans),
            complete=completeness(found, len(names)),
            disputed=tuple(Evidence(dispute.text, dispute.box) for dispute in disputes),
        )


def member_name(member: dict[str, Any]) -> str:
    """By what name a member is calibrated: its kind, and its view if it has another than the plain one."""
    view = member.get("view", "plain")
    return str(member["kind"]) if view == "plain" else f"{member['kind']}:{view}"


def _stored(sample: Sample, better: Prepared, folder: Path) -> Sample:
    """The sample with its prepared picture, in a folder of its own."""
    import cv2

    cv2.imwrite(str(folder / "page.png"), better.page, [cv2.IMWRITE_PNG_COMPRESSION, 1])
    height, width = better.page.shape[:2]
    image = replace(sample.image, path="page.png", width=width, height=height)
    return replace(sample, root=str(folder), image=image)


def ranked(readings: Mapping[str, Sequence[Span]]) -> tuple[list[str], list[Sequence[Span]]]:
    """Members and their readings, the one that has surely read most of this page first: its lines are the anchors."""

    def surely(name: str) -> float:
        return sum(
            max(0.0, 2 * calibration.probability(name, span.confidence) - 1) * sum(map(str.isalnum, span.text))
            for span in readings[name]
        )

    names = sorted(readings, key=lambda name: -surely(name))  # stable: equal ones stay in the spec's order
    return names, [readings[name] for name in names]


def combined(found: Sequence[Place], names: Sequence[str]) -> list[Voted]:
    """What the members read together; `names` are theirs, in the order of the readings that were aligned."""
    east_asian = any(_is_east_asian(said.text) for place in found for said in place.said if said.member == 0)
    voted = (
        _alone(place, names, east_asian=east_asian) if len(place.said) == 1 else _by_vote(place, names)
        for place in found
    )
    return [one for one in voted if one is not None and one.span.text]


def _alone(place: Place, names: Sequence[str], *, east_asian: bool) -> Voted | None:
    """What one member alone read, if it is sure enough, and if the first member saw such letters on the page at all."""
    (said,) = place.said
    name = names[said.member]
    trust = calibration.TRUST.get(name, calibration.UNKNOWN)
    if said.confidence < trust.alone:
        return None
    if said.member and (not _is_text(said.text) or (_is_east_asian(said.text) and not east_asian)):
        return None
    sure = calibration.final(*evidence_of(place, names)[1:])
    return Voted(Span(said.text, place.box, round(sure, 4)))


def _by_vote(place: Place, names: Sequence[str]) -> Voted:
    won = _won(place, names)
    text = " ".join("".join(slot.text for slot in won).split())
    sure = calibration.final(*evidence_of(place, names)[1:])
    disputed = any(slot.disputed and slot.counts for slot in won)
    ranked = sorted(place.said, key=lambda said: -_weights(names[said.member], said)[0])
    others = tuple(dict.fromkeys(said.text for said in ranked if said.text != text)) if disputed else ()
    return Voted(Span(text, place.box, round(sure, 4)), others)


def _won(place: Place, names: Sequence[str]) -> list[Slot]:
    return vote(
        [said.text for said in place.said], [_weights(names[said.member], said) for said in place.said], pivot=0
    )


def evidence_of(place: Place, names: Sequence[str]) -> tuple[float, float, float, float]:
    """What speaks for what came out at a place, as `calibration.final` takes it, after a 1 for the intercept.

    These are: what the anchor's curve says (log-odds), the share of letters that another member confirms and nobody
    disputes, and the share that somebody disputes.
    """
    first = place.said[0]
    own = calibration.log_odds(calibration.probability(names[first.member], first.confidence))
    if len(place.said) == 1:
        return 1.0, own, 0.0, 0.0
    slots = [slot for slot in _won(place, names) if slot.counts]
    disputed = sum(slot.disputed for slot in slots) / max(1, len(slots))
    return 1.0, own, 1.0 - disputed, disputed


def _weights(name: str, said: Said) -> tuple[float, float, float]:
    trust = calibration.TRUST.get(name, calibration.UNKNOWN)
    letters = trust.letters * calibration.weight(name, said.confidence)
    return letters, letters, letters * trust.blanks


def _is_text(text: str) -> bool:
    """Half of it at least letters and digits, and not the same few again and again, as engines read hatching."""
    if len(text) > 2 * len(set(text)) + 2 and len(set(text)) < 5:
        return False
    return 2 * sum(map(str.isalnum, text)) >= len(text.replace(" ", ""))


def _is_east_asian(text: str) -> bool:
    return any("\u3040" <= char <= "\u9fff" or "\uac00" <= char <= "\ud7af" for char in text)
