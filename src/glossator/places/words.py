"""The English in which places are told: phrases for relations, zones, ordinals, and words that lead to a named text."""

from __future__ import annotations

from typing import Literal

Relation = Literal[
    "zone", "below", "above", "right", "left", "line", "beside", "column", "label", "after", "before", "between",
    "within", "row", "row_end", "colon_after", "colon_before", "none",
]  # fmt: skip


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


# By relation, its phrases, parted by commas.
_PHRASES: dict[Relation, str] = {
    "below": """
        below, beneath, underneath, down below, on the line below, the line below, under, one line below
    """,
    "above": """
        above, on top of, atop, on the line above, the line above, one line above, over, directly over, right
        over, stands over, printed over, sits over, just over
    """,
    "right": """
        to the right of, on the right of, at the right of, right of, to the right side of, on the right side of,
        on the right hand side of, to the right hand side of, to the immediate right of, to the far right of,
        rightward of, rightwards of
    """,
    "left": """
        to the left of, on the left of, at the left of, left of, to the left side of, on the left side of, on
        the left hand side of, to the left hand side of, to the immediate left of, to the far left of
    """,
    "line": """
        on the same line as, on the same row as, in the same row as, in the same line as, on the same line with,
        on the same line, on one line, on one row, on the same row, in the same row, in the same line, the same
        line, the same row, on the line of, on the line with, on the line labelled, on the line labeled, along
        the line, along the row, in line with, on a line with, level with, on the row of, across from,
        horizontally aligned with, aligned horizontally with, horizontally in line with, on that line, shares a
        line with, shares the line with, shares its line with, shares a row with, same line as, same row as,
        following the bar of, side by side with, side by side
    """,
    "beside": "next to, beside, alongside, adjacent to, right beside, right next to, close to, besides",
    "column": """
        under the heading, under the column heading, under the header, under the column header, under the
        column, in the column headed, in the column labelled, in the column labeled, in the column titled, in
        the column called, in the column of, in the column for, in the column with, in the column under, in the
        column below, in the column, the column headed, the column labelled, the column labeled, the column
        titled, the column of, the column for, within the column, beneath the heading, beneath the header, below
        the heading, below the header, below the column heading, under the headings, beneath the column heading,
        same column as
    """,
    "label": """
        listed under, given under, named under, filed under, found under, falls under, under the label, under
        the category, under the section, under the title, entered under, stated under
    """,
    "after": """
        after, right after, follows, following, behind, comes after, directly after, immediately after, just
        after, preceded by, is preceded by, directly follows, immediately follows
    """,
    "before": """
        before, right before, precedes, preceding, in front of, ahead of, followed by, just before, directly
        before, immediately before
    """,
    "between": "between, in between, sandwiched between",
    "within": """
        within the line, inside the line, part of the line, within the text, inside the text, contained in the
        line
    """,
    "row": """
        the row that begins with, the row that starts with, the row beginning with, the row starting with, the
        row labelled, the row labeled, the row headed, the row for, the row of, the row titled, the row named,
        the row called, the row with, that begins with, that starts with, which begins with, which starts with,
        begins with the label, starts with the label, the line containing, the row containing, the line that
        contains, the row that contains, the line holding, the line that holds, along the row, in the row, the
        line that begins with, the line that starts with, the line beginning with, the line starting with, the
        line labelled, the line labeled, the line for, on the line, in the line, along the line, on the row
    """,
    "row_end": """
        at its right end, at the right end of the line, at the right end of the row, at the right end of that
        line, at the end of the line, at the end of the row, at the end of that line, at the right end of this
        line, at its left end, at the left end of the line, at the left end of the row, at the beginning of the
        line, at the start of the line, at the start of the row, at the beginning of the row, at the left end of
        that line
    """,
    "colon_after": """
        after the colon, follows the colon, behind the colon, following the colon, to the right of the colon,
        right of the colon, right after the colon, past the colon
    """,
    "colon_before": """
        before the colon, precedes the colon, in front of the colon, to the left of the colon, left of the
        colon, preceding the colon, ahead of the colon
    """,
    # No place of anything.
    "none": """
        from left to right, left to right, from right to left, right to left, from top to bottom, top to bottom,
        from the top down, from the bottom up, all right, the right answer, on top of that, from the top to the
        bottom, from the left to the right, right away, left over, top of the line
    """,
}
# Without a named text behind them: to the right of what was spoken of.
_SIDES: dict[Relation, str] = {
    "right": "to its right, on its right, at its right, to the right, to their right, to its immediate right",
    "left": "to its left, on its left, at its left, to the left, to their left, to its immediate left",
}
# Behind the text that begins the answer's row or heads its column.
BACKWARD: dict[tuple[str, ...], Relation] = {
    **{(verb, "the", thing): "row" for verb in ("begins", "starts", "opens") for thing in ("line", "row")},
    **{(verb, "the", "column"): "column" for verb in ("heads", "tops")},
    **{("is", "the", *thing): "column" for thing in (("column", "header"), ("column", "heading"))},
}
DIRECT = frozenset({"directly", "immediately", "just", "right", "one"})


