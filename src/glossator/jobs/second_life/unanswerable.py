"""Questions that their image does not answer: another image's question, and a reply that says so.

A question is only taken where it quotes a label or a name with a word that is rare on pages of its kind and stands
nowhere on the new page, nor in its captions. The total of a receipt, its date, its customer are never asked: nearly
every receipt has them, under some name.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rapidfuzz import fuzz, process

from glossator.derived import DERIVED, NOT_SAID
from glossator.formats.unanswerable import Unanswerable
from glossator.grounding import claims, locate, question_similarity
from glossator.jobs.second_life.pages import View, views, words
from glossator.text import fold

if TYPE_CHECKING:
    import polars as pl

_REPLIES = (
    NOT_SAID,
    "The image does not show that.",
    'I can\'t tell from this image: "{missing}" does not stand anywhere in it.',
    "This image does not give that information.",
    'There is no "{missing}" in this image, so it does not answer the question.',
    "That can't be read from this image.",
    'Nothing in this image is named "{missing}".',
    "I can't find that in the image.",
)
_QUOTES = ('"{}"', "“{}”", "「{}」", "'{}'")
_RARE = 0.05  # of the pages of a kind may hold a word that names something of one page
_LEAST_LETTERS = 4
_LEAST_SPANS = 5  # a page on which hardly anything was read proves nothing
_ABSENT = 75  # similarity, 0..100, below which no word of a page is the word
_STANDS = 0.75  # how literally a label or an answer must not stand there
_ASKED_ALIKE = 0.85
_TRIES = 60
_SMALL = frozenset({"from", "with", "your", "this", "that", "into", "over", "under", "other"})
_MISREAD = re.compile(r"[\[\]{}|\\~^<>=]")  # what a label hardly holds, and OCR often
_SLIP = 80  # similarity, 0..100, from which on a rare word is a misread one of other pages
_COMMON_SLIP = 75  # similarity, 0..100, from which on a word is a misread common one
MOST_USES = 3  # of one question: asked too often, it would teach that its label is never there
MOST_AN_IMAGE = 3
# What most papers of a kind have, if under another word. What is frequent in the set is found by counting; these are
# for small sets.
_COMMON = frozenset(
    """
    account address addressee amount approval approved attention authorise authorised authorize authorized
    balance bill branch buyer card cash cashier category cell cellular change charge checked cheque city client
    close closed code company contact contacts copies counter country covers credit currency customer date debit
    delivery department description discount document duration email employee facsimile fax field from gross
    guest guests head heading house identification invoice invoices issued issuer item label line location
    manager member membership mobile month name note number open opened operator order page paid particulars
    payment period person phone place position prepared price print printed product quantity rate receipt
    received recipient reference region remark remarks report request requested rounded rounding sales seller
    sender served server service session sheet shift shop signature slip source staff state status store street
    subject subtotal supplier table tax telecopier telecopy telefax telephone tender terminal terms till time
    title total trans transaction transfer type unit user value vendor version volume waiter website weight year
    """.split()  # noqa: SIM905
)


@dataclass(frozen=True, slots=True)
class _Donor:
    """A question that may be asked of another image: what it quotes, and the words in it that are rare."""

    pair_id: str
    image_id: str
    question: str
    answer: str
    labels: tuple[str, ...]
    rare: tuple[str, ...]


def unanswerable(
    tables: Mapping[str, pl.LazyFrame], wanted: int, seed: int = 0
) -> tuple[list[Unanswerable], Counter[str]]:
    """At most `wanted` samples, spread over the images, in the order of the pages; and why there are no more.

    Args:
        tables: see `pages.views`.
        wanted: how many.
        seed: another one draws other questions.
    """
    left_out: Counter[str] = Counter()
    donors, hosts = _donors(tables, left_out)  # only images that the set holds: the others may stand in a test set
    if not wanted or not hosts:
        return [], left_out
    each = min(MOST_AN_IMAGE, -(-wanted // hosts) + 1)
    found: list[tuple[int, str, int, Unanswerable]] = []
    used: Counter[str] = Counter()
    for view in views(tables):
        guests = donors.get(view.kind, [])
        if not view.kept:
            left_out["images without a kept pair"] += 1
            continue
        if len(view.spans) < _LEAST_SPANS:
            left_out["images with too little text"] += 1
            continue
        taken = 0
        for donor in _order(guests, view.image_id, seed):
            if taken == each:
                break
            if used[donor.pair_id] < MOST_USES and (missing := _missing(donor, view)):
                used[donor.pair_id] += 1
                found.append((taken, _hash(f"{seed}:{view.image_id}"), len(found), _made(donor, view, missing)))
                taken += 1
        left_out["images that no question of another one fits"] += taken == 0
    # One of each image before any has its second.
    chosen = sorted(sorted(found, key=lambda row: row[:2])[:wanted], key=lambda row: row[2])
    return [sample for *_, sample in chosen], left_out


def _donors(tables: Mapping[str, pl.LazyFrame], left_out: Counter[str]) -> tuple[dict[str, list[_Donor]], int]:
    """By kind of image the questions that may be asked of another one; and how many images have a kept pair."""
    pages: Counter[str] = Counter()
    hosts = 0
    frequency: defaultdict[str, Counter[str]] = defaultdict(Counter)
    quoting: list[tuple[str, Mapping[str, Any], tuple[str, ...]]] = []
    for view in views(tables):
        pages[view.kind] += 1
        hosts += view.kept
        frequency[view.kind].update(words(" ".join(span.text for span in view.spans)))
        for pair in view.pairs:
            if not pair["keep"]:
                continue
            labels = _quoted(pair["question"])
            sure = pair["kind"] not in DERIVED and not pair["context"] and (pair["grounding"] or 0.0) >= _STANDS
            if labels and sure:
                quoting.append((view.kind, pair, labels))
            else:
                left_out["questions that quote no label"] += 1
    donors: dict[str, list[_Donor]] = {}
    known = {kind: [word for word, count in found.items() if count > 1] for kind, found in frequency.items()}
    for kind, pair, labels in quoting:
        most = max(1, int(_RARE * pages[kind]))
        rare = tuple(word for label in labels for word in sorted(words(label)) if _names(word, frequency[kind], most))
        if _MISREAD.search(" ".join(labels)) or any(_is_slip(word, known[kind]) for word in rare):
            left_out["questions whose label may be misread"] += 1
        elif rare:
            donor = _Donor(pair["pair_id"], pair["image_id"], pair["question"], pair["answer"], labels, rare)
            donors.setdefault(kind, []).append(donor)
        else:
            left_out["questions whose label is a common one"] += 1
    return donors, hosts


def _quoted(question: str) -> tuple[str, ...]:
    return tuple(claim for claim in claims(question) if any(quote.format(claim) in question for quote in _QUOTES))


def _names(word: str, frequency: Counter[str], most: int) -> bool:
    if len(word) < _LEAST_LETTERS or frequency[word] > most:
        return False
    return process.extractOne(word, _COMMON, scorer=fuzz.ratio, score_cutoff=_COMMON_SLIP) is None


def _is_slip(word: str, known: Sequence[str]) -> bool:
    """Whether a rare word is nearly one that other pages have: its own is likely misread."""
    near = process.extract(word, known, scorer=fuzz.ratio, score_cutoff=_SLIP, limit=2)
    return any(other != word for other, _, _ in near)


def _order(guests: Sequence[_Donor], image_id: str, seed: int) -> list[_Donor]:
    """Some of the questions of other images, in an order of this image's own."""
    if not guests:
        return []
    start = int(_hash(f"{seed}:{image_id}:start"), 16) % len(guests)
    step = max(1, len(guests) // _TRIES)
    turned = [guests[(start + i * step) % len(guests)] for i in range(min(len(guests), _TRIES))]
    return [donor for donor in turned if donor.image_id != image_id]


def _missing(donor: _Donor, view: View) -> str:
    """The label that the image lacks; empty if it may answer the question."""
    page = " ".join(span.text for span in view.spans)
    everything = fold(f"{page} {view.captions}")
    known = words(f"{page} {view.captions}")
    label = next((one for one in donor.labels if words(one) & set(donor.rare)), "")
    # All words of the label must be missing: a part of it may be its short form, or another name for the same.
    said = {word for word in words(label) if len(word) >= _LEAST_LETTERS and word not in _SMALL}
    if any(word in everything or _near(word, known) for word in said):
        return ""
    if locate(label, view.spans)[0] >= _STANDS or locate(donor.answer, view.spans)[0] >= _STANDS:
        return ""
    asked = [pair["question"] for pair in view.pairs]
    return "" if question_similarity(donor.question, asked) > _ASKED_ALIKE else label


def _near(word: str, known: set[str]) -> bool:
    return process.extractOne(word, known, scorer=fuzz.ratio, score_cutoff=_ABSENT) is not None


def _made(donor: _Donor, view: View, missing: str) -> Unanswerable:
    name = _hash(f"{view.image_id}:{donor.pair_id}")
    reply = _REPLIES[int(name[:8], 16) % len(_REPLIES)].format(missing=missing)
    return Unanswerable(
        f"{view.image_id}-unanswerable-{name[:12]}", view.image, donor.question, reply, missing, donor.pair_id
    )


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
