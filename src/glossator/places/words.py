"""The English in which places are told: phrases for relations, zones, ordinals, and words that lead to a named text."""

from __future__ import annotations

from typing import Literal

Relation = Literal[
    "zone", "below", "above", "right", "left", "line", "beside", "column", "label", "after", "before", "between",
    "within", "row", "row_end", "colon_after", "colon_before", "none",
]  # fmt: skip

_PHRASES: dict[Relation, tuple[str, ...]] = {
    "below": ("below", "beneath", "underneath", "down below", "on the line below", "the line below", "under", "one line below"),
    "above": ("above", "on top of", "atop", "on the line above", "the line above", "one line above", "directly over", "right over",
              "stands over", "printed over", "sits over", "just over"),
    "right": ("to the right of", "on the right of", "at the right of", "right of", "to the right side of", "on the right side of",
              "on the right hand side of", "to the right hand side of", "to the immediate right of", "to the far right of", "rightward of",
              "rightwards of"),
    "left": ("to the left of", "on the left of", "at the left of", "left of", "to the left side of", "on the left side of",
             "on the left hand side of", "to the left hand side of", "to the immediate left of", "to the far left of"),
    "line": ("on the same line as", "on the same row as", "in the same row as", "in the same line as", "on the same line with",
             "on the same line", "on one line", "on one row", "on the same row", "in the same row", "in the same line", "the same line", "the same row",
             "on the line of", "on the line with", "on the line labelled", "on the line labeled", "along the line", "along the row",
             "in line with", "on a line with", "level with", "on the row of", "across from", "horizontally aligned with", "on that line",
             "shares a line with", "shares the line with", "shares its line with", "shares a row with", "same line as", "same row as",
             "following the bar of", "side by side with", "across from", "side by side"),
    "beside": ("next to", "beside", "alongside", "adjacent to", "right beside", "right next to", "close to", "besides"),
    "column": ("under the heading", "under the column heading", "under the header", "under the column header", "under the column",
               "in the column headed", "in the column labelled", "in the column labeled", "in the column titled", "in the column called",
               "in the column of", "in the column for", "in the column with", "in the column under", "in the column below", "in the column",
               "the column headed", "the column labelled", "the column labeled", "the column titled", "the column of",
               "the column for", "within the column", "beneath the heading", "beneath the header", "below the heading", "below the header",
               "below the column heading", "under the headings", "beneath the column heading", "same column as"),
    "label": ("listed under", "given under", "named under", "filed under", "found under", "falls under", "under the label", "under the category",
              "under the section", "under the title", "entered under", "stated under"),
    "after": ("after", "right after", "follows", "following", "behind", "comes after", "directly after", "immediately after",
              "just after", "preceded by", "is preceded by", "directly follows", "immediately follows"),
    "before": ("before", "right before", "precedes", "preceding", "in front of", "ahead of", "followed by", "just before",
               "directly before", "immediately before"),
    "between": ("between", "in between", "sandwiched between"),
    "within": ("within the line", "inside the line", "part of the line", "within the text", "inside the text", "contained in the line"),
    "row": ("the row that begins with", "the row that starts with", "the row beginning with", "the row starting with", "the row labelled",
            "the row labeled", "the row headed", "the row for", "the row of", "the row titled", "the row named", "the row called",
            "the row with", "that begins with", "that starts with", "which begins with", "which starts with", "begins with the label", "starts with the label", "the line containing", "the row containing", "the line that contains", "the row that contains", "the line holding", "the line that holds", "along the row", "in the row", "the line that begins with", "the line that starts with", "the line beginning with",
            "the line starting with", "the line labelled", "the line labeled", "the line for", "on the line", "in the line", "along the line",
            "on the row"),
    "row_end": ("at its right end", "at the right end of the line", "at the right end of the row", "at the right end of that line",
                "at the end of the line", "at the end of the row", "at the end of that line", "at the right end of this line",
                "at its left end", "at the left end of the line", "at the left end of the row", "at the beginning of the line",
                "at the start of the line", "at the start of the row", "at the beginning of the row", "at the left end of that line"),
    "colon_after": ("after the colon", "follows the colon", "behind the colon", "following the colon", "to the right of the colon",
                    "right of the colon", "right after the colon", "past the colon"),
    "colon_before": ("before the colon", "precedes the colon", "in front of the colon", "to the left of the colon", "left of the colon",
                     "preceding the colon", "ahead of the colon"),
    # No place of anything.
    "none": ("from left to right", "left to right", "from right to left", "right to left", "from top to bottom",
             "top to bottom", "from the top down", "from the bottom up", "all right", "the right answer", "on top of that",
             "from the top to the bottom", "from the left to the right", "right away", "left over", "top of the line"),
}  # fmt: skip
# Without a named text behind them: to the right of what was spoken of.
_SIDES: dict[Relation, tuple[str, ...]] = {
    "right": (
        "to its right",
        "on its right",
        "at its right",
        "to the right",
        "to their right",
        "to its immediate right",
    ),
    "left": ("to its left", "on its left", "at its left", "to the left", "to their left", "to its immediate left"),
}

# Behind the text that begins the answer's row or heads its column.
BACKWARD: dict[tuple[str, ...], Relation] = {
    **{(verb, "the", thing): "row" for verb in ("begins", "starts", "opens") for thing in ("line", "row")},
    **{(verb, "the", "column"): "column" for verb in ("heads", "tops")},
    **{("is", "the", *thing): "column" for thing in (("column", "header"), ("column", "heading"))},
}
DIRECT = frozenset({"directly", "immediately", "just", "right", "one"})


