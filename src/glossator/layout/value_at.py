"""The value that stands at a label somebody names: beside it, behind its colon, or below it. Pure functions.

The way round from `layout.labels`, which finds labels: here the label is known, misread or without a colon, and the
question is what of its surroundings belongs to it. Where that is not sure there is no value.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from rapidfuzz import fuzz

from glossator.layout.facts import Fact, Relation
from glossator.layout.label_places import BARE, END, ITEM, LABEL_INSIDE, MARKED, Label, capitals, is_label, label_places
from glossator.layout.labels import typed_by_label
from glossator.layout.place import overlap_x, union
from glossator.layout.plausible import may_be, misread, names_itself
from glossator.layout.reading_order import lines
from glossator.records import Box, Span
from glossator.text import fold

_NEAR, _NEAR_BARE = 16.0, 12.0  # line heights to the right of a label, with a colon and without, where a value begins
_SURE = 0.75
_JOINED = 1.2  # line heights of blank within one value
_APART = 4.0  # line heights of blank behind which something else begins
_LINES = 8  # of one value


def value_at(label: str, spans: Sequence[Span], *, exact: bool = False) -> Fact | None:
    """The value of a label as one fact; None where the page has no such label, or leaves open what belongs to it.

    `exact` wants the label printed just so, with a colon.
    """
    rows = lines([span for span in spans if not _upright(span)])
    places = list(label_places(label, rows))
    if exact:
        places = [place for place in places if place.marked and place.score >= MARKED]
    if ITEM.match(label) or not places:
        return None  # a numbered line of a form: what belongs to it is a tick
    best = max(place.score for place in places)
    chosen = [place for place in places if place.score >= min(best, MARKED)]
    found = [fact for place in chosen if (fact := _value(label, place, rows)) is not None]
    return found[0] if len({fold(fact.value) for fact in found}) == 1 else None


def _value(label: str, place: Label, rows: Sequence[Sequence[Span]]) -> Fact | None:
    row = rows[place.row]
    behind = row[place.after :]
    if fold(place.rest):
        # Without a colon, figures or a change from capitals to small letters part the label from its value.
        contrast = capitals(place.spans[0].text[: len(label)]) and not capitals(place.rest)
        sure = place.score != BARE or contrast or any(map(str.isdigit, place.rest))
        return _inline(label, place, rows) if sure else None
    if _headed(row, rows, place.row):
        entry = _entry(place, rows)
        return _fact(label, entry, "below", place) if entry else None
    column = _typed_below(label, place, rows)
    if behind and not is_label(behind[0], place) and _near(place, behind[0]):
        if column:  # beside it or below it: one of the two belongs to another label
            return None
        run = _run(place, behind)
        if not run or _crossed(run, rows):
            return None
        more = _continued(run, place, rows)
        return None if _goes_on(run, more, place, rows) else _fact(label, [*run, *more], "right", place)
    if column:
        return _fact(label, column, "below", place)
    if not place.marked:
        return None
    run = _askew(place, rows)
    if run:
        return _fact(label, run, "right", place)
    paragraph = _paragraph(place, rows)
    return _fact(label, paragraph, "below", place) if paragraph else None


def _crossed(run: Sequence[Span], rows: Sequence[Sequence[Span]]) -> bool:
    """Whether something else is written into the value."""
    box = union([span.box for span in run])
    height = box[3] - box[1]
    return any(
        span not in run
        and overlap_x(box, span.box) > 0.3
        and min(box[3], span.box[3]) - max(box[1], span.box[1]) > 0.35 * height
        for row in rows
        for span in row
    )


def _goes_on(run: Sequence[Span], more: Sequence[Span], place: Label, rows: Sequence[Sequence[Span]]) -> bool:
    """Whether the value seems to go on in a line that begins between its label and itself."""
    last = more[-1] if more else run[-1]
    number = next((i for i, row in enumerate(rows) if last in row), len(rows)) + 1
    left, height = place.spans[0].box[0], last.box[3] - last.box[1]
    return any(
        left + 2 * height < row[0].box[0] < run[0].box[0] + 2 * height
        and -height < row[0].box[1] - last.box[3] < 1.5 * height
        and not is_label(row[0], place)
        for row in rows[number : number + 2]
    )


def _askew(place: Label, rows: Sequence[Sequence[Span]]) -> list[Span]:
    """The value that somebody wrote by hand a little above or below the line of its label."""
    box = place.spans[-1].box
    for row in rows:
        beside = [
            i for i, span in enumerate(row)
            if span.box[0] > box[2] - 3
            and min(box[3], span.box[3]) - max(box[1], span.box[1]) > 0.2 * (box[3] - box[1])
        ]  # fmt: skip
        if beside and not is_label(row[beside[0]], place) and _near(place, row[beside[0]]):
            return _run(place, row[beside[0] :]) or []
    return []


def _paragraph(place: Label, rows: Sequence[Sequence[Span]]) -> list[Span]:
    """Running text that begins on the line after its label."""
    if place.row + 1 >= len(rows) or place.after < len(rows[place.row]):
        return []
    line, box = rows[place.row + 1][0], place.spans[0].box
    height = box[3] - box[1]
    if not box[0] - height < line.box[0] < box[2] + 6 * height or line.box[1] - box[3] > 1.2 * height:
        return []
    words = len(line.text.split())
    if is_label(line, place) or words < 4 or len(rows[place.row + 1]) > 1:
        return []
    start = Label((line,), place.row + 1, 1, "", place.score, marked=True)
    found = [line, *_continued([line], start, rows)]
    return found if found[-1].text.rstrip().endswith((".", "!", "?", ")")) else []


def _inline(label: str, place: Label, rows: Sequence[Sequence[Span]]) -> Fact | None:
    row, span = rows[place.row], place.spans[0]
    after = row[place.after : place.after + 1]
    if LABEL_INSIDE.search(place.rest):
        return None
    pieces = [span]
    if after and not is_label(after[0], place):
        if _gap(span, after[0]) > _JOINED:
            return None if not END.search(after[0].text) and _gap(span, after[0]) < 3 else _whole(label, place, rows)
        run = _run(place, row[place.after :])
        if run is None:
            return None
        pieces += run
    more = _continued(pieces, place, rows)
    text = " ".join([place.rest, *(one.text.strip() for one in (*pieces[1:], *more))])
    return _made(label, text, "same_line", [*pieces, *more], place)


def _whole(label: str, place: Label, rows: Sequence[Sequence[Span]]) -> Fact | None:
    more = _continued(place.spans, place, rows)
    text = " ".join([place.rest, *(one.text.strip() for one in more)])
    return _made(label, text, "same_line", [*place.spans, *more], place)


def _run(place: Label, behind: Sequence[Span]) -> list[Span] | None:
    """The spans of the line that make the value: up to the next label; None if it is not sure where it ends."""
    run = [behind[0]]
    for span in behind[1:]:
        if is_label(span, place):
            break
        gap = _gap(run[-1], span)
        if gap <= _JOINED or _same_form([*run, span]):
            run.append(span)
        elif gap > _APART and place.marked and not any(map(str.isdigit, run[0].text)):
            break
        else:
            return None
    return run


def _same_form(run: Sequence[Span]) -> bool:
    """Whether spans are the entries of one line of a table: figures of one form, or nearly the same words."""
    forms = {re.sub(r"\d+", "9", span.text.strip()) for span in run}
    figures = any(map(str.isdigit, run[0].text)) and len(forms) == 1
    return figures or all(fuzz.ratio(fold(run[0].text), fold(span.text)) > 80 for span in run[1:])


def _below(place: Label, rows: Sequence[Sequence[Span]]) -> list[Span]:
    """The lines right below a label that stand under it alone."""
    box = place.box
    height = box[3] - box[1]
    found: list[Span] = []
    bottom, reach = box[3], 1.6
    for row in rows[place.row + 1 : place.row + 1 + _LINES]:
        under = [span for span in row if overlap_x(box, span.box) > 0.4]
        if not under:
            if row[0].box[1] - bottom > reach * height:
                break
            continue
        if len(under) > 1 or under[0].box[1] - bottom > reach * height or is_label(under[0], place):
            break
        found.append(under[0])
        bottom, reach = under[0].box[3], 0.6
    return found


def _typed_below(label: str, place: Label, rows: Sequence[Sequence[Span]]) -> list[Span]:
    """The one line below a label that has the form of a value; text there may be anything."""
    found = _below(place, rows)
    if len(found) != 1 or _more(place.box, found, rows):  # several are a column
        return []
    sort = typed_by_label(label, found[0].text)
    return [] if sort in ("text", "organisation", "identifier", "number") else found


def _entry(place: Label, rows: Sequence[Sequence[Span]]) -> list[Span]:
    """The one entry of the column that a label heads, in one line or two; nothing where there are more."""
    found = _below(place, rows)
    box, others = place.box, [span for span in rows[place.row] if span not in place.spans]
    full = any(found[1:2] == [span] and len(row) >= len(rows[place.row]) for row in rows for span in row)
    alone = not full and not any(overlap_x(span.box, other.box) > 0 for span in found for other in others)
    return found if 0 < len(found) <= 2 and alone and not _more(box, found, rows) else []


def _more(box: Box, found: Sequence[Span], rows: Sequence[Sequence[Span]]) -> bool:
    """Whether the column goes on after its first entry."""
    last = found[-1].box
    reach = 4 * (last[3] - last[1])
    return any(
        0 < span.box[1] - last[3] + 2 < reach and overlap_x(box, span.box) > 0.3
        for row in rows for span in row if span not in found
    )  # fmt: skip


def _headed(row: Sequence[Span], rows: Sequence[Sequence[Span]], number: int) -> bool:
    """Whether a line is a line of headings: its neighbours are written alike, and each has something below it."""
    if len(row) < 2 or any(any(map(str.isdigit, span.text)) for span in row):
        return False
    below = rows[number + 1] if number + 1 < len(rows) else []
    over = [span for span in row if any(overlap_x(span.box, other.box) > 0.3 for other in below)]
    return len(over) == len(row) == len(below) and all(span.text.isupper() for span in row)


def _continued(run: Sequence[Span], place: Label, rows: Sequence[Sequence[Span]]) -> list[Span]:
    """Further lines of a value: they begin where it begins, or, in running text, where its label begins."""
    first = run[0]
    height = first.box[3] - first.box[1]
    starts = [first.box[0]] if first not in place.spans else [place.spans[0].box[0]]
    if len(" ".join(span.text for span in run).split()) >= 6:
        starts.append(place.spans[0].box[0])
    found: list[Span] = []
    bottom = first.box[3]
    for row in rows[place.row + 1 : place.row + _LINES]:
        line = row[0]
        begins = any(abs(line.box[0] - start) < 1.2 * height for start in starts)
        if not begins or line.box[1] - bottom > 0.6 * height or is_label(line, place):
            break
        found += _together(row, place)
        bottom = line.box[3]
    return found


def _together(row: Sequence[Span], place: Label) -> list[Span]:
    """The spans of a line up to a wide blank or a label."""
    found = [row[0]]
    for span in row[1:]:
        if _gap(found[-1], span) > _APART or is_label(span, place):
            break
        found.append(span)
    return found


def _upright(span: Span) -> bool:
    """A number up the side of a page belongs to no line."""
    return len(span.text) > 3 and span.box[3] - span.box[1] > 1.5 * (span.box[2] - span.box[0])


def _near(place: Label, span: Span) -> bool:
    label = place.spans[-1].box
    return span.box[0] - label[2] < (_NEAR if place.marked else _NEAR_BARE) * (label[3] - label[1])


def _gap(left: Span, right: Span) -> float:
    """Blank between two spans of a line, in line heights."""
    return (right.box[0] - left.box[2]) / max(1.0, min(left.box[3] - left.box[1], right.box[3] - right.box[1]))


def _fact(label: str, run: Sequence[Span], relation: Relation, place: Label) -> Fact | None:
    return _made(label, " ".join(span.text.strip() for span in run), relation, run, place)


def _made(label: str, text: str, relation: Relation, run: Sequence[Span], place: Label) -> Fact | None:
    value = text.strip(" ,;:")
    if not fold(value) or "__" in value or names_itself(label, value) or misread(value):
        return None
    if not may_be(label, value):
        return None
    alike = 1.0 if place.score == BARE else place.score / 100
    confidence = min(span.confidence for span in (*run, *place.spans)) * alike
    if confidence < _SURE:
        return None
    return Fact(label, value, typed_by_label(label, value), relation, tuple(run), place.spans, confidence=confidence)
