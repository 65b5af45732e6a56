"""Whether what is said of places is so: claims against the boxes of a page. Lenient at borders. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from glossator.layout.place import overlap_x, union
from glossator.places.claims import Claim, claims_of
from glossator.places.lines import is_counted, lines_hold
from glossator.places.page import PageText
from glossator.places.sentence import ANSWER, Ref
from glossator.records import Box, Evidence, Span
from glossator.text import fold

_MARGIN = 0.1  # of the page, by which a third may be missed
_HALF_MARGIN = 0.06
_CENTRE = {
    "top": (0.0, 1 / 3),
    "left": (0.0, 1 / 3),
    "bottom": (2 / 3, 1.0),
    "right": (2 / 3, 1.0),
    "middle": (1 / 3, 2 / 3),
}
_MOST_BETWEEN = 2  # texts that may stand between what is "directly" above and below
_BESIDE = 2.0  # line heights of blank between neighbours that stand one above the other


@dataclass(frozen=True, slots=True)
class Checked:
    """A claim and its verdict: true, false, or None where nothing tells."""

    claim: Claim
    true: bool | None


@dataclass
class _Looker:
    """One page, the answer's boxes, and what has been looked up."""

    page: PageText
    answer: str
    evidence: Sequence[Evidence]
    known: dict[Ref, list[Box]] = field(default_factory=dict)

    def boxes(self, ref: Ref) -> list[Box]:
        if ref not in self.known:
            same = ref.is_answer or fold(ref.text) == fold(self.answer)
            self.known[ref] = self._answer() if same else self.page.find(ref.text, whole_words=ref.soft)
        return self.known[ref]

    def _answer(self) -> list[Box]:
        """Each piece of the evidence, and all of it; of a piece only what is the answer."""
        if not self.evidence:
            return self.page.find(self.answer)
        pieces = [self._part(piece) for piece in self.evidence]
        return pieces if len(pieces) == 1 else [*pieces, union(pieces)]

    def _part(self, piece: Evidence) -> Box:
        alone = PageText((Span(piece.text, piece.box),), self.page.width, self.page.height)
        found = alone.find(self.answer) if len(self.evidence) == 1 else []
        return found[0] if found else piece.box


def check(text: str, question: str, answer: str, evidence: Sequence[Evidence], page: PageText) -> list[Checked]:
    """The claims about places in an explanation, each with its verdict.

    Args:
        text: the explanation.
        question, answer: of the pair.
        evidence: where the answer stands.
        page: what is printed, and where.
    """
    claims = claims_of(text, question)
    if not claims or not page.spans:
        return [Checked(claim, None) for claim in claims]
    looker = _Looker(page, answer, evidence)
    return [Checked(claim, _verdict(claim, looker)) for claim in claims]


def share_true(checked: Iterable[Checked]) -> float | None:
    """True claims among those that could be decided; None where there is none."""
    decided = [one.true for one in checked if one.true is not None]
    return sum(decided) / len(decided) if decided else None


def _verdict(claim: Claim, looker: _Looker) -> bool | None:
    subjects = [box for ref in claim.subjects for box in looker.boxes(ref)]
    if not subjects:
        return None
    page = looker.page
    if claim.relation == "zone":
        return any(_in_zone(box, claim.zone, page) for box in _with_unions(claim, looker, subjects))
    if claim.relation == "ordinal":
        counted = [is_counted(box, claim.ordinal, claim.axis, page) for box in subjects]
        return None if all(one is None for one in counted) else any(counted)
    if claim.relation in ("row_end", "colon_after", "colon_before"):
        told = [lines_hold(claim, box, page) for box in subjects]
        return None if all(one is None for one in told) else any(told)
    anchors = [looker.boxes(ref) for ref in claim.anchors]
    if claim.relation == "between":
        if len(anchors) != 2 or not all(anchors):
            return None
        return any(_between(box, one, other) for box in subjects for one in anchors[0] for other in anchors[1])
    pairs = _apart(subjects, anchors)
    if not pairs and all(anchors):  # 'prints 12 once, above "2017"', where "2017" is the answer
        others = [box for ref in claim.others for box in looker.boxes(ref)]
        pairs = _apart(others, anchors)
    return any(_related(claim, box, anchor, page) for box, anchor in pairs) if pairs else None


def _apart(subjects: list[Box], anchors: list[list[Box]]) -> list[tuple[Box, Box]]:
    """All pairs of boxes but those that are one text."""
    return [(box, anchor) for box in subjects for found in anchors for anchor in found if not _same(box, anchor)]


def _same(box: Box, other: Box) -> bool:
    return _inside(box, other) and _inside(other, box)


def _with_unions(claim: Claim, looker: _Looker, subjects: list[Box]) -> list[Box]:
    """A label and the answer on its line are one thing: its place is theirs together, or that of either."""
    if ANSWER in claim.subjects:
        return [*subjects, *(piece.box for piece in looker.evidence)]
    joined = []
    for answer in looker.boxes(ANSWER):
        joined += [union([box, answer]) for box in subjects if looker.page.on_one_line(box, answer)]
    return subjects + joined


# Zones


def _in_zone(box: Box, zone: tuple[str, ...], page: PageText) -> bool:
    """By the page's own size or by what is printed on it: a receipt may stand in a corner of its photo."""
    whole = (0.0, 0.0, float(page.width), float(page.height))
    return any(_in_frame(box, zone, frame) for frame in (whole, page.extent))