_MOVES = ("going", "moving", "looking", "reading", "scanning", "following", "tracing", "travelling", "running", "go",
          "move", "look", "read", "straight", "")  # fmt: skip
_WAYS: dict[str, Relation] = {"down": "below", "downward": "below", "downwards": "below", "up": "above", "upward": "above",
                              "upwards": "above", "right": "right", "left": "left", "across": "line"}  # fmt: skip


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
        found |= {tuple(phrase.split()): (relation, False) for phrase in phrases}
    for relation, phrases in _SIDES.items():
        found |= {tuple(phrase.split()): (relation, True) for phrase in phrases}
    return found


# By its words: the relation, and whether the phrase names its own anchor ("to its right").
RELATIONS = _table()
LONGEST = max(map(len, RELATIONS))

VERTICAL = {
    "top": "top", "upper": "top", "topmost": "top", "uppermost": "top", "bottom": "bottom", "lower": "bottom",
    "lowermost": "bottom", "bottommost": "bottom",
}  # fmt: skip
HORIZONTAL = {"left": "left", "right": "right", "leftmost": "left", "rightmost": "right", "lefthand": "left",
              "righthand": "right"}  # fmt: skip
CENTRAL = frozenset({"middle", "centre", "center", "central", "centered", "centred"})
HEADS = {"header": "top", "head": "top", "footer": "bottom", "foot": "bottom"}
PARTS = frozenset(
    "corner half side edge section part portion area region third quarter margin hand end most quadrant zone".split()  # noqa: SIM905
)
NEAR = frozenset("at in near on to toward towards around along by within into close from very far".split())  # noqa: SIM905
PAGE = frozenset(
    "page image picture photo photograph receipt form document invoice bill chart graph poster screenshot screen letter "  # noqa: SIM905
    "menu ticket sheet paper card sign slip layout diagram illustration comic webpage website scan slide report "
    "certificate flyer brochure cover infographic plot figure print everything whole entire".split()
)
ORDINALS = {word: number for number, word in enumerate(
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth".split(), start=1  # noqa: SIM905
)} | {"last": -1, "final": -1, "bottommost": -1, "topmost": 1, "penultimate": -2}  # fmt: skip
NUMBERS = {word: number for number, word in enumerate(
    "one two three four five six seven eight nine ten eleven twelve".split(), start=1  # noqa: SIM905
)}  # fmt: skip
ROWS = frozenset({"row", "line", "entry", "item", "rows", "lines"})
COLUMNS = frozenset({"column", "columns"})

ANSWER = frozenset(
    "it this answer value amount figure number name date text result that these company total price sum words word "  # noqa: SIM905
    "phrase year percentage percent title address entry one they information detail quantity response here".split()
)
PRONOUNS = frozenset("it its them this that they".split())  # noqa: SIM905
FILL = frozenset(
    "the a an its this that word words label labels labelled labeled text line row heading headings header field name "  # noqa: SIM905
    "named term phrase caption title called reading marked column value figure number item printed bold large small big "
    "capital letters also itself very entry prompt tag key bar category section".split()
)
LINKS = frozenset(
    "of for with which begins starts beginning starting titled reads says containing contains where saying headed by "  # noqa: SIM905
    "is".split()
)
STOPS = frozenset(
    "and but or are was were stands stand sits sit in on at to from as while so near below above under beside "  # noqa: SIM905
    "you we i appears appear shows show gives give lies lie comes come leads lead belongs has have ends meets meet cross "
    "there not then leads when than because since next right left until only can be".split()
)
VERBS = frozenset(
    "is are stands stand sits sit reads read says say appears appear shows show comes come lies lie gives give states "  # noqa: SIM905
    "was were see find have printed prints follows located found".split()
)
# Words for finding, which are no subject.
LOOKS = frozenset(
    "look looking see spot notice find if when by will clearly may could would we'll here let me confirm confirms check "  # noqa: SIM905
    "observe locate identify read reading scan scanning examine examining prominently visibly again both each also".split()
)
NAMING = frozenset("labelled labeled called named titled headed for of with the that begins starts beginning starting containing "  # noqa: SIM905
                   "reading reads header label heading which is".split())  # fmt: skip
NOT = frozenset(
    "not no never nothing without isn't doesn't aren't neither nor unlike instead rather hardly none".split()
)  # noqa: SIM905
BREAKS = frozenset("and but while where which so then whereas with that whose because since".split())  # noqa: SIM905
# What may follow a zone's words; another word would be what they describe ("the right order").
AFTER_ZONE = (
    NEAR
    | STOPS
    | LINKS
    | BREAKS
    | PARTS
    | PAGE
    | {"column", "between", "underneath", "just", "directly", "after", "before"}
)
# Words of a question that name nothing.
COMMON = (
    STOPS
    | LINKS
    | VERBS
    | NEAR
    | PRONOUNS
    | PAGE
    | frozenset(
        "the a an what who whom whose how much many does do did was were be been its their your by about".split()  # noqa: SIM905
    )
)
# Words before a relation that are nothing which it could be said of.
NO_SUBJECT = COMMON | FILL | DIRECT | LOOKS | PARTS | CENTRAL | {*VERTICAL, *HORIZONTAL, *HEADS}
