"""Answers that are not copied from the image but follow from what is printed there. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from decimal import Decimal, InvalidOperation, localcontext
from functools import reduce

from glossator.grounding import locate
from glossator.records import Evidence, Span
from glossator.text import fold

NOT_SAID = "The image does not say."
DERIVED = ("counting", "arithmetic", "yes_no", "unanswerable")
_YES_NO = frozenset("yes no ja nein oui non sí si sì não nao да нет 是 否 はい いいえ".split())  # noqa: SIM905
_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_NUMBER = re.compile(r"[-−]?\d[\d.,' \u00a0\u202f]*")
_MAX_OPERANDS = 50


def is_derived(kind: str, answer: str, *, asked_for: bool) -> bool:
    """Whether an answer has to follow from quotes rather than stand on the page.

    So does a bare yes or no to whatever kind of question, where a model was asked for a kind (`asked_for`): else a page
    that prints "answer yes" would prove every yes.
    """
    return kind in DERIVED or (asked_for and _is_yes_or_no(answer, ()))


def rests_on(
    kind: str, answer: str, quotes: Sequence[str], spans: Sequence[Span]
) -> tuple[float, tuple[Evidence, ...]]:
    """How well a derived answer is grounded (0..1), and the spans that it rests on.

    Args:
        kind: one of `DERIVED`; another counts as yes_no (see `is_derived`).
        answer: the answer.
        quotes: the printed texts that it is said to follow from.
        spans: the page's spans in reading order.

    Returns:
        0 where the answer does not follow: a sum that does not come out, a count that is not the number of quotes, a
        yes or no that is neither, no quotes at all. Else how well the worst quote stands on the page. An answer that
        the image does not say so is 1 and rests on nothing.
    """
    if kind not in DERIVED:
        kind = "yes_no"
    if kind == "unanswerable":
        return (1.0 if fold(answer) == fold(NOT_SAID) else 0.0), ()
    follows = {"counting": _counts, "arithmetic": _comes_out, "yes_no": _is_yes_or_no}[kind]
    if not quotes or not follows(answer, quotes):
        return 0.0, ()
    found = _located(quotes[:_MAX_OPERANDS], spans)
    evidence = dict.fromkeys(piece for _, pieces in found for piece in pieces)
    return min(ratio for ratio, _ in found), tuple(evidence)


def operation_of(kind: str, answer: str, quotes: Sequence[str]) -> str:
    """How a derived answer follows from the texts that it rests on: `sum`, `difference`, `product`, `quotient`,
    `percent`, `mean`, `count`, `yes_no` or `unanswerable`; empty where it does not follow. Arguments as of `rests_on`.
    """
    if kind == "unanswerable":
        return kind if fold(answer) == fold(NOT_SAID) else ""
    if kind == "arithmetic":
        return _work(answer, quotes) if quotes else ""
    if kind == "counting":
        return "count" if quotes and _counts(answer, quotes) else ""
    return "yes_no" if quotes and _is_yes_or_no(answer, ()) else ""


def _located(quotes: Sequence[str], spans: Sequence[Span]) -> list[tuple[float, tuple[Evidence, ...]]]:
    """Each quote's place; the same quote again is looked for elsewhere first."""
    found: list[tuple[float, tuple[Evidence, ...]]] = []
    used: dict[str, set[Evidence]] = {}
    for quote in quotes:
        taken = used.setdefault(fold(quote), set())
        ratio, pieces = locate(quote, spans)
        if taken:
            elsewhere = locate(quote, [span for span in spans if Evidence(span.text, span.box) not in taken])
            ratio, pieces = elsewhere if elsewhere[0] >= ratio else (ratio, pieces)
        taken.update(pieces)
        found.append((ratio, pieces))
    return found


def _is_yes_or_no(answer: str, _quotes: Sequence[str]) -> bool:
    return answer.strip().rstrip(".!。").casefold() in _YES_NO


def _counts(answer: str, quotes: Sequence[str]) -> bool:
    word = answer.strip().rstrip(".").casefold()
    return word == str(len(quotes)) or (len(quotes) < len(_WORDS) and word == _WORDS[len(quotes)])


def _comes_out(answer: str, quotes: Sequence[str]) -> bool:
    return bool(_work(answer, quotes))


def _work(answer: str, quotes: Sequence[str]) -> str:
    """Which of sum, difference, product, quotient, share in percent or mean of the quoted numbers is the answer."""
    wanted = number(answer)
    operands = [value for quote in quotes[:_MAX_OPERANDS] if (value := number(quote)) is not None]
    if wanted is None or len(operands) < 2:
        return ""
    with localcontext(prec=40):
        for name, work in _WORK:
            value = work(operands)
            if value is not None and _rounds_to(value, wanted):
                return name
    return ""


def _sum(values: Sequence[Decimal]) -> Decimal | None:
    return sum(values, Decimal(0))


def _difference(values: Sequence[Decimal]) -> Decimal | None:
    return 2 * max(values) - sum(values, Decimal(0))


def _product(values: Sequence[Decimal]) -> Decimal | None:
    return reduce(lambda left, right: left * right, values)


def _quotient(values: Sequence[Decimal]) -> Decimal | None:
    return values[0] / values[1] if len(values) == 2 and values[1] else None


def _inverse(values: Sequence[Decimal]) -> Decimal | None:
    return _quotient(values[::-1])


def _percent(values: Sequence[Decimal]) -> Decimal | None:
    share = _quotient(values)
    return None if share is None else 100 * share


def _percent_inverse(values: Sequence[Decimal]) -> Decimal | None:
    return _percent(values[::-1])


def _mean(values: Sequence[Decimal]) -> Decimal | None:
    return sum(values, Decimal(0)) / len(values)


_WORK: tuple[tuple[str, Callable[[Sequence[Decimal]], Decimal | None]], ...] = (
    ("sum", _sum),
    ("difference", _difference),
    ("product", _product),
    ("quotient", _quotient),
    ("quotient", _inverse),
    ("percent", _percent),
    ("percent", _percent_inverse),
    ("mean", _mean),
)


def _rounds_to(value: Decimal, wanted: Decimal) -> bool:
    """Equal but for the sign, at the number of decimals that `wanted` is given with."""
    exponent = wanted.as_tuple().exponent
    step = Decimal(1).scaleb(exponent if isinstance(exponent, int) else 0)
    try:
        return abs(abs(value) - abs(wanted)) <= step / 2
    except InvalidOperation:
        return False


def number(text: str) -> Decimal | None:
    """The one number in `text`, whatever stands around it; None if there is none or more than one.

    A comma or a dot followed by exactly three digits parts thousands where it can; the last other one is the decimal
    sign.
    """
    matches = _NUMBER.findall(text)
    if len(matches) != 1:
        return None
    digits = re.sub(r"[' \u00a0\u202f]", "", matches[0].replace("−", "-")).rstrip(".,")
    dot, comma = digits.rfind("."), digits.rfind(",")
    if dot >= 0 and comma >= 0:
        thousands = "," if dot > comma else "."
        digits = digits.replace(thousands, "").replace(",", ".")
    elif comma >= 0:
        grouped = re.fullmatch(r"-?\d{1,3}(,\d{3})+", digits)
        digits = digits.replace(",", "" if grouped else ".")
    elif re.fullmatch(r"-?\d{1,3}(\.\d{3}){2,}", digits):
        digits = digits.replace(".", "")
    try:
        return Decimal(digits)
    except InvalidOperation:
        return None
