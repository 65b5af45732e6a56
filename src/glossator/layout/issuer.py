"""Who issued a receipt or an invoice, where, and when: the head of the page and its dates. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Sequence

from glossator.layout.facts import Fact
from glossator.layout.reading_order import lines
from glossator.layout.typed import find, looks_like_address, looks_like_organisation
from glossator.records import Span
from glossator.text import fold

HEAD_LINES = 9
_CLEAR = 0.88
_REGISTRATION = re.compile(
    r"\s*[(\[][^()\[\]]*\d[^()\[\]]*[)\]]?\s*$|\s+(?:co\.? ?reg|reg\.? ?no|roc)\b.*$", re.IGNORECASE
)
_NOT_ISSUER = re.compile(
    r"\b(?:receipt|invoice|tax|bill|tel|fax|phone|gst|date|time|cashier|table|welcome|thank|order|copy|customer|sold to"
    r"|bill to|www|http|reg|company no|co\. ?no|co reg)\b|[:#@]|\d{5,}",
    re.IGNORECASE,
)
_DATE_LABEL = re.compile(r"(?:invoice|receipt|bill|biz|order)? ?(?:date|dt)", re.IGNORECASE)
_ADDRESS_STOP = re.compile(
    r"\b(?:tel|fax|phone|gst|sst|vat|tax|invoice|receipt|date|reg|cashier|bill|email|e-mail|www|http|site|id|h/p|hotline"
    r"|customer|company no)\b|[=*]{2}",
    re.IGNORECASE,
)
_REGISTERED = re.compile(
    r"[(<\[]?(?:co\.?|company|reg\.?|no\.?|[ :.])*[\dA-Z]{0,4}\d{5,}[ -]*[A-Z0-9]{0,4}[)>\]]?", re.IGNORECASE
)
_OTHER_LINE = re.compile(
    r"\b(?:telephone|tax(?:invoice)?|order|table|document|date)\b|:(?! ?\d)|^\W*\+?[\d -]{8,}", re.IGNORECASE
)


def issuer(spans: Sequence[Span], caption: str) -> Fact | None:
    """The company at the head of the page: what the human caption names, else a line that names a kind of company."""
    head = lines(spans)[:HEAD_LINES]
    where = next((i for i, row in enumerate(head) if looks_like_address(_text(row))), len(head))
    head = head[: max(1, where)]
    said = fold(caption)
    for row in head:
        name = _name(row)
        if (
            len(fold(name)) >= 5
            and fold(name) in said
            and _starts_a_word(name, caption)
            and not _is_place_or_time(name)
        ):
            return Fact("", name, "organisation", "place", tuple(row), confidence=1.0)
    if said and _names_someone(caption):
        return None  # the caption names somebody whom OCR did not read the same way
    named = [row for row in head[:5] if _is_issuer(row)]
    companies = [row for row in named if looks_like_organisation(_name(row))]
    if len({fold(_name(row)) for row in companies}) == 1:
        return Fact("", _name(companies[0]), "organisation", "place", tuple(companies[0]), confidence=0.9)
    return None


def address(spans: Sequence[Span], after: Fact | None, caption: str) -> Fact | None:
    """The issuer's address: the run of address lines that follows its name, as one text."""
    rows = lines(spans)[: HEAD_LINES + 3]
    start = next((i + 1 for i, row in enumerate(rows) if after and row[0] in after.evidence), 0)
    run = _address_run(rows[start:])
    evidence = tuple(span for row in run for span in row)
    text = " ".join(_text(row) for row in run)
    if not run or min(span.confidence for span in evidence) < _CLEAR or not re.search(r"\d", text) or len(text) < 12:
        return None
    if len(run) == 1 and not find_postcode(text) and text.count(",") < 2:
        return None
    if doubted(text, caption) or (fold(text) in fold(caption) and _goes_on(rows, run, after, caption)):
        return None
    return Fact("", text, "address", "place", evidence, confidence=min(span.confidence for span in evidence))


def address_block(spans: Sequence[Span], after: Fact | None) -> Fact | None:
    """All that stands between the issuer's name and the first line of another kind, if it reads like an address.

    Whole where `address` takes what is certain line by line; it leaves out receipts whose head has no such order.
    """
    rows = lines(spans)[: HEAD_LINES + 4]
    start = next((i + 1 for i, row in enumerate(rows) if after and row[0] in after.evidence), len(rows))
    while start < len(rows) and _before_block(_text(rows[start]).strip()):
        start += 1
    end = next((i for i in range(start, len(rows)) if _ends_block(_text(rows[i]))), len(rows))
    block = rows[start:end]
    text = " ".join(_text(row) for row in block)
    if not 1 <= len(block) <= 5 or end == len(rows) or not _block_is_address(block, text):
        return None
    evidence = tuple(span for row in block for span in row)
    least = min(span.confidence for span in evidence)
    return Fact("", text, "address", "place", evidence, confidence=least) if least >= _CLEAR else None


def _before_block(text: str) -> bool:
    """Numbers of registration and of the branch, and when the receipt was printed."""
    return bool(_REGISTERED.fullmatch(text) or re.match(r"site\b", text, re.IGNORECASE) or find("date", text))


def _ends_block(text: str) -> bool:
    stops = _ADDRESS_STOP.search(re.sub(r"\bsite\b", "", text, flags=re.IGNORECASE)) or _OTHER_LINE.search(text)
    return bool(stops) or not any(map(str.isalpha, text))


