"""How rules and people agree, as text for a terminal. A page shows it by `pieces/templates/pieces.html`."""

from __future__ import annotations

from collections.abc import Sequence

from glossator.against_people import RANDOM, AgainstPeople, FilterAgainstPeople, TwoReviewers
from glossator.intervals import Interval

_SHOWN = 20


def agreement_text(found: AgainstPeople) -> str:
    """All of it, for a terminal. Shares in percent, with 95 % intervals over images."""
    if not found.judged:
        return (
            "nobody has judged a pair yet; give some out with: glossator verdicts export WS -o pairs.csv --sample 200"
        )
    lines = [f"{found.judged:,} pairs judged by people"]
    if found.undecided:
        lines.append(f"{found.undecided:,} of them evenly divided: the rules decide, and they count in no figure")
    if found.not_here:
        lines.append(f"{found.not_here:,} of them have no verdict of the filter in this workspace")
    for one in found.filters:
        lines += ["", *_filter_lines(one)]
    if found.reviewers:
        lines += ["", "two people on the same pairs"]
        lines += [_reviewers_line(two) for two in found.reviewers]
    if found.disagreements:
        lines += ["", f"{len(found.disagreements):,} pairs on which people differ"]
        for pair in found.disagreements[:_SHOWN]:
            said = ", ".join(f"{who}: {verdict}{f' ({why})' if why else ''}" for who, verdict, why in pair.said)
            lines.append(f"  {pair.pair_id}  {said}")
        if len(found.disagreements) > _SHOWN:
            lines.append(f"  ... and {len(found.disagreements) - _SHOWN:,} more (--json has all)")
    return "\n".join(lines)


def _rule_rows(one: FilterAgainstPeople) -> list[tuple[str, ...]]:
    """One row a rule; the first is the whole filter's, under the name `all rules`."""
    whole = ("all rules", one.rules_reject, one.both_reject, one.precision, one.recall)
    each = [(rule.rule, rule.rejects, rule.right, rule.precision, rule.recall) for rule in one.rules]
    return [
        (name, str(rejects), str(right), _shown(precision), _shown(recall))
        for name, rejects, right, precision, recall in [whole, *each]
    ]


def _filter_lines(one: FilterAgainstPeople) -> list[str]:
    drawn = "drawn at random" if one.sampling == RANDOM else "not drawn at random (no sample of the set)"
    lines = [
        f"{one.pairs:,} pairs {drawn}: people reject {one.people_reject:,}, the rules {one.rules_reject:,}, "
        f"both {one.both_reject:,}",
        f"  rules and people agree on {_shown(one.accuracy)} %, kappa {_shown(one.kappa, 1, 2)}",
        f"  of what the rules keep, people reject {_shown(one.wrong_of_kept)} %",
    ]
    return lines + _table([("rule", "rejects", "people too", "precision %", "recall %"), *_rule_rows(one)])


def _table(rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  "
        + "  ".join([row[0].ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(row[1:], widths[1:], strict=True))])
        for row in rows
    ]


def _reviewers_line(two: TwoReviewers) -> str:
    return (
        f"  {two.one} and {two.other}: {two.pairs:,} pairs, the same word on {_shown(two.same)} %, "
        f"kappa {_shown(two.kappa, 1, 2)}"
    )


def _shown(interval: Interval | None, scale: float = 100, digits: int = 1) -> str:
    if interval is None:
        return "-"
    value, low, high = (f"{number * scale:.{digits}f}" for number in (interval.value, interval.low, interval.high))
    return f"{value} [{low}, {high}]"