def _in_frame(box: Box, zone: tuple[str, ...], frame: Box) -> bool:
    x = ((box[0] + box[2]) / 2 - frame[0]) / max(1.0, frame[2] - frame[0])
    y = ((box[1] + box[3]) / 2 - frame[1]) / max(1.0, frame[3] - frame[1])
    half = "half" in zone
    sides = [part for part in zone if part in ("left", "right")]
    levels = [part for part in zone if part in ("top", "bottom")]
    middle = "middle" in zone
    # "The middle right", "the top centre": the middle of what is left open; alone, of the height.
    along_y = [*levels, *(["middle"] if middle and (sides or not levels) else [])]
    along_x = [*sides, *(["middle"] if middle and levels and not sides else [])]
    return all(_near(y, part, half=half) for part in along_y) and all(_near(x, part, half=half) for part in along_x)


def _near(share: float, part: str, *, half: bool) -> bool:
    low, high = _CENTRE[part]
    margin = _MARGIN
    if half and part != "middle":
        low, high = (0.0, 0.5) if low == 0.0 else (0.5, 1.0)
        margin = _HALF_MARGIN
    return low - margin <= share <= high + margin


# Relations between two boxes


def _related(claim: Claim, box: Box, anchor: Box, page: PageText) -> bool:
    height = page.line_height
    if claim.relation == "below":
        return _under(box, anchor, page, direct=claim.direct)
    if claim.relation == "above":
        return _under(anchor, box, page, direct=claim.direct)
    if claim.relation == "right":
        return _right(box, anchor, page)
    if claim.relation == "left":
        return _right(anchor, box, page)
    if claim.relation == "line":
        return page.on_one_line(box, anchor) or _level(box, anchor)
    if claim.relation == "row":
        return page.on_one_line(box, anchor) or _level(box, anchor)
    if claim.relation == "beside":
        return page.on_one_line(box, anchor) or _level(box, anchor) or _gap(box, anchor) <= _BESIDE * height
    if claim.relation == "column":
        return _below(box, anchor, height) and _same_column(box, anchor, page)
    if claim.relation == "label":
        below = _below(box, anchor, height)
        return below or (page.on_one_line(box, anchor) and _middle_x(box) > _middle_x(anchor))
    if claim.relation in ("after", "before"):
        first, second = (anchor, box) if claim.relation == "after" else (box, anchor)
        return _reads_after(second, first, page)
    return page.on_one_line(box, anchor) or _inside(box, anchor) or _inside(anchor, box)


def _middle_x(box: Box) -> float:
    return (box[0] + box[2]) / 2


def _middle_y(box: Box) -> float:
    return (box[1] + box[3]) / 2


def _below(box: Box, anchor: Box, line: float) -> bool:
    return _middle_y(box) - _middle_y(anchor) > 0.35 * min(line, box[3] - box[1], anchor[3] - anchor[1])


def _under(box: Box, anchor: Box, page: PageText, *, direct: bool) -> bool:
    """Below, and not beside it on a line that is a little askew."""
    if not _below(box, anchor, page.line_height) or (page.on_one_line(box, anchor) and not overlap_x(box, anchor)):
        return False
    if not direct:
        return True
    both = union([box, anchor])
    between = [span.box for span in page.spans if anchor[3] <= _middle_y(span.box) <= box[1]]
    return sum(overlap_x(one, both) > 0 for one in between) <= _MOST_BETWEEN


def _right(box: Box, anchor: Box, page: PageText) -> bool:
    if page.on_one_line(box, anchor) or _level(box, anchor):
        return _middle_x(box) > _middle_x(anchor)
    beyond = box[0] >= anchor[2] - 0.25 * min(box[2] - box[0], anchor[2] - anchor[0])
    return beyond and abs(_middle_y(box) - _middle_y(anchor)) <= max(3 * page.line_height, 0.1 * page.height)


def _level(box: Box, anchor: Box) -> bool:
    """Whether the middle of one lies within the height of the other."""
    return anchor[1] <= _middle_y(box) <= anchor[3] or box[1] <= _middle_y(anchor) <= box[3]


def _gap(box: Box, anchor: Box) -> float:
    """The blank between two boxes in pixels, the larger of both directions."""
    across = max(box[0], anchor[0]) - min(box[2], anchor[2])
    down = max(box[1], anchor[1]) - min(box[3], anchor[3])
    return max(across, down, 0.0)


def _same_column(box: Box, anchor: Box, page: PageText) -> bool:
    near = abs(_middle_x(box) - _middle_x(anchor)) <= max(anchor[2] - anchor[0], box[2] - box[0], 0.08 * page.width)
    return overlap_x(box, anchor) > 0 or near


def _reads_after(box: Box, earlier: Box, page: PageText) -> bool:
    """Whether `box` comes later when the page is read: further down, or further right on the line."""
    if page.on_one_line(box, earlier) or _level(box, earlier):
        return _middle_x(box) > _middle_x(earlier)
    return _middle_y(box) > _middle_y(earlier)


def _inside(box: Box, outer: Box) -> bool:
    return outer[0] <= _middle_x(box) <= outer[2] and outer[1] <= _middle_y(box) <= outer[3]


def _between(box: Box, first: Box, second: Box) -> bool:
    down = sorted((_middle_y(first), _middle_y(second)))
    across = sorted((_middle_x(first), _middle_x(second)))
    return down[0] < _middle_y(box) < down[1] or (
        across[0] < _middle_x(box) < across[1] and _level(box, union([first, second]))
    )