def _block_is_address(block: Sequence[Sequence[Span]], text: str) -> bool:
    begins = re.search(r"\d", _text(block[0])) is not None or looks_like_address(_text(block[0]))
    return begins and len(text) >= 12 and (looks_like_address(text) or text.count(",") >= 2)


def _address_run(rows: Sequence[Sequence[Span]]) -> list[Sequence[Span]]:
    """The first run of lines that make up an address, five at most."""
    texts = [_text(row) for row in rows]
    first = next(
        (i for i, text in enumerate(texts) if not _ADDRESS_STOP.search(text) and _starts_address(text)), len(rows)
    )
    run: list[Sequence[Span]] = []
    for i in range(first, min(first + 5, len(rows))):
        last = i + 1 < len(rows) and _ADDRESS_STOP.search(texts[i + 1]) is not None
        place_name = re.fullmatch(r"[^\W\d]+(?: [^\W\d]+){0,2}[.,]?", texts[i]) is not None
        goes_on = bool(run) and (texts[i - 1].rstrip().endswith(",") or (last and place_name))
        if _ADDRESS_STOP.search(texts[i]) or not (_part_of_address(texts[i]) or goes_on):
            break
        run.append(rows[i])
    return run


def _starts_address(text: str) -> bool:
    return looks_like_address(text) or ("," in text and re.search(r"\d", text) is not None and _part_of_address(text))


def _goes_on(rows: Sequence[Sequence[Span]], run: Sequence[Sequence[Span]], after: Fact | None, caption: str) -> bool:
    """Whether the line before or behind the run belongs to what the caption calls the address."""
    from rapidfuzz import fuzz

    said = fold(caption)
    first, last = rows.index(run[0]), rows.index(run[-1])
    near = [rows[i] for i in (first - 1, last + 1) if 0 <= i < len(rows)]
    texts = [fold(_text(row)) for row in near if not (after and row[0] in after.evidence)]
    return any(len(text) >= 5 and fuzz.partial_ratio(text, said) > 75 for text in texts)


def date(spans: Sequence[Span], caption: str) -> Fact | None:
    """The page's date: the one that the caption mentions, the labelled one, or the only one."""
    found = [
        Fact(
            _label_before(text, value), value, "date", "same_line", tuple(_holders(row, value)), confidence=_least(row)
        )
        for row in lines(spans)
        for text in [_text(row)]
        for value in find("date", text)
        if _least(row) >= _CLEAR
    ]
    said = fold(caption)
    stated = [fact for fact in found if fold(fact.value) in said]
    labelled = [
        fact for fact in found if re.fullmatch(r"(?:invoice|receipt|bill|biz|order)? ?(?:date|dt)", fact.label, re.I)
    ]
    for group in (stated, labelled, found):
        if len({fold(fact.value) for fact in group}) == 1:
            return group[0] if group is stated or not doubted(group[0].value, caption, "date") else None
    return None


def doubted(value: str, caption: str, kind: str = "") -> bool:
    """Whether the caption says nearly, but not exactly, the same: then OCR or the person has erred."""
    from rapidfuzz import fuzz

    wanted, said = fold(value), fold(caption)
    if not said or wanted in said:
        return False
    if kind == "date":
        return bool(find("date", caption))
    return fuzz.partial_ratio(wanted, said) > 70


def find_postcode(text: str) -> bool:
    """Whether a text holds a five-digit postcode."""
    return re.search(r"(?<!\d)\d{5}(?!\d)", text) is not None


def _starts_a_word(name: str, caption: str) -> bool:
    """Whether the name's first word is a whole word of the caption: OCR may have cut its beginning off."""
    return name[0].isalnum() and fold(name.split()[0]) in {fold(word) for word in caption.split()}


def _is_place_or_time(name: str) -> bool:
    return looks_like_address(name) or bool(find("date", name)) or bool(re.search(r"\d.*,", name))


def _names_someone(caption: str) -> bool:
    return re.search(r"\b(?:from|by|of|at)\s+[A-Z]", caption) is not None


def _is_issuer(row: Sequence[Span]) -> bool:
    name = _name(row)
    letters = sum(map(str.isalpha, name))
    return (
        letters >= 5
        and letters >= 0.7 * len(name.replace(" ", ""))
        and len(name) <= 60
        and _least(row) >= _CLEAR
        and not _NOT_ISSUER.search(name)
        and not looks_like_address(name)
    )


def _part_of_address(text: str) -> bool:
    """A line that may go on with an address: place names, a postcode, commas; no amounts, no labels."""
    return (
        not find("money", text)
        and not find("date", text)
        and ":" not in text.replace("No:", "").replace("NO:", "").replace("HQ:", "")
        and sum(map(str.isalpha, text)) >= 4
        and (looks_like_address(text) or text.rstrip().endswith((",", ".")) or "," in text)
    )


def _label_before(text: str, value: str) -> str:
    before = text[: text.find(value)]
    match = re.search(r"([^\W\d][^\d\n]*?)\s*[:：]?\s*$", before)
    return match[1].strip() if match and len(match[1]) <= 30 else ""


def _holders(row: Sequence[Span], value: str) -> Sequence[Span]:
    return [span for span in row if value in span.text] or row


def _name(row: Sequence[Span]) -> str:
    return _REGISTRATION.sub("", _text(row)).strip(" ,.-")


def _text(row: Sequence[Span]) -> str:
    return " ".join(span.text.strip() for span in row)


def _least(row: Sequence[Span]) -> float:
    return min(span.confidence for span in row)
