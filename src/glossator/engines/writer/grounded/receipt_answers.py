"""What a receipt says of itself, for a question in anybody's words: company, date, total, address."""

from __future__ import annotations

import re
from dataclasses import replace

from glossator.engines.base import PairDraft
from glossator.engines.writer.grounded import receipts
from glossator.engines.writer.grounded.document import Document
from glossator.engines.writer.grounded.receipts import Receipt
from glossator.layout import issuer
from glossator.layout.amounts import Amount
from glossator.layout.facts import Fact
from glossator.layout.plausible import misread
from glossator.layout.reading_order import lines

_ASKS = {
    "total": re.compile(r"\b(?:grand )?total\b|\bamount (?:due|payable)\b", re.IGNORECASE),
    "address": re.compile(r"\baddress\b|\bwhere is the (?:company|shop|store) located\b", re.IGNORECASE),
    "date": re.compile(r"\bdate\b|^when\b", re.IGNORECASE),
    "company": re.compile(
        r"\b(?:name of the|which|what|what is the) (?:company|shop|store|vendor|merchant|seller)\b"
        r"(?! \w*(?:no|number|id))"
        r"|^who issued\b",
        re.IGNORECASE,
    ),
}
_OTHER_TOTAL = re.compile(r"sub-?total|\btax\b|\bgst\b|\bquantity\b|\bitems?\b|e-?mail|due date|expir", re.IGNORECASE)
_LEGAL = re.compile(r"\b(?:sdn|bhd|ltd|limited|llc|inc|gmbh|plc|pty)\b", re.IGNORECASE)


def receipt_answer(document: Document, question: str) -> PairDraft | None:
    """The pair about what the question asks for; None where it asks for something else, or the page leaves it open."""
    asked = [name for name, pattern in _ASKS.items() if pattern.search(question)]
    if len(asked) != 1 or _OTHER_TOTAL.search(question):
        return None
    receipt = _Certain(document)
    draft = next((one for one in receipts.head(receipt, document.noun) if one.kind == asked[0]), None)
    return None if draft is None or misread(draft.answer) else draft


class _Certain(Receipt):
    """A receipt that gives an address as a whole block or not at all, and a name that nothing stands above."""

    @property
    def total(self) -> Amount | None:
        """Its total; else the sum that what was paid less the change comes to, if the page prints it."""
        return super().total or self._settled()

    @property
    def issuer(self) -> Fact | None:
        """The company, if no other name stands above it."""
        found = super().issuer
        if found is None or not found.value[0].isalnum():
            return None
        return found if _LEGAL.search(found.value) or not self._named_above(found) else None

    @property
    def address(self) -> Fact | None:
        """Its address."""
        return issuer.address_block(self.document.spans, super().issuer)

    def _settled(self) -> Amount | None:
        cash, change = self.only("cash"), self.only("change")
        if cash is None or change is None:
            return None
        paid = round(cash.value - abs(change.value), 2)
        found = [one for one in self.amounts if one.role == "subtotal" and abs(one.value - paid) < 0.005]
        return replace(found[-1], role="total") if found else None

    def _named_above(self, found: Fact) -> bool:
        for row in lines(self.document.spans):
            if row[0] in found.evidence:
                return False
            text = " ".join(span.text for span in row)
            if sum(map(str.isalpha, text)) >= 5 and min(span.confidence for span in row) >= 0.88:
                return True
        return False
