"""What a run has bought so far, and the one place that says when it has to stop."""

from __future__ import annotations

import threading
from collections.abc import Callable

from glossator.errors import BudgetError, GlossatorError, StopRun, TooManyFailuresError
from glossator.recipe import Budget
from glossator.results import Usage

_MIN_ROWS = 64  # fewer tell too little


def _nobody(_usd: float, _tokens: int) -> None:
    """Spending that nobody watches."""


class Meter:
    """Counts what is bought in one run, over all its threads. Engines ask it before each request.

    Attributes:
        bought: calls, tokens and US dollars of this run.
    """

    def __init__(self, budget: Budget | None = None, spent: Callable[[float, int], None] = _nobody) -> None:
        self.budget = budget or Budget()
        self.bought = Usage()
        self._spent = spent
        self._lock = threading.Lock()
        self._stop: GlossatorError | None = None
        self._rows = self._failed = 0

    def add(self, usage: Usage) -> None:
        """Count something that has just been bought."""
        with self._lock:
            self.bought += usage
            bought = self.bought
        self._spent(bought.usd, bought.tokens_in + bought.tokens_out)

    def begin_stage(self) -> None:
        """Failures are counted stage by stage."""
        with self._lock:
            self._rows = self._failed = 0

    def row(self, *, failed: bool) -> None:
        """Count a row that an endpoint has finished, so that a hopeless run stops within a shard."""
        with self._lock:
            self._rows += 1
            self._failed += failed

    def stop(self, error: GlossatorError) -> None:
        """From now on nothing more is bought; the first reason counts."""
        with self._lock:
            self._stop = self._stop or error

    def check(self) -> None:
        """Raise if nothing more may be bought.

        Raises:
            GlossatorError: the reason: another thread's stop, a used up budget, too many failed rows.
        """
        error = self._stop or self._reason()
        if error is not None:
            self.stop(error)
            raise error

    def _reason(self) -> StopRun | None:
        usd, tokens = self.bought.usd, self.bought.tokens_in + self.bought.tokens_out
        budget = self.budget
        if budget.usd is not None and usd >= budget.usd:
            return BudgetError(
                f"the budget of {budget.usd:g} US dollars is used up ({usd:.4g} spent); all that was bought is kept: "
                "run the same command again to go on with a new budget"
            )
        if budget.tokens is not None and tokens >= budget.tokens:
            return BudgetError(
                f"the budget of {budget.tokens:,} tokens is used up ({tokens:,} used); all that was bought is kept: "
                "run the same command again to go on with a new budget"
            )
        if self._rows >= _MIN_ROWS and self._failed / self._rows > budget.max_failed_share:
            return TooManyFailuresError(
                f"{self._failed} of {self._rows} replies were of no use, above the limit of "
                f"{budget.max_failed_share:.0%} (run.budget.max_failed_share); see: glossator status"
            )
        return None
