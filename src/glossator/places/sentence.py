"""A sentence of an explanation: what its nouns, quotes and pronouns speak of. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from glossator.places import words as w
from glossator.places.tokens import Token

_REACH = 9  # words within which a relation's named text stands


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


@dataclass
class Sentence:
    """Tokens of one sentence, and what was said before.

    Attributes:
        text: the whole explanation.
        tokens: those of the sentence.
        asked: words of the question; in the explanation they mean the answer.
        before: texts that earlier sentences name, the latest last.
        anchors_used: where tokens stand that some relation has for its anchor.
        last_subjects: what the relation before was said of.
    """

    text: str
    tokens: list[Token]
    asked: frozenset[str]
    before: Sequence[Token]
    anchors_used: set[int] = field(default_factory=set)
    last_subjects: tuple[Ref, ...] = ()

    def word(self, at: int) -> str:
        """The word at a place; empty for what is none."""
        token = self.tokens[at] if 0 <= at < len(self.tokens) else None
        return token.text if token is not None and token.kind == "word" else ""

    def said(self, start: int, end: int) -> dict[str, Any]:
        """What a claim keeps of its own words."""
        first, last = self.tokens[start].start, self.tokens[end - 1].end
        return {"words": self.text[first:last], "start": first, "end": last}

    def denied(self, at: int) -> bool:
        """Whether a claim is said not to be so."""
        near = {self.word(i) for i in range(max(0, at - 3), at)}
        clause = {self.word(i) for i in range(self.clause(at), at)}
        return bool(near & w.NOT) or "nothing" in clause or "none" in clause

    def phrase(self, at: int, length: int) -> tuple[str, ...]:
        """So many words from a place on."""
        return tuple(self.word(i) for i in range(at, at + length))

    def anchors(self, at: int, relation_at: int) -> tuple[tuple[Ref, ...], int]:
        """The named text behind a relation, else its noun; and where it ends."""
        noun: list[str] = []
        plain = ""  # a word that may mean the answer ("this value")
        for i in range(at, min(at + _REACH, len(self.tokens))):
            token = self.tokens[i]
            if token.kind in ("quote", "name"):
                if token.kind == "name" and noun and self.word(i - 1) not in w.FILL | w.LINKS:
                    noun.append(token.text)
                    continue
                self.anchors_used.add(i)
                return (Ref(token.text),), i + 1
            word = self.word(i)
            if word in ("this", "that") and self.word(i + 1) in w.NAMED and not self._named_at(i + 2):
                return self.earlier(relation_at) or (ANSWER,), i + 2
            if not noun and word in w.PRONOUNS and not self.word(i + 1) and i == at:
                return self._pronoun(relation_at), i + 1
            if not noun and word in ("it", "them") and i == at:
                return self._pronoun(relation_at), i + 1
            if not word or word in w.STOPS:
                break
            if word in w.FILL | w.LINKS:
                if noun and word in w.LINKS | {"that"}:
                    return self._noun(noun, i)
                plain = word if word in w.ANSWER - w.PRONOUNS else plain
                continue
            noun.append(word)
        if not noun and plain:
            return (ANSWER,), at + 2
        return self._noun(noun, min(at + len(noun) + 2, len(self.tokens)) if noun else at)

    def _named_at(self, at: int) -> bool:
        return at < len(self.tokens) and self.tokens[at].kind in ("quote", "name")

    def _noun(self, noun: Sequence[str], end: int) -> tuple[tuple[Ref, ...], int]:
        if not noun:
            return (), end
        if set(noun) <= w.ANSWER:
            own = set(noun) & self.asked or {"answer", "value", "result"} & set(noun)
            return ((ANSWER,) if own else (Ref(" ".join(noun), soft=True),)), end
        return (Ref(" ".join(noun[:5]), soft=True),), end

    def _pronoun(self, at: int) -> tuple[Ref, ...]:
        """What "it" behind a relation means: what the clause does not speak of."""
        clause = self.clause(at)
        own = [i for i in range(clause, at) if self.tokens[i].kind in ("quote", "name") and i not in self.anchors_used]
        speaks_of_answer = any(self.word(i) in w.ANSWER for i in range(clause, at))
        if own:
            others = [token for token in self.tokens[: own[0]] if token.kind == "quote"]
            return (Ref(others[-1].text),) if others else (ANSWER,)
        if not speaks_of_answer and self.word(at - 1) in ("line", "text", "row", "words", "lines"):
            return (ANSWER,)
        earlier = self.earlier(at)
        return earlier if speaks_of_answer and earlier else (ANSWER,)

    def earlier(self, at: int) -> tuple[Ref, ...]:
        """The text that was named last."""
        own = [token for token in self.tokens[:at] if token.kind in ("quote", "name")]
        quotes = [token for token in (own or self.before) if token.kind == "quote"] or own or list(self.before)
        return (Ref(quotes[-1].text),) if quotes else ()

    # Subjects

    def clause(self, at: int) -> int:
        """Where the clause begins that holds a token."""
        for i in range(at - 1, -1, -1):
            token = self.tokens[i]
            if (token.kind == "mark" and token.text in ",:—–()") or (token.kind == "word" and token.text in w.BREAKS):
                return i + 1
        return 0

    def subjects(self, at: int) -> tuple[Ref, ...]:
        """Of what something is said: the named text, the answer's word or the noun before it in its clause."""
        clause = self.clause(at)
        noun: list[str] = []
        for i in range(at - 1, clause - 1, -1):
            token = self.tokens[i]
            if token.kind in ("quote", "name"):
                if i in self.anchors_used:
                    break
                return (Ref(token.text),)
            word = self.word(i).split("'")[0]
            if word in w.ANSWER or word in self.asked:
                return (ANSWER,)
            if word in ("i", "you", "we", "one"):
                break
            if word in w.NO_SUBJECT or word.endswith(("ly", "ed", "ing")):
                continue
            noun.insert(0, word)
        if noun == ["colon"]:  # what leads to the answer
            return (ANSWER,)
        if noun and not any(i in self.anchors_used for i in range(clause, at)):
            return (Ref(" ".join(noun[:4]), soft=True),)
        return self.last_subjects if clause and self.last_subjects else (ANSWER,)

    def inverted(self, at: int, end: int) -> Ref | None:
        """The text that is said to be there: 'The line above it reads "X"', 'Below the total stands "X"'."""
        if any(self.tokens[i].kind in ("quote", "name") for i in range(self.clause(at), at)):
            return None
        for i in range(end, min(end + 4, len(self.tokens))):
            token = self.tokens[i]
            if token.kind in ("quote", "name"):
                verb = any(self.word(j) in w.VERBS for j in range(end, i))
                if verb:
                    self.anchors_used.add(i)
                return Ref(token.text) if verb else None
            if token.kind == "mark":
                return None
        return None

    def zone_subjects(self, at: int) -> tuple[Ref, ...]:
        """Of what a zone is said: where a relation's anchor stands between, of either."""
        clause = self.clause(at)
        close = [i for i in range(clause, at) if self.tokens[i].kind in ("quote", "name")]
        # 'On the line with the label "L", at the top right': of all that.
        if not close and clause and self.tokens[clause - 1].text == ",":
            inner = range(self.clause(clause - 1), clause - 1)
            close = [i for i in inner if self.tokens[i].kind in ("quote", "name")]
        named = tuple(Ref(self.tokens[i].text) for i in close[-2:])
        if named:
            return (*named, ANSWER)
        return self.subjects(at)
