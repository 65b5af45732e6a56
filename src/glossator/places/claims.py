"""What an explanation says of places, as claims that can be checked. Linear in the text's length. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from glossator.places import words as w
from glossator.places.tokens import Token, sentences
from glossator.places.words import Relation

MAX_CLAIMS = 40
_REACH = 9  # words within which a relation's named text stands
Axis = Literal["rows", "columns"]


@dataclass(frozen=True, slots=True)
class Ref:
    """Something that a claim speaks of: the answer, or a text. A `soft` one is a word of the explanation ("the total")
    that may or may not be print.
    """

    text: str = ""
    soft: bool = False

    @property
    def is_answer(self) -> bool:
        """Whether it is the pair's answer."""
        return not self.text


ANSWER = Ref()


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
    asked = frozenset(re.findall(r"[^\W\d_]+", question.lower())) - w.STOPS
    found: list[Claim] = []
    before: list[Token] = []  # named texts so far, the latest last
    for sentence in sentences(text):
        found += _Sentence(text, sentence, asked, before).claims()
        before += [token for token in sentence if token.kind in ("quote", "name")]
    return found[:MAX_CLAIMS]


@dataclass
class _Sentence:
    text: str
    tokens: list[Token]
    asked: frozenset[str]
    before: Sequence[Token]
    anchors_used: set[int] = field(default_factory=set)  # where tokens stand that are some relation's anchor
    last_subjects: tuple[Ref, ...] = ()

    def claims(self) -> list[Claim]:
        found: list[Claim] = []
        at = 0
        while at < len(self.tokens):
            claim, at = self._at(at)
            if claim is not None:
                found.append(claim)
        return found

    def _at(self, at: int) -> tuple[Claim | None, int]:
        """The claim that begins at a token, if any, and where to go on."""
        if self.tokens[at].kind != "word":
            return None, at + 1
        for read in (self._backward, self._relation, self._ordinal, self._zone):
            claim, end = read(at)
            if end > at:
                return (None if claim is None or self._denied(at) else claim), end
        return None, at + 1

    def _word(self, at: int) -> str:
        """The word at a place; empty for what is none."""
        token = self.tokens[at] if 0 <= at < len(self.tokens) else None
        return token.text if token is not None and token.kind == "word" else ""

    def _said(self, start: int, end: int) -> dict[str, object]:
        first, last = self.tokens[start].start, self.tokens[end - 1].end
        return {"words": self.text[first:last], "start": first, "end": last}

    def _denied(self, at: int) -> bool:
        near = {self._word(i) for i in range(max(0, at - 3), at)}
        clause = {self._word(i) for i in range(self._clause(at), at)}
        return bool(near & w.NOT) or "nothing" in clause or "none" in clause

    # Relations

    def _relation(self, at: int) -> tuple[Claim | None, int]:
        length = next((n for n in range(w.LONGEST, 0, -1) if self._phrase(at, n) in w.RELATIONS), 0)
        if not length:
            return None, at
        relation, complete = w.RELATIONS[self._phrase(at, length)]
        end = at + length
        if relation == "none":
            return None, end
        if relation == "row_end":
            return self._row_end(at, end), end
        if relation in ("colon_after", "colon_before"):
            return Claim(relation, self._subjects(at, at), **self._said(at, end)), end  # type: ignore[arg-type]
        if complete:
            return self._side(relation, at, end)
        if relation in ("right", "left") and self._of_page(end):
            return None, at  # "on the right of the page": a zone
        if relation == "between":
            return self._between(at, end)
        anchors, end = self._anchors(end, at)
        if not anchors and (relation == "line" or (relation in ("above", "below") and self._hangs(at, end))):
            anchors = self._earlier(at)
        if not anchors:
            return None, end
        return self._related(relation, at, end, anchors)

    def _hangs(self, at: int, end: int) -> bool:
        """Whether "above" has nothing behind it and a verb before it ("stands just above")."""
        before = at - 1 if self._word(at - 1) not in w.DIRECT else at - 2
        return not self._word(end) and self._word(before) in w.VERBS

    def _backward(self, at: int) -> tuple[Claim | None, int]:
        """ "X" starts the row, "Y" heads the column."""
        for length in (4, 3):
            relation = w.BACKWARD.get(self._phrase(at, length))
            if relation and at and self.tokens[at - 1].kind in ("quote", "name"):
                anchors = (Ref(self.tokens[at - 1].text),)
                self.anchors_used.add(at - 1)
                end = at + length
                return Claim(relation, (ANSWER,), anchors, **self._said(at - 1, end)), end  # type: ignore[arg-type]
        return None, at

    def _related(self, relation: Relation, at: int, end: int, anchors: tuple[Ref, ...]) -> tuple[Claim, int]:
        stated = self._inverted(at, end)
        subjects = (stated,) if stated is not None else self._subjects(at, end)
        if anchors == (ANSWER,) and subjects == (ANSWER,):  # "the value stands right below it": below what was named
            anchors = self._earlier(at)
        direct = self._word(at - 1) in w.DIRECT or self._word(at) in w.DIRECT
        self.last_subjects = subjects
        others = tuple(Ref(token.text) for token in self.tokens[:at] if token.kind in ("quote", "name"))[-1:]
        return Claim(relation, subjects, anchors, direct=direct, others=others, **self._said(at, end)), end  # type: ignore[arg-type]

    def _phrase(self, at: int, length: int) -> tuple[str, ...]:
        return tuple(self._word(i) for i in range(at, at + length))

    def _side(self, relation: Relation, at: int, end: int) -> tuple[Claim | None, int]:
        """ "To its right", "to the right": of what was named last."""
        if self._word(end) in ("hand", "side", "corner", "half", "edge", "until", "leads", "end"):
            if self._word(end) in ("until", "leads"):
                anchors = self._earlier(at)
                return (Claim(relation, (ANSWER,), anchors, **self._said(at, end)) if anchors else None), end  # type: ignore[arg-type]
            return None, at
        anchors = self._earlier(at)
        if not anchors or (self._word(at - 1) in ("left", "right") or self._word(at - 2) == "from"):
            return None, end
        return self._related(relation, at, end, anchors)

    def _between(self, at: int, end: int) -> tuple[Claim | None, int]:
        first, end = self._anchors(end, at)
        while end < len(self.tokens) and self._word(end) in ("line", "lines", "label", "row", "heading", "column"):
            end += 1
        if not first or self._word(end) not in ("and", "&"):
            return None, end
        second, end = self._anchors(end + 1, at)
        if not second:
            return None, end
        anchors = (first[0], second[0])
        return Claim("between", self._subjects(at, end), anchors, **self._said(at, end)), end  # type: ignore[arg-type]

    def _row_end(self, at: int, end: int) -> Claim:
        words = set(self._phrase(at, end - at))
        left = words & {"left", "beginning", "start"}
        zone = ("left",) if left else ("right",)
        return Claim("row_end", self._subjects(at, at), zone=zone, **self._said(at, end))  # type: ignore[arg-type]

    def _anchors(self, at: int, relation_at: int) -> tuple[tuple[Ref, ...], int]:
        """The named text behind a relation, else its noun; and where it ends."""
        noun: list[str] = []
        for i in range(at, min(at + _REACH, len(self.tokens))):
            token = self.tokens[i]
            if token.kind in ("quote", "name"):
                if token.kind == "name" and noun and self._word(i - 1) not in w.FILL | w.LINKS:
                    noun.append(token.text)
                    continue
                self.anchors_used.add(i)
                return (Ref(token.text),), i + 1
            word = self._word(i)
            if not noun and word in w.PRONOUNS and not self._word(i + 1) and i == at:
                return self._pronoun(relation_at), i + 1
            if not noun and word in ("it", "them") and i == at:
                return self._pronoun(relation_at), i + 1
            if not word or word in w.STOPS:
                break
            if word in w.FILL | w.LINKS:
                if noun and word in w.LINKS | {"that"}:
                    return self._noun(noun, i)
                continue
            noun.append(word)
        return self._noun(noun, min(at + len(noun) + 2, len(self.tokens)) if noun else at)

    def _noun(self, noun: Sequence[str], end: int) -> tuple[tuple[Ref, ...], int]:
        if not noun:
            return (), end
        if set(noun) <= w.ANSWER:
            own = set(noun) & self.asked or {"answer", "value", "result"} & set(noun)
            return ((ANSWER,) if own else (Ref(" ".join(noun), soft=True),)), end
        return (Ref(" ".join(noun[:5]), soft=True),), end

    def _pronoun(self, at: int) -> tuple[Ref, ...]:
        """What "it" behind a relation means: what the clause does not speak of."""
        clause = self._clause(at)
        own = [i for i in range(clause, at) if self.tokens[i].kind in ("quote", "name") and i not in self.anchors_used]
        speaks_of_answer = any(self._word(i) in w.ANSWER for i in range(clause, at))
        if own or (not speaks_of_answer and self._word(at - 1) in ("line", "text", "row", "words", "lines")):
            return (ANSWER,)
        earlier = self._earlier(at)
        return earlier if speaks_of_answer and earlier else (ANSWER,)

    def _earlier(self, at: int) -> tuple[Ref, ...]:
        """The text that was named last."""
        own = [token for token in self.tokens[:at] if token.kind in ("quote", "name")]
        quotes = [token for token in (own or self.before) if token.kind == "quote"] or own or list(self.before)
        return (Ref(quotes[-1].text),) if quotes else ()

    # Subjects

    def _clause(self, at: int) -> int:
        """Where the clause begins that holds a token."""
        for i in range(at - 1, -1, -1):
            token = self.tokens[i]
            if (token.kind == "mark" and token.text in ",:—–()") or (token.kind == "word" and token.text in w.BREAKS):
                return i + 1
        return 0

    def _subjects(self, at: int, end: int) -> tuple[Ref, ...]:
        """Of what something is said: the named text, the answer's word or the noun before it in its clause."""
        clause = self._clause(at)
        noun: list[str] = []
        for i in range(at - 1, clause - 1, -1):
            token = self.tokens[i]
            if token.kind in ("quote", "name"):
                if i in self.anchors_used:
                    break
                return (Ref(token.text),)
            word = self._word(i)
            if word in w.ANSWER or word in self.asked:
                return (ANSWER,)
            if word in ("i", "you", "we", "one"):
                break
            if word in w.FILL | w.LINKS | w.STOPS | w.VERBS | w.NEAR | w.DIRECT or word.endswith(("ly", "ed", "ing")):
                continue
            noun.insert(0, word)
        if noun == ["colon"]:  # what leads to the answer
            return (ANSWER,)
        if noun and not any(i in self.anchors_used for i in range(clause, at)):
            return (Ref(" ".join(noun[:4]), soft=True),)
        return self.last_subjects if clause and self.last_subjects else (ANSWER,)

    def _inverted(self, at: int, end: int) -> Ref | None:
        """The text that is said to be there: 'The line above it reads "X"', 'Below the total stands "X"'."""
        if any(self.tokens[i].kind in ("quote", "name") for i in range(self._clause(at), at)):
            return None
        for i in range(end, min(end + 4, len(self.tokens))):
            token = self.tokens[i]
            if token.kind in ("quote", "name"):
                verb = any(self._word(j) in w.VERBS for j in range(end, i))
                if verb:
                    self.anchors_used.add(i)
                return Ref(token.text) if verb else None
            if token.kind == "mark":
                return None
        return None

    # Ordinals

    def _ordinal(self, at: int) -> tuple[Claim | None, int]:
        """ "The second row", "the third line from the bottom", "row 4", "the last column"."""
        number, end = self._number(at)
        if number is None:
            return None, at
        while self._word(end) in ("text", "printed", "data", "table", "numbered", "listed", "visible", "full"):
            end += 1
        things = self._word(end)
        if things not in w.ROWS | w.COLUMNS:
            return None, at
        end += 1
        if self._phrase(end, 3) in (("from", "the", "bottom"), ("from", "the", "right"), ("from", "the", "end")):
            number, end = -number, end + 3
        elif self._phrase(end, 3) in (("from", "the", "top"), ("from", "the", "left")):
            end += 3
        if self._word(end) == "of" and self._word(end + 2) not in w.PAGE | {"table", "list", "items", "grid", "entries"}:
            return None, end  # of something whose lines nobody knows
        axis: Axis = "columns" if things in w.COLUMNS else "rows"
        if self._word(end) in ("of", "in"):
            end += 1
        return self._counted(at, end, number, axis), end

    def _number(self, at: int) -> tuple[int | None, int]:
        word = self._word(at)
        digits = re.fullmatch(r"(\d{1,3})(?:st|nd|rd|th)", word)
        number = int(digits[1]) if digits else w.ORDINALS.get(word)
        if number is not None:
            if number > 0 and self._word(at + 1) == "to" and self._word(at + 2) == "last":
                return -number, at + 3
            if number > 0 and self._word(at + 1) == "last":
                return -number, at + 2
            return number, at + 1
        return None, at

    def _counted(self, at: int, end: int, number: int, axis: Axis) -> Claim | None:
        if self._word(at - 1) not in ("the", "") and self._word(at - 2) not in ("in", "on"):
            return None
        if not any(self._word(i) in ("in", "on", "is", "at", "within", "from", "occupies", "to", "of") for i in range(at - 3, at)):
            return None
        return Claim("ordinal", self._subjects(at, end), ordinal=number, axis=axis, **self._said(at, end))  # type: ignore[arg-type]

    # Zones

    def _zone(self, at: int) -> tuple[Claim | None, int]:
        """ "At the top right", "in the lower half of the receipt", "on the left-hand side"."""
        zone, end, part = self._zone_words(at)
        if not zone:
            return None, at
        if not (part or self._led(at) or len(zone) > 1) or not self._ends(end):
            return None, end
        if self._word(end) == "of" and not self._of_page(end + 1):
            return None, end  # of a table, a bar: of something whose place nobody knows
        claim = Claim("zone", self._zone_subjects(at), zone=zone, **self._said(at, end))  # type: ignore[arg-type]
        return claim, end

    def _zone_words(self, at: int) -> tuple[tuple[str, ...], int, bool]:
        """The zone that is named, where its words end, and whether it is called a part ("corner", "half")."""
        zone: list[str] = []
        part = half = False
        end = at
        for i in range(at, min(at + 6, len(self.tokens))):
            word = self._word(i)
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
        following = self._word(at + 1)
        return self._word(at) != "and" and (following in w.VERTICAL or following in w.HORIZONTAL or following in w.CENTRAL)

    def _led(self, at: int) -> bool:
        """Whether a preposition leads to the zone ("at the very top")."""
        for i in range(at - 1, max(-1, at - 5), -1):
            word = self._word(i)
            if word in w.NEAR and word not in ("very", "far"):
                return True
            if word not in ("the", "its", "very", "far", "extreme", "absolute", "their") and not word.endswith("'s"):
                return False
        return False

    def _ends(self, at: int) -> bool:
        """Whether nothing follows that the zone's word would belong to ("in the right order", "the top five")."""
        word = self._word(at)
        return not word or word in w.AFTER_ZONE or word.endswith("ly")

    def _of_page(self, at: int) -> bool:
        """Whether "(of) the page" or "this receipt" stands there, and not another thing."""
        for i in range(at, at + 4):
            word = self._word(i)
            if word in w.PAGE:
                return True
            if not word or word in w.STOPS:
                return False
        return False

    def _zone_subjects(self, at: int) -> tuple[Ref, ...]:
        """Of what a zone is said: where a relation's anchor stands between, of either."""
        clause = self._clause(at)
        close = [i for i in range(clause, at) if self.tokens[i].kind in ("quote", "name")]
        # 'On the line with the label "L", at the top right': of all that.
        if not close and clause and self.tokens[clause - 1].text == ",":
            inner = range(self._clause(clause - 1), clause - 1)
            close = [i for i in inner if self.tokens[i].kind in ("quote", "name")]
        named = tuple(Ref(self.tokens[i].text) for i in close[-2:])
        if named:
            return (*named, ANSWER)
        return self._subjects(at, at)
