"""What kind of value a text is: date, money, phone number and so on. Pure functions over one text."""

from __future__ import annotations

import re

from glossator.layout.facts import ValueType

_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|sept|oct|nov|dec)[a-z]{0,6}\.?"
_YEAR = r"(?:19|20)\d\d"
_END = r"(?=\D|$|\d{1,2}:\d\d)"  # OCR may glue the time to the date: 18-03-201811:23
_DATE = re.compile(
    rf"(?<![\d/.-])(?:"
    rf"\d{{1,2}}([/.-])\d{{1,2}}\1(?:{_YEAR}|\d\d){_END}"
    rf"|{_YEAR}([/.-])\d{{1,2}}\2\d{{1,2}}{_END}"
    rf"|\d{{1,2}}(?:st|nd|rd|th)?[ /.-]*{_MONTH}[ /.,'-]*(?:{_YEAR}|\d\d(?!\d|:))?(?=\W|$)"
    rf"|{_MONTH}[ .]*\d{{1,2}}(?:st|nd|rd|th)?,?[ .]*{_YEAR}(?=\D|$)"
    rf"|{_YEAR}年\d{{1,2}}月\d{{1,2}}日"
    rf")",
    re.IGNORECASE,
)
_TIME = re.compile(r"(?<![\d:])(?:[01]?\d|2[0-3]):[0-5]\d(?::[0-5]\d)?(?: ?[ap]\.?m\.?)?(?![\d:])", re.IGNORECASE)
_CURRENCY = (
    r"(?:RM|MYR|USD|EUR|GBP|CHF|JPY|CNY|INR|SGD|AUD|CAD|IDR|THB|PHP|VND|KRW|BRL|MXN|ZAR|SEK|NOK|DKK|PLN|CZK|TRY"
    r"|US\$|A\$|C\$|S\$|R\$|HK\$|Rs\.?|Rp\.?|kr\.?|zł|[$€£¥₹₩₽₫฿₺])"
)
# A blank parts thousands only before a decimal comma: in "10 174.90" the 10 is a quantity.
_AMOUNT = r"\d{1,3}(?:[,.']\d{3})+(?:[.,]\d{2})|\d{1,3}(?: \d{3})+,\d{2}|\d+[.,]\d{2}"
_MONEY = re.compile(
    rf"(?<![\w.,])(?:[-(]?{_CURRENCY} ?-?(?:{_AMOUNT}|\d{{1,3}}(?:[,.]\d{{3}})+|\d+)\)?"
    rf"|-?(?:{_AMOUNT}) ?{_CURRENCY}?)(?![\w%]|[.,]\d)",
)
_PERCENT = re.compile(r"(?<![\w.,])[-+]?\d+(?:[.,]\d+)? ?%")
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_URL = re.compile(
    r"(?:https?://|www\.)[^\s,;<>\"'·|•]+[^\s,;<>\"'·|•.)]|(?<![@\w.-])[\w-]+\.(?:com|org|net|edu|gov|io)\b(?:/[^\s,;]*)?",
    re.I,
)
_PHONE = re.compile(r"(?<![\w/.-])(?:\+\d{1,3}[ .-]?)?(?:\(\d{1,5}\) ?)?\d{1,5}(?:[ .-]\d{2,5}){1,4}(?![\w/])")
_NUMBER = re.compile(r"[-+]?(?:\d{1,3}(?:[,' ]\d{3})+|\d+)(?:[.,]\d+)?")
_IDENTIFIER = re.compile(r"#?(?=[\w/.-]*\d)[A-Za-z0-9][\w/.-]{3,30}")
_ADDRESS_WORD = re.compile(
    r"\b(?:street|st\.|road|rd\.?|avenue|ave\.?|boulevard|blvd|lane|drive|square|suite|floor|flr|plaza|building|bldg|lot"
    r"|jalan|jln|taman|lorong|bandar|kampung|seksyen|strasse|straße|platz|rue|calle|avenida|via|p\.?o\.? box|zip)\b",
    re.IGNORECASE,
)
_POSTCODE = re.compile(r"(?<!\d)\d{5}(?!\d)|\b[A-Z]{1,2}\d[A-Z\d]? \d[A-Z]{2}\b|\b[A-Z]{2} \d{5}\b")
_ORGANISATION = re.compile(
    r"\b(?:sdn\.? ?bhd|bhd|ltd|limited|llc|inc|corp|corporation|company|gmbh|ag|plc|pty|s\.?a\.?r\.?l|s\.?p\.?a|b\.?v"
    r"|enterprises?|trading|restaurant|cafe|café|hotel|supermarket|market|mart|store|stores|shop|pharmacy|bakery|bakeries"
    r"|hardware|stationery|bank|university|institute|association|laborator(?:y|ies)|kedai|perniagaan|restoran|industries)\b",
    re.IGNORECASE,
)

_PATTERNS: tuple[tuple[ValueType, re.Pattern[str]], ...] = (
    ("email", _EMAIL),
    ("url", _URL),
    ("percentage", _PERCENT),
    ("date", _DATE),
    ("time", _TIME),
    ("money", _MONEY),
)


def value_type(text: str) -> ValueType:
    """The type of a whole value; `text` if it is none of the others."""
    text = text.strip()
    for kind, pattern in _PATTERNS:
        if pattern.fullmatch(text):
            return kind
    if _PHONE.fullmatch(text) and 7 <= sum(map(str.isdigit, text)) <= 15:
        return "phone"
    if _NUMBER.fullmatch(text):
        return "number"
    if _IDENTIFIER.fullmatch(text) and sum(map(str.isdigit, text)) >= 2:
        return "identifier"
    if looks_like_address(text):
        return "address"
    return "text"


def find(kind: ValueType, text: str) -> list[str]:
    """All values of one type inside a text, as printed. Types without a pattern of their own give none."""
    if kind == "phone":
        return [m[0] for m in _PHONE.finditer(text) if 7 <= sum(map(str.isdigit, m[0])) <= 15]
    pattern = dict(_PATTERNS).get(kind)
    return [match[0].strip(" ,") for match in pattern.finditer(text)] if pattern else []


def trailing_money(text: str) -> tuple[str, str] | None:
    """A line of the form `label amount`: the label and the amount, or None."""
    matches = list(_MONEY.finditer(text))
    if not matches:
        return None
    last = matches[-1]
    tail = text[last.end() :].strip()
    # Receipts mark the tax class behind the amount: "RM2.70 SR".
    if len(tail) > 2 or any(map(str.isdigit, tail)):
        return None
    return text[: last.start()].strip(" .:："), last[0]


def amount(text: str) -> float | None:
    """The number in a money text (`RM 1,234.50` gives 1234.5), or None."""
    digits = re.sub(r"[^\d.,-]", "", text)
    match = re.fullmatch(r"(-?)([\d.,]*?)(?:[.,](\d{2}))?", digits)
    if not match or not any(map(str.isdigit, digits)):
        return None
    whole = re.sub(r"\D", "", match[2]) or "0"
    return float(f"{match[1]}{whole}.{match[3] or '0'}")


def looks_like_address(text: str) -> bool:
    """Whether a line reads like a part of a postal address."""
    return bool(_ADDRESS_WORD.search(text) and re.search(r"\d|,", text)) or bool(
        _POSTCODE.search(text) and re.search(r"[^\W\d]{3}", text) and not re.search(r"[:#]", text)
    )


def looks_like_organisation(text: str) -> bool:
    """Whether a line holds a word that names a kind of company."""
    return bool(_ORGANISATION.search(text))
