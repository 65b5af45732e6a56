"""What an explanation says of places, as claims that can be checked. Linear in the text's length. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from glossator.places import words as w
from glossator.places.sentence import ANSWER, Ref, Sentence
from glossator.places.tokens import Token, sentences
from glossator.places.words import Relation

MAX_CLAIMS = 40
Axis = Literal["rows", "columns"]


@dataclass(frozen=True, slots=True)
class Claim:
    """One thing that is said of a place.

    Attributes:
        relation: what is said.
        subjects: of what; one of them is meant.
        anchors: in relation to what; one of them is meant. For `between` both are.
        zone: for `zone`, its parts ("top", "right", "middle"), with "half" where a half is named.
        ordinal: for "the third row" 3, from the end if below zero.
        axis: what an ordinal counts.
        direct: whether nothing is said to stand between ("directly below").
        others: texts named before, in case subject and anchor turn out to be the same.
        words: the claim's own words.
        start, end: where they stand in the explanation.
    """

    relation: Relation | Literal["ordinal"]
    subjects: tuple[Ref, ...]
    anchors: tuple[Ref, ...] = ()
    zone: tuple[str, ...] = ()
    ordinal: int = 0
    axis: Axis = "rows"
    direct: bool = False
    others: tuple[Ref, ...] = ()
    words: str = ""
    start: int = 0
    end: int = 0

    @property
    def sort(self) -> str:
        """Its sort in reports: zone, side (above, right of, ...), line, table, order, colon, ordinal, between."""
        return _SORTS.get(self.relation, "side")


_SORTS = {
    "zone": "zone", "line": "line", "row": "line", "row_end": "line", "column": "table", "label": "table",
    "after": "order", "before": "order", "colon_after": "colon", "colon_before": "colon", "between": "between",
    "ordinal": "ordinal", "within": "line", "beside": "side",
}  # fmt: skip


def claims_of(text: str, question: str = "") -> list[Claim]:
    """All that `text` says of places. `question` tells which words mean the answer ("total" where it is asked for)."""
    asked = frozenset(re.findall(r"[^\W\d_]+", question.lower())) - w.COMMON
    found: list[Claim] = []
    before: list[Token] = []  # named texts so far, the latest last
    for sentence in sentences(text):
        found += _Reader(text, sentence, asked, before).claims()
        before += [token for token in sentence if token.kind in ("quote", "name")]
    return found[:MAX_CLAIMS]


class _Reader(Sentence):
    """Finds the claims of a sentence."""

    def claims(self) -> list[Claim]:
        found: list[Claim] = []
        at = 0
        while at < len(self.tokens) and len(found) < MAX_CLAIMS:
            claim, at = self._at(at)
            if claim is not None:
                found.append(claim)
        return found

    def _at(self, at: int) -> tuple[Claim | None, int]:
        """The claim that begins at a token, if any, and where to go on."""
        if self.tokens[at].kind != "word":
            return None, at + 1
        for read in (self._backward, self._relation, self._ordinal, self._header, self._zone):
            claim, end = read(at)
            if end > at:
                return (None if claim is None or self.denied(at) else claim), end
        return None, at + 1

    # Relations

    def _relation(self, at: int) -> tuple[Claim | None, int]:
        length = next((n for n in range(w.LONGEST, 0, -1) if self.phrase(at, n) in w.RELATIONS), 0)
        if not length:
            return None, at
        relation, complete = w.RELATIONS[self.phrase(at, length)]
        end = at + length
        if relation == "none":
            return None, end
        if relation == "row_end":
            return self._row_end(at, end), end
        if relation in ("colon_after", "colon_before"):
            return Claim(relation, self.subjects(at), **self.said(at, end)), end
        if complete:
            return self._side(relation, at, end)
        if (relation in ("right", "left") and self._of_page(end)) or (relation == "beside" and self._is_zone(end)):
            return None, at  # "on the right of the page": a zone
        if relation == "between":
            return self._between(at, end)
        anchors, end = self.anchors(end, at)
        if not anchors and (relation == "line" or (relation in ("above", "below") and self._hangs(at, end))):
            anchors = self.earlier(at)
        if not anchors or (self.word(at) == "over" and (anchors[0].soft or not self._placed(at))):
            return None, end
        return self._related(relation, at, end, anchors)

    def _placed(self, at: int) -> bool:
        """Whether "over" tells a place ("printed over") and no amount."""
        return self.word(at - 1) in w.VERBS | w.DIRECT or self.word(at - 1).endswith("ed")

    def _hangs(self, at: int, end: int) -> bool:
        """Whether "above" has nothing behind it and a verb before it ("stands just above")."""
        before = at - 1 if self.word(at - 1) not in w.DIRECT else at - 2
        return not self.word(end) and self.word(before) in w.VERBS

    def _backward(self, at: int) -> tuple[Claim | None, int]:
        """ "X" starts the row, "Y" heads the column."""
        for length in (4, 3):
            relation = w.BACKWARD.get(self.phrase(at, length))
            if relation and at and self.tokens[at - 1].kind in ("quote", "name"):
                anchors = (Ref(self.tokens[at - 1].text),)
                self.anchors_used.add(at - 1)
                end = at + length
                return Claim(relation, (ANSWER,), anchors, **self.said(at - 1, end)), end
        return None, at

    def _related(self, relation: Relation, at: int, end: int, anchors: tuple[Ref, ...]) -> tuple[Claim, int]:
        stated = self.inverted(at, end)
        subjects = (stated,) if stated is not None else self.subjects(at)
        if anchors == (ANSWER,) and subjects == (ANSWER,):  # "the value stands right below it": below what was named
            anchors = self.earlier(at)
        direct = self.word(at - 1) in w.DIRECT or self.word(at) in w.DIRECT
        self.last_subjects = subjects
        others = tuple(Ref(token.text) for token in self.tokens[:at] if token.kind in ("quote", "name"))[-1:]
        return Claim(relation, subjects, anchors, direct=direct, others=others, **self.said(at, end)), end

    def _side(self, relation: Relation, at: int, end: int) -> tuple[Claim | None, int]:
        """ "To its right", "to the right": of what was named last."""
        if self.word(end) in ("hand", "side", "corner", "half", "edge", "until", "leads", "end"):
            if self.word(end) in ("until", "leads"):
                anchors = self.earlier(at)
                return (Claim(relation, (ANSWER,), anchors, **self.said(at, end)) if anchors else None), end
            return None, at
        anchors = self.earlier(at)
        if not anchors or (self.word(at - 1) in ("left", "right") or self.word(at - 2) == "from"):
            return None, end
        return self._related(relation, at, end, anchors)

    def _between(self, at: int, end: int) -> tuple[Claim | None, int]:
        first, end = self.anchors(end, at)
        while end < len(self.tokens) and self.word(end) in ("line", "lines", "label", "row", "heading", "column"):
            end += 1
        if not first or self.word(end) not in ("and", "&"):
            return None, end
        second, end = self.anchors(end + 1, at)
        if not second:
            return None, end
        anchors = (first[0], second[0])
        return Claim("between", self.subjects(at), anchors, **self.said(at, end)), end

    def _row_end(self, at: int, end: int) -> Claim:
        words = set(self.phrase(at, end - at))
        left = words & {"left", "beginning", "start"}
        zone = ("left",) if left else ("right",)
        return Claim("row_end", self.subjects(at), zone=zone, **self.said(at, end))

    # Tables

    def _header(self, at: int) -> tuple[Claim | None, int]:
        """The row or column that a quote names: 'where row "X" meets column "Y"', 'the "Y" column'."""
        word = self.word(at)
        if word in ("row", "column"):
            anchors, end = self._named_next(at + 1)
            if not anchors and at and self.tokens[at - 1].kind in ("quote", "name") and at - 1 not in self.anchors_used:
                self.anchors_used.add(at - 1)
                anchors, end = (Ref(self.tokens[at - 1].text),), at + 1
            relation: Relation = "column" if word == "column" else "row"
        elif word == "for" and self._in_table() and self._quote(at + 1):
            anchors, end, relation = (Ref(self.tokens[at + 1].text),), at + 2, "row"
            self.anchors_used.add(at + 1)
        else:
            return None, at
        if not anchors:
            return None, at
        return Claim(relation, (ANSWER,), anchors, **self.said(at, end)), end

    def _named_next(self, at: int) -> tuple[tuple[Ref, ...], int]:
        """The quote that names a row or column ("row", 'labelled "X"')."""
        for i in range(at, at + 5):
            if self._quote(i):
                self.anchors_used.add(i)
                return (Ref(self.tokens[i].text),), i + 1
            if self.word(i) not in w.NAMING:
                break
        return (), at

    def _quote(self, at: int) -> bool:
        return at < len(self.tokens) and self.tokens[at].kind == "quote"

    def _in_table(self) -> bool:
        """Whether the sentence speaks of a table's column."""
        return any(self.word(i) in ("column", "cell") for i in range(len(self.tokens)))

    # Ordinals

    def _ordinal(self, at: int) -> tuple[Claim | None, int]:
        """ "The second row", "the third line from the bottom", "row 4", "the last column"."""
        number, end = self._number(at)
        if number is None:
            return self._numbered(at)
        if self.phrase(end, 3) in (("line", "of", "text"), ("row", "of", "text")):
            return self._counted(at, end + 3, number, "rows"), end + 3
        while self.word(end) in ("text", "printed", "data", "table", "numbered", "listed", "visible", "full"):
            end += 1
        things = self.word(end)
        if things not in w.ROWS | w.COLUMNS:
            return None, at
        end += 1
        if self.phrase(end, 3) in (("from", "the", "bottom"), ("from", "the", "right"), ("from", "the", "end")):
            number, end = -number, end + 3
        elif self.phrase(end, 3) in (("from", "the", "top"), ("from", "the", "left")):
            end += 3
        if self.word(end) == "of" and self.word(end + 2) not in w.PAGE | {"table", "list", "items", "grid", "entries"}:
            return None, end  # of something whose lines nobody knows
        axis: Axis = "columns" if things in w.COLUMNS else "rows"
        if self.word(end) in ("of", "in"):
            end += 1
        return self._counted(at, end, number, axis), end

    def _number(self, at: int) -> tuple[int | None, int]:
        word = self.word(at)
        digits = re.fullmatch(r"(\d{1,3})(?:st|nd|rd|th)", word)
        number = int(digits[1]) if digits else w.ORDINALS.get(word)
        if number is None:
            return None, at
        if number > 0 and self.word(at + 1) == "to" and self.word(at + 2) == "last":
            return -number, at + 3
        if number > 0 and self.word(at + 1) == "last":
            return -number, at + 2
        return number, at + 1

    def _numbered(self, at: int) -> tuple[Claim | None, int]:
        """ "Line 4", "row three"."""
        if self.word(at) not in w.ROWS | w.COLUMNS or at + 1 >= len(self.tokens):
            return None, at
        if self.word(at + 1) == "number" and at + 2 < len(self.tokens):
            at += 1
        text = self.tokens[at + 1].text
        number = int(text) if re.fullmatch(r"[1-9]\d?", text) else w.NUMBERS.get(text)
        if number is None or self.tokens[at + 1].kind == "quote":
            return None, at
        return self._counted(at, at + 2, number, "columns" if self.word(at) in w.COLUMNS else "rows"), at + 2

    def _counted(self, at: int, end: int, number: int, axis: Axis) -> Claim:
        stated = self.inverted(at, end)
        subjects = (stated,) if stated is not None else self.subjects(at)
        return Claim("ordinal", subjects, ordinal=number, axis=axis, **self.said(at, end))

    # Zones

    def _zone(self, at: int) -> tuple[Claim | None, int]:
        """ "At the top right", "in the lower half of the receipt", "on the left-hand side"."""
        zone, end, part = self._zone_words(at)
        if not zone:
            return None, at
        if not (part or self._led(at) or len(zone) > 1) or not self._ends(end):
            return None, end
        if self.word(end) == "of" and not self._of_page(end + 1):
            return None, end  # of a table, a bar: of something whose place nobody knows
        claim = Claim("zone", self.zone_subjects(at), zone=zone, **self.said(at, end))
        return claim, end

    def _is_zone(self, at: int) -> bool:
        """Whether a zone is named behind "close to"."""
        start = at + 1 if self.word(at) in ("the", "its") else at
        return bool(self._zone_words(start)[0])

    def _zone_words(self, at: int) -> tuple[tuple[str, ...], int, bool]:
        """The zone that is named, where its words end, and whether it is called a part ("corner", "half")."""
        zone: list[str] = []
        part = half = False
        end = at
        for i in range(at, min(at + 6, len(self.tokens))):
            word = self.word(i)
            found = w.VERTICAL.get(word) or w.HORIZONTAL.get(word) or w.HEADS.get(word)
            if word in w.CENTRAL:
                found = "middle"
            if found:
                zone.append(found)
                part = part or word.endswith(("most", "hand")) or (word in w.HEADS and i == at)
            elif word in w.PARTS and zone:
                part, half = True, half or word == "half"
            elif not (word in ("very", "far", "and", "the") and zone and self._zone_goes_on(i)):
                break
            end = i + 1
        return tuple(dict.fromkeys(zone)) + (("half",) if half and zone else ()), end, part

    def _zone_goes_on(self, at: int) -> bool:
        following = self.word(at + 1)
        return self.word(at) != "and" and (
            following in w.VERTICAL or following in w.HORIZONTAL or following in w.CENTRAL
        )

    def _led(self, at: int) -> bool:
        """Whether a preposition leads to the zone ("at the very top")."""
        for i in range(at - 1, max(-1, at - 5), -1):
            word = self.word(i)
            if word in w.NEAR and word not in ("very", "far"):
                return True
            if word not in ("the", "its", "very", "far", "extreme", "absolute", "their") and not word.endswith("'s"):
                return False
        return at > 0 and self.word(at - 1) == "the" and at == 1 and self.word(at + 1) == "of"

    def _ends(self, at: int) -> bool:
        """Whether nothing follows that the zone's word would belong to ("in the right order", "the top five")."""
        word = self.word(at)
        return not word or word in w.AFTER_ZONE or word.endswith("ly")

    def _of_page(self, at: int) -> bool:
        """Whether "(of) the page" or "this receipt" stands there, and not another thing."""
        for i in range(at, at + 4):
            word = self.word(i)
            if word in w.PAGE:
                return True
            if not word or word in w.STOPS:
                return False
        return False