_MOVES = (
    *"going moving looking reading scanning following tracing travelling running go move look read straight".split(),  # noqa: SIM905
    "",
)
_WAYS: dict[str, Relation] = {
    "down": "below", "downward": "below", "downwards": "below", "up": "above", "upward": "above", "upwards": "above",
    "right": "right", "left": "left", "across": "line",
}  # fmt: skip


def _moves() -> dict[tuple[str, ...], tuple[Relation, bool]]:
    """ "Going up from", "read across from"."""
    found: dict[tuple[str, ...], tuple[Relation, bool]] = {}
    for way, relation in _WAYS.items():
        for move in _MOVES:
            for to in ("", "to the "):
                phrase = f"{move} {to}{way} from"
                if relation in ("right", "left") or not to:
                    found[tuple(phrase.split())] = (relation, False)
    return found


def _table() -> dict[tuple[str, ...], tuple[Relation, bool]]:
    found = _moves()
    for relation, phrases in _PHRASES.items():
        found |= {tuple(phrase.split()): (relation, False) for phrase in phrases.split(",")}
    for relation, phrases in _SIDES.items():
        found |= {tuple(phrase.split()): (relation, True) for phrase in phrases.split(",")}
    return found


# By its words: the relation, and whether the phrase names its own anchor ("to its right").
RELATIONS = _table()
LONGEST = max(map(len, RELATIONS))

VERTICAL = {
    "top": "top", "upper": "top", "topmost": "top", "uppermost": "top", "bottom": "bottom", "lower": "bottom",
    "lowermost": "bottom", "bottommost": "bottom",
}  # fmt: skip
HORIZONTAL = {
    "left": "left", "right": "right", "leftmost": "left", "rightmost": "right", "lefthand": "left",
    "righthand": "right",
}  # fmt: skip
HEADS = {"header": "top", "head": "top", "footer": "bottom", "foot": "bottom"}
CENTRAL = _set("center centered central centre centred middle")
PARTS = _set("area corner edge end half hand margin most part portion quadrant quarter region section side third zone")
NEAR = _set("along around at by close far from in into near on to toward towards very within")
PAGE = _set("""
    bill brochure card certificate chart comic cover diagram document entire everything figure flyer form graph
    illustration image infographic invoice layout letter menu page paper photo photograph picture plot poster
    print receipt report scan screen screenshot sheet sign slide slip ticket webpage website whole
""")
_NTH = "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth"
_COUNT = "one two three four five six seven eight nine ten eleven twelve"
ORDINALS = {word: number for number, word in enumerate(_NTH.split(), start=1)} | {
    "last": -1, "final": -1, "bottommost": -1, "topmost": 1, "penultimate": -2,
}  # fmt: skip
NUMBERS = {word: number for number, word in enumerate(_COUNT.split(), start=1)}
ROWS = _set("entry item line lines row rows")
COLUMNS = _set("column columns")

# Nouns and pronouns that mean the answer, unless something else was named.
ANSWER = _set("""
    address amount answer company date detail entry figure here information it location name number one percent
    percentage phrase placement position price quantity response result sum text that these they this title
    total value word words year
""")
PRONOUNS = _set("it its that them they this")
# May stand between a relation and the text that it names ("below the bold label ...").
FILL = _set("""
    a also an bar big bold called capital caption category column entry field figure header heading headings
    item its itself key label labeled labelled labels large letters line marked name named number phrase printed
    prompt reading row section small tag term text that the this title value very word words
""")
LINKS = _set("""
    beginning begins by containing contains for headed of reads saying says starting starts titled where which
    with
""")
# End a noun.
STOPS = _set("""
    above and appear appears are as at be because belongs below beside but can come comes cross ends from give
    gives has have i in lead leads left lie lies meet meets near next not on only or right show shows since sit
    sits so stand stands than then there to under until was we were when while you
""")
VERBS = _set("""
    appear appears are come comes find follows found give gives have is lie lies located printed prints read
    reads say says see show shows sit sits stand stands states was were
""")
# What "that label" may call a text that was named before.
NAMED = _set("entry field header heading label line name phrase row text title word words")
# Words for finding, which are no subject.
LOOKS = _set("""
    again also both by check clearly confirm confirms could each examine examining find here identify if let
    locate look looking may me notice observe prominently read reading scan scanning see spot visibly we'll when
    will would
""")
# Between "row" or "column" and its name.
NAMING = _set("""
    beginning begins called containing for headed header heading is label labeled labelled named of reading
    reads starting starts that the titled which with
""")
NOT = _set("aren't doesn't hardly instead isn't neither never no none nor not nothing rather unlike without")
# Begin a clause.
BREAKS = _set("and because but since so that then where whereas which while whose with")
# What may follow a zone's words; another word would be what they describe ("the right order").
AFTER_ZONE = NEAR | STOPS | LINKS | BREAKS | PARTS | PAGE | _set("column between underneath just directly after before")
# Words of a question that name nothing.
COMMON = (
    STOPS | LINKS | VERBS | NEAR | PRONOUNS | PAGE
    | _set("the a an what who whom whose how much many does do did was were be been its their your by about")
)  # fmt: skip
# Words before a relation that are nothing which it could be said of.
NO_SUBJECT = COMMON | FILL | DIRECT | LOOKS | PARTS | CENTRAL | {*VERTICAL, *HORIZONTAL, *HEADS}
